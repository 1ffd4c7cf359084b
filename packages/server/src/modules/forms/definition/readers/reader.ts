import type { Day } from '../calendar.ts'
import type { Refusal } from '../messages.ts'

/** What a field holds once read: trimmed, normalised, within its bounds. A list for a multiple choice. */
export type FieldValue = string | number | boolean | readonly string[]

/**
 * Reads one answer, any JSON value at all but the empty ones (`isEmpty`). Never throws.
 *
 * @param today - today's day; `''` for a field whose `needsToday` is false.
 * @returns the normalised value, `undefined` when nothing visible is left of it, or the refusal.
 */
export type Reader = (answer: unknown, today: Day) => FieldValue | Refusal | undefined

/** Tells a refusal from a value: values are never plain objects. */
export function isRefusal(read: FieldValue | Refusal | undefined): read is Refusal {
  return typeof read === 'object' && !Array.isArray(read)
}
