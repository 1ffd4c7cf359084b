/**
 * Counters in typed arrays of a fixed size: no object and no timer for a key, and memory that no
 * number of keys can raise. A key's hash names one group of eight slots; a key is in its group or
 * nowhere. A slot whose window has ended is a free slot.
 *
 * A counter is a ring of entries, oldest first, each the tick of its last arrival and its units.
 * Ticks are kept in 32 bits and compared by difference: a live slot's entries are at most two windows
 * old, which is less than 2^32 ticks, and a slot that is not live is emptied before it is charged.
 *
 * What a search reads of many slots lies in arrays of its own; what is read of one lies together in
 * its record, so that a key that is not in the processor's cache costs few misses.
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
  /** Slot after slot: the shape, the units in all, then the tick and the units of each entry. */
  readonly records: Uint32Array
  /** Counters forgotten before their window ended. */
  evictions: number
}

/** Slots of a group. Its hashes fill half a cache line, its expiries one. */
const GROUP = 8
/** Words of a record before its entries. */
const HEADER = 2
/** The shape: bits 0–7 the oldest entry's place, 8–15 the entries, 16–23 the debt. */
const LENGTH_SHIFT = 8
const DEBT_SHIFT = 16

/** Bytes of a slot with this many entries. */
export function slotBytes(ringSize: number): number {
  return 4 + 4 + 8 + (HEADER + ringSize * 2) * 4
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
    records: new Uint32Array(slots * (HEADER + ringSize * 2)),
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

/** Whether the slot holds a counter with its window still running. */
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

/** Drops the entries that have left the window, and answers the units that remain. */
export function pruneSlot(table: SlotTable, slot: number, nowTick: number, windowTicks: number): number {
  const { ringSize, records } = table
  const record = recordOf(table, slot)
  const shape = records[record] ?? 0
  let length = lengthOf(shape)
  let head = headOf(shape)
  let total = records[record + 1] ?? 0
  if (length === 0 || age(nowTick, records[record + HEADER + head * 2] ?? 0) < windowTicks) return total
  do {
    total -= records[record + HEADER + head * 2 + 1] ?? 0
    head = head + 1 === ringSize ? 0 : head + 1
    length -= 1
  } while (length > 0 && age(nowTick, records[record + HEADER + head * 2] ?? 0) >= windowTicks)
  records[record] = head | (length << LENGTH_SHIFT) | (debtOf(shape) << DEBT_SHIFT)
  records[record + 1] = total
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
  const { ringSize, records } = table
  const record = recordOf(table, slot)
  const shape = records[record] ?? 0
  const length = lengthOf(shape)
  let place = headOf(shape)
  let freed = 0
  for (let index = 0; index < length; index += 1) {
    const entry = record + HEADER + place * 2
    freed += records[entry + 1] ?? 0
    if (freed >= units) return windowTicks - age(nowTick, records[entry] ?? 0)
    place = place + 1 === ringSize ? 0 : place + 1
  }
  return Infinity
}

/** Whether an arrival needs an entry that the slot's ring has no room for. */
export function isRingFull(table: SlotTable, slot: number, nowTick: number, cellPhase: number): boolean {
  const record = recordOf(table, slot)
  const full = lengthOf(table.records[record] ?? 0) === table.ringSize
  return full && !sharesNewest(table, record, nowTick, cellPhase)
}

/**
 * Adds units to a slot at this tick. They share the newest entry when it was made in the same cell,
 * or when the ring is full; the entry then keeps the later tick, so that no unit leaves early.
 *
 * @param cellPhase - Ticks since the current cell began.
 * @param expiresMs - When the arrival leaves its window.
 * @param debt - Units spent with this arrival, of the limit's 255 parts: what eviction spares.
 */
export function chargeSlot(
  table: SlotTable,
  slot: number,
  nowTick: number,
  cellPhase: number,
  units: number,
  expiresMs: number,
  debt: number,
): void {
  const { ringSize, records } = table
  const record = recordOf(table, slot)
  const shape = records[record] ?? 0
  const length = lengthOf(shape)
  const shared = length === ringSize || sharesNewest(table, record, nowTick, cellPhase)
  const newLength = shared ? length : length + 1
  const place = headOf(shape) + newLength - 1
  const entry = record + HEADER + (place >= ringSize ? place - ringSize : place) * 2
  records[entry] = nowTick
  records[entry + 1] = shared ? (records[entry + 1] ?? 0) + units : units
  records[record] = headOf(shape) | (newLength << LENGTH_SHIFT) | (debt << DEBT_SHIFT)
  records[record + 1] = (records[record + 1] ?? 0) + units
  table.expiresMs[slot] = expiresMs
}

/** Moves a counter into an empty slot of a table with a larger ring; it is live there once it is charged. */
export function moveSlot(from: SlotTable, slot: number, to: SlotTable, target: number): void {
  const source = recordOf(from, slot)
  const destination = recordOf(to, target)
  const shape = from.records[source] ?? 0
  const length = lengthOf(shape)
  let place = headOf(shape)
  for (let index = 0; index < length; index += 1) {
    const entry = source + HEADER + place * 2
    to.records[destination + HEADER + index * 2] = from.records[entry] ?? 0
    to.records[destination + HEADER + index * 2 + 1] = from.records[entry + 1] ?? 0
    place = place + 1 === from.ringSize ? 0 : place + 1
  }
  to.records[destination] = length << LENGTH_SHIFT
  to.records[destination + 1] = from.records[source + 1] ?? 0
  emptySlot(from, slot)
}

/** Forgets a counter. */
export function dropSlot(table: SlotTable, slot: number): void {
  emptySlot(table, slot)
}

/** Slots whose window is running. A pass over the table. */
export function countLive(table: SlotTable, nowMs: number): number {
  let live = 0
  for (const expiresMs of table.expiresMs) if (expiresMs > nowMs) live += 1
  return live
}

function emptySlot(table: SlotTable, slot: number): void {
  const record = recordOf(table, slot)
  table.expiresMs[slot] = 0
  table.records[record] = 0
  table.records[record + 1] = 0
}

function sharesNewest({ ringSize, records }: SlotTable, record: number, nowTick: number, cellPhase: number): boolean {
  const shape = records[record] ?? 0
  const length = lengthOf(shape)
  if (length === 0) return false
  const place = headOf(shape) + length - 1
  const newest = record + HEADER + (place >= ringSize ? place - ringSize : place) * 2
  return age(nowTick, records[newest] ?? 0) <= cellPhase
}

function recordOf(table: SlotTable, slot: number): number {
  return slot * (HEADER + table.ringSize * 2)
}

function headOf(shape: number): number {
  return shape & 0xff
}

function lengthOf(shape: number): number {
  return (shape >>> LENGTH_SHIFT) & 0xff
}

function debtOf(shape: number): number {
  return (shape >>> DEBT_SHIFT) & 0xff
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
  for (let slot = first; slot < first + GROUP; slot += 1) {
    if (!isLive(table, slot, nowMs)) return slot
  }
  let chosen = first
  let chosenDebt = 256
  for (let slot = first; slot < first + GROUP; slot += 1) {
    const debt = debtOf(table.records[recordOf(table, slot)] ?? 0)
    const sooner = (table.expiresMs[slot] ?? 0) < (table.expiresMs[chosen] ?? 0)
    if (debt < chosenDebt || (debt === chosenDebt && sooner)) {
      chosen = slot
      chosenDebt = debt
    }
  }
  return chosen
}
