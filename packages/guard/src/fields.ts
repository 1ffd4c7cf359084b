import { type Duration, readDuration } from './duration.ts'
import { type PolicyFault, unknownWord } from './faults.ts'

/** An object of a policy being read: its path, its fields, and where its faults go. */
export interface FieldReader {
  readonly path: string
  readonly fields: Readonly<Record<string, unknown>>
  readonly faults: PolicyFault[]
}

/**
 * Opens an object whose fields must all be known.
 *
 * @returns Undefined, with a fault, for what is not an object.
 */
export function openFields(
  value: unknown,
  path: string,
  known: readonly string[],
  faults: PolicyFault[],
): FieldReader | undefined {
  if (!isRecord(value)) {
    faults.push({ path, message: 'must be an object' })
    return undefined
  }
  for (const name of Object.keys(value)) {
    if (!known.includes(name)) faults.push(unknownWord(`${path}.${name}`, 'field', name, known))
  }
  return { path, fields: value, faults }
}

/** Whether a value is a plain object, with no prototype that could lend it fields. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** A field's own value; undefined is the same as absent. */
export function ownField(fields: Readonly<Record<string, unknown>>, name: string): unknown {
  return Object.hasOwn(fields, name) ? fields[name] : undefined
}

/** Reads a word among a few. A field that is absent takes the fallback; without one it is required. */
export function readWord<Word extends string>(
  reader: FieldReader,
  name: string,
  words: readonly Word[],
  fallback?: Word,
): Word | undefined {
  const value = ownField(reader.fields, name)
  if (value === undefined && fallback !== undefined) return fallback
  const path = `${reader.path}.${name}`
  if (value === undefined) {
    reader.faults.push({ path, message: `is required: one of ${words.join(', ')}` })
    return undefined
  }
  const word = words.find((candidate) => candidate === value)
  if (word === undefined) reader.faults.push(unknownWord(path, name, String(value), words))
  return word
}

/** Reads a whole number within bounds, both included. Without a fallback it is required. */
export function readInteger(
  reader: FieldReader,
  name: string,
  min: number,
  max: number,
  fallback?: number,
): number | undefined {
  const value = ownField(reader.fields, name) ?? fallback
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value
  const message = value === undefined ? 'is required' : 'cannot be kept as written'
  reader.faults.push({ path: `${reader.path}.${name}`, message: `${message}: a whole number from ${min} to ${max}` })
  return undefined
}

/** Reads a number within bounds, both included; absent, it is the fallback. */
export function readNumber(
  reader: FieldReader,
  name: string,
  min: number,
  max: number,
  fallback: number,
): number | undefined {
  const value = ownField(reader.fields, name) ?? fallback
  if (typeof value === 'number' && value >= min && value <= max) return value
  reader.faults.push({ path: `${reader.path}.${name}`, message: `must be a number from ${min} to ${max}` })
  return undefined
}

/** Reads a duration in milliseconds; `minMs` is its least length. Without a fallback it is required. */
export function readDurationField(
  reader: FieldReader,
  name: string,
  minMs: number,
  fallback?: Duration,
): number | undefined {
  const reading = readDuration(ownField(reader.fields, name) ?? fallback, minMs)
  if (reading.ok) return reading.ms
  const { ok: _, ...fault } = reading
  reader.faults.push({ path: `${reader.path}.${name}`, ...fault })
  return undefined
}

const idPattern = /^[A-Za-z0-9][\w.:-]{0,63}$/

/** Reads the id of a policy or a rule: what headers, logs and the policy file call it. */
export function readId(fields: Readonly<Record<string, unknown>>, path: string, faults: PolicyFault[]): string {
  const id = ownField(fields, 'id')
  if (typeof id === 'string' && idPattern.test(id)) return id
  faults.push({
    path: `${path}.id`,
    message: 'must be 1 to 64 letters, digits, ".", "_", ":" or "-", starting with a letter or a digit',
  })
  return typeof id === 'string' ? id.slice(0, 64) : '?'
}
