/** Longest line that is read, in bytes; a longer one is bad, and only its beginning is kept. */
export const LONGEST_LINE = 65_536

/**
 * Takes one line: its bytes between two places, the line break left out, and a view over the same bytes. False leaves the
 * line where it is, to be taken later.
 */
export type TakeLine = (bytes: Buffer, view: DataView, start: number, end: number) => boolean

/** Cuts the chunks of one log into lines. */
export interface LineReader {
  /**
   * Takes the lines of a chunk from a place on; what is behind the last break waits for the next chunk.
   *
   * @returns The place to go on from: the chunk's length, or less where a line was left for later.
   */
  push(chunk: Buffer, from: number): number
  /** Takes the last line, which needs no break. */
  end(): void
}

/**
 * Creates a reader. Lines are handed over in place, without a copy, but for those that lie across two chunks.
 *
 * @param onTooLong - Takes the beginning of a line longer than {@link LONGEST_LINE}.
 */
export function createLineReader(onLine: TakeLine, onTooLong: (bytes: Buffer) => void): LineReader {
  const kept = Buffer.allocUnsafeSlow(LONGEST_LINE)
  const keptView = new DataView(kept.buffer, kept.byteOffset, kept.length)
  let keptLength = 0
  let isTooLong = false
  /** Whether what is kept is a whole line that was left for later. */
  let isWhole = false

  const keep = (chunk: Buffer, start: number, end: number): void => {
    const room = LONGEST_LINE - keptLength
    if (end - start > room) isTooLong = true
    keptLength += chunk.copy(kept, keptLength, start, Math.min(end, start + room))
  }
  /** Hands over the line that is kept; false where it is left for later. */
  const finish = (): boolean => {
    if (isTooLong) onTooLong(kept.subarray(0, 256))
    else if (!onLine(kept, keptView, 0, withoutReturn(kept, 0, keptLength))) return false
    keptLength = 0
    isTooLong = false
    isWhole = false
    return true
  }
  /** Completes the line that began in an earlier chunk; the place behind it. */
  const complete = (chunk: Buffer, from: number): number => {
    const end = chunk.indexOf(10, from)
    keep(chunk, from, end < 0 ? chunk.length : end)
    isWhole = end >= 0
    return end < 0 ? chunk.length : end + 1
  }
  /** Takes the whole lines of a chunk; the place behind the last that was taken. */
  const takeWhole = (chunk: Buffer, from: number): number => {
    const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.length)
    let start = from
    for (let end = chunk.indexOf(10, start); end >= 0; end = chunk.indexOf(10, start)) {
      if (end - start > LONGEST_LINE) onTooLong(chunk.subarray(start, start + 256))
      else if (!onLine(chunk, view, start, withoutReturn(chunk, start, end))) return start
      start = end + 1
    }
    keep(chunk, start, chunk.length)
    return chunk.length
  }

  return {
    push(chunk, from) {
      const isBegun = !isWhole && (keptLength > 0 || isTooLong)
      const start = isBegun ? complete(chunk, from) : from
      if (isWhole && !finish()) return start
      return start < chunk.length ? takeWhole(chunk, start) : start
    },
    end() {
      if (keptLength > 0 || isTooLong) finish()
    },
  }
}

/** Where a line ends that may have been broken by CR LF. */
function withoutReturn(bytes: Buffer, start: number, end: number): number {
  return end > start && bytes[end - 1] === 13 ? end - 1 : end
}
