import type { AgentTable } from './agents.ts'
import {
  AGENTS,
  ASSETS,
  CLIENT_ERRORS,
  CLIENT_WORDS,
  type ClientTable,
  EPOCH_SECOND,
  FIRST,
  HOURS,
  INTERVAL_SQUARES,
  INTERVALS,
  LAST,
  LAST_AGENT,
  LATEST,
  NIGHT_REQUESTS,
  PATHS,
  REFERRERS,
  REQUESTS,
} from './clients.ts'
import type { LogFacts } from './human.ts'
import type { BadLine, LogFormatName, LogLine } from './log-line.ts'
import { maskLine } from './names.ts'
import { instant } from './read-clients.ts'
import type { BadExample, LogReading } from './result.ts'
import { addOne, addWhere, setBits, wordAt } from './words.ts'

/** What is known of one log that is read. */
export interface TalliedSource {
  readonly name: string
  format: LogFormatName | null
  lines: number
  bad: number
}

/** What the order of the lines came to. */
type ReorderCounts = Pick<LogReading, 'late' | 'misdated' | 'shortened'>

/** What lines tell: of the logs together, and of each client. */
export interface Tally {
  readonly progress: { readonly lines: number; readonly bytes: number }
  addSource(name: string): TalliedSource
  noteLine(source: TalliedSource): void
  noteBytes(count: number): void
  noteNoRequest(): void
  noteBad(source: TalliedSource, reason: BadLine, bytes: Buffer): void
  /**
   * Notes what a line tells of its client, in the order of the lines.
   *
   * @param likely - the agent that the client came with last.
   * @param pathHash - of the path that is asked for.
   */
  noteRequest(client: number, agent: number, likely: number, isAsset: boolean, pathHash: number, line: LogLine): void
  /** Notes when a client came, in the order of time. Requests of one second come together, as a page and its images. */
  noteTime(client: number, second: number): void
  /** What of the logs as a whole a client is judged by. */
  facts(): LogFacts
  /** What results say of the logs. */
  read(order: ReorderCounts): LogReading
}

const MOST_EXAMPLES = 5
const NIGHT_END = 5

/** Starts at nothing. What is told of a client goes into its words of `clients`, which are others once the table grows. */
export function createTally(clients: ClientTable, agents: AgentTable): Tally {
  const totals = {
    lines: 0,
    bytes: 0,
    requests: 0,
    withoutRequest: 0,
    bad: 0,
    assets: 0,
    referrers: 0,
    fromMs: Infinity,
    toMs: -Infinity,
    hasMillis: false,
    hasAgents: false,
  }
  const byReason: Partial<Record<BadLine, number>> = {}
  const examples: BadExample[] = []
  const sources: TalliedSource[] = []

  const noteAsset = (at: number): void => {
    addOne(clients.words, at + ASSETS)
    totals.assets += 1
  }
  const noteReferrer = (at: number): void => {
    addOne(clients.words, at + REFERRERS)
    totals.referrers += 1
  }
  const noteAgent = (at: number, agent: number): void => {
    setBits(clients.words, at + AGENTS, agents.agent(agent).bits)
    clients.words[at + LAST_AGENT] = agent
  }

  /** The time of the line before, so that the clock is looked at once a second. */
  let lastTime = -1
  let lastZone = 0
  let hourBit = 0
  let isNight = false
  const isClockOf = ({ second: time, milli, zoneMinutes }: LogLine): boolean =>
    time === lastTime && milli === 0 && zoneMinutes === lastZone
  const noteSpan = ({ second: time, milli, zoneMinutes, hasAgent }: LogLine): void => {
    lastTime = time
    lastZone = zoneMinutes
    const hour = Math.floor((time + zoneMinutes * 60) / 3_600) % 24
    hourBit = 1 << hour
    isNight = hour < NIGHT_END
    const ms = time * 1_000 + milli
    if (ms < totals.fromMs) totals.fromMs = ms
    if (ms > totals.toMs) totals.toMs = ms
    if (milli > 0) totals.hasMillis = true
    if (hasAgent) totals.hasAgents = true
  }

  return {
    progress: totals,
    addSource(name) {
      const source = { name, format: null, lines: 0, bad: 0 }
      sources.push(source)
      return source
    },
    noteLine(source) {
      source.lines += 1
      totals.lines += 1
    },
    noteBytes(count) {
      totals.bytes += count
    },
    noteNoRequest() {
      totals.withoutRequest += 1
    },
    noteBad(source, reason, bytes) {
      totals.bad += 1
      source.bad += 1
      byReason[reason] = (byReason[reason] ?? 0) + 1
      if (examples.length < MOST_EXAMPLES) {
        examples.push({ source: source.name, line: source.lines, reason, shape: maskLine(bytes) })
      }
    },
    noteRequest(client, agent, likely, isAsset, pathHash, line) {
      const { words } = clients
      const at = client * CLIENT_WORDS
      const { status, second: time } = line
      totals.requests += 1
      addOne(words, at + REQUESTS)
      addWhere(words, at + CLIENT_ERRORS, status >= 400 && status < 500)
      if (isAsset) noteAsset(at)
      if (line.hasReferrer) noteReferrer(at)
      if (!isClockOf(line)) noteSpan(line)
      setBits(words, at + HOURS, hourBit)
      addWhere(words, at + NIGHT_REQUESTS, isNight)
      setBits(words, at + PATHS + ((pathHash >>> 5) & 1), 1 << (pathHash & 31))
      if (agent !== likely || agent === 0) noteAgent(at, agent)
      const since = time - EPOCH_SECOND
      if (since > wordAt(words, at + LATEST)) words[at + LATEST] = since
    },
    noteTime(client, second) {
      const { floats, words } = clients
      const at = client * CLIENT_WORDS
      const now = second - EPOCH_SECOND
      const last = wordAt(words, at + LAST)
      if (last === now) return
      words[at + LAST] = now
      if (last === 0) {
        words[at + FIRST] = now
        return
      }
      const interval = now - last
      addOne(words, at + INTERVALS)
      floats[at + INTERVAL_SQUARES] = (floats[at + INTERVAL_SQUARES] ?? 0) + interval * interval
    },
    facts: () => ({
      hasAgents: totals.hasAgents,
      assetShare: totals.requests === 0 ? 0 : totals.assets / totals.requests,
      referrerShare: totals.requests === 0 ? 0 : totals.referrers / totals.requests,
    }),
    read(order) {
      const { lines, bytes, requests, withoutRequest, fromMs, toMs, hasMillis, hasAgents } = totals
      const has = requests > 0
      return {
        ...{ sources, lines, bytes, requests, withoutRequest },
        bad: { count: totals.bad, byReason, examples },
        ...order,
        from: has ? instant(fromMs) : null,
        to: has ? instant(toMs) : null,
        ...{ hasMillis, hasAgents },
      }
    },
  }
}
