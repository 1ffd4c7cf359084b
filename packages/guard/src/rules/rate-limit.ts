import type { Counter, Take } from '../store.ts'
import { serializeString } from '../structured-field.ts'
import type { Subject } from '../subject.ts'

/** Up to this limit each arrival keeps its own entry and the count is exact. */
const EXACT_LIMIT = 32
/** Cells a window is divided in above it. One more entry can be live, as a window touches both its ends. */
const CELLS = 31
/** Ages of entries are told in 31 bits of ticks. */
const MAX_WINDOW_TICKS = 2 ** 31 - 1
/** Ticks of windows too long for milliseconds (24.8 days and more). */
const COARSE_TICK_MS = 32

/** What a rate limit says, with its times in milliseconds. */
export interface RateLimitFigures {
  readonly by: readonly Subject[]
  readonly limit: number
  readonly windowMs: number
  readonly cooldownMs: number
}

/**
 * Derives the counter of a rate limit.
 *
 * A limit of 32 or less keeps every arrival: the count is exact. Above, arrivals within one
 * thirty-first of the window share an entry dated by its last arrival: no window ever holds more than
 * the limit, and a unit is given back at most `windowMs / 31` (3.3 %) late. In windows of 24.8 days
 * and more, times are kept in ticks of 32 ms and a unit is given back at most 64 ms late besides.
 */
export function createCounter(policyId: string, ruleId: string, figures: RateLimitFigures): Counter {
  const { by, limit, windowMs, cooldownMs } = figures
  const tickMs = windowMs <= MAX_WINDOW_TICKS ? 1 : COARSE_TICK_MS
  // An arrival is dated by the start of its tick, so its window ends up to a tick later.
  const windowTicks = Math.ceil((windowMs + tickMs - 1) / tickMs)
  const exact = limit <= EXACT_LIMIT
  const name = serializeString(`${policyId}/${ruleId}`)
  return {
    policyId,
    ruleId,
    by,
    limit,
    windowMs,
    cooldownMs,
    tickMs,
    windowTicks,
    cellTicks: exact ? 1 : Math.ceil(windowTicks / CELLS),
    entries: Math.min(limit, CELLS + 1),
    quota: { name, policy: `${name};q=${limit};w=${Math.ceil(windowMs / 1_000)}`, limit: String(limit) },
  }
}

/** Units that a client still has under a take's counter. */
export function remainingUnits(take: Take): number {
  return take.cooling ? 0 : Math.max(0, take.counter.limit - take.used)
}
