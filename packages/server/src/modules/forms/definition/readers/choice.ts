import type { Refusal } from '../messages.ts'
import type { Reader } from './reader.ts'

/** Far more than a form can offer: a longer list is refused unread. */
const MAX_LIST = 1000
const NOT_A_LIST: Refusal = { code: 'choices-expected' }
const UNKNOWN: Refusal = { code: 'choice-unknown' }

/** A reader of one value among those offered, compared exactly. */
export function choiceReader(offered: ReadonlySet<string>): Reader {
  return (answer) => {
    if (typeof answer !== 'string') return { code: 'choice-expected' }
    return offered.has(answer) ? answer : UNKNOWN
  }
}

/**
 * A reader of a list of values among those offered. Repeated values count once; the order is that of the form,
 * so that the same choices always give the same value.
 */
export function choicesReader(offered: ReadonlySet<string>, bounds: { min: number; max: number }): Reader {
  const tooFew: Refusal = { code: 'choices-too-few', limit: bounds.min }
  const tooMany: Refusal = { code: 'choices-too-many', limit: bounds.max }
  const countFault = (count: number): Refusal | undefined => {
    if (count > bounds.max) return tooMany
    return count < bounds.min ? tooFew : undefined
  }

  return (answer) => {
    if (!Array.isArray(answer)) return NOT_A_LIST
    if (answer.length > MAX_LIST) return tooMany
    const asked = new Set<unknown>(answer)
    const chosen = [...offered].filter((value) => asked.has(value))
    return chosen.length < asked.size ? UNKNOWN : (countFault(chosen.length) ?? chosen)
  }
}
