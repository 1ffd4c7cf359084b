/** Longest line that is read, in bytes; a longer one is bad, and only its beginning is kept. */
export const LONGEST_LINE = 65_536

/**
 * Takes one line: its bytes between two places, the line break left out, and a view over the same bytes. False asks for no
 * further line for now.
 */
export type TakeLine = (bytes: Buffer, view: DataView, start: number, end: number) => boolean

/** Cuts the chunks of one log into lines. */
export interface LineReader {
  /**
   * Takes the lines of a chunk from a place on; what is behind the last break waits for the next chunk.
   *
   * @returns The place to go on from: the chunk's length, or less where no further line was wanted.
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

  const keep = (chunk: Buffer, start: number, end: number): void => {
    const room = LONGEST_LINE - keptLength
    if (end - start > room) isTooLong = true
    keptLength += chunk.copy(kept, keptLength, start, Math.min(end, start + room))
  }
  const finish = (): boolean => {
    const length = keptLength
    const wasTooLong = isTooLong
    keptLength = 0
    isTooLong = false
    if (!wasTooLong) return onLine(kept, keptView, 0, withoutReturn(kept, 0, length))
    onTooLong(kept.subarray(0, 256))
    return true
  }

  /** Takes the line that began in an earlier chunk; the place behind it, negative where no further line is wanted. */
  const finishKept = (chunk: Buffer, from: number): number => {
    const end = chunk.indexOf(10, from)
    keep(chunk, from, end < 0 ? chunk.length : end)
    if (end < 0) return chunk.length
    return finish() ? end + 1 : -end - 2
  }
  /** Takes the whole lines of a chunk; the place behind the last, negative where no further line is wanted. */
  const takeWhole = (chunk: Buffer, from: number): number => {
    const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.length)
    let start = from
    for (let end = chunk.indexOf(10, start); end >= 0; end = chunk.indexOf(10, start)) {
      const first = start
      start = end + 1
      if (end - first > LONGEST_LINE) onTooLong(chunk.subarray(first, first + 256))
      else if (!onLine(chunk, view, first, withoutReturn(chunk, first, end))) return -start - 1
    }
    return start
  }

  return {
    push(chunk, from) {
      const isBegun = keptLength > 0 || isTooLong
      const start = isBegun ? finishKept(chunk, from) : from
      if (start < 0) return -start - 1
      const next = takeWhole(chunk, start)
      if (next < 0) return -next - 1
      if (next < chunk.length) keep(chunk, next, chunk.length)
      return chunk.length
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
