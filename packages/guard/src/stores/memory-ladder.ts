import type { LadderCounter, Take } from '../store.ts'
import { blockedFor, blockKey } from './memory-blocked.ts'
import type { Binding } from './memory-key.ts'
import type { Tables } from './memory-tables.ts'
import { dropStamp, findStamp, writeStamp } from './stamp-table.ts'

/** Attempts are counted in 32 bits, and stop there. */
const MOST_ATTEMPTS = 2 ** 32 - 1

/** Reads where a climb stands, without counting an attempt. */
export function readLadder(take: Take, counter: LadderCounter, binding: Binding, tables: Tables): void {
  const { ladders, nowMs } = tables
  const slot = findStamp(ladders, binding.high, binding.low, nowMs)
  const attempts = slot < 0 ? 0 : (ladders.weights[slot] ?? 0)
  // What is left of a wait that outlived its climb, which was evicted.
  const blockedMs = blockedFor(take, binding, tables, slot >= 0)
  const sinceMs = slot < 0 ? 0 : nowMs - (ladders.stamps[slot] ?? 0)
  const waitMs = slot < 0 ? blockedMs : Math.max(0, waitAfter(counter, attempts) - sinceMs)
  take.used = attempts
  take.waitMs = waitMs
  take.freesMs = slot < 0 ? blockedMs : (ladders.expiresMs[slot] ?? 0) - nowMs
  take.fits = waitMs === 0 && (take.solved || attempts < counter.challengeAfter)
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
