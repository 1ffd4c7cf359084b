import { BACKSLASH, QUOTE, SPACE } from './bytes.ts'

/** Where the fields of a line begin and end, by their number from 0. */
export interface Fields {
  readonly starts: Int32Array
  readonly ends: Int32Array
}

/** Room for the fields of a line. */
export function createFields(most: number): Fields {
  return { starts: new Int32Array(most), ends: new Int32Array(most) }
}

/**
 * Splits a line at single separators; a field may stand in quotes or brackets, which are left out, where `isQuoted`.
 *
 * @returns How many fields there are, at most as many as there is room for; -1 where a quote is never closed.
 */
export function splitFields(
  bytes: Buffer,
  start: number,
  end: number,
  separator: number,
  isQuoted: boolean,
  fields: Fields,
): number {
  const { starts, ends } = fields
  let count = 0
  let position = start
  while (position <= end && count < starts.length) {
    const closer = isQuoted ? closerOf(bytes[position]) : 0
    const from = closer === 0 ? position : position + 1
    const to = closer === 0 ? fieldEnd(bytes, from, end, separator) : closing(bytes, closer, from, end)
    if (to < 0) return -1
    starts[count] = from
    ends[count] = to
    count += 1
    position = (closer === 0 ? to : to + 1) + 1
  }
  return count
}

/** What closes a field that opens with this byte; 0 where it only ends at the separator. */
function closerOf(byte: number | undefined): number {
  if (byte === QUOTE) return QUOTE
  return byte === 91 ? 93 : 0
}

function fieldEnd(bytes: Buffer, start: number, end: number, separator: number): number {
  let position = start
  while (position < end && bytes[position] !== separator) position += 1
  return position
}

function closing(bytes: Buffer, closer: number, start: number, end: number): number {
  for (let position = start; position < end; position += 1) {
    const byte = bytes[position]
    if (byte === closer && (position + 1 === end || bytes[position + 1] === SPACE)) return position
    if (byte === BACKSLASH) position += 1
  }
  return -1
}
