import { classifyUserAgent, type UserAgentClass, type UserAgentReading } from '../signals/user-agent.ts'
import { addBytes, createByteCache, findBytes, isBytesAt } from './byte-cache.ts'
import { AGENT_BITS, AGENT_SHIFT } from './clients.ts'
import { decodeText, type Escapes } from './log-formats.ts'

/** One User-Agent of a log. */
export interface LoggedAgent {
  /** Its first characters. */
  readonly text: string
  /** Tells it from every other, whatever their length. */
  readonly name: string
  readonly reading: UserAgentReading
  /** The bit of its class, and one of 16 that tells it from most others: what is kept of it with a client. */
  readonly bits: number
  /** What rules count by that count by the fingerprint. */
  readonly normalized: string
}

/** The User-Agents of a log by number, in a bounded memory. */
export interface AgentTable {
  /**
   * The number of the User-Agent between two places; equal places are no User-Agent.
   *
   * @param likely - A number to try first: clients keep theirs.
   */
  numberOf(bytes: Buffer, view: DataView, start: number, end: number, escapes: Escapes, likely: number): number
  agent(number: number): LoggedAgent
  /** Whether some were too many to be told apart. */
  isFull(): boolean
}

const classes: readonly UserAgentClass[] = [
  'browser',
  'outdated',
  'unknown',
  'crawler',
  'bot',
  'tool',
  'headless',
  'empty',
  'malformed',
]

const MOST_AGENTS = 32_768
const KEPT_LENGTH = 160
const LONGEST_CELL = 256

/**
 * Creates a table. Each text is decoded and classed once. Of more than 32,768 texts the rest are one for each class.
 *
 * @param normalize - What the fingerprint sees of a User-Agent.
 */
export function createAgentTable(normalize: (userAgent: string) => string): AgentTable {
  const cache = createByteCache(16_384, LONGEST_CELL)
  const agents: LoggedAgent[] = []
  const byText = new Map<string, number>()
  /** Where each stands in the cache. */
  const places: number[] = []
  let isFull = false

  const add = (text: string): number => {
    const reading = classifyUserAgent(text)
    const number = agents.length
    agents.push({
      text: text.slice(0, KEPT_LENGTH),
      name: String(number),
      reading,
      bits: bitsOf(reading.class, number),
      normalized: normalize(text),
    })
    places.push(-1)
    return number
  }
  const none = add('')
  const others = classes.map((name) => {
    agents.push({
      text: `(${name})`,
      name,
      reading: { class: name, score: 0, reason: 'too-many' },
      bits: bitsOf(name, agents.length),
      normalized: `(${name})`,
    })
    places.push(-1)
    return agents.length - 1
  })

  const numberOfText = (text: string): number => {
    const known = byText.get(text)
    if (known !== undefined) return known
    if (byText.size >= MOST_AGENTS) {
      isFull = true
      return others[classes.indexOf(classifyUserAgent(text).class)] ?? none
    }
    const number = add(text)
    byText.set(text, number)
    return number
  }

  return {
    numberOf(bytes, view, start, end, escapes, likely) {
      if (start === end) return none
      if (isBytesAt(cache, places[likely] ?? -1, likely, view, start, end)) return likely
      const known = findBytes(cache, view, start, end, 0)
      if (known >= 0) {
        places[known] = cache.place
        return known
      }
      const { hash } = cache
      // What lies beyond 1,024 bytes tells nothing more; no browser writes half of that.
      const number = numberOfText(decodeText(bytes, start, Math.min(end, start + 1_024), escapes))
      cache.hash = hash
      addBytes(cache, view, start, end, 0, number)
      places[number] = cache.place
      return number
    },
    agent: (number) => agents[number] ?? agents[none] ?? emptyAgent,
    isFull: () => isFull,
  }
}

const emptyAgent: LoggedAgent = { text: '', name: '', reading: classifyUserAgent(''), bits: 0, normalized: '' }

function bitsOf(name: UserAgentClass, number: number): number {
  return (1 << classes.indexOf(name)) | (1 << (AGENT_SHIFT + ((Math.imul(number, 0x9e3779b1) >>> 16) % AGENT_BITS)))
}

/** The classes whose bits are set. */
export function classesOf(bits: number): readonly UserAgentClass[] {
  return classes.filter((_, index) => (bits & (1 << index)) !== 0)
}
