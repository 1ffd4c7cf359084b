import type { GcraCounter, Take } from '../../store.ts'
import { blockedFor } from './blocked.ts'
import { type Binding, IN_LINE, IN_SLOT, NOWHERE } from './key.ts'
import {
  dropUnits,
  endOf,
  freeSlot,
  isElsewhere,
  lookInPartner,
  lookOutside,
  makeRoom,
  matchLine,
  moveEnd,
  partnerLine,
  putUnit,
} from './tables/line-table.ts'
import { dropStamp, findStamp, writeStamp } from './tables/stamp-table.ts'
import { type Tables, tickAhead } from './tables.ts'

/** Debts of more do not fit a line. */
const MOST_TICKS = 2 ** 31 - 1
/** What eviction spares longest. */
const MOST_DEBT = 15

/** Whether a counter's theoretical arrival times are all whole milliseconds, of 32 bits: one slot of a line each. */
function isCompact({ intervalUs, capacity }: GcraCounter): boolean {
  return intervalUs % 1_000 === 0 && intervalUs * capacity <= MOST_TICKS * 1_000
}

/**
 * Microseconds until the counter owes nothing any more. It is sought where it belongs first, and then where it
 * was as long as the policy had another rate.
 */
function debtOf(counter: GcraCounter, binding: Binding, tables: Tables): number {
  const isInLines = isCompact(counter)
  const mostUs = counter.capacity * counter.intervalUs
  binding.place = NOWHERE
  if (isInLines && locateInLines(binding, tables, binding.home)) return debtInLine(binding, tables, mostUs)
  if (isInLines && !isElsewhere(tables.lines, binding.home, tables.tick)) return 0
  const slot = findStamp(tables.arrivals, binding.high, binding.low, tables.nowMs)
  if (slot >= 0) {
    binding.place = IN_SLOT
    return debtInSlot(slot, tables, mostUs)
  }
  const partner = partnerLine(tables.lines, binding.home, binding.low)
  const isThere = locateInLines(binding, tables, partner) || locateInLines(binding, tables, binding.home)
  return isThere ? debtInLine(binding, tables, mostUs) : 0
}

function locateInLines(binding: Binding, tables: Tables, line: number): boolean {
  const mask = matchLine(tables.lines, line, binding.low, tables.tick)
  if (mask === 0) return false
  binding.place = IN_LINE
  binding.line = line
  binding.mask = mask
  return true
}

/**
 * A burst or a rate that the policy has changed since must not lock anyone out for longer than its own: what is owed
 * beyond it is forgiven for good, as it would else be read as the whole burst again and again.
 */
function debtInLine({ line, mask }: Binding, { lines, tick }: Tables, mostUs: number): number {
  const debtUs = ((endOf(lines, line, mask) - tick) | 0) * 1_000
  if (debtUs <= mostUs) return debtUs
  moveEnd(lines, line, mask, (tick + Math.ceil(mostUs / 1_000)) | 0, MOST_DEBT)
  return mostUs
}

function debtInSlot(slot: number, { arrivals, nowMs }: Tables, mostUs: number): number {
  const debtUs = Math.max(0, (arrivals.stamps[slot] ?? 0) - nowMs * 1_000)
  if (debtUs > mostUs) arrivals.stamps[slot] = nowMs * 1_000 + mostUs
  return Math.min(debtUs, mostUs)
}

/** Reads where a rate with a burst stands, without charging it. */
export function readGcra(take: Take, counter: GcraCounter, binding: Binding, tables: Tables): void {
  const { intervalUs, capacity } = counter
  const debtUs = debtOf(counter, binding, tables)
  const blockedMs = blockedFor(take, binding, tables, debtUs > 0)
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
export function chargeGcra(take: Take, counter: GcraCounter, binding: Binding, tables: Tables): void {
  const { intervalUs, capacity } = counter
  // Another take of the same call may have evicted it since.
  const debtUs = debtOf(counter, binding, tables) + take.cost * intervalUs
  if (isCompact(counter)) writeLine(counter, binding, tables, debtUs)
  else writeArrival(binding, tables, debtUs, Math.floor((debtUs * 255) / (capacity * intervalUs)))
  tellDebt(take, intervalUs, debtUs)
}

function writeLine({ intervalUs, capacity }: GcraCounter, binding: Binding, tables: Tables, debtUs: number): void {
  const { lines, tick, nowMs } = tables
  const { place, home, high, low } = binding
  // Whole milliseconds, but for what was spent while the policy had another rate.
  const end = (tick + Math.ceil(debtUs / 1_000)) | 0
  const debt = Math.floor((debtUs * MOST_DEBT) / (capacity * intervalUs))
  if (place === IN_LINE) {
    moveEnd(lines, binding.line, binding.mask, end, debt)
    if (binding.line !== home) lookInPartner(lines, home, binding.low, tick, end)
    return
  }
  if (place === IN_SLOT) dropStamp(tables.arrivals, high, low, nowMs)
  const line = freeSlot(lines, home, tick) < 0 ? makeRoom(lines, home, low, tick, end) : home
  putUnit(lines, line, freeSlot(lines, line, tick), 0, low, end, debt)
}

function writeArrival(binding: Binding, tables: Tables, debtUs: number, weight: number): void {
  const { lines, tick, nowMs } = tables
  const { place, high, low } = binding
  const arrivalUs = nowMs * 1_000 + debtUs
  const endMs = Math.ceil(arrivalUs / 1_000)
  if (place === IN_LINE) dropUnits(lines, binding.line, binding.mask, tick)
  writeStamp(tables.arrivals, high, low, nowMs, arrivalUs, weight, endMs)
  lookOutside(lines, binding.home, tick, tickAhead(tables, endMs))
}

/** Empties a counter. */
export function clearGcra(counter: GcraCounter, binding: Binding, tables: Tables): void {
  debtOf(counter, binding, tables)
  if (binding.place === IN_LINE) dropUnits(tables.lines, binding.line, binding.mask, tables.tick)
  dropStamp(tables.arrivals, binding.high, binding.low, tables.nowMs)
}

function tellDebt(take: Take, intervalUs: number, debtUs: number): void {
  const used = Math.ceil(debtUs / intervalUs)
  take.used = used
  take.freesMs = used === 0 ? 0 : Math.ceil((debtUs - (used - 1) * intervalUs) / 1_000)
}
