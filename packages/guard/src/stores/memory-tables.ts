import type { StoreStats } from '../store.ts'
import { type BlockedTable, blockedBytes, countBlocked, createBlockedTable } from './blocked-table.ts'
import { createLeaseTable, type LeaseTable, leaseBytes } from './lease-table.ts'
import { createMarkTable, type MarkTable, markBytes } from './mark-table.ts'
import { countLive, createSlotTable, type SlotTable, slotBytes } from './slot-table.ts'
import { countStamps, createStampTable, type StampTable, stampBytes } from './stamp-table.ts'

/** Entries of a window counter that has been used little: most keys, and nearly all of a flood's. */
const SMALL_RING = 5
/** Entries of any window counter: an exact log of 32, or a window's 31 cells and one more. */
const LARGE_RING = 32

/** What a memory store keeps, each table of a fixed size. */
export interface Tables {
  readonly small: SlotTable
  readonly large: SlotTable
  readonly blocked: BlockedTable
  readonly arrivals: StampTable
  readonly ladders: StampTable
  readonly leases: LeaseTable
  readonly marks: MarkTable
}

/** Divides a budget among the tables. */
export function createTables(budgetBytes: number): Tables {
  return {
    small: createSlotTable(budgetBytes * 0.37, SMALL_RING),
    large: createSlotTable(budgetBytes * 0.42, LARGE_RING),
    blocked: createBlockedTable(budgetBytes * 0.08),
    arrivals: createStampTable(budgetBytes * 0.03),
    ladders: createStampTable(budgetBytes * 0.03),
    leases: createLeaseTable(budgetBytes * 0.05),
    marks: createMarkTable(budgetBytes * 0.02),
  }
}

/** Counts what the tables hold, by a pass over them. */
export function readStats(tables: Tables, budgetBytes: number, nowMs: number): StoreStats {
  const { small, large, blocked, arrivals, ladders, leases, marks } = tables
  const smallSlots = small.expiresMs.length
  const largeSlots = large.expiresMs.length
  const windows = smallSlots * slotBytes(SMALL_RING) + largeSlots * slotBytes(LARGE_RING)
  const others = stampBytes(arrivals) + stampBytes(ladders) + leaseBytes(leases) + markBytes(marks)
  return {
    budgetBytes,
    bytes: windows + others + blockedBytes(blocked),
    entries:
      countLive(small, nowMs) + countLive(large, nowMs) + countStamps(arrivals, nowMs) + countStamps(ladders, nowMs),
    capacity: smallSlots + largeSlots + arrivals.expiresMs.length + ladders.expiresMs.length,
    blocked: countBlocked(blocked, nowMs),
    blockedCapacity: blocked.untilMs.length,
    evictions: small.evictions + large.evictions + arrivals.evictions + ladders.evictions,
    blockedEvictions: blocked.evictions,
  }
}
