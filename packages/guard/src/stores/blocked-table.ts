import type { Take } from '../store.ts'

/**
 * Keys refused for a time, apart from the counters: a flood of keys that are not blocked never
 * touches this table, so it cannot make the guard forget whom it refuses. Fixed size, groups of
 * eight like the counters'; only a blocked key can displace another, the one closest to its end.
 */
export interface BlockedTable {
  readonly groups: number
  readonly high: Uint32Array
  readonly low: Uint32Array
  /** When the block ends; a slot is free from then on. */
  readonly untilMs: Float64Array
  /** 1 where the block is a cooldown, 0 where it only remembers a spent limit. */
  readonly cooldowns: Uint8Array
  /** No block ends later: below it nothing needs to be looked up. */
  latestMs: number
  evictions: number
}

const GROUP = 8
const BLOCKED_BYTES = 4 + 4 + 8 + 1

/** Creates the largest table within a budget, of one group at least. */
export function createBlockedTable(budgetBytes: number): BlockedTable {
  const groups = Math.max(1, Math.floor(budgetBytes / (BLOCKED_BYTES * GROUP)))
  const slots = groups * GROUP
  return {
    groups,
    high: new Uint32Array(slots),
    low: new Uint32Array(slots),
    untilMs: new Float64Array(slots),
    cooldowns: new Uint8Array(slots),
    latestMs: 0,
    evictions: 0,
  }
}

/** The slot of a key that is blocked now, or -1. */
function findBlocked(table: BlockedTable, high: number, low: number, nowMs: number): number {
  if (table.latestMs <= nowMs) return -1
  const first = firstOfGroup(table, high)
  for (let slot = first; slot < first + GROUP; slot += 1) {
    if (table.low[slot] === low && table.high[slot] === high && (table.untilMs[slot] ?? 0) > nowMs) return slot
  }
  return -1
}

/** Blocks a key until a time. A key that is blocked already keeps one slot. */
export function block(
  table: BlockedTable,
  high: number,
  low: number,
  untilMs: number,
  cooldown: boolean,
  nowMs: number,
): void {
  const own = findBlocked(table, high, low, nowMs)
  const slot = own >= 0 ? own : firstToEnd(table, firstOfGroup(table, high), nowMs)
  if (own < 0 && (table.untilMs[slot] ?? 0) > nowMs) table.evictions += 1
  table.high[slot] = high
  table.low[slot] = low
  table.untilMs[slot] = untilMs
  table.cooldowns[slot] = cooldown ? 1 : 0
  if (untilMs > table.latestMs) table.latestMs = untilMs
}

/** Frees a key. */
export function unblock(table: BlockedTable, high: number, low: number, nowMs: number): void {
  const slot = findBlocked(table, high, low, nowMs)
  if (slot >= 0) table.untilMs[slot] = 0
}

/**
 * How long the key of a take is still blocked, 0 when it is not; tells the take whether a cooldown does
 * it. A spent limit is remembered for the case that its counter has been evicted: where there is a
 * counter, it knows better.
 */
export function blockedFor(
  take: Take,
  table: BlockedTable,
  high: number,
  low: number,
  counted: boolean,
  nowMs: number,
): number {
  take.cooling = false
  const slot = findBlocked(table, high, low, nowMs)
  if (slot < 0) return 0
  const cooldown = table.cooldowns[slot] === 1
  if (cooldown ? take.counter.cooldownMs === 0 : counted) return 0
  take.cooling = cooldown
  return (table.untilMs[slot] ?? 0) - nowMs
}

/** Keys blocked now. A pass over the table. */
export function countBlocked(table: BlockedTable, nowMs: number): number {
  let blocked = 0
  for (const untilMs of table.untilMs) if (untilMs > nowMs) blocked += 1
  return blocked
}

/** Bytes of the table. */
export function blockedBytes(table: BlockedTable): number {
  return table.untilMs.length * BLOCKED_BYTES
}

function firstOfGroup(table: BlockedTable, high: number): number {
  return Math.floor((high * table.groups) / 0x1_0000_0000) * GROUP
}

/** A free slot of the group, else the one whose block ends first: cooldowns are kept before spent limits. */
function firstToEnd(table: BlockedTable, first: number, nowMs: number): number {
  let chosen = first
  let chosenUntilMs = Infinity
  let chosenCooldown = 2
  for (let slot = first; slot < first + GROUP; slot += 1) {
    const untilMs = table.untilMs[slot] ?? 0
    if (untilMs <= nowMs) return slot
    const cooldown = table.cooldowns[slot] ?? 0
    if (cooldown < chosenCooldown || (cooldown === chosenCooldown && untilMs < chosenUntilMs)) {
      chosen = slot
      chosenUntilMs = untilMs
      chosenCooldown = cooldown
    }
  }
  return chosen
}
