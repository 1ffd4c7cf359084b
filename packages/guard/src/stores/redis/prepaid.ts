import type { Take } from '../../store.ts'
import type { Batch } from './batch.ts'
import type { CounterCode } from './counter.ts'
import type { Prepaid, RedisKey } from './keys.ts'

/** From so many requests a second on, a key's units are paid ahead. */
const HOT_PER_SECOND = 50
/** How long requests are counted for a rate. */
const OBSERVED_MS = 100
/** Nobody asks again while an answer may still come. */
const ASKED_MS = 100
const MOST_UNITS = 2 ** 28 - 1

/**
 * Units of hot keys, paid for in advance in one call and then spent without one. Redis dates them by the
 * end of the time in which they may be spent, so that no window ever holds more than the limit; what is
 * not spent by then is lost, and the limit is undershot by it.
 */

/** Whether a take can be answered from what was paid for its key. */
export function canSpend(take: Take, { prepaid }: RedisKey, nowMs: number): boolean {
  return (
    prepaid !== undefined && prepaid.counter === take.counter && prepaid.units >= take.cost && nowMs < prepaid.untilMs
  )
}

/** Spends, or only reads when the request is refused by another rule. */
export function spend(take: Take, prepaid: Prepaid, admitted: boolean, nowMs: number): void {
  if (admitted) {
    prepaid.units -= take.cost
    prepaid.used += take.cost
  }
  take.fits = true
  take.charged = admitted
  take.cooling = false
  take.waitMs = 0
  take.used = prepaid.used
  take.freesMs = Math.max(1, Math.ceil(prepaid.freesAtMs - nowMs))
}

/** Notes a request for a key, and answers how many units to pay ahead with the next call; 0 for none. */
export function unitsToAsk(take: Take, code: CounterCode, key: RedisKey, nowMs: number): number {
  if (code.aheadMs === 0 || take.counter.charge !== 'admitted') return 0
  const prepaid = observe(take, key, nowMs)
  if (prepaid.perSecond < HOT_PER_SECOND || nowMs < prepaid.askedAtMs + ASKED_MS) return 0
  if (canSpend(take, key, nowMs)) return 0
  prepaid.askedAtMs = nowMs
  return Math.min(MOST_UNITS, Math.ceil((prepaid.perSecond * code.aheadMs) / 1_000) * take.cost)
}

/** Takes in what was paid. */
export function notePaid(batch: Batch, take: Take, code: CounterCode, { prepaid }: RedisKey, paid: number): void {
  if (prepaid === undefined || paid === 0) return
  prepaid.askedAtMs = -Infinity
  prepaid.counter = take.counter
  prepaid.units = paid
  // Redis has dated them from when it read its clock, which is after the request was sent.
  prepaid.untilMs = batch.nowMs + code.aheadMs
  prepaid.used = take.used - paid
  prepaid.freesAtMs = batch.nowMs + (performance.now() - batch.bornMs) + take.freesMs
  take.used -= paid
}

function observe(take: Take, key: RedisKey, nowMs: number): Prepaid {
  key.prepaid ??= {
    counter: take.counter,
    units: 0,
    untilMs: 0,
    used: 0,
    freesAtMs: 0,
    seen: 0,
    seenSinceMs: nowMs,
    perSecond: 0,
    askedAtMs: -Infinity,
  }
  const { prepaid } = key
  prepaid.seen += 1
  const observedMs = nowMs - prepaid.seenSinceMs
  if (observedMs >= OBSERVED_MS) {
    prepaid.perSecond = (prepaid.seen * 1_000) / observedMs
    prepaid.seen = 0
    prepaid.seenSinceMs = nowMs
  }
  return prepaid
}
