/**
 * Counters in typed arrays of a fixed size: no object and no timer for a key, and memory that no
 * number of keys can raise. A key's hash names one group of eight slots; a key is in its group or
 * nowhere. A slot whose window has ended is a free slot.
 *
 * A counter is a ring of entries, oldest first, each the tick of its last arrival and its units.
 * Ticks are kept in 32 bits and compared by difference: a live slot's entries are at most two windows
 * old, which is less than 2^32 ticks, and a slot that is not live is emptied before it is read.
 */
export interface SlotTable {
  readonly groups: number
  /** Entries a slot can hold. */
  readonly ringSize: number
  /** The 64 bits of the key's hash. */
  readonly high: Uint32Array
  readonly low: Uint32Array
  /** When the last entry leaves its window; free from then on. */
  readonly expiresMs: Float64Array
  /** Position of the oldest entry in the ring. */
  readonly heads: Uint8Array
  readonly lengths: Uint8Array
  /** Units spent when last charged, of the limit's 255 parts: what eviction spares. */
  readonly debts: Uint8Array
  /** Units in the ring. */
  readonly totals: Uint32Array
  /** Tick and units of each entry, slot after slot. */
  readonly entries: Uint32Array
  /** Counters forgotten before their window ended. */
  evictions: number
}

/** Slots of a group. Its hashes fill half a cache line, its expiries one. */
const GROUP = 8

/** Bytes of a slot with this many entries. */
export function slotBytes(ringSize: number): number {
  return 4 + 4 + 8 + 1 + 1 + 1 + 4 + ringSize * 8
}

/** Creates the largest table within a budget, of one group at least. */
export function createSlotTable(budgetBytes: number, ringSize: number): SlotTable {
  const groups = Math.max(1, Math.floor(budgetBytes / (slotBytes(ringSize) * GROUP)))
  const slots = groups * GROUP
  return {
    groups,
    ringSize,
    high: new Uint32Array(slots),
    low: new Uint32Array(slots),
    expiresMs: new Float64Array(slots),
    heads: new Uint8Array(slots),
    lengths: new Uint8Array(slots),
    debts: new Uint8Array(slots),
    totals: new Uint32Array(slots),
    entries: new Uint32Array(slots * ringSize * 2),
    evictions: 0,
  }
}

/** The key's slot, live or not, or -1. */
export function findSlot(table: SlotTable, high: number, low: number): number {
  const first = firstOfGroup(table, high)
  for (let slot = first; slot < first + GROUP; slot += 1) {
    if (table.low[slot] === low && table.high[slot] === high) return slot
  }
  return -1
}

/** Whether the slot holds this key's counter with its window still running. */
export function isLive(table: SlotTable, slot: number, nowMs: number): boolean {
  return (table.expiresMs[slot] ?? 0) > nowMs
}

/**
 * Gives a key an empty slot of its group: its own, a free one, or that of the counter with the least
 * spent, the one closest to its end first among equals.
 */
export function claimSlot(table: SlotTable, high: number, low: number, nowMs: number): number {
  const own = findSlot(table, high, low)
  const slot = own >= 0 ? own : victim(table, firstOfGroup(table, high), nowMs)
  if (own < 0 && isLive(table, slot, nowMs)) table.evictions += 1
  table.high[slot] = high
  table.low[slot] = low
  emptySlot(table, slot)
  return slot
}

/** Empties a slot; it is free until it is charged. */
function emptySlot(table: SlotTable, slot: number): void {
  table.expiresMs[slot] = 0
  table.heads[slot] = 0
  table.lengths[slot] = 0
  table.totals[slot] = 0
}

/** Drops the entries that have left the window, and answers the units that remain. */
export function pruneSlot(table: SlotTable, slot: number, nowTick: number, windowTicks: number): number {
  let length = table.lengths[slot] ?? 0
  let head = table.heads[slot] ?? 0
  let total = table.totals[slot] ?? 0
  const { ringSize, entries } = table
  const base = slot * ringSize
  if (length === 0 || age(nowTick, entries[(base + head) * 2] ?? 0) < windowTicks) return total
  do {
    total -= entries[(base + head) * 2 + 1] ?? 0
    head = head + 1 === ringSize ? 0 : head + 1
    length -= 1
  } while (length > 0 && age(nowTick, entries[(base + head) * 2] ?? 0) >= windowTicks)
  table.lengths[slot] = length
  table.heads[slot] = head
  table.totals[slot] = total
  return total
}

