import type { LadderCounter, Take } from '../../store.ts'
import { blockedFor, blockKey } from './blocked.ts'
import type { Binding } from './key.ts'
import { dropStamp, findStamp, writeStamp } from './tables/stamp-table.ts'
import type { Tables } from './tables.ts'

/** Attempts are counted in 32 bits, and stop there. */
const MOST_ATTEMPTS = 2 ** 32 - 1

/** Reads where a climb stands, without counting an attempt. */
export function readLadder(take: Take, counter: LadderCounter, binding: Binding, tables: Tables): void {
  const { ladders, nowMs } = tables
  const slot = findStamp(ladders, binding.high, binding.low, nowMs)
  take.cooling = false
  if (slot < 0) {
    take.used = 0
    // What is left of a wait that outlived its climb, which was evicted.
    take.waitMs = blockedFor(take, binding, tables, false)
    take.freesMs = take.waitMs
  } else {
    take.used = ladders.weights[slot] ?? 0
    take.waitMs = Math.max(0, waitAfter(counter, take.used) - (nowMs - (ladders.stamps[slot] ?? 0)))
    take.freesMs = (ladders.expiresMs[slot] ?? 0) - nowMs
  }
  take.fits = take.waitMs === 0 && (take.solved || take.used < counter.challengeAfter)
}

/** Counts an attempt on a climb that has just been read. */
export function chargeLadder(take: Take, counter: LadderCounter, binding: Binding, tables: Tables): void {
  const { nowMs } = tables
  const { high, low } = binding
  const attempts = Math.min(MOST_ATTEMPTS, take.used + take.cost)
  const waitMs = waitAfter(counter, attempts)
  const keptMs = waitMs + counter.windowMs
  writeStamp(tables.ladders, high, low, nowMs, nowMs, attempts, nowMs + keptMs)
  if (waitMs > 0) blockKey(take, binding, tables, nowMs + waitMs, false)
  take.used = attempts
  take.freesMs = keptMs
}

/** Forgets a climb. */
export function clearLadder(binding: Binding, tables: Tables): void {
  dropStamp(tables.ladders, binding.high, binding.low, tables.nowMs)
}

function waitAfter({ rows }: LadderCounter, attempts: number): number {
  let waitMs = 0
  for (const row of rows) {
    if (row.after > attempts) break
    waitMs = row.waitMs
  }
  return waitMs
}
