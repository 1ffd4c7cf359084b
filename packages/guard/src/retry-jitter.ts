import type { Take } from './store.ts'
import { absorbText, finishHash, type HashState } from './stores/keyed-hash.ts'

/**
 * What the wait of a refusal is lengthened by, so that clients refused together do not all come back in one instant.
 * It is drawn from a hash of the client's key under the policy and the rule: a client is told the same by every process,
 * before a restart and after it, and in a replay; two rules lengthen differently. Whoever works out another client's
 * share learns nothing that a refusal hides, as coming at the end of the true wait is admitted all the same.
 *
 * @param jitterMs - Whole milliseconds, 1 to 400 days.
 * @returns Whole milliseconds, 0 to `jitterMs` − 1.
 */
export function jitterOf({ counter, values }: Take, jitterMs: number): number {
  const state: HashState = { ...start }
  absorbText(state, counter.policyId)
  absorbText(state, counter.ruleId)
  for (const value of values) absorbText(state, value)
  finishHash(state)
  // 53 bits: those of a single word would not reach 400 days.
  return ((state.v0 >>> 0) * 2 ** 21 + (state.v1 >>> 11)) % jitterMs
}

/** The hash before any text, under the key 0: the policy's and the rule's names, which go in first, are the key. */
const start: Readonly<HashState> = { v0: 0, v1: 0xee, v2: 0x6c796765, v3: 0x74656462 }
