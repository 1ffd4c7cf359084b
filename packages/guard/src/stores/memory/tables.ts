import type { StoreStats } from '../../store.ts'
import {
  type BlockedTable,
  blockedBytes,
  blockedSlots,
  countBlocked,
  createBlockedTable,
} from './tables/blocked-table.ts'
import { createLeaseTable, type LeaseTable, leaseBytes } from './tables/lease-table.ts'
import { countAhead, createLineTable, type LineTable, lineBytes, lineSlots, renewLines } from './tables/line-table.ts'
import { createMarkTable, type MarkTable, markBytes } from './tables/mark-table.ts'
import { countLive, createSlotTable, renewSlots, type SlotTable, slotCount, tableBytes } from './tables/slot-table.ts'
import { countStamps, createStampTable, type StampTable, stampBytes } from './tables/stamp-table.ts'

/** Entries of a window counter that has more arrivals than a line holds. */
const SMALL_RING = 8
/** Entries of any window counter: an exact log of 32, or a window's 31 cells and one more. */
const LARGE_RING = 32
/** Length of the ticks of long windows. Those of the others are milliseconds. */
const COARSE_TICK_MS = 32
/** No time that is told in wrapping ticks may lie further ahead. */
const MOST_TICKS = 2 ** 31 - 1
/** What is over is dated anew this often, long before its ticks seem to lie ahead again. */
const RENEW_MS = 2 ** 30

/** What a memory store keeps, each table of a fixed size, and the time it keeps it by. */
export interface Tables {
  /** Windows of up to three units, and rates with a burst. */
  readonly lines: LineTable
  /** Windows of more. */
  readonly small: SlotTable
  readonly large: SlotTable
  readonly blocked: BlockedTable
  /** Prefixes refused in place of keys that found no room in `blocked`. */
  readonly prefixes: BlockedTable
  /** Rates with a burst that milliseconds do not tell exactly. */
  readonly arrivals: StampTable
  readonly ladders: StampTable
  readonly leases: LeaseTable
  readonly marks: MarkTable
  /** The reading of the caller's clock that the time was last taken from. */
  readMs: number
  /** The steady time of the call that is being answered. */
  nowMs: number
  /** The same in milliseconds since the store's first call, wrapped to 32 bits. */
  tick: number
  /** The same in whole ticks of 32 ms. */
  coarseTick: number
  epochMs: number
  renewedMs: number
  /** A block ends this late that lines cannot date: until then all are sought among the blocked. */
  farthestMs: number
  /** Keys refused by their prefix for want of room. */
  aggregated: number
}

/** Divides a budget among the tables. */
export function createTables(budgetBytes: number): Tables {
  return {
    lines: createLineTable(budgetBytes * 0.7),
    small: createSlotTable(budgetBytes * 0.0875, SMALL_RING),
    large: createSlotTable(budgetBytes * 0.0825, LARGE_RING),
    blocked: createBlockedTable(budgetBytes * 0.055),
    prefixes: createBlockedTable(budgetBytes * 0.01),
    arrivals: createStampTable(budgetBytes * 0.01),
    ladders: createStampTable(budgetBytes * 0.015),
    leases: createLeaseTable(budgetBytes * 0.02),
    marks: createMarkTable(budgetBytes * 0.02),
    readMs: -1,
    nowMs: -1,
    tick: 1,
    coarseTick: 0,
    epochMs: -1,
    renewedMs: -1,
    farthestMs: 0,
    aggregated: 0,
  }
}

/** Sets the time of the tables. It never runs back. */
export function setTime(tables: Tables, nowMs: number): void {
  if (nowMs === tables.nowMs) return
  if (tables.nowMs < 0) {
    tables.epochMs = nowMs - 1
    tables.renewedMs = nowMs
  } else if (nowMs - tables.renewedMs >= RENEW_MS) {
    renew(tables, nowMs)
  }
  const sinceMs = nowMs - tables.epochMs
  tables.nowMs = nowMs
  tables.tick = sinceMs | 0
  tables.coarseTick = (sinceMs / COARSE_TICK_MS) | 0
}

/** A clock may have jumped further than ticks can tell: how far is taken from the time itself. */
function renew(tables: Tables, nowMs: number): void {
  const sinceMs = nowMs - tables.epochMs
  const tick = sinceMs | 0
  const coarseTicks = Math.floor(sinceMs / COARSE_TICK_MS)
  const passed = nowMs - tables.nowMs
  const coarsePassed = coarseTicks - Math.floor((tables.nowMs - tables.epochMs) / COARSE_TICK_MS)
  const elsewhere = tables.farthestMs > nowMs ? (tick + MOST_TICKS) | 0 : undefined
  renewLines(tables.lines, tables.tick, passed, tick, elsewhere)
  for (const table of [tables.small, tables.large]) {
    renewSlots(table, tables.coarseTick, coarsePassed, coarseTicks | 0)
  }
  tables.renewedMs = nowMs
}

/** The tick of a time ahead, as lines date it: the latest that they can. */
export function tickAhead(tables: Tables, untilMs: number): number {
  const ticks = untilMs - tables.nowMs
  if (ticks > MOST_TICKS && untilMs > tables.farthestMs) tables.farthestMs = untilMs
  return (tables.tick + Math.min(MOST_TICKS, ticks)) | 0
}

/** Counts what the tables hold, by a pass over them. */
export function readStats(tables: Tables, budgetBytes: number): StoreStats {
  const { lines, small, large, blocked, prefixes, arrivals, ladders, leases, marks, nowMs, coarseTick } = tables
  const windows = lineBytes(lines) + tableBytes(small) + tableBytes(large)
  const others = stampBytes(arrivals) + stampBytes(ladders) + leaseBytes(leases) + markBytes(marks)
  return {
    budgetBytes,
    bytes: windows + others + blockedBytes(blocked) + blockedBytes(prefixes),
    entries:
      countAhead(lines, tables.tick) +
      countLive(small, coarseTick) +
      countLive(large, coarseTick) +
      countStamps(arrivals, nowMs) +
      countStamps(ladders, nowMs),
    capacity:
      lineSlots(lines) + slotCount(small) + slotCount(large) + arrivals.expiresMs.length + ladders.expiresMs.length,
    blocked: countBlocked(blocked, nowMs),
    blockedCapacity: blockedSlots(blocked),
    evictions: lines.evictions + small.evictions + large.evictions + arrivals.evictions + ladders.evictions,
    blockedEvictions: blocked.evictions + prefixes.evictions,
    aggregated: tables.aggregated,
  }
}
