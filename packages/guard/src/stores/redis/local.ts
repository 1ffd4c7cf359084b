import type { Take } from '../../store.ts'
import { isBlocked, readBlock } from './blocked.ts'
import type { Keyring } from './keys.ts'
import { canSpend, spend } from './prepaid.ts'

/**
 * Answers a request without a call, when each of its takes is known to be refused or is paid for.
 * Otherwise nothing is written: a rule that nobody has read might refuse for longer.
 */
export function answerLocally(takes: readonly Take[], count: number, keyring: Keyring, nowMs: number): boolean {
  const verdict = judgeLocally(takes, count, keyring, nowMs)
  if (verdict === 'unknown') return false
  for (let index = 0; index < count; index += 1) {
    const take = takes[index]
    if (!take?.active) continue
    const key = keyring.ofTake(take)
    if (isBlocked(take, key, nowMs)) readBlock(take, key.block, nowMs)
    else if (key.prepaid !== undefined) spend(take, key.prepaid, verdict === 'admitted', nowMs)
  }
  return true
}

function judgeLocally(
  takes: readonly Take[],
  count: number,
  keyring: Keyring,
  nowMs: number,
): 'admitted' | 'refused' | 'unknown' {
  let admitted = true
  for (let index = 0; index < count; index += 1) {
    const take = takes[index]
    if (!take?.active) continue
    const key = keyring.ofTake(take)
    if (isBlocked(take, key, nowMs)) admitted &&= !take.enforced
    else if (!canSpend(take, key, nowMs)) return 'unknown'
  }
  return admitted ? 'admitted' : 'refused'
}
