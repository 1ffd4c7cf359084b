import type { FastifyError } from 'fastify'
import type { ContentFault } from '../problem.ts'

type AjvFault = NonNullable<FastifyError['validation']>[number]
type Locale = 'en' | 'fr'

/** More than this many faults help nobody, and a hostile body could make thousands. */
const mostFaults = 50

/** The faults that the schema validator found, with pointers and in the caller's language. */
export function schemaFaults(
  error: Pick<FastifyError, 'validation' | 'validationContext'>,
  locale: Locale,
): readonly ContentFault[] {
  const isBody = error.validationContext === 'body'
  return (error.validation ?? []).slice(0, mostFaults).map((fault) => ({
    pointer: pointerOf(fault, isBody),
    code: fault.keyword,
    message: messageOf(fault, locale),
  }))
}

// The name of a missing field is part of our schema; the name of a superfluous one is the caller's own text, cut short.
function pointerOf(fault: AjvFault, isBody: boolean): string {
  const named = fault.params['missingProperty'] ?? fault.params['additionalProperty']
  const suffix = typeof named === 'string' ? `/${escapePointer(named.slice(0, 64))}` : ''
  const pointer = `${fault.instancePath}${suffix}`
  return isBody ? pointer : pointer.replace(/^\//, '')
}

const escapePointer = (name: string): string => name.replace(/~/g, '~0').replace(/\//g, '~1')

type Phrase = (parameters: Readonly<Record<string, unknown>>) => string

const phrases: Readonly<Record<string, Readonly<Record<Locale, Phrase>>>> = {
  required: { en: () => 'is required', fr: () => 'est obligatoire' },
  additionalProperties: { en: () => 'is not a known field', fr: () => 'n’est pas un champ connu' },
  type: {
    en: (p) => `must be of type ${String(p['type'])}`,
    fr: (p) => `doit être de type ${String(p['type'])}`,
  },
  minLength: {
    en: (p) => `must have at least ${String(p['limit'])} characters`,
    fr: (p) => `doit avoir au moins ${String(p['limit'])} caractères`,
  },
  maxLength: {
    en: (p) => `must have at most ${String(p['limit'])} characters`,
    fr: (p) => `doit avoir au plus ${String(p['limit'])} caractères`,
  },
  minItems: {
    en: (p) => `must have at least ${String(p['limit'])} items`,
    fr: (p) => `doit avoir au moins ${String(p['limit'])} éléments`,
  },
  maxItems: {
    en: (p) => `must have at most ${String(p['limit'])} items`,
    fr: (p) => `doit avoir au plus ${String(p['limit'])} éléments`,
  },
  minimum: {
    en: (p) => `must be ${String(p['limit'])} or more`,
    fr: (p) => `doit être au moins ${String(p['limit'])}`,
  },
  maximum: { en: (p) => `must be ${String(p['limit'])} or less`, fr: (p) => `doit être au plus ${String(p['limit'])}` },
  format: {
    en: (p) => `must be a valid ${String(p['format'])}`,
    fr: (p) => `doit être un ${String(p['format'])} valide`,
  },
  enum: { en: () => 'must be one of the allowed values', fr: () => 'doit être une des valeurs permises' },
  const: { en: () => 'must be the allowed value', fr: () => 'doit être la valeur permise' },
  pattern: {
    en: () => 'has characters or a form that is not allowed',
    fr: () => 'a des caractères ou une forme non permis',
  },
}

function messageOf(fault: AjvFault, locale: Locale): string {
  const phrase = phrases[fault.keyword]?.[locale]
  if (phrase !== undefined) return phrase(fault.params)
  return locale === 'fr' ? 'n’est pas acceptable' : 'is not acceptable'
}
