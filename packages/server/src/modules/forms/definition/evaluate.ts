import { calendarDay } from '../../../core/shapes/time-zone.ts'
import type { CompiledField, CompiledForm } from './compile.ts'
import type { ValuesByPosition } from './condition.ts'
import { type Refusal, type RefusalCode, refusalMessage } from './messages.ts'
import { type FieldValue, isRefusal } from './readers/reader.ts'
import type { FormLocale } from './schema.ts'

/** When and for whom a form is evaluated. */
export interface EvaluationMoment {
  /** Unix time in milliseconds. */
  readonly nowMs: number
  /** IANA name of the tenant's zone: decides what day "today" is. */
  readonly timeZone: string
  /** Language of the messages. */
  readonly locale: FormLocale
}

/** One refused answer. */
export interface FieldError {
  /** JSON pointer into the request body, such as `/data/email`. */
  readonly pointer: string
  /** Name of the field; for an unknown one, as sent, cut to 64 characters. */
  readonly field: string
  /** Stable; see `RefusalCode`. */
  readonly code: RefusalCode
  /** A sentence for the visitor. Never repeats the answer. */
  readonly message: string
}

/** What a form makes of its answers. */
export interface Evaluation {
  readonly valid: boolean
  /** In the order of the form, then the unknown names: at most one per field and 20 for unknown names. */
  readonly errors: FieldError[]
  /** Normalised answers of the visible fields, ready to store; where an answer was refused, nothing. */
  readonly values: Record<string, FieldValue>
  /** An integer. When the answers are not valid: of those that were read. */
  readonly score: number
  /** Identifier of the first outcome that holds; absent when the answers are not valid or the form has none. */
  readonly outcome: string | undefined
}

/** An attacker's thousand invented names must not come back as a thousand sentences. */
const MAX_UNKNOWN_ERRORS = 20
const UNKNOWN_FIELD: Refusal = { code: 'unknown-field' }

/**
 * Validates, normalises, scores and judges one set of answers. Pure and total: any JSON value as any answer
 * gives an error entry, never an exception. Answers of hidden fields are dropped: not validated, not scored,
 * not in `values`. Evaluating `values` again gives the same values, score and outcome.
 *
 * @throws RangeError when the form counts from today and `timeZone` or `nowMs` is not one.
 */
export function evaluateAnswers(
  form: CompiledForm,
  data: Readonly<Record<string, unknown>>,
  at: EvaluationMoment,
): Evaluation {
  const answers: unknown[] = new Array(form.fields.length)
  const unknownNames = sortAnswers(form, data, answers)
  const today = form.needsToday ? calendarDay(at.nowMs, at.timeZone) : ''
  const errors: FieldError[] = []
  const read = readAnswers(form, answers, today, (field, refusal) => {
    errors.push(fieldError(`/data/${field.name}`, field.name, refusal, at.locale))
  })
  for (const name of unknownNames) errors.push(unknownFieldError(name, at.locale))

  const valid = errors.length === 0
  const score = scoreOf(form, read, today)
  const outcome = valid ? outcomeOf(form, score, read, today) : undefined
  return { valid, errors, values: valuesByName(form, read), score, outcome }
}

/**
 * Puts each answer at its field's position and returns the first names that have none. Own names only, each
 * looked up in a Map: `__proto__` or `toString` is a name like any other, unknown.
 */
function sortAnswers(form: CompiledForm, data: Readonly<Record<string, unknown>>, answers: unknown[]): string[] {
  const unknownNames: string[] = []
  for (const name of Object.keys(data)) {
    const position = form.positions.get(name)
    if (position !== undefined) answers[position] = data[name]
    else if (unknownNames.length < MAX_UNKNOWN_ERRORS) unknownNames.push(name)
  }
  return unknownNames
}

/** Reads the visible fields in the order of the form: what shows a field has been read by the time it is reached. */
function readAnswers(
  form: CompiledForm,
  answers: readonly unknown[],
  today: string,
  refuse: (field: CompiledField, refusal: Refusal) => void,
): ValuesByPosition {
  const read: (FieldValue | undefined)[] = []
  for (const field of form.fields) {
    const isShown = field.isShown === undefined || field.isShown(read, today)
    const value = isShown ? readField(field, answers[read.length], today) : undefined
    if (isRefusal(value)) {
      refuse(field, value)
      read.push(undefined)
    } else {
      read.push(value)
    }
  }
  return read
}

function readField(field: CompiledField, answer: unknown, today: string): FieldValue | Refusal | undefined {
  const value = isEmpty(answer) ? undefined : field.read(answer, today)
  return value === undefined ? field.missing : value
}

/** What clients send for "nothing entered". */
function isEmpty(answer: unknown): boolean {
  return answer === undefined || answer === null || answer === '' || (Array.isArray(answer) && answer.length === 0)
}

function valuesByName(form: CompiledForm, read: ValuesByPosition): Record<string, FieldValue> {
  const values: Record<string, FieldValue> = {}
  for (let position = 0; position < read.length; position += 1) {
    const value = read[position]
    const field = form.fields[position]
    if (value !== undefined && field !== undefined) values[field.name] = value
  }
  return values
}

function scoreOf(form: CompiledForm, read: ValuesByPosition, today: string): number {
  let score = 0
  for (const { position, points } of form.choiceScores) score += choicePoints(points, read[position])
  for (const rule of form.rules) if (rule.holds(read, today)) score += rule.points
  return Math.min(form.maxScore, Math.max(form.minScore, score))
}

function choicePoints(points: ReadonlyMap<string, number>, value: FieldValue | undefined): number {
  if (typeof value === 'string') return points.get(value) ?? 0
  if (!Array.isArray(value)) return 0
  let sum = 0
  for (const chosen of value) sum += points.get(chosen) ?? 0
  return sum
}

function outcomeOf(form: CompiledForm, score: number, read: ValuesByPosition, today: string): string | undefined {
  for (const outcome of form.outcomes) {
    if (score < outcome.minScore || score > outcome.maxScore) continue
    if (outcome.holds === undefined || outcome.holds(read, today)) return outcome.id
  }
  return undefined
}

function fieldError(pointer: string, field: string, refusal: Refusal, locale: FormLocale): FieldError {
  return { pointer, field, code: refusal.code, message: refusalMessage(refusal, locale) }
}

/** Names too long or too odd to be a field's are cut, and pointed at by the object that holds them. */
function unknownFieldError(name: string, locale: FormLocale): FieldError {
  const repeatable = name.length <= 64 && name.isWellFormed()
  const field = repeatable ? name : name.slice(0, 64).toWellFormed()
  const pointer = repeatable ? `/data/${name.replaceAll('~', '~0').replaceAll('/', '~1')}` : '/data'
  return fieldError(pointer, field, UNKNOWN_FIELD, locale)
}
