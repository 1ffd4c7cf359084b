/**
 * Counters that are one time and one number, in typed arrays of a fixed size: the theoretical arrival
 * time of a rate with a burst, the last attempt of a climb. A key's hash names a group of eight slots;
 * a key is in its group or nowhere, and a slot whose time is over is free.
 */
export interface StampTable {
  readonly groups: number
  readonly high: Int32Array
  readonly low: Int32Array
  readonly expiresMs: Float64Array
  readonly stamps: Float64Array
  /** What eviction spares: the higher, the longer. */
  readonly weights: Uint32Array
  /** Counters forgotten before their time. */
  evictions: number
}

const GROUP = 8
const STAMP_BYTES = 4 + 4 + 8 + 8 + 4

/** Creates the largest table within a budget, of one group at least. */
export function createStampTable(budgetBytes: number): StampTable {
  const groups = Math.max(1, Math.floor(budgetBytes / (STAMP_BYTES * GROUP)))
  const slots = groups * GROUP
  return {
    groups,
    high: new Int32Array(slots),
    low: new Int32Array(slots),
    expiresMs: new Float64Array(slots),
    stamps: new Float64Array(slots),
    weights: new Uint32Array(slots),
    evictions: 0,
  }
}

/** The slot of a key whose time is not over, or -1. */
export function findStamp(table: StampTable, high: number, low: number, nowMs: number): number {
  const first = firstOfGroup(table, high)
  for (let slot = first; slot < first + GROUP; slot += 1) {
    if (table.low[slot] === low && table.high[slot] === high && (table.expiresMs[slot] ?? 0) > nowMs) return slot
  }
  return -1
}

/** Writes a key's time, over its own slot, a free one, or the one of its group with the least weight. */
export function writeStamp(
  table: StampTable,
  high: number,
  low: number,
  nowMs: number,
  stamp: number,
  weight: number,
  expiresMs: number,
): void {
  const own = findStamp(table, high, low, nowMs)
  const slot = own >= 0 ? own : victim(table, firstOfGroup(table, high), nowMs)
  if (own < 0 && (table.expiresMs[slot] ?? 0) > nowMs) table.evictions += 1
  table.high[slot] = high
  table.low[slot] = low
  table.stamps[slot] = stamp
  table.weights[slot] = weight
  table.expiresMs[slot] = expiresMs
}

/** Forgets a key. */
export function dropStamp(table: StampTable, high: number, low: number, nowMs: number): void {
  const slot = findStamp(table, high, low, nowMs)
  if (slot >= 0) table.expiresMs[slot] = 0
}

/** Keys whose time is not over. A pass over the table. */
export function countStamps(table: StampTable, nowMs: number): number {
  let live = 0
  for (const expiresMs of table.expiresMs) if (expiresMs > nowMs) live += 1
  return live
}

/** Bytes of the table. */
export function stampBytes(table: StampTable): number {
  return table.expiresMs.length * STAMP_BYTES
}

/** High bits choose the group by multiplication: any number of groups is used evenly. */
function firstOfGroup(table: StampTable, high: number): number {
  return Math.floor(((high >>> 0) * table.groups) / 0x1_0000_0000) * GROUP
}

function victim(table: StampTable, first: number, nowMs: number): number {
  let chosen = first
  let chosenWeight = Infinity
  for (let slot = first; slot < first + GROUP; slot += 1) {
    const expiresMs = table.expiresMs[slot] ?? 0
    if (expiresMs <= nowMs) return slot
    const weight = table.weights[slot] ?? 0
    if (weight < chosenWeight || (weight === chosenWeight && expiresMs < (table.expiresMs[chosen] ?? 0))) {
      chosen = slot
      chosenWeight = weight
    }
  }
  return chosen
}
