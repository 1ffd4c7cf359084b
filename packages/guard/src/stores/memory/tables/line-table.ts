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
 * The first sixty-fourth of the lines is in use at first, and four more come into use whenever a key finds its home full
 * (linear hashing): few keys lie close together in the processor's cache, and no call ever splits more than four.
 * A line that comes into use takes from the line it is split from the keys whose tag has the next bit set.
 *
 * Two keys with one tag in one line would share a counter, and then be refused early, never late. Up to seven bits of
 * the tag are told by the line: for a new key that is 14 in 2^25 at worst, one in 2 million.
 *
 * Words of a line: seven tags, seven ends, until when to look elsewhere, and four bits for each slot (how much of its
 * limit the key has spent) with four more that say where to look. Ticks wrap in 32 bits and are compared by difference.
 */
export interface LineTable {
  /** Lines in use at first: a sixty-fourth of all. */
  readonly base: number
  /** `base` in 2^32. */
  readonly share: number
  readonly words: Int32Array
  /** Lines in use: `base` to 64 times that. */
  inUse: number
  /** How often the lines in use have doubled: `base << level` is at most `inUse`. */
  level: number
  /** Lines that are to come into use, between two calls. */
  wanted: number
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

const SLOTS = 7
const ENDS = 7
const ELSEWHERE = 14
const DEBTS = 15
/** Above the debts of the seven slots: which keys may be in their partner, and whether some may be outside the lines. */
const ALL_DEBTS = 0x0fff_ffff
const FIRST_PARTNER = 1 << 28
const OUTSIDE = 1 << 31
const WORDS = 16
const LINE_SHIFT = 4
const LINE_BYTES = WORDS * 4
/** Large buffers begin 16 bytes behind a page: from here on lines are lines of the processor's cache. */
const ALIGNMENT_BYTES = 48
const TWO_32 = 0x1_0000_0000
const MOST_LEVEL = 6
/** Words are numbered in 31 bits. */
const MOST_BASE = 2 ** 20
/** Lines that come into use for each key that finds its home full: they are about half full then. */
const GROWTH = 4
/** After so many vain attempts in a row, 63 insertions pass before the next. */
const MOST_FUTILE = 6

/** Creates the largest table within a budget, of 128 lines at least. */
export function createLineTable(budgetBytes: number): LineTable {
  const most = Math.floor((budgetBytes - ALIGNMENT_BYTES) / (LINE_BYTES << MOST_LEVEL))
  const base = Math.min(MOST_BASE, Math.max(2, most))
  const bytes = base * (LINE_BYTES << MOST_LEVEL)
  const words = new Int32Array(new ArrayBuffer(bytes + ALIGNMENT_BYTES), ALIGNMENT_BYTES)
  return { base, share: base / TWO_32, words, inUse: base, level: 0, wanted: 0, evictions: 0, futile: 0, skips: 0 }
}

/** Bytes of the table, whether its lines are in use or not. */
export function lineBytes({ words }: LineTable): number {
  return words.byteLength + ALIGNMENT_BYTES
}

/** Slots of the table, whether its lines are in use or not. */
export function lineSlots({ words }: LineTable): number {
  return (words.length / WORDS) * SLOTS
}

/** The first word of a key's home, by multiplication: any number of lines is used evenly. */
export function homeLine(table: LineTable, high: number, tag: number): number {
  return lineOf(table, ((high >>> 0) * table.share) | 0, tag)
}

/** The other line of a key, from either of the two. */
export function partnerLine(table: LineTable, line: number, tag: number): number {
  const { base, share } = table
  // Their sum is the same from either side. An odd factor spreads tags that differ little.
  const sum = ((Math.imul(tag, 0x9e37_79b1) >>> 0) * share) | 0
  const difference = sum - ((line >>> LINE_SHIFT) % base)
  return lineOf(table, difference < 0 ? difference + base : difference, tag)
}

/** The first word of the line that holds, of those that have come of one of the first, the keys with a tag. */
function lineOf({ base, level, inUse }: LineTable, first: number, tag: number): number {
  const index = first + Math.imul(base, tag & ((2 << level) - 1))
  return (index < inUse ? index : index - (base << level)) << LINE_SHIFT
}

/** Asks for more lines, because a key has found its home full; in vain when all are in use. */
export function askForLines(table: LineTable): void {
  if (table.inUse < table.words.length >>> LINE_SHIFT) table.wanted = GROWTH
}

/** Brings the lines into use that are wanted. Homes must be told anew: `inUse` says so. */
export function growLines(table: LineTable, tick: number): void {
  for (; table.wanted > 0; table.wanted -= 1) splitLine(table, tick)
}

function splitLine(table: LineTable, tick: number): void {
  const { base, words, level, inUse } = table
  const target = inUse << LINE_SHIFT
  if (target >= words.length) return
  const source = target - (base << (level + LINE_SHIFT))
  // Slots keep their places, and are freed where they do not belong.
  words.copyWithin(target, source, source + WORDS)
  for (let slot = 0; slot < SLOTS; slot += 1) {
    const leaves = ((words[source + slot] ?? 0) >>> level) & 1
    words[(leaves === 0 ? target : source) + ENDS + slot] = tick
  }
  table.inUse = inUse + 1
  if (table.inUse === base << (level + 1) && level < MOST_LEVEL) table.level = level + 1
}

/**
 * Looks through a line for a key: the slots that hold units of it as the low seven bits of the answer, and those that
 * are free from bit {@link FREE_SHIFT} on.
 */
// biome-ignore lint/complexity/noExcessiveCognitiveComplexity: one function, as a call costs as much as its body.
export function scanLine({ words }: LineTable, line: number, tag: number, tick: number): number {
  // Without a branch, as which slot is free cannot be foretold; without a loop, as that costs as much again.
  const other0 = (words[line] ?? 0) ^ tag
  const other1 = (words[line + 1] ?? 0) ^ tag
  const other2 = (words[line + 2] ?? 0) ^ tag
  const other3 = (words[line + 3] ?? 0) ^ tag
  const other4 = (words[line + 4] ?? 0) ^ tag
  const other5 = (words[line + 5] ?? 0) ^ tag
  const other6 = (words[line + 6] ?? 0) ^ tag
  const others =
    ((other0 | -other0) >>> 31) |
    (((other1 | -other1) >>> 31) << 1) |
    (((other2 | -other2) >>> 31) << 2) |
    (((other3 | -other3) >>> 31) << 3) |
    (((other4 | -other4) >>> 31) << 4) |
    (((other5 | -other5) >>> 31) << 5) |
    (((other6 | -other6) >>> 31) << 6)
  const ahead =
    ((tick - (words[line + 7] ?? 0)) >>> 31) |
    (((tick - (words[line + 8] ?? 0)) >>> 31) << 1) |
    (((tick - (words[line + 9] ?? 0)) >>> 31) << 2) |
    (((tick - (words[line + 10] ?? 0)) >>> 31) << 3) |
    (((tick - (words[line + 11] ?? 0)) >>> 31) << 4) |
    (((tick - (words[line + 12] ?? 0)) >>> 31) << 5) |
    (((tick - (words[line + 13] ?? 0)) >>> 31) << 6)
  return (ahead & ~others) | ((ahead ^ MATCHES) << FREE_SHIFT)
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
  const shift = slot * 4
  words[line + DEBTS] = ((words[line + DEBTS] ?? 0) & ~(15 << shift)) | (debt << shift)
  if (mask !== 0) setDebts(words, line, mask, debt)
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

/** Whether keys of a line are to be sought elsewhere too: in its partners, or outside the lines. */
export function isElsewhere({ words }: LineTable, line: number, tick: number): boolean {
  return isAhead(words[line + ELSEWHERE] ?? 0, tick)
}

/** Whether keys of a line may be outside the lines. */
export function isOutside({ words }: LineTable, line: number, tick: number): boolean {
  return (words[line + DEBTS] ?? 0) < 0 && isAhead(words[line + ELSEWHERE] ?? 0, tick)
}

/** Whether a key of a line may be in its partner. */
export function isInPartner({ words }: LineTable, line: number, tag: number, tick: number): boolean {
  return ((words[line + DEBTS] ?? 0) & partnerBit(tag)) !== 0 && isAhead(words[line + ELSEWHERE] ?? 0, tick)
}

/** Has keys of a line sought outside the lines too, until a tick. */
export function lookOutside(table: LineTable, line: number, tick: number, end: number): void {
  look(table, line, OUTSIDE, tick, end)
}

/** Has a key of a line sought in its partner too, until a tick. */
export function lookInPartner(table: LineTable, line: number, tag: number, tick: number, end: number): void {
  look(table, line, partnerBit(tag), tick, end)
}

function look({ words }: LineTable, line: number, bit: number, tick: number, end: number): void {
  const known = words[line + ELSEWHERE] ?? 0
  const isKnown = isAhead(known, tick)
  if (!isKnown || ((end - known) | 0) > 0) words[line + ELSEWHERE] = end
  const debts = words[line + DEBTS] ?? 0
  words[line + DEBTS] = (isKnown ? debts : debts & ALL_DEBTS) | bit
}

/** One of three bits above the debts: a third of the keys share it. */
function partnerBit(tag: number): number {
  return FIRST_PARTNER << ((((tag >>> 16) & 0xff) * 3) >>> 8)
}

/**
 * Makes room for one unit of a key whose home is full, in its partner, by moving another key, or by forgetting one:
 * the one with the least debt, the one closest to its end first among equals. Answers the line.
 */
export function makeRoom(table: LineTable, home: number, tag: number, tick: number, end: number): number {
  const { words } = table
  const partner = partnerLine(table, home, tag)
  let line = partner
  askForLines(table)
  if (freeSlot(table, partner, tick) < 0) {
    line = moveOneOf(table, home, partner, tick, tag)
    if (line === home) return home
    if (line < 0) {
      const slot = victim(words, home, partner)
      line = slot < SLOTS ? home : partner
      forget(table, line, words[line + (slot % SLOTS)] ?? 0, tick)
    }
  }
  if (line === partner) lookInPartner(table, home, tag, tick, end)
  return line
}

/** Forgets a key whole: with a part of its units it would seem to have that much left, though it is refused. */
function forget(table: LineTable, line: number, tag: number, tick: number): void {
  const mask = matchLine(table, line, tag, tick)
  dropUnits(table, line, mask, tick)
  table.evictions += countUnits(mask)
}

/** Makes room for one more unit of a key in its own line, by moving another; false where none can be moved. */
export function makeRoomBeside(table: LineTable, line: number, tag: number, tick: number): boolean {
  askForLines(table)
  return moveOneOf(table, line, line, tick, tag) >= 0
}

/**
 * Moves the units of a key to the other line of it, where that has room for one more besides them.
 *
 * @returns Which slots they have there; 0, and nothing is moved, where there is no room.
 */
export function moveUnits(table: LineTable, line: number, mask: number, tag: number, tick: number): number {
  const { words } = table
  const target = partnerLine(table, line, tag)
  if (target === line || !hasRoom(table, target, tick, countUnits(mask) + 1)) return 0
  let moved = 0
  for (let rest = mask; rest !== 0; rest &= rest - 1) {
    const slot = freeSlot(table, target, tick)
    putUnit(table, target, slot, 0, tag, endOf(table, line, rest), 0)
    moved |= 1 << slot
  }
  dropUnits(table, line, mask, tick)
  setDebts(words, target, moved, debtOf(words, line, 31 - Math.clz32(mask & -mask)))
  return moved
}

/**
 * Moves a key of two full lines to its partner, of the second when none of the first can be moved; answers which line
 * has room then, -1 for neither. In a table that is full everywhere it is tried ever less often.
 */
function moveOneOf(table: LineTable, first: number, second: number, tick: number, spared: number): number {
  if (table.skips > 0) {
    table.skips -= 1
    return -1
  }
  if (moveOne(table, first, tick, spared)) return first
  if (second !== first && moveOne(table, second, tick, spared)) return second
  if (table.futile < MOST_FUTILE) table.futile += 1
  table.skips = (1 << table.futile) - 1
  return -1
}

function moveOne(table: LineTable, line: number, tick: number, spared: number): boolean {
  const { words } = table
  for (let slot = 0; slot < SLOTS; slot += 1) {
    const tag = words[line + slot] ?? 0
    const target = partnerLine(table, line, tag)
    if (tag === spared || target === line || !isAlone(words, line, slot, tag)) continue
    const place = freeSlot(table, target, tick)
    if (place < 0) continue
    const end = words[line + ENDS + slot] ?? 0
    words[target + place] = tag
    words[target + ENDS + place] = end
    setDebts(words, target, 1 << place, debtOf(words, line, slot))
    words[line + ENDS + slot] = tick
    // Which of the two is its home is not known: it may be this one.
    lookInPartner(table, line, tag, tick, end)
    table.futile = 0
    return true
  }
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
export function countAhead({ inUse, words }: LineTable, tick: number): number {
  let ahead = 0
  for (let line = 0; line < inUse * WORDS; line += WORDS) {
    for (let slot = 0; slot < SLOTS; slot += 1) if (isAhead(words[line + ENDS + slot] ?? 0, tick)) ahead += 1
  }
  return ahead
}

/**
 * Dates what is over anew, before the ticks wrap and it seems to lie ahead again. A pass over the table.
 *
 * @param passedTicks - From `tick`, the last one told, to `newTick`; not wrapped.
 * @param elsewhere - Until when keys of every line are to be sought outside; undefined to leave that to each.
 */
export function renewLines(
  { inUse, words }: LineTable,
  tick: number,
  passedTicks: number,
  newTick: number,
  elsewhere: number | undefined,
): void {
  for (let line = 0; line < inUse * WORDS; line += WORDS) {
    for (let word = line + ENDS; word <= line + ELSEWHERE; word += 1) {
      if ((((words[word] ?? 0) - tick) | 0) <= passedTicks) words[word] = newTick
    }
    if (elsewhere === undefined) continue
    words[line + ELSEWHERE] = elsewhere
    words[line + DEBTS] = (words[line + DEBTS] ?? 0) | OUTSIDE
  }
}

function isAhead(end: number, tick: number): boolean {
  return ((end - tick) | 0) > 0
}
