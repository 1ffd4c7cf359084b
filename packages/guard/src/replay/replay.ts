import { normalizeUserAgent } from '../fingerprint.ts'
import type { PolicyInput } from '../policy.ts'
import { createAddressReader } from './addresses.ts'
import { createAgentTable } from './agents.ts'
import {
  CLIENT_WORDS,
  type ClientEviction,
  clientOf,
  createClientTable,
  EPOCH_SECOND,
  LAST_AGENT,
  LATEST,
  MOST_CLIENTS,
  REQUESTS,
} from './clients.ts'
import { type Escapes, formatOf } from './log-formats.ts'
import type { LogFormatName, LogLine } from './log-line.ts'
import { createClientNames } from './names.ts'
import { readComparison, readTrial } from './read-trial.ts'
import { createReorderBuffer, type LoggedRequest } from './reorder.ts'
import type { ReplayResult } from './result.ts'
import { createRouteTable, type ReplayRouting } from './routes.ts'
import { openSource, type ReplaySource } from './source.ts'
import { createTally } from './tally.ts'
import {
  ADMITTED,
  CLIENT_CHALLENGED,
  CLIENT_REFUSED,
  CLIENT_STRIDE,
  createTrial,
  MOST_COUNT,
  type Trial,
} from './trial.ts'
import { wordAt } from './words.ts'

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
  const tally = createTally(clients, agents)
  const differences = { both: 0, onlyFirst: 0, onlySecond: 0 }
  const trialRequest = { address: { text: '', key: '', family: 4 as 4 | 6 }, agent: agents.agent(0), status: 0 }

  const release = (request: LoggedRequest): void => {
    const { client } = request
    const nowMs = request.second * 1_000 + request.milli
    tally.noteTime(client, request.second)
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
    if (outcome !== ADMITTED) differences[other === ADMITTED ? 'onlyFirst' : 'both'] += 1
    else if (other !== ADMITTED) differences.onlySecond += 1
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
    const { isAsset } = routes.route(route)
    tally.noteRequest(client, agent, likely, isAsset, routes.pathHash(), line)
    request.client = client
    request.route = route
    request.agent = agent
    request.status = line.status
    request.second = line.second
    request.milli = line.milli
    reorder.add(request)
    return true
  }

  return {
    progress: tally.progress,
    open(name, formatName) {
      const source = tally.addSource(name)
      return openSource(source, formatName === undefined ? undefined : formatOf(formatName), {
        takeRequest,
        noteBad: (reason, bytes) => tally.noteBad(source, reason, bytes),
        noteLine: () => tally.noteLine(source),
        noteBytes: tally.noteBytes,
        noteNoRequest: tally.noteNoRequest,
      })
    },
    finish(isPartial) {
      reorder.end()
      const nameOf = createClientNames(options.showsAddresses ?? false)
      const reading = {
        table: clients,
        agents,
        log: tally.facts(),
        nameOf: (client: number): string => {
          const address = clients.addresses[client]
          return address === undefined ? '' : nameOf(address)
        },
      }
      const settings = { top, suggestShare: options.suggestShare }
      return {
        version: 1,
        isPartial,
        log: tally.read(reorder.counts),
        clients: {
          count: clients.forgotten === 0 ? clients.size : clients.distinct.estimate(),
          isExact: clients.forgotten === 0,
          forgotten: clients.forgotten,
        },
        trials: trials.map((trial) => readTrial(trial, reading, settings)),
        ...(first !== undefined &&
          second !== undefined && { comparison: readComparison(first, second, differences, reading, top) }),
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
