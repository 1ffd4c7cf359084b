import { randomBytes } from 'node:crypto'

/**
 * Remembers a number for a run of bytes, so that a text that comes again is neither decoded nor parsed. A fixed size
 * whatever the number of texts: four places for each hash, the oldest of them given up. A place compares every byte, so
 * two texts are never taken for one another; texts longer than a cell are not kept.
 */
export interface ByteCache {
  /** Words of 32 bits that one text may take. */
  readonly cellWords: number
  readonly setMask: number
  readonly seed: number
  /** Of each set its hashes, its shapes (length and salt, 0 for an empty place) and its values: one line of the cache. */
  readonly sets: Int32Array
  readonly cells: Int32Array
  readonly hands: Uint8Array
  /** Hash of the text last looked for, for the addition that follows a miss. */
  hash: number
  /** Where the text last looked for or added stands; -1 for nowhere. */
  place: number
}

const WAYS = 4
/** Words of a set: four hashes, four shapes, four values, and four to fill the line. */
const SET_WORDS = 16
const SHAPES = 4
const VALUES = 8

/**
 * Creates a cache.
 *
 * @param places - How many texts, a power of two, at least 4.
 * @param cellBytes - Longest text kept, a multiple of 4, at most 65,528.
 */
export function createByteCache(places: number, cellBytes: number): ByteCache {
  const cellWords = cellBytes / 4
  return {
    cellWords,
    setMask: places / WAYS - 1,
    // Who writes a log must not choose which texts share a place.
    seed: randomBytes(4).readInt32LE(0),
    sets: new Int32Array((places / WAYS) * SET_WORDS),
    cells: new Int32Array(places * cellWords),
    hands: new Uint8Array(places / WAYS),
    hash: 0,
    place: -1,
  }
}

/**
 * The number kept for the bytes of a view between two places, or -1.
 *
 * @param salt - 0 to 32,767: the same bytes under another salt are another text.
 */
export function findBytes(cache: ByteCache, view: DataView, start: number, end: number, salt: number): number {
  const { sets } = cache
  const hash = hashBytes(view, start, end, cache.seed ^ (salt * 0x10001))
  cache.hash = hash
  const shape = (salt << 16) | (end - start + 1)
  const set = hash & cache.setMask
  const first = set * SET_WORDS
  for (let way = 0; way < WAYS; way += 1) {
    if (sets[first + way] !== hash || sets[first + SHAPES + way] !== shape) continue
    const place = set * WAYS + way
    if (!isSame(cache, place, view, start, end)) continue
    cache.place = place
    return sets[first + VALUES + way] ?? -1
  }
  cache.place = -1
  return -1
}

/** Whether the bytes are those of a text that was found or added at a place before, and still stands there. */
export function isBytesAt(
  cache: ByteCache,
  place: number,
  value: number,
  view: DataView,
  start: number,
  end: number,
): boolean {
  if (place < 0) return false
  const at = (place >> 2) * SET_WORDS + (place & 3)
  if (cache.sets[at + SHAPES] !== end - start + 1 || cache.sets[at + VALUES] !== value) return false
  return isSame(cache, place, view, start, end)
}

/** Keeps a number, 0 to 2^31 - 1, for the bytes that `findBytes` has just missed. */
export function addBytes(
  cache: ByteCache,
  view: DataView,
  start: number,
  end: number,
  salt: number,
  value: number,
): void {
  const length = end - start
  if (length > cache.cellWords * 4) return
  const set = cache.hash & cache.setMask
  const hand = cache.hands[set] ?? 0
  cache.hands[set] = (hand + 1) % WAYS
  const place = set * WAYS + hand
  cache.place = place
  const at = set * SET_WORDS + hand
  cache.sets[at] = cache.hash
  cache.sets[at + SHAPES] = (salt << 16) | (length + 1)
  cache.sets[at + VALUES] = value
  let word = place * cache.cellWords
  let position = start
  for (; position + 4 <= end; position += 4) {
    cache.cells[word] = view.getInt32(position, true)
    word += 1
  }
  if (position < end) cache.cells[word] = lastWord(view, position, end)
}

/** A keyed 32-bit hash, four bytes at a time. */
export function hashBytes(view: DataView, start: number, end: number, seed: number): number {
  let hash = seed ^ (end - start)
  let position = start
  for (; position + 4 <= end; position += 4) {
    hash = Math.imul(hash ^ view.getInt32(position, true), 0x9e3779b1)
    hash ^= hash >>> 15
  }
  if (position < end) {
    hash = Math.imul(hash ^ lastWord(view, position, end), 0x9e3779b1)
    hash ^= hash >>> 15
  }
  hash = Math.imul(hash, 0x85ebca6b)
  return hash ^ (hash >>> 13)
}

function isSame(cache: ByteCache, place: number, view: DataView, start: number, end: number): boolean {
  const { cells } = cache
  let word = place * cache.cellWords
  let position = start
  for (; position + 4 <= end; position += 4) {
    if (cells[word] !== view.getInt32(position, true)) return false
    word += 1
  }
  return position >= end || cells[word] === lastWord(view, position, end)
}

/** One to three bytes as a word, nothing read behind them: they may be the last of their buffer. */
function lastWord(view: DataView, position: number, end: number): number {
  let word = view.getUint8(position)
  if (position + 1 < end) word |= view.getUint8(position + 1) << 8
  if (position + 2 < end) word |= view.getUint8(position + 2) << 16
  return word
}
