/**
 * Counters that are one to three times, eight bytes each, seven of them to a cache line of 64 bytes: a key's tag
 * (32 bits of its hash) and the tick at which the unit comes back. A unit is a slot; a key with three units has three
 * slots of one line. A slot whose time has come is a free slot: nothing is ever swept out of it.
 *
 * A key belongs to two lines, its home and the home's partner. It is put in its home, in the partner when the home
 * is full, and where both are full another key moves to its own partner first. Each line says until when keys of it are
 * to be sought elsewhere, so that a key that is nowhere costs one line. The partner follows from the line and the tag
 * alone, both ways, so that a key can be moved without its name.
 *
 * Two keys with one tag in one line would share a counter, and then be refused early, never late: for a new
 * key that is 14 in 2^32 at worst, one in 300 million.
 *
 * Words of a line: seven tags, seven ends, until when to look elsewhere, and four bits for each slot: how much of its
 * limit the key has spent. Ticks wrap in 32 bits and are compared by difference.
 */
export interface LineTable {
  readonly lines: number
  readonly words: Int32Array
  /** Units forgotten before their time. */
  evictions: number
  /** Attempts to make room by moving that were in vain, one after the other. */
  futile: number
  /** Insertions until the next attempt. */
  skips: number
}

/** Most units that a key may have in a line. */
export const LINE_UNITS = 3

/** Where the free slots begin in what a line was found to hold. */
export const FREE_SHIFT = 8
/** The slots of a key in what a line was found to hold. */
export const MATCHES = 0x7f

const FIRST_FREE = 1 << FREE_SHIFT
const SLOTS = 7
const ENDS = 7
const ELSEWHERE = 14
const DEBTS = 15
const WORDS = 16
const LINE_BYTES = WORDS * 4
/** Large buffers begin 16 bytes behind a page: from here on lines are lines of the processor's cache. */
const ALIGNMENT_BYTES = 48
const TWO_32 = 0x1_0000_0000
/** Their words are numbered in 31 bits. */
const MOST_LINES = 2 ** 26
/** After so many vain attempts in a row, 63 insertions pass before the next. */
const MOST_FUTILE = 6

/** Creates the largest table within a budget, of two lines at least. */
export function createLineTable(budgetBytes: number): LineTable {
  const lines = Math.min(MOST_LINES, Math.max(2, Math.floor((budgetBytes - ALIGNMENT_BYTES) / LINE_BYTES)))
  const words = new Int32Array(new ArrayBuffer(lines * LINE_BYTES + ALIGNMENT_BYTES), ALIGNMENT_BYTES)
  return { lines, words, evictions: 0, futile: 0, skips: 0 }
}

/** Bytes of the table. */
export function lineBytes({ lines }: LineTable): number {
  return lines * LINE_BYTES + ALIGNMENT_BYTES
}

/** Slots of the table. */
export function lineSlots({ lines }: LineTable): number {
  return lines * SLOTS
}

/** The first word of a key's home, by multiplication: any number of lines is used evenly. */
export function homeLine({ lines }: LineTable, high: number): number {
  return (((high >>> 0) * (lines / TWO_32)) | 0) * WORDS
}

/** The other line of a key, from either of the two. */
export function partnerLine({ lines }: LineTable, line: number, tag: number): number {
  // Their sum is the same from either side. An odd factor spreads tags that differ little.
  const sum = ((Math.imul(tag, 0x9e37_79b1) >>> 0) * (lines / TWO_32)) | 0
  const difference = sum - (line >>> 4)
  return (difference < 0 ? difference + lines : difference) * WORDS
}

/**
 * Looks through a line for a key: the slots that hold units of it as the low seven bits of the answer, and those that
 * are free from bit {@link FREE_SHIFT} on.
 */
export function scanLine({ words }: LineTable, line: number, tag: number, tick: number): number {
  let found = 0
  for (let slot = 0; slot < SLOTS; slot += 1) {
    if ((((words[line + ENDS + slot] ?? 0) - tick) | 0) <= 0) found |= FIRST_FREE << slot
    else if (words[line + slot] === tag) found |= 1 << slot
  }
  return found
}

/** The slots of a line that hold units of a key, as a mask; 0 for none. */
export function matchLine(table: LineTable, line: number, tag: number, tick: number): number {
  return scanLine(table, line, tag, tick) & MATCHES
}

