import type { ClientAddress } from '../client-address.ts'
import { parseAddress } from '../ip-address.ts'

/** What lists say of an address. Frozen and shared between requests. */
export interface Reputation {
  /** 0 (an exception to a wider entry) to 100. */
  readonly score: number
  /** The name of the list. */
  readonly source: string
}

/** Lists compiled for look-ups. It never changes: a reload compiles another and puts it in its place. */
export interface ReputationTable {
  /** Undefined for an address on no list. */
  lookup(address: Pick<ClientAddress, 'text'>): Reputation | undefined
  /** What its arrays hold. */
  readonly bytes: number
}

/** A block as the positions it begins at and ends before. */
export interface Range<Position> {
  readonly start: Position
  readonly after: Position
  readonly hit: number
}

/** The upper 64 bits of an IPv6 address: nothing narrower is told apart. */
export type Ipv6Range = Range<bigint>

/** Where what is said changes: from `starts[i]` on `hits[i]` is said. */
interface Segments<Position> {
  readonly starts: Position[]
  readonly hits: number[]
}

/** Lays nested blocks side by side. CIDR blocks never overlap in part: one holds the other, or they are apart. */
function flatten<Position extends number | bigint>(
  ranges: Iterable<Range<Position>>,
  end: Position,
  byNumber: Hits,
): Segments<Position> {
  const segments: Segments<Position> = { starts: [], hits: [] }
  const open: Range<Position>[] = []
  const closeUntil = (position: Position | undefined): void => {
    for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
      if (position !== undefined && top.after > position) return
      open.pop()
      if (top.after < end) append(segments, top.after, open.at(-1)?.hit ?? 0)
    }
  }
  for (const range of ranges) {
    closeUntil(range.start)
    const top = open.at(-1)
    const isSame = top !== undefined && top.start === range.start && top.after === range.after
    if (isSame) {
      if ((byNumber[range.hit]?.score ?? 0) <= (byNumber[top.hit]?.score ?? 0)) continue
      open.pop()
    }
    open.push(range)
    append(segments, range.start, range.hit)
  }
  closeUntil(undefined)
  return segments
}

function append<Position>({ starts, hits }: Segments<Position>, start: Position, hit: number): void {
  if (starts.at(-1) === start) {
    starts.pop()
    hits.pop()
  }
  if ((hits.at(-1) ?? 0) === hit) return
  starts.push(start)
  hits.push(hit)
}

/** What an entry says, by its number; 0 says nothing. */
export type Hits = readonly (Reputation | undefined)[]

const words = new Uint32Array(4)

/**
 * Compiles blocks into sorted arrays: 6 bytes for each IPv4 address and 10 for each IPv6 block at which what is said
 * changes, at most two of them an entry.
 *
 * @param ipv4 - in the order of their beginnings, the wider of two first; so `ipv6`.
 */
export function compileTable(
  ipv4: Iterable<Range<number>>,
  ipv6: Iterable<Ipv6Range>,
  byNumber: Hits,
): ReputationTable {
  const four = flatten(ipv4, 2 ** 32, byNumber)
  const six = flatten(ipv6, 1n << 64n, byNumber)
  const starts4 = Uint32Array.from(four.starts)
  const hits4 = Uint16Array.from(four.hits)
  const high6 = Uint32Array.from(six.starts, (start) => Number(start >> 32n))
  const low6 = Uint32Array.from(six.starts, (start) => Number(start & 0xffff_ffffn))
  const hits6 = Uint16Array.from(six.hits)
  const arrays = [starts4, hits4, high6, low6, hits6]

  return {
    bytes: arrays.reduce((sum, { byteLength }) => sum + byteLength, 0),
    lookup({ text }) {
      const family = parseAddress(text, words)
      if (family === 4) return byNumber[hits4[lastUpTo(starts4, words[3] ?? 0)] ?? 0]
      if (family === 6) return byNumber[hits6[lastUpToPair(high6, low6, words[0] ?? 0, words[1] ?? 0)] ?? 0]
      return undefined
    },
  }
}

/** The last index whose start is not beyond the position, or -1. */
function lastUpTo(starts: Uint32Array, position: number): number {
  let low = 0
  let high = starts.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((starts[middle] ?? 0) <= position) low = middle + 1
    else high = middle
  }
  return low - 1
}

function lastUpToPair(highs: Uint32Array, lows: Uint32Array, high: number, low: number): number {
  let first = 0
  let last = highs.length
  while (first < last) {
    const middle = (first + last) >>> 1
    const isUpTo = highs[middle] === high ? (lows[middle] ?? 0) <= low : (highs[middle] ?? 0) < high
    if (isUpTo) first = middle + 1
    else last = middle
  }
  return first - 1
}
