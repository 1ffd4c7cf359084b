import { normalizeUserAgent } from '../fingerprint.ts'
import type { PolicyInput } from '../policy.ts'
import { createAddressReader } from './addresses.ts'
import { createAgentTable } from './agents.ts'
import {
  AGENTS,
  ASSETS,
  CLIENT_ERRORS,
  CLIENT_WORDS,
  type ClientEviction,
  clientOf,
  createClientTable,
  EPOCH_SECOND,
  FIRST,
  HOURS,
  INTERVAL_SQUARES,
  INTERVALS,
  LAST,
  LAST_AGENT,
  LATEST,
  MOST_CLIENTS,
  NIGHT_REQUESTS,
  PATHS,
  REFERRERS,
  REQUESTS,
} from './clients.ts'
import type { LogFacts } from './human.ts'
import { type Escapes, formatOf } from './log-formats.ts'
import type { BadLine, LogFormatName, LogLine } from './log-line.ts'
import { createClientNames, maskLine } from './names.ts'
import { instant } from './read-clients.ts'
import { readComparison, readTrial } from './read-trial.ts'
import { createReorderBuffer, type LoggedRequest } from './reorder.ts'
import type { BadExample, ReplayResult } from './result.ts'
import { createRouteTable, type ReplayRouting } from './routes.ts'
import { openSource, type ReplaySource } from './source.ts'
import {
  ADMITTED,
  CLIENT_CHALLENGED,
  CLIENT_REFUSED,
  CLIENT_STRIDE,
  createTrial,
  MOST_COUNT,
  type Trial,
} from './trial.ts'
import { addOne, addWhere, setBits, wordAt } from './words.ts'

/** One policy set to try. */
export interface ReplaySet {
  /** What results call it, such as the name of its file. */
  readonly name: string
  readonly policies: readonly PolicyInput[]
  readonly routing: ReplayRouting
}

/** How a log is replayed. */
export interface ReplayOptions {
  readonly policies: ReplaySet
  /** A second set, tried on the same requests. */
  readonly compareWith?: ReplaySet | undefined
  /** How far lines may be out of order: 0 to 3,600. @default 60 */
  readonly reorderSeconds?: number
  /** Peers that may speak for others, in the log's `X-Forwarded-For`. @default none */
  readonly trustedProxies?: readonly string[]
  /** Whether results name clients by their addresses. @default false */
  readonly showsAddresses?: boolean
  /** Of the clients of a rule, the share that a suggested limit may refuse: 0 to 1. */
  readonly suggestShare?: number | undefined
  /** Rows of clients in each list of the results. @default 100 */
  readonly top?: number
  /** Clients kept apart, 16 to 262,144. @default 262,144 */
  readonly maxClients?: number
  /**
   * Memory for the counters of each set. Smaller is faster, until counters are forgotten for want of room, which results
   * tell. @default 33,554,432 (32 MiB)
   */
  readonly storeBytes?: number
}

/** A replay: logs go in as bytes, results come out. */
export interface Replay {
  /**
   * Opens a log. Several are read together when each is pushed no further than the others have come.
   *
   * @param format - @default told by the first lines
   */
  open(name: string, format?: LogFormatName): ReplaySource
  readonly progress: { readonly lines: number; readonly bytes: number }
  /** Decides what is still held, and reads the results. Nothing goes in afterwards. */
  finish(isPartial: boolean): ReplayResult
}

const DEFAULT_STORE_BYTES = 32 * 1_048_576
const MOST_EXAMPLES = 5
const NIGHT_END = 5

/**
 * Starts a replay of access logs through policies: the engine that decides live, under the clock of the log. Its memory
 * has a bound whatever the size of the log.
 *
 * @throws PolicyError for a policy or a trusted proxy that cannot be used as written; RangeError for an option out of
 * its bounds.
 */