/** Slots in a mask of at most three. */
export function countUnits(mask: number): number {
  const fewer = mask & (mask - 1)
  if (fewer === 0) return mask === 0 ? 0 : 1
  return (fewer & (fewer - 1)) === 0 ? 2 : 3
}

/** Ticks until the first unit of a mask that is not empty comes back. */
export function untilFirstEnd({ words }: LineTable, line: number, mask: number, tick: number): number {
  let least = untilEnd(words, line, mask, tick)
  for (let rest = mask & (mask - 1); rest !== 0; rest &= rest - 1) {
    const ticks = untilEnd(words, line, rest, tick)
    if (ticks < least) least = ticks
  }
  return least
}

/** Ticks until so many units of a mask have come back; `Infinity` when it has fewer. */
export function untilEnds({ words }: LineTable, line: number, mask: number, tick: number, units: number): number {
  const ends: number[] = []
  for (let rest = mask; rest !== 0; rest &= rest - 1) ends.push(untilEnd(words, line, rest, tick))
  return ends.toSorted((one, other) => one - other)[units - 1] ?? Infinity
}

/** Ticks until the unit in the lowest slot of a mask comes back. */
function untilEnd(words: Int32Array, line: number, mask: number, tick: number): number {
  return ((words[line + ENDS + 31 - Math.clz32(mask & -mask)] ?? 0) - tick) | 0
}

/** Brings units that a longer window has dated forward within the present one. */
export function clampEnds({ words }: LineTable, line: number, mask: number, tick: number, mostTicks: number): void {
  for (let rest = mask; rest !== 0; rest &= rest - 1) {
    const end = line + ENDS + 31 - Math.clz32(rest & -rest)
    if ((((words[end] ?? 0) - tick) | 0) > mostTicks) words[end] = tick + mostTicks
  }
}

/** A slot of a line that is free, or -1. */
export function freeSlot({ words }: LineTable, line: number, tick: number): number {
  for (let slot = 0; slot < SLOTS; slot += 1) {
    if (!isAhead(words[line + ENDS + slot] ?? 0, tick)) return slot
  }
  return -1
}

/** Whether a line has room for so many units. */
export function hasRoom({ words }: LineTable, line: number, tick: number, units: number): boolean {
  let free = 0
  for (let slot = 0; slot < SLOTS; slot += 1) {
    if (!isAhead(words[line + ENDS + slot] ?? 0, tick)) free += 1
  }
  return free >= units
}

/**
 * Writes a unit into a free slot, beside the key's others, which are those of the mask and share its debt.
 *
 * @param debt - What eviction spares: 0 to 15.
 */
export function putUnit(
  { words }: LineTable,
  line: number,
  slot: number,
  mask: number,
  tag: number,
  end: number,
  debt: number,
): void {
  words[line + slot] = tag
  words[line + ENDS + slot] = end
  setDebts(words, line, mask | (1 << slot), debt)
}

/** Dates the unit in the lowest slot of a mask anew. */
export function moveEnd({ words }: LineTable, line: number, mask: number, end: number, debt: number): void {
  words[line + ENDS + 31 - Math.clz32(mask & -mask)] = end
  setDebts(words, line, mask, debt)
}

/** The end of the unit in the lowest slot of a mask. */
export function endOf({ words }: LineTable, line: number, mask: number): number {
  return words[line + ENDS + 31 - Math.clz32(mask & -mask)] ?? 0
}

/** Frees the slots of a mask. */
export function dropUnits({ words }: LineTable, line: number, mask: number, tick: number): void {
  for (let rest = mask; rest !== 0; rest &= rest - 1) words[line + ENDS + 31 - Math.clz32(rest & -rest)] = tick
}

/** Whether keys of a line are to be sought elsewhere too. */
export function isElsewhere({ words }: LineTable, line: number, tick: number): boolean {
  return isAhead(words[line + ELSEWHERE] ?? 0, tick)
}

/** Has keys of a line sought elsewhere too, until a tick. */
export function lookElsewhere({ words }: LineTable, line: number, tick: number, end: number): void {
  const known = words[line + ELSEWHERE] ?? 0
  if (!isAhead(known, tick) || ((end - known) | 0) > 0) words[line + ELSEWHERE] = end
}

/**
 * Makes room for one unit of a key whose home is full, in its partner, by moving another key, or by forgetting one:
 * the one with the least debt, the one closest to its end first among equals. Answers the line.
 */
