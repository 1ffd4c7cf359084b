/** What reading a piece of a chunked body came to. */
export type ChunkState = 'more' | 'done' | 'broken'

const SIZE = 0
const DATA = 1
const DATA_CR = 2
const DATA_LF = 3
const TRAILER = 4
const DONE = 5

const CR = 13
const LF = 10
/** Of a size line with its extensions; longer ones are how a reader is kept busy with nothing. */
const LONGEST_LINE = 256
const LONGEST_TRAILERS = 8_192

const sizeLine = /^([\da-f]{1,8})(?:[\t ]*;[\t\x20-\x7e\x80-\xff]*)?$/i
const trailerLine = /^[!#$%&'*+\-.^_`|~\dA-Za-z]+:[\t\x20-\x7e\x80-\xff]*$/

/**
 * Reads a chunked body strictly: sizes in hexadecimal digits alone, CR LF at each line's end. Extensions and trailers are
 * checked and dropped.
 *
 * @see RFC 9112 §7.1
 */
export class ChunkReader {
  /** Where in the last piece the body ended; only when `done`. */
  end = 0
  #state = SIZE
  #left = 0
  #line = ''
  #trailerLength = 0

  /** Reads on in `bytes` from `from` to `to`, and gives each stretch of the body to `sink`. */
  read(bytes: Buffer, from: number, to: number, sink: (from: number, to: number) => void): ChunkState {
    let at = from
    while (at < to) {
      at = this.#step(bytes, at, to, sink)
      if (at < 0) return 'broken'
      if (this.#state === DONE) {
        this.end = at
        return 'done'
      }
    }
    return 'more'
  }

  /** @returns Where to go on; negative for what is no chunk. */
  #step(bytes: Buffer, at: number, to: number, sink: (from: number, to: number) => void): number {
    switch (this.#state) {
      case DATA: {
        const until = Math.min(to, at + this.#left)
        sink(at, until)
        this.#left -= until - at
        if (this.#left === 0) this.#state = DATA_CR
        return until
      }
      case DATA_CR:
        this.#state = DATA_LF
        return bytes[at] === CR ? at + 1 : -1
      case DATA_LF:
        this.#state = SIZE
        return bytes[at] === LF ? at + 1 : -1
      default:
        return this.#readLine(bytes, at, to)
    }
  }

  /** @returns Where to go on; negative for a line that is none. */
  #readLine(bytes: Buffer, from: number, to: number): number {
    const lineEnd = bytes.indexOf(LF, from)
    const isWhole = lineEnd !== -1 && lineEnd < to
    const next = isWhole ? lineEnd + 1 : to
    this.#line += bytes.toString('latin1', from, next)
    if (this.#line.length > (this.#state === SIZE ? LONGEST_LINE : LONGEST_TRAILERS)) return -1
    if (!isWhole) return next
    const line = this.#line
    this.#line = ''
    if (!line.endsWith('\r\n')) return -1
    return this.#takeLine(line.slice(0, -2)) ? next : -1
  }

  #takeLine(line: string): boolean {
    if (this.#state === SIZE) {
      const digits = sizeLine.exec(line)?.[1]
      if (digits === undefined) return false
      this.#left = Number.parseInt(digits, 16)
      this.#state = this.#left === 0 ? TRAILER : DATA
      return true
    }
    this.#trailerLength += line.length
    if (line === '') this.#state = DONE
    return line === '' || (this.#trailerLength <= LONGEST_TRAILERS && trailerLine.test(line))
  }
}