export function createReplay(options: ReplayOptions): Replay {
  const { reorderSeconds = 60, maxClients = MOST_CLIENTS, top = 100, storeBytes = DEFAULT_STORE_BYTES } = options
  checkRange('reorderSeconds', reorderSeconds, 0, 3_600)
  checkRange('maxClients', maxClients, 16, MOST_CLIENTS)
  const sets = [options.policies, ...(options.compareWith === undefined ? [] : [options.compareWith])]
  const trials = sets.map(({ name, policies }) => createTrial(name, policies, storeBytes))
  const routes = createRouteTable(sets.map((set, index) => stepsOf(set, trials[index])))
  const agents = createAgentTable(normalizeUserAgent)
  const clients = createClientTable(maxClients)
  const [first, second] = trials
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
    both: 0,
    onlyFirst: 0,
    onlySecond: 0,
  }
  const byReason: Partial<Record<BadLine, number>> = {}
  const examples: BadExample[] = []
  const sources: { name: string; format: LogFormatName | null; lines: number; bad: number }[] = []

  const trialRequest = { address: { text: '', key: '', family: 4 as 4 | 6 }, agent: agents.agent(0), status: 0 }

  const release = (request: LoggedRequest): void => {
    const { client } = request
    const nowMs = request.second * 1_000 + request.milli
    noteTime(client, request.second)
    const address = clients.addresses[client]
    if (address === undefined || first === undefined) return
    const { steps } = routes.route(request.route)
    trialRequest.address = address
    trialRequest.agent = agents.agent(request.agent)
    trialRequest.status = request.status
    const outcome = first.decide(client, steps[0] ?? [], nowMs, trialRequest)
    if (second !== undefined) compare(outcome, second.decide(client, steps[1] ?? [], nowMs, trialRequest))
  }
  const reorder = createReorderBuffer(reorderSeconds, release)

  const compare = (outcome: number, other: number): void => {
    if (outcome !== ADMITTED) totals[other === ADMITTED ? 'onlyFirst' : 'both'] += 1
    else if (other !== ADMITTED) totals.onlySecond += 1
  }

  /** Notes when a client came, in the order of time. Requests of one second come together, as a page and its images. */
  const noteTime = (client: number, second: number): void => {
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
  }

  const eviction: ClientEviction = {
    isHeld: (client) => (clients.words[client * CLIENT_WORDS + LATEST] ?? 0) + EPOCH_SECOND >= reorder.frontier(),
    worthOf: (client) => worthOf(trials, client, clients.words[client * CLIENT_WORDS + REQUESTS] ?? 0),
    forget: (client) => {
      for (const trial of trials) trial.forget(client)
    },
    relieve: () => void reorder.releaseOldest(),
  }

  const addresses = createAddressReader(
    clients,
    (address) => clientOf(clients, address, eviction),
    options.trustedProxies ?? [],
  )

  const request: LoggedRequest = { client: 0, route: 0, agent: 0, status: 0, second: 0, milli: 0 }

  const takeRequest = (bytes: Buffer, view: DataView, line: LogLine, escapes: Escapes): boolean => {
    const client = addresses.find(bytes, view, line)
    if (client < 0) return false
    const likely = clients.words[client * CLIENT_WORDS + LAST_AGENT] ?? 0
    const agent = agents.numberOf(bytes, view, line.agentStart, line.agentEnd, escapes, likely)
    const route = routes.numberOf(bytes, view, line, escapes)
    const isAsset = routes.route(route).isAsset
    note(client, agent, likely, isAsset, line)
    request.client = client
    request.route = route
    request.agent = agent
    request.status = line.status
    request.second = line.second
    request.milli = line.milli
    reorder.add(request)
    return true
  }

  /** Notes what a line tells of its client, in the order of the lines. */
  const note = (client: number, agent: number, likely: number, isAsset: boolean, line: LogLine): void => {
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
    const path = routes.pathHash()
    setBits(words, at + PATHS + ((path >>> 5) & 1), 1 << (path & 31))
    if (agent !== likely || agent === 0) noteAgent(at, agent)
    const since = time - EPOCH_SECOND
    if (since > wordAt(words, at + LATEST)) words[at + LATEST] = since
  }

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

  const noteBad = (source: (typeof sources)[number], reason: BadLine, bytes: Buffer): void => {
    totals.bad += 1
    source.bad += 1
    byReason[reason] = (byReason[reason] ?? 0) + 1
    if (examples.length < MOST_EXAMPLES) {
      examples.push({ source: source.name, line: source.lines, reason, shape: maskLine(bytes) })
    }
  }

  return {
    progress: totals,
    open(name, formatName) {
      const source = { name, format: null as LogFormatName | null, lines: 0, bad: 0 }
      sources.push(source)
      return openSource(source, formatName === undefined ? undefined : formatOf(formatName), {
        takeRequest,
        noteBad: (reason, bytes) => noteBad(source, reason, bytes),
        noteLine: () => {
          source.lines += 1
          totals.lines += 1
        },
        noteBytes: (count) => {
          totals.bytes += count
        },
        noteNoRequest: () => {
          totals.withoutRequest += 1
        },
      })
    },
    finish(isPartial) {
      reorder.end()
      const nameOf = createClientNames(options.showsAddresses ?? false)
      const log: LogFacts = {
        hasAgents: totals.hasAgents,
        assetShare: totals.requests === 0 ? 0 : totals.assets / totals.requests,
        referrerShare: totals.requests === 0 ? 0 : totals.referrers / totals.requests,
      }
      const reading = {
        table: clients,
        agents,
        log,
        nameOf: (client: number): string => {
          const address = clients.addresses[client]
          return address === undefined ? '' : nameOf(address)
        },
      }
      const settings = { top, suggestShare: options.suggestShare }
      const has = totals.requests > 0
      return {
        version: 1,
        isPartial,
        log: {
          sources,
          lines: totals.lines,
          bytes: totals.bytes,
          requests: totals.requests,
          withoutRequest: totals.withoutRequest,
          bad: { count: totals.bad, byReason, examples },
          ...reorder.counts,
          from: has ? instant(totals.fromMs) : null,
          to: has ? instant(totals.toMs) : null,
          hasMillis: totals.hasMillis,
          hasAgents: totals.hasAgents,
        },
        clients: {
          count: clients.forgotten === 0 ? clients.size : clients.distinct.estimate(),
          isExact: clients.forgotten === 0,
          forgotten: clients.forgotten,
        },
        trials: trials.map((trial) => readTrial(trial, reading, settings)),
        ...(first !== undefined &&
          second !== undefined && { comparison: readComparison(first, second, totals, reading, top) }),
      }
    },
  }
}