/**
 * Ticks until enough of the oldest entries have left the window to give `units` back.
 *
 * @returns `Infinity` when the slot holds fewer units than that.
 */
export function ticksUntilFreed(
  table: SlotTable,
  slot: number,
  nowTick: number,
  windowTicks: number,
  units: number,
): number {
  const { ringSize, entries } = table
  const base = slot * ringSize
  const length = table.lengths[slot] ?? 0
  let position = table.heads[slot] ?? 0
  let freed = 0
  for (let index = 0; index < length; index += 1) {
    freed += entries[(base + position) * 2 + 1] ?? 0
    if (freed >= units) return windowTicks - age(nowTick, entries[(base + position) * 2] ?? 0)
    position = position + 1 === ringSize ? 0 : position + 1
  }
  return Infinity
}

/** Whether an arrival needs an entry that the slot's ring has no room for. */
export function isRingFull(table: SlotTable, slot: number, nowTick: number, cellPhase: number): boolean {
  return table.lengths[slot] === table.ringSize && !sharesNewest(table, slot, nowTick, cellPhase)
}

/**
 * Adds units to a slot at this tick. They share the newest entry when it was made in the same cell,
 * or when the ring is full; the entry then keeps the later tick, so that no unit leaves early.
 *
 * @param cellPhase - Ticks since the current cell began.
 */
export function chargeSlot(table: SlotTable, slot: number, nowTick: number, cellPhase: number, units: number): void {
  const { ringSize, entries } = table
  const length = table.lengths[slot] ?? 0
  const head = table.heads[slot] ?? 0
  const shared = length > 0 && (length === ringSize || sharesNewest(table, slot, nowTick, cellPhase))
  const wanted = head + (shared ? length - 1 : length)
  const entry = (slot * ringSize + (wanted >= ringSize ? wanted - ringSize : wanted)) * 2
  entries[entry] = nowTick
  entries[entry + 1] = shared ? (entries[entry + 1] ?? 0) + units : units
  if (!shared) table.lengths[slot] = length + 1
  table.totals[slot] = (table.totals[slot] ?? 0) + units
}

/** Copies a counter into an empty slot of a table with a larger ring. */
export function moveSlot(from: SlotTable, slot: number, to: SlotTable, target: number): void {
  const length = from.lengths[slot] ?? 0
  let position = from.heads[slot] ?? 0
  for (let index = 0; index < length; index += 1) {
    const source = (slot * from.ringSize + position) * 2
    const destination = (target * to.ringSize + index) * 2
    to.entries[destination] = from.entries[source] ?? 0
    to.entries[destination + 1] = from.entries[source + 1] ?? 0
    position = position + 1 === from.ringSize ? 0 : position + 1
  }
  to.lengths[target] = length
  to.totals[target] = from.totals[slot] ?? 0
  emptySlot(from, slot)
}

/** Slots whose window is running. A pass over the table. */
export function countLive(table: SlotTable, nowMs: number): number {
  let live = 0
  for (const expiresMs of table.expiresMs) if (expiresMs > nowMs) live += 1
  return live
}

function sharesNewest(table: SlotTable, slot: number, nowTick: number, cellPhase: number): boolean {
  const { ringSize } = table
  const length = table.lengths[slot] ?? 0
  if (length === 0) return false
  const wanted = (table.heads[slot] ?? 0) + length - 1
  const newest = (slot * ringSize + (wanted >= ringSize ? wanted - ringSize : wanted)) * 2
  return age(nowTick, table.entries[newest] ?? 0) <= cellPhase
}

/** Ticks since an entry, over the wrap of 32 bits. */
function age(nowTick: number, tick: number): number {
  return (nowTick - tick) >>> 0
}

/** High bits choose the group by multiplication: any number of groups is used evenly. */
function firstOfGroup(table: SlotTable, high: number): number {
  return Math.floor((high * table.groups) / 0x1_0000_0000) * GROUP
}

function victim(table: SlotTable, first: number, nowMs: number): number {
  let chosen = first
  let chosenDebt = 256
  let chosenExpiresMs = Infinity
  for (let slot = first; slot < first + GROUP; slot += 1) {
    const expiresMs = table.expiresMs[slot] ?? 0
    if (expiresMs <= nowMs) return slot
    const debt = table.debts[slot] ?? 0
    if (debt < chosenDebt || (debt === chosenDebt && expiresMs < chosenExpiresMs)) {
      chosen = slot
      chosenDebt = debt
      chosenExpiresMs = expiresMs
    }
  }
  return chosen
}
