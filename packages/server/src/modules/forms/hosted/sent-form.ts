import { answersFromPairs } from '../definition/url-encoded.ts'
import type { PublishedForm } from '../public.ts'
import type { Pairs } from './urlencoded-body.ts'

/** The name of the hidden control that holds the render token; no field can have it. */
export const tokenControl = 'renderToken'

/**
 * The name of the control for the sender's address. A form with an e-mail field `email` of its own asks for it there,
 * and once; no field's name begins with an underscore.
 */
export function emailControl({ definition }: PublishedForm): string {
  const field = definition.fields.find(({ name }) => name === 'email')
  return field === undefined || field.type === 'email' ? 'email' : '_email'
}

/** What a page of the form sent, as the API takes it. */
export interface SentForm {
  readonly email: string
  readonly data: Readonly<Record<string, unknown>>
  readonly renderToken?: string
  readonly honeypot?: string
  readonly website?: string
}

/**
 * Sorts the controls of a page: the token, the address, the traps, and the answers, which get the types their fields ask
 * for. A token or an address that came several times is none; of a trap that did, the one that was filled counts.
 */
export function readSentForm(form: PublishedForm, pairs: Pairs): SentForm {
  const emailName = emailControl(form)
  const own = new Map<string, string[]>([
    [tokenControl, []],
    [emailName, []],
    [form.trapName, []],
  ])
  for (const name of legacyTraps) if (!form.compiled.positions.has(name)) own.set(name, [])

  const answers = pairs.filter(([name, value]) => own.get(name)?.push(value) === undefined)
  const filled = (name: string): string | undefined => own.get(name)?.find((value) => value.trim() !== '')
  const [token] = only(own.get(tokenControl))
  const [email = ''] = only(own.get(emailName))
  const [honeypot, website] = legacyTraps.map(filled)
  return {
    email,
    data: { ...answersFromPairs(form.definition, answers), [form.trapName]: filled(form.trapName) ?? '' },
    ...(token !== undefined && { renderToken: token }),
    ...(honeypot !== undefined && { honeypot }),
    ...(website !== undefined && { website }),
  }
}

/** Names under which scripts have always looked for a trap to fill, and no page of ours has a control. */
const legacyTraps = ['honeypot', 'website'] as const

const only = (values: readonly string[] = []): readonly string[] => (values.length === 1 ? values : [])

/** What stood in each control. A page asks for its fields alone, so that neither token nor trap comes back. */
export function typedValues(pairs: Pairs): ReadonlyMap<string, readonly string[]> {
  const typed = Map.groupBy(pairs, ([name]) => name)
  return new Map([...typed].map(([name, each]) => [name, each.map(([, value]) => value)]))
}
