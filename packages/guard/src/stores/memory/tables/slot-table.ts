/**
 * Counters of many arrivals in typed arrays of a fixed size: no object and no timer for a key, and memory that no
 * number of keys can raise. A key's hash names one group of eight slots; a key is in its group or nowhere. A slot whose
 * time is over is a free slot.
 *
 * A counter is a ring of entries, oldest first: the tick at which its units come back, and the units. Ticks are the
 * counter's own, wrap in 32 bits and are compared by difference: a live counter's entries are at most two windows
 * apart. When a slot is free is told in ticks of 32 ms for all, so that windows of any length lie side by side.
 *
 * The tags and ends of a group fill one cache line; what is read of one slot lies together in its record.
 */
export interface SlotTable {
  readonly groups: number
  /** Entries a slot can hold. */
  readonly ringSize: number
  /** Group after group: eight tags (32 bits of the key's hash), and the tick of 32 ms at which each slot is free. */
  readonly lines: Int32Array
  /**
   * Slot after slot: the shape, the units in all, when the newest entry was begun, the limit, the window of the last
   * charge or 0 for an empty slot, then end and units of each entry.
   */
  readonly records: Int32Array
  /** Counters forgotten before their window ended. */
  evictions: number
  /** Ticks until the oldest entry of the slot that was last spent from comes back. */
  oldestTicks: number
}

/** Slots of a group. */
const GROUP = 8
const LINE = 16
/** Words of a record before its entries. */
const HEADER = 5
const TOTAL = 1
const BEGUN = 2
const LIMIT = 3
const WINDOW = 4
/** The shape: bits 0–7 the oldest entry's place, from 8 on the entries. */
const LENGTH_SHIFT = 8
const FIRST_LENGTH = 1 << LENGTH_SHIFT
/** Large buffers begin 16 bytes behind a page: from here on lines are lines of the processor's cache. */
const ALIGNMENT_BYTES = 48
const TWO_32 = 0x1_0000_0000

/** Bytes of a slot with this many entries. */
function slotBytes(ringSize: number): number {
  return (2 + HEADER + ringSize * 2) * 4
}

/** Creates the largest table within a budget, of one group at least. */
export function createSlotTable(budgetBytes: number, ringSize: number): SlotTable {
  const groups = Math.max(1, Math.floor((budgetBytes - ALIGNMENT_BYTES) / (slotBytes(ringSize) * GROUP)))
  return {
    groups,
    ringSize,
    lines: new Int32Array(new ArrayBuffer(groups * LINE * 4 + ALIGNMENT_BYTES), ALIGNMENT_BYTES),
    records: new Int32Array(groups * GROUP * (HEADER + ringSize * 2)),
    evictions: 0,
    oldestTicks: 0,
  }
}

/** Slots of the table. */
export function slotCount({ groups }: SlotTable): number {
  return groups * GROUP
}

/** Bytes of the table. */
export function tableBytes({ groups, ringSize }: SlotTable): number {
  return groups * GROUP * slotBytes(ringSize) + ALIGNMENT_BYTES
}

/** The key's slot when its counter is live, else -1. Slots are numbered by where their tag lies. */
export function findSlot(table: SlotTable, high: number, tag: number, coarseTick: number): number {
  const first = firstOfGroup(table, high)
  for (let slot = first; slot < first + GROUP; slot += 1) if (holdsKey(table, slot, tag, coarseTick)) return slot
  return -1
}

/** Whether a slot holds a live counter of this tag. */
export function holdsKey({ lines }: SlotTable, slot: number, tag: number, coarseTick: number): boolean {
  return lines[slot] === tag && (((lines[slot + GROUP] ?? 0) - coarseTick) | 0) > 0
}

/**
 * Gives a key that has no units in the table an empty slot of its group: one that it has left, a free one, or that of
 * the counter with the least spent, the one closest to its end first among equals.
 */
