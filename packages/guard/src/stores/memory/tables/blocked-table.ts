/**
 * Keys refused for a time, apart from the counters: a flood of keys that are not blocked never touches this table, so
 * it cannot make the guard forget whom it refuses. Fixed size, groups of eight. A key's 64 bits of hash are kept whole:
 * two keys are one here once in 2^64.
 *
 * Words of a slot: the hash, then the end of the block in 52 bits of milliseconds, and above them a bit that says
 * whether it is a cooldown or only remembers a spent limit.
 */
export interface BlockedTable {
  readonly groups: number
  readonly words: Int32Array
  /** No block ends later: below it nothing needs to be looked up. */
  latestMs: number
  /** Blocks displaced before their time. */
  evictions: number
}

const GROUP = 8
const WORDS = 4
const SLOT_BYTES = WORDS * 4
const GROUP_BYTES = GROUP * SLOT_BYTES
/** Large buffers begin 16 bytes behind a page: from here on groups are two lines of the processor's cache. */
const ALIGNMENT_BYTES = 48
const TWO_32 = 0x1_0000_0000
/** The bit of the fourth word that marks a cooldown; below it are the end's high bits. */
const COOLDOWN = 1 << 30

/** Creates the largest table within a budget, of one group at least. */
export function createBlockedTable(budgetBytes: number): BlockedTable {
  const groups = Math.max(1, Math.floor((budgetBytes - ALIGNMENT_BYTES) / GROUP_BYTES))
  const words = new Int32Array(new ArrayBuffer(groups * GROUP_BYTES + ALIGNMENT_BYTES), ALIGNMENT_BYTES)
  return { groups, words, latestMs: 0, evictions: 0 }
}

/** The slot of a key that is blocked now, or -1. */
export function findBlocked(table: BlockedTable, high: number, low: number, nowMs: number): number {
  if (table.latestMs <= nowMs) return -1
  const first = firstOfGroup(table, high)
  for (let slot = first; slot < first + GROUP * WORDS; slot += WORDS) {
    if (holdsBlocked(table, slot, high, low, nowMs)) return slot
  }
  return -1
}

/** Whether a slot blocks a key now. */
export function holdsBlocked(table: BlockedTable, slot: number, high: number, low: number, nowMs: number): boolean {
  return table.words[slot] === high && table.words[slot + 1] === low && endOfBlock(table, slot) > nowMs
}

/** When the block of a slot ends. */
export function endOfBlock({ words }: BlockedTable, slot: number): number {
  return ((words[slot + 3] ?? 0) & ~COOLDOWN) * TWO_32 + ((words[slot + 2] ?? 0) >>> 0)
}

/** Whether the block of a slot is a cooldown, or only remembers a spent limit. */
export function isCooldown({ words }: BlockedTable, slot: number): boolean {
  return ((words[slot + 3] ?? 0) & COOLDOWN) !== 0
}

/**
 * Blocks a key until a time, in the slot it has or in a free one. Answers the slot, or -1 where all of its
 * group block others.
 */
export function block(
  table: BlockedTable,
  high: number,
  low: number,
  untilMs: number,
  cooldown: boolean,
  nowMs: number,
): number {
  const own = findBlocked(table, high, low, nowMs)
  const slot = own >= 0 ? own : freeSlot(table, high, nowMs)
  if (slot >= 0) write(table, slot, high, low, untilMs, cooldown)
  return slot
}

/**
 * Blocks a key whose group is full in place of the one that ends first, of those that only remember a spent
 * limit before cooldowns. Answers the slot.
 */
export function displaceBlock(
  table: BlockedTable,
  high: number,
  low: number,
  untilMs: number,
  cooldown: boolean,
): number {
  const slot = firstToEnd(table, firstOfGroup(table, high))
  table.evictions += 1
  write(table, slot, high, low, untilMs, cooldown)
  return slot
}

/** Frees a key. */
export function unblock(table: BlockedTable, high: number, low: number, nowMs: number): void {
  const slot = findBlocked(table, high, low, nowMs)
  if (slot >= 0) write(table, slot, 0, 0, 0, false)
}

/** Keys blocked now. A pass over the table. */
export function countBlocked(table: BlockedTable, nowMs: number): number {
  let blocked = 0
  for (let slot = 0; slot < table.words.length; slot += WORDS) if (endOfBlock(table, slot) > nowMs) blocked += 1
  return blocked
}

/** Slots of the table. */
export function blockedSlots({ groups }: BlockedTable): number {
  return groups * GROUP
}

/** Bytes of the table. */
export function blockedBytes({ groups }: BlockedTable): number {
  return groups * GROUP_BYTES + ALIGNMENT_BYTES
}

function write(table: BlockedTable, slot: number, high: number, low: number, untilMs: number, cooldown: boolean): void {
  const { words } = table
  words[slot] = high
  words[slot + 1] = low
  words[slot + 2] = untilMs % TWO_32
  words[slot + 3] = Math.floor(untilMs / TWO_32) | (cooldown ? COOLDOWN : 0)
  if (untilMs > table.latestMs) table.latestMs = untilMs
}

function firstOfGroup({ groups }: BlockedTable, high: number): number {
  return (((high >>> 0) * (groups / TWO_32)) | 0) * GROUP * WORDS
}

function freeSlot(table: BlockedTable, high: number, nowMs: number): number {
  const first = firstOfGroup(table, high)
  for (let slot = first; slot < first + GROUP * WORDS; slot += WORDS) if (endOfBlock(table, slot) <= nowMs) return slot
  return -1
}

function firstToEnd(table: BlockedTable, first: number): number {
  let chosen = first
  for (let slot = first + WORDS; slot < first + GROUP * WORDS; slot += WORDS) {
    const isKind = isCooldown(table, slot) === isCooldown(table, chosen)
    if (isKind ? endOfBlock(table, slot) < endOfBlock(table, chosen) : isCooldown(table, chosen)) chosen = slot
  }
  return chosen
}
