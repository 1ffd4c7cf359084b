import { createLineReader, type ReputationFault, type ReputationLine } from './reputation-lines.ts'
import {
  compileTable,
  type Hits,
  type Ipv6Range,
  type Range,
  type Reputation,
  type ReputationTable,
} from './reputation-table.ts'

/** What reading one list came to. */
export interface ReputationListReport {
  readonly source: string
  readonly entries: number
  /** Lines that could not be read. */
  readonly faultCount: number
  /** The first ten of them. */
  readonly faults: readonly ReputationFault[]
}

/** Takes one list in pieces. */
export interface ReputationListReader {
  /** @throws RangeError beyond the most entries that the compiler takes. */
  write(piece: string): void
  end(): ReputationListReport
}

/** Reads lists, then compiles them all into one table. */
export interface ReputationCompiler {
  /**
   * @param source - the list's name, which `lookup` gives back.
   * @param score - of lines that name none: 0 to 100.
   * @throws RangeError for such a score, or more than 300 lists.
   */
  open(source: string, score: number): ReputationListReader
  compile(): ReputationTable
}

const MOST_SOURCES = 300
const MOST_FAULTS = 10
/** An IPv4 entry is packed into 53 bits: 32 of address, 6 of prefix length, 15 of the number of what it says. */
const PREFIX_FACTOR = 64
const HIT_FACTOR = 32_768

/**
 * Compiles reputation lists: text with one address or CIDR block on each line, an optional score from 0 to 100 behind it,
 * and comments behind `#` or `;` (so the netsets of FireHOL and the DROP lists of Spamhaus as they are).
 *
 * Of entries that hold an address the **narrowest** speaks, so that a line with score 0 is an exception to a wider block;
 * of equal blocks the highest score does. IPv6 entries narrower than a /64 stand for the /64 that one subscriber holds:
 * another address of it gains nothing.
 *
 * @param options.maxEntries - of all lists together. Default 1,000,000: 12 MB at most.
 */
export function createReputationCompiler(options: { readonly maxEntries?: number } = {}): ReputationCompiler {
  const maxEntries = options.maxEntries ?? 1_000_000
  const hits = createHits()
  const ipv4: number[] = []
  const ipv6: Ipv6Range[] = []
  const sources = new Set<string>()

  const add = ({ cidr }: ReputationLine, hit: number): void => {
    if (ipv4.length + ipv6.length >= maxEntries) throw new RangeError(`more than ${maxEntries} entries`)
    const { family, words, masks } = cidr
    if (family === 6) ipv6.push(ipv6Range(words, masks, hit))
    else ipv4.push(((words[3] ?? 0) * PREFIX_FACTOR + prefixLength(masks[3])) * HIT_FACTOR + hit)
  }

  return {
    open(source, score) {
      if (!(Number.isInteger(score) && score >= 0 && score <= 100)) throw new RangeError('score: 0 to 100')
      sources.add(source)
      if (sources.size > MOST_SOURCES) throw new RangeError(`more than ${MOST_SOURCES} lists`)
      return createListReader(source, (line) => add(line, hits.numberOf(source, line.score ?? score)))
    },
    compile() {
      return compileTable(ipv4Ranges(ipv4), ipv6Ranges(ipv6), hits.byNumber)
    },
  }
}

function createListReader(source: string, add: (line: ReputationLine) => void): ReputationListReader {
  const faults: ReputationFault[] = []
  let entries = 0
  let faultCount = 0
  const reader = createLineReader((line) => {
    if ('cidr' in line) {
      add(line)
      entries += 1
      return
    }
    faultCount += 1
    if (faults.length < MOST_FAULTS) faults.push(line)
  })
  return {
    write: reader.write,
    end() {
      reader.end()
      return { source, entries, faultCount, faults }
    },
  }
}

/** Every distinct thing that a line says, by number; 0 says nothing. */
function createHits(): {
  readonly byNumber: Hits
  numberOf(source: string, score: number): number
} {
  const byNumber: (Reputation | undefined)[] = [undefined]
  const numbers = new Map<string, number>()
  return {
    byNumber,
    numberOf(source, score) {
      const name = `${score} ${source}`
      const known = numbers.get(name)
      if (known !== undefined) return known
      numbers.set(name, byNumber.push(Object.freeze({ score, source })) - 1)
      return byNumber.length - 1
    },
  }
}

function prefixLength(mask = 0): number {
  return Math.clz32(~mask)
}

function ipv6Range(words: Uint32Array, masks: Uint32Array, hit: number): Ipv6Range {
  const start = (BigInt(words[0] ?? 0) << 32n) | BigInt(words[1] ?? 0)
  const length = prefixLength(masks[0]) + prefixLength(masks[1])
  return { start, after: start + (1n << BigInt(64 - length)), hit }
}

/** In the order of their beginnings, the wider of two first. */
function* ipv4Ranges(packed: readonly number[]): Generator<Range<number>> {
  for (const value of Float64Array.from(packed).sort()) {
    const hit = value % HIT_FACTOR
    const block = Math.floor(value / HIT_FACTOR)
    const start = Math.floor(block / PREFIX_FACTOR)
    yield { start, after: start + 2 ** (32 - (block % PREFIX_FACTOR)), hit }
  }
}

function ipv6Ranges(ranges: readonly Ipv6Range[]): Ipv6Range[] {
  return ranges.toSorted((one, other) => compare(one.start, other.start) || compare(other.after, one.after))
}

function compare(one: bigint, other: bigint): number {
  if (one === other) return 0
  return one < other ? -1 : 1
}