export function claimSlot(table: SlotTable, high: number, tag: number, coarseTick: number, limit: number): number {
  const { lines } = table
  // A slot ends up to two ticks after its units: a second one of the same key would hide behind it.
  const own = findSlot(table, high, tag, coarseTick)
  const slot = own < 0 ? victim(table, firstOfGroup(table, high), coarseTick) : own
  if (own < 0 && (((lines[slot + GROUP] ?? 0) - coarseTick) | 0) > 0) table.evictions += 1
  lines[slot] = tag
  lines[slot + GROUP] = coarseTick
  const record = recordOf(table, slot)
  table.records[record] = 0
  table.records[record + TOTAL] = 0
  table.records[record + LIMIT] = limit
  table.records[record + WINDOW] = 0
  return slot
}

/**
 * Drops the entries whose units have come back, and answers the units that remain. Entries that a longer window has
 * dated are brought within the present one.
 */
export function pruneSlot(table: SlotTable, slot: number, tick: number, windowTicks: number): number {
  const { ringSize, records } = table
  const record = recordOf(table, slot)
  const shape = records[record] ?? 0
  let length = lengthOf(shape)
  let head = headOf(shape)
  let total = (records[record + TOTAL] ?? 0) >>> 0
  if (length === 0) return 0
  clampEntries(table, record, tick, windowTicks)
  if ((((records[record + HEADER + head * 2] ?? 0) - tick) | 0) > 0) return total
  do {
    total -= (records[record + HEADER + head * 2 + 1] ?? 0) >>> 0
    head = head + 1 === ringSize ? 0 : head + 1
    length -= 1
  } while (length > 0 && (((records[record + HEADER + head * 2] ?? 0) - tick) | 0) <= 0)
  records[record] = head | (length << LENGTH_SHIFT)
  records[record + TOTAL] = total
  if (length === 0) records[record + WINDOW] = 0
  return total
}

function clampEntries({ ringSize, records }: SlotTable, record: number, tick: number, windowTicks: number): void {
  const shape = records[record] ?? 0
  const newest = record + HEADER + placeOf(headOf(shape), lengthOf(shape) - 1, ringSize) * 2
  if ((((records[newest] ?? 0) - tick) | 0) <= windowTicks) return
  for (let index = 0; index < lengthOf(shape); index += 1) {
    const entry = record + HEADER + placeOf(headOf(shape), index, ringSize) * 2
    if ((((records[entry] ?? 0) - tick) | 0) > windowTicks) records[entry] = tick + windowTicks
  }
}

/** Ticks until the oldest entry of a pruned slot comes back; 0 without any. */
export function untilOldest(table: SlotTable, slot: number, tick: number): number {
  const { records } = table
  const record = recordOf(table, slot)
  const shape = records[record] ?? 0
  if (lengthOf(shape) === 0) return 0
  return ((records[record + HEADER + headOf(shape) * 2] ?? 0) - tick) | 0
}

/**
 * Ticks until enough of the oldest entries have come back to give `units` back.
 *
 * @returns `Infinity` when the slot holds fewer units than that.
 */
export function untilFreed(table: SlotTable, slot: number, tick: number, units: number): number {
  const { ringSize, records } = table
  const record = recordOf(table, slot)
  const shape = records[record] ?? 0
  let freed = 0
  for (let index = 0; index < lengthOf(shape); index += 1) {
    const entry = record + HEADER + placeOf(headOf(shape), index, ringSize) * 2
    freed += (records[entry + 1] ?? 0) >>> 0
    if (freed >= units) return ((records[entry] ?? 0) - tick) | 0
  }
  return Infinity
}

/** Whether an arrival needs an entry that the slot's ring has no room for. */
export function isRingFull(table: SlotTable, slot: number, tick: number, cellTicks: number): boolean {
  const { ringSize, records } = table
  const record = recordOf(table, slot)
  return lengthOf(records[record] ?? 0) === ringSize && ((tick - (records[record + BEGUN] ?? 0)) | 0) >= cellTicks
}