export function makeRoom(table: LineTable, home: number, tag: number, tick: number, end: number): number {
  const { words } = table
  const partner = partnerLine(table, home, tag)
  let line = partner
  if (freeSlot(table, partner, tick) < 0) {
    if (makeRoomByMoving(table, home, tick)) return home
    if (!makeRoomByMoving(table, partner, tick)) {
      const slot = victim(words, home, partner)
      line = slot < SLOTS ? home : partner
      words[line + ENDS + (slot % SLOTS)] = tick
      table.evictions += 1
    }
  }
  if (line === partner) lookElsewhere(table, home, tick, end)
  return line
}

/** Moves a key of a full line to its partner. In a table that is full everywhere it is tried ever less often. */
function makeRoomByMoving(table: LineTable, line: number, tick: number): boolean {
  if (table.skips > 0) {
    table.skips -= 1
    return false
  }
  const { words } = table
  for (let slot = 0; slot < SLOTS; slot += 1) {
    const tag = words[line + slot] ?? 0
    const target = partnerLine(table, line, tag)
    if (target === line || !isAlone(words, line, slot, tag)) continue
    const place = freeSlot(table, target, tick)
    if (place < 0) continue
    const end = words[line + ENDS + slot] ?? 0
    words[target + place] = tag
    words[target + ENDS + place] = end
    setDebts(words, target, 1 << place, debtOf(words, line, slot))
    words[line + ENDS + slot] = tick
    // Which of the two is its home is not known: it may be this one.
    lookElsewhere(table, line, tick, end)
    table.futile = 0
    return true
  }
  if (table.futile < MOST_FUTILE) table.futile += 1
  table.skips = (1 << table.futile) - 1
  return false
}

/** The units of a key stay in one line: one that has several is not moved. */
function isAlone(words: Int32Array, line: number, slot: number, tag: number): boolean {
  for (let other = 0; other < SLOTS; other += 1) {
    if (other !== slot && words[line + other] === tag) return false
  }
  return true
}

/** A slot of two full lines, those of the second from seven on. */
function victim(words: Int32Array, home: number, partner: number): number {
  let chosen = 0
  let chosenDebt = 16
  let chosenEnd = 0
  for (let slot = 0; slot < SLOTS * 2; slot += 1) {
    const line = slot < SLOTS ? home : partner
    const place = slot < SLOTS ? slot : slot - SLOTS
    const debt = debtOf(words, line, place)
    const end = words[line + ENDS + place] ?? 0
    if (debt < chosenDebt || (debt === chosenDebt && ((end - chosenEnd) | 0) < 0)) {
      chosen = slot
      chosenDebt = debt
      chosenEnd = end
    }
  }
  return chosen
}

function debtOf(words: Int32Array, line: number, slot: number): number {
  return ((words[line + DEBTS] ?? 0) >>> (slot * 4)) & 15
}

function setDebts(words: Int32Array, line: number, mask: number, debt: number): void {
  let debts = words[line + DEBTS] ?? 0
  for (let rest = mask; rest !== 0; rest &= rest - 1) {
    const shift = (31 - Math.clz32(rest & -rest)) * 4
    debts = (debts & ~(15 << shift)) | (debt << shift)
  }
  words[line + DEBTS] = debts
}

/** Units whose time has not come. A pass over the table. */
export function countAhead({ lines, words }: LineTable, tick: number): number {
  let ahead = 0
  for (let line = 0; line < lines * WORDS; line += WORDS) {
    for (let slot = 0; slot < SLOTS; slot += 1) if (isAhead(words[line + ENDS + slot] ?? 0, tick)) ahead += 1
  }
  return ahead
}

/**
 * Dates what is over anew, before the ticks wrap and it seems to lie ahead again. A pass over the table.
 *
 * @param passedTicks - From `tick`, the last one told, to `newTick`; not wrapped.
 * @param elsewhere - Until when keys of every line are to be sought elsewhere; undefined to leave that to each.
 */
export function renewLines(
  { lines, words }: LineTable,
  tick: number,
  passedTicks: number,
  newTick: number,
  elsewhere: number | undefined,
): void {
  for (let line = 0; line < lines * WORDS; line += WORDS) {
    for (let word = line + ENDS; word <= line + ELSEWHERE; word += 1) {
      if ((((words[word] ?? 0) - tick) | 0) <= passedTicks) words[word] = newTick
    }
    if (elsewhere !== undefined) words[line + ELSEWHERE] = elsewhere
  }
}

function isAhead(end: number, tick: number): boolean {
  return ((end - tick) | 0) > 0
}
