import type { GcraCounter, Take } from '../store.ts'
import { blockedFor } from './blocked-table.ts'
import type { Binding } from './memory-key.ts'
import type { Tables } from './memory-tables.ts'
import { dropStamp, findStamp, writeStamp } from './stamp-table.ts'

/** Microseconds until the counter owes nothing any more. */
function debtOf(counter: GcraCounter, binding: Binding, tables: Tables, nowMs: number): number {
  const slot = findStamp(tables.arrivals, binding.high, binding.low, nowMs)
  binding.slot = slot
  if (slot < 0) return 0
  const debtUs = (tables.arrivals.stamps[slot] ?? 0) - nowMs * 1_000
  // A burst or a rate that the policy has changed since must not lock anyone out for longer than its own.
  return Math.min(Math.max(0, debtUs), counter.capacity * counter.intervalUs)
}

/** Reads where a rate with a burst stands, without charging it. */
export function readGcra(take: Take, counter: GcraCounter, binding: Binding, tables: Tables, nowMs: number): void {
  const { intervalUs, capacity } = counter
  const debtUs = debtOf(counter, binding, tables, nowMs)
  const blockedMs = blockedFor(take, tables.blocked, binding.high, binding.low, debtUs > 0, nowMs)
  tellDebt(take, intervalUs, debtUs)
  const excessUs = take.cost > capacity ? Infinity : debtUs + (take.cost - capacity) * intervalUs
  take.fits = blockedMs === 0 && excessUs <= 0
  take.waitMs = take.fits ? 0 : Math.max(blockedMs, Math.ceil(excessUs / 1_000))
  if (blockedMs > 0 && !take.cooling) {
    // The counter was evicted with its burst spent.
    take.used = capacity
    take.freesMs = blockedMs
  }
}

/** Charges a counter that has just been read. */
export function chargeGcra(take: Take, counter: GcraCounter, binding: Binding, tables: Tables, nowMs: number): void {
  const { intervalUs, capacity } = counter
  const debtUs = debtOf(counter, binding, tables, nowMs) + take.cost * intervalUs
  const arrivalUs = nowMs * 1_000 + debtUs
  const weight = Math.floor((debtUs * 255) / (capacity * intervalUs))
  writeStamp(tables.arrivals, binding.high, binding.low, nowMs, arrivalUs, weight, Math.ceil(arrivalUs / 1_000))
  tellDebt(take, intervalUs, debtUs)
}

/** Empties a counter. */
export function clearGcra(binding: Binding, tables: Tables, nowMs: number): void {
  dropStamp(tables.arrivals, binding.high, binding.low, nowMs)
}

function tellDebt(take: Take, intervalUs: number, debtUs: number): void {
  const used = Math.ceil(debtUs / intervalUs)
  take.used = used
  take.freesMs = used === 0 ? 0 : Math.ceil((debtUs - (used - 1) * intervalUs) / 1_000)
}