/**
 * Adds units to a slot. They share the newest entry when it was begun less than a cell ago, or when the ring is full;
 * the entry then has the later end, so that no unit comes back early.
 *
 * @param coarseEnd - The tick of 32 ms from which on the slot is free.
 */
export function chargeSlot(
  table: SlotTable,
  slot: number,
  tick: number,
  cellTicks: number,
  units: number,
  end: number,
  coarseEnd: number,
): void {
  const { ringSize, records } = table
  const record = recordOf(table, slot)
  const shape = records[record] ?? 0
  const length = lengthOf(shape)
  const isShared = length > 0 && ((tick - (records[record + BEGUN] ?? 0)) | 0) < cellTicks
  records[record + WINDOW] = (end - tick) | 0
  if (!isShared && pushEntry(table, slot, tick, end, coarseEnd, units)) return
  const entry = record + HEADER + placeOf(headOf(shape), length - 1, ringSize) * 2
  records[entry] = end
  records[entry + 1] = (records[entry + 1] ?? 0) + units
  records[record + TOTAL] = (records[record + TOTAL] ?? 0) + units
  table.lines[slot + GROUP] = coarseEnd
}

/**
 * Reads and charges a slot in one: the common case of {@link pruneSlot} and {@link chargeSlot}.
 *
 * @returns The units with this arrival's: they were charged when the limit holds them. -1, and nothing done, for a slot
 * that must be pruned or moved first, or that another window has charged last, whose entries must be brought within this.
 */
// biome-ignore lint/complexity/noExcessiveCognitiveComplexity: one function, because a call costs as much as its body.
export function spendSlot(
  table: SlotTable,
  slot: number,
  tick: number,
  windowTicks: number,
  cellTicks: number,
  units: number,
  limit: number,
  coarseEnd: number,
): number {
  const { records } = table
  const record = recordOf(table, slot)
  const shape = records[record] ?? 0
  const head = record + HEADER + headOf(shape) * 2
  const oldestTicks = ((records[head] ?? 0) - tick) | 0
  const isShared = ((tick - (records[record + BEGUN] ?? 0)) | 0) < cellTicks
  if (oldestTicks <= 0 || records[record + WINDOW] !== windowTicks) return -1
  const total = (records[record + TOTAL] ?? 0) + units
  table.oldestTicks = oldestTicks
  if (total > limit) return total
  const end = (tick + windowTicks) | 0
  if (!isShared) return pushEntry(table, slot, tick, end, coarseEnd, units) ? total : -1
  const entry = record + HEADER + placeOf(headOf(shape), lengthOf(shape) - 1, table.ringSize) * 2
  if (records[entry] !== end) {
    records[entry] = end
    table.lines[slot + GROUP] = coarseEnd
  }
  // An only entry is the oldest, and has just been dated anew.
  if (entry === head) table.oldestTicks = windowTicks
  records[entry + 1] = (records[entry + 1] ?? 0) + units
  records[record + TOTAL] = total
  return total
}

/** Adds an entry to a slot; false where its ring is full. */
function pushEntry(
  table: SlotTable,
  slot: number,
  tick: number,
  end: number,
  coarseEnd: number,
  units: number,
): boolean {
  const { ringSize, records } = table
  const record = recordOf(table, slot)
  const shape = records[record] ?? 0
  if (lengthOf(shape) === ringSize) return false
  const entry = record + HEADER + placeOf(headOf(shape), lengthOf(shape), ringSize) * 2
  records[entry] = end
  records[entry + 1] = units
  records[record] = shape + FIRST_LENGTH
  records[record + TOTAL] = (records[record + TOTAL] ?? 0) + units
  records[record + BEGUN] = tick
  table.lines[slot + GROUP] = coarseEnd
  return true
}

