import type { Take, WindowCounter } from '../store.ts'
import { blockedFor } from './blocked-table.ts'
import type { Binding } from './memory-key.ts'
import type { Tables } from './memory-tables.ts'
import {
  chargeSlot,
  claimSlot,
  dropSlot,
  findSlot,
  isLive,
  isRingFull,
  moveSlot,
  pruneSlot,
  ticksUntilFreed,
} from './slot-table.ts'

/**
 * Reads where a counter of units in a window stands, without charging it. When the request fits, what is
 * given back next is told once it is settled.
 */
export function readWindow(take: Take, counter: WindowCounter, binding: Binding, tables: Tables, nowMs: number): void {
  const found = locate(binding, tables, nowMs)
  const nowTick = tickOf(nowMs, counter.tickMs)
  const used = found ? pruneSlot(binding.table, binding.slot, nowTick, counter.windowTicks) : 0
  const blockedMs = blockedFor(take, tables.blocked, binding.high, binding.low, found, nowMs)
  take.used = used
  take.fits = blockedMs === 0 && used + take.cost <= counter.limit
  if (take.fits) {
    take.waitMs = 0
    return
  }
  take.freesMs = used === 0 ? 0 : ticksUntil(binding, counter, nowTick, 1)
  take.waitMs = Math.max(blockedMs, waitForRoom(take, counter, binding, nowTick))
  if (blockedMs > 0 && !take.cooling) {
    // The counter was evicted with its limit spent.
    take.used = counter.limit
    take.freesMs = blockedMs
  }
}

/** Charges a counter that has just been read. */
export function chargeWindow(
  take: Take,
  counter: WindowCounter,
  binding: Binding,
  tables: Tables,
  nowMs: number,
): void {
  const ticks = Math.floor(nowMs / counter.tickMs)
  // A remainder of doubles is several times slower than this.
  const cellPhase = ticks - Math.floor(ticks / counter.cellTicks) * counter.cellTicks
  const nowTick = ticks >>> 0
  holdSlot(binding, tables, nowTick, cellPhase, nowMs)
  const { table, slot } = binding
  const used = take.used + take.cost
  const expiresMs = (ticks + counter.windowTicks) * counter.tickMs
  const debt = Math.min(255, Math.floor((used * 255) / counter.limit))
  chargeSlot(table, slot, nowTick, cellPhase, take.cost, expiresMs, debt)
  take.used = used
  take.freesMs = ticksUntil(binding, counter, nowTick, 1)
}

/** Tells what is given back next of a counter that fits and is not charged, because another refuses. */
export function tellWindow(take: Take, counter: WindowCounter, binding: Binding, nowMs: number): void {
  take.freesMs = take.used === 0 ? 0 : ticksUntil(binding, counter, tickOf(nowMs, counter.tickMs), 1)
}

/** Empties a counter. */
export function clearWindow(binding: Binding, tables: Tables): void {
  const { high, low } = binding
  for (const table of [tables.small, tables.large]) {
    const slot = findSlot(table, high, low)
    if (slot >= 0) dropSlot(table, slot)
  }
}

/** Points the binding to its counter; whether it has one with something in it. */
function locate(binding: Binding, tables: Tables, nowMs: number): boolean {
  const { high, low } = binding
  if (holds(binding, nowMs)) return true
  const small = findSlot(tables.small, high, low)
  if (small >= 0 && isLive(tables.small, small, nowMs)) {
    binding.table = tables.small
    binding.slot = small
    return true
  }
  const large = findSlot(tables.large, high, low)
  if (large >= 0 && isLive(tables.large, large, nowMs)) {
    binding.table = tables.large
    binding.slot = large
    return true
  }
  binding.slot = -1
  return false
}

function waitForRoom(take: Take, counter: WindowCounter, binding: Binding, nowTick: number): number {
  const { cost, used } = take
  if (cost > counter.limit) return Infinity
  const excess = used + cost - counter.limit
  if (excess === 1) return take.freesMs
  return excess <= 0 ? 0 : ticksUntil(binding, counter, nowTick, excess)
}

function ticksUntil(binding: Binding, counter: WindowCounter, nowTick: number, units: number): number {
  return ticksUntilFreed(binding.table, binding.slot, nowTick, counter.windowTicks, units) * counter.tickMs
}

/**
 * Makes sure the binding points to a slot of its own with room for an arrival. The slot found by the
 * reading may have been evicted since, by another take of the same call.
 */
function holdSlot(binding: Binding, tables: Tables, nowTick: number, cellPhase: number, nowMs: number): void {
  const { small, large } = tables
  const { table, slot, high, low } = binding
  if (!holds(binding, nowMs)) {
    binding.table = small
    binding.slot = claimSlot(small, high, low, nowMs)
  } else if (table === small && isRingFull(small, slot, nowTick, cellPhase)) {
    const target = claimSlot(large, high, low, nowMs)
    moveSlot(small, slot, large, target)
    binding.table = large
    binding.slot = target
  }
}

/** Whether the binding's slot is still its key's, with its window running. */
function holds({ table, slot, high, low }: Binding, nowMs: number): boolean {
  return slot >= 0 && table.low[slot] === low && table.high[slot] === high && isLive(table, slot, nowMs)
}

/** Times in 32 bits of ticks: only their differences are read. */
function tickOf(nowMs: number, tickMs: number): number {
  return Math.floor(nowMs / tickMs) >>> 0
}