/** What a client's forgetting would lose: refusals before near misses before requests. */
function worthOf(trials: readonly Trial[], client: number, requests: number): number {
  let worth = Math.min(requests, 1_000) / 1_000
  for (const { clients, marks, rules } of trials) {
    const at = client * CLIENT_STRIDE
    const refusals = wordAt(clients, at + CLIENT_REFUSED) + wordAt(clients, at + CLIENT_CHALLENGED)
    if (refusals > 0) worth += 1_000 + refusals
    for (const { index, capacity } of rules) {
      if (capacity === 0) continue
      const used = wordAt(marks, client * rules.length + index) & MOST_COUNT
      worth = Math.max(worth, (used / capacity) * 100)
    }
  }
  return worth
}

function stepsOf({ routing }: ReplaySet, trial: Trial | undefined) {
  const numbers = new Map(trial?.policies.map(({ id }, index) => [id, index]))
  return (method: string, target: string) =>
    routing.policiesOf(method, target).flatMap(({ policyId, pattern }) => {
      const policy = numbers.get(policyId)
      return policy === undefined ? [] : [{ policy, pattern }]
    })
}

function checkRange(name: string, value: number, least: number, most: number): void {
  if (!(Number.isInteger(value) && value >= least && value <= most)) {
    throw new RangeError(`${name}: a whole number from ${least} to ${most}`)
  }
}
