import { daysFromToday } from './calendar.ts'
import { compileCondition, type FindField, listComparisons, type Test } from './condition.ts'
import type { Refusal } from './messages.ts'
import { readerFor } from './readers/for-field.ts'
import type { Reader } from './readers/reader.ts'
import type { Condition, FormDefinition, FormField } from './schema.ts'

/** A field ready to read answers. */
export interface CompiledField {
  readonly name: string
  /** The refusal of no answer; `undefined` for a field that may stay empty. */
  readonly missing: Refusal | undefined
  readonly isShown: Test | undefined
  readonly read: Reader
}

/** An outcome ready to be judged: `minScore` and `maxScore` both belong to its range. */
export interface CompiledOutcome {
  readonly id: string
  readonly minScore: number
  readonly maxScore: number
  readonly holds: Test | undefined
}

/** How the form defends itself, every default filled in. */
export interface FormProtection {
  /** `silent`: a filled trap is answered as a success and dropped; `reject`: 400. */
  readonly honeypot: 'silent' | 'reject'
  readonly renderToken: 'required' | 'optional'
  /** 0 to 60. */
  readonly minimumFillSeconds: number
  /** 60 to 86,400. */
  readonly maximumAgeSeconds: number
}

/** What evaluates answers, made ready for many of them. Immutable; keep one per published version. */
export interface CompiledForm {
  /** In the order of the definition. */
  readonly fields: readonly CompiledField[]
  /** Position in `fields` by name: the only way from an answer's name to a field. */
  readonly positions: ReadonlyMap<string, number>
  /** The fields whose choices carry points, with the points by choice value. */
  readonly choiceScores: readonly { readonly position: number; readonly points: ReadonlyMap<string, number> }[]
  readonly rules: readonly { readonly holds: Test; readonly points: number }[]
  readonly minScore: number
  readonly maxScore: number
  readonly outcomes: readonly CompiledOutcome[]
  /** Whether any bound or condition counts from today. */
  readonly needsToday: boolean
}

/**
 * Prepares a definition once, so that evaluating it neither looks up nor interprets anything.
 *
 * Assumes a definition that fits the schema and that `checkDefinition` has nothing against.
 * @throws RangeError when a condition names a field the form does not have.
 */
export function compileForm(definition: FormDefinition): CompiledForm {
  const positions = new Map(definition.fields.map((field, position) => [field.name, position]))
  const find: FindField = (name) => {
    const position = positions.get(name)
    const field = position === undefined ? undefined : definition.fields[position]
    if (position === undefined || field === undefined) throw new RangeError(`condition on an unknown field "${name}"`)
    return { field, position }
  }
  const { scoring } = definition
  return Object.freeze({
    fields: definition.fields.map((field) => compileField(field, find)),
    positions,
    choiceScores: definition.fields.flatMap((field, position) => {
      const points = field.type === 'choice' ? pointsByValue(field.choices) : NO_POINTS
      return points.size === 0 ? [] : [{ position, points }]
    }),
    rules: (scoring?.rules ?? []).map(({ when, points }) => ({ holds: compileCondition(when, find), points })),
    minScore: scoring?.min ?? Number.NEGATIVE_INFINITY,
    maxScore: scoring?.max ?? Number.POSITIVE_INFINITY,
    outcomes: compileOutcomes(definition, find),
    needsToday: needsToday(definition),
  })
}

/** The form's defences with the product's defaults where the definition is silent. */
export function protectionOf(definition: FormDefinition): FormProtection {
  const { protection } = definition
  return {
    honeypot: protection?.honeypot ?? 'silent',
    renderToken: protection?.renderToken ?? 'required',
    minimumFillSeconds: protection?.minimumFillSeconds ?? 2,
    maximumAgeSeconds: protection?.maximumAgeSeconds ?? 3600,
  }
}

const REQUIRED: Refusal = { code: 'required' }
const CONSENT_REQUIRED: Refusal = { code: 'consent-required' }

function missingOf({ type, required }: FormField): Refusal | undefined {
  if (required !== true) return undefined
  return type === 'consent' ? CONSENT_REQUIRED : REQUIRED
}

function compileField(field: FormField, find: FindField): CompiledField {
  return {
    name: field.name,
    missing: missingOf(field),
    isShown: field.showWhen === undefined ? undefined : compileCondition(field.showWhen, find),
    read: readerFor(field),
  }
}

const NO_POINTS: ReadonlyMap<string, number> = new Map()

function pointsByValue(choices: readonly { value: string; score?: number }[]): ReadonlyMap<string, number> {
  return new Map(choices.flatMap(({ value, score }) => (score === undefined ? [] : [[value, score] as const])))
}

function compileOutcomes(definition: FormDefinition, find: FindField): CompiledOutcome[] {
  return (definition.outcomes ?? []).map(({ id, when }) => ({
    id,
    minScore: when?.minScore ?? Number.NEGATIVE_INFINITY,
    maxScore: when?.maxScore ?? Number.POSITIVE_INFINITY,
    holds: when?.condition === undefined ? undefined : compileCondition(when.condition, find),
  }))
}

/** Every condition of a definition, wherever it stands. */
function conditionsOf(definition: FormDefinition): Condition[] {
  return [
    ...definition.fields.map((field) => field.showWhen),
    ...(definition.scoring?.rules ?? []).map((rule) => rule.when),
    ...(definition.outcomes ?? []).map((outcome) => outcome.when?.condition),
  ].filter((condition) => condition !== undefined)
}

function needsToday(definition: FormDefinition): boolean {
  const isRelative = (value: unknown) => typeof value === 'string' && daysFromToday(value) !== undefined
  return (
    definition.fields.some(
      (field) => field.type === 'date' && (isRelative(field.minDate) || isRelative(field.maxDate)),
    ) ||
    conditionsOf(definition)
      .flatMap(listComparisons)
      .some(({ comparison }) => {
        if ('values' in comparison) return comparison.values.some(isRelative)
        return 'value' in comparison && isRelative(comparison.value)
      })
  )
}