/** Moves a counter into an empty slot of a table with a larger ring; it is live there once it is charged. */
export function moveSlot(from: SlotTable, slot: number, to: SlotTable, target: number, coarseTick: number): void {
  const source = recordOf(from, slot)
  const destination = recordOf(to, target)
  const shape = from.records[source] ?? 0
  const length = lengthOf(shape)
  for (let index = 0; index < length; index += 1) {
    const entry = source + HEADER + placeOf(headOf(shape), index, from.ringSize) * 2
    to.records[destination + HEADER + index * 2] = from.records[entry] ?? 0
    to.records[destination + HEADER + index * 2 + 1] = from.records[entry + 1] ?? 0
  }
  to.records[destination] = length << LENGTH_SHIFT
  to.records[destination + TOTAL] = from.records[source + TOTAL] ?? 0
  to.records[destination + BEGUN] = from.records[source + BEGUN] ?? 0
  to.records[destination + WINDOW] = from.records[source + WINDOW] ?? 0
  dropSlot(from, slot, coarseTick)
}

/** Forgets a counter. */
export function dropSlot({ lines }: SlotTable, slot: number, coarseTick: number): void {
  lines[slot + GROUP] = coarseTick
}

/** Slots whose counter is live. A pass over the table. */
export function countLive({ groups, lines }: SlotTable, coarseTick: number): number {
  let live = 0
  for (let group = 0; group < groups; group += 1) {
    for (let slot = group * LINE + GROUP; slot < (group + 1) * LINE; slot += 1) {
      if ((((lines[slot] ?? 0) - coarseTick) | 0) > 0) live += 1
    }
  }
  return live
}

/** Dates free slots anew, before the ticks wrap. A pass over the table. @see renewLines */
export function renewSlots({ groups, lines }: SlotTable, tick: number, passedTicks: number, newTick: number): void {
  for (let group = 0; group < groups; group += 1) {
    for (let slot = group * LINE + GROUP; slot < (group + 1) * LINE; slot += 1) {
      if ((((lines[slot] ?? 0) - tick) | 0) <= passedTicks) lines[slot] = newTick
    }
  }
}

function recordOf(table: SlotTable, slot: number): number {
  return ((slot >>> 4) * GROUP + (slot & (GROUP - 1))) * (HEADER + table.ringSize * 2)
}

function placeOf(head: number, index: number, ringSize: number): number {
  const place = head + index
  return place >= ringSize ? place - ringSize : place
}

function headOf(shape: number): number {
  return shape & 0xff
}

function lengthOf(shape: number): number {
  return shape >>> LENGTH_SHIFT
}

/** High bits choose the group by multiplication: any number of groups is used evenly. */
function firstOfGroup({ groups }: SlotTable, high: number): number {
  return (((high >>> 0) * (groups / TWO_32)) | 0) * LINE
}

function victim(table: SlotTable, first: number, coarseTick: number): number {
  const { lines } = table
  let chosen = first
  let chosenDebt = Infinity
  for (let slot = first; slot < first + GROUP; slot += 1) {
    if ((((lines[slot + GROUP] ?? 0) - coarseTick) | 0) <= 0) return slot
    const debt = spentPart(table, slot)
    const isSooner = (((lines[slot + GROUP] ?? 0) - (lines[chosen + GROUP] ?? 0)) | 0) < 0
    if (debt < chosenDebt || (debt === chosenDebt && isSooner)) {
      chosen = slot
      chosenDebt = debt
    }
  }
  return chosen
}

/** The part of its limit that a slot has spent, in 255 parts: within one of them the sooner end decides. */
function spentPart(table: SlotTable, slot: number): number {
  const record = recordOf(table, slot)
  const total = (table.records[record + TOTAL] ?? 0) >>> 0
  const limit = (table.records[record + LIMIT] ?? 0) >>> 0
  return Math.floor((total * 255) / limit)
}
