import { type Cidr, readCidr } from '../cidr.ts'

/** One line of a list that could not be read. */
export interface ReputationFault {
  /** From 1. */
  readonly line: number
  readonly message: string
}

/** What one line of a list says. */
export interface ReputationLine {
  readonly cidr: Cidr
  /** Undefined when the line leaves it to the list. */
  readonly score: number | undefined
}

/** Longer lines are no entry, and are not kept. */
const LONGEST_LINE = 1_024

/** An address or block up to a separator, then perhaps a number that stands alone, then whatever else. */
const entry = /^([^\s,;#]+)(?:[\s,]+(\d+)(?=[\s,;#]|$))?/

/**
 * Splits a list that comes in pieces into lines.
 *
 * @param visit - is called with each line that holds an entry, and with each that cannot be read.
 */
export function createLineReader(visit: (line: ReputationLine | ReputationFault) => void): {
  write(piece: string): void
  end(): void
} {
  let rest = ''
  let isDropping = false
  let line = 0
  const readLine = (text: string): void => {
    line += 1
    const found = readReputationLine(line, text)
    if (found !== undefined) visit(found)
  }

  return {
    write(piece) {
      let start = 0
      for (let end = piece.indexOf('\n'); end >= 0; end = piece.indexOf('\n', start)) {
        const text = piece.slice(start, end)
        start = end + 1
        readLine(isDropping ? 'x'.repeat(LONGEST_LINE + 1) : rest + text)
        rest = ''
        isDropping = false
      }
      rest += piece.slice(start)
      if (rest.length <= LONGEST_LINE) return
      isDropping = true
      rest = ''
    },
    end() {
      if (isDropping || rest !== '') readLine(isDropping ? 'x'.repeat(LONGEST_LINE + 1) : rest)
    },
  }
}

/** The entry of a line, what is wrong with it, or undefined for a comment or an empty line. */
function readReputationLine(line: number, raw: string): ReputationLine | ReputationFault | undefined {
  if (raw.length > LONGEST_LINE) return { line, message: `is longer than ${LONGEST_LINE} characters` }
  // `trim` takes a byte order mark too.
  const text = raw.trim()
  if (text === '' || text.startsWith('#') || text.startsWith(';') || text.startsWith('//')) return undefined
  const [, address, figure] = entry.exec(text) ?? []
  const reading = readCidr(address)
  if (!reading.ok) return { line, message: reading.message }
  if (figure === undefined) return { cidr: reading.cidr, score: undefined }
  const score = Number(figure)
  return score <= 100 ? { cidr: reading.cidr, score } : { line, message: 'has a score that is not from 0 to 100' }
}
