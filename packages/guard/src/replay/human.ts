import type { UserAgentClass } from '../signals/user-agent.ts'

/** What a log tells of one client. */
export interface ClientFacts {
  readonly requests: number
  /** Answers of 400 to 499. */
  readonly clientErrors: number
  readonly assets: number
  readonly referrers: number
  /** Requests between midnight and five, by the log's own clock. */
  readonly nightRequests: number
  /** Hours of the day in which it came, of 24. */
  readonly hours: number
  /** Distinct paths, estimated: exact to a few per cent up to 60, at most 200. */
  readonly paths: number
  readonly agentClasses: readonly UserAgentClass[]
  /** Distinct User-Agents, estimated. */
  readonly agents: number
  /** Pauses of a second or more between one request and the next. */
  readonly intervals: number
  /** Their mean, in seconds. */
  readonly meanInterval: number
  /** Their standard deviation over their mean; 0 is a clock. */
  readonly variation: number
}

/** What the log as a whole tells: a sign that nobody shows speaks against nobody. */
export interface LogFacts {
  readonly hasAgents: boolean
  readonly assetShare: number
  readonly referrerShare: number
}

/** One reason for a score, and the points it is worth. */
export interface HumanReason {
  readonly code: HumanReasonCode
  readonly points: number
  /** The figure behind it: a share from 0 to 1, a count, or seconds. */
  readonly value?: number
}

/** What can speak for or against a person. */
export type HumanReasonCode =
  | 'agent-browser'
  | 'agent-outdated'
  | 'agent-crawler'
  | 'agent-tool'
  | 'agent-empty'
  | 'agent-unknown'
  | 'agents-many'
  | 'assets-loaded'
  | 'assets-none'
  | 'referrers-many'
  | 'referrers-none'
  | 'errors-many'
  | 'clockwork'
  | 'irregular'
  | 'round-the-clock'
  | 'night-only'
  | 'paths-many'

/** What a client looks like. */
export type HumanVerdict = 'human' | 'unclear' | 'automated'

/** How much a client looks like a person, from 0 to 100, and why. */
export interface HumanReading {
  readonly score: number
  readonly verdict: HumanVerdict
  readonly reasons: readonly HumanReason[]
}

const START = 50
const HUMAN_FROM = 65
const AUTOMATED_TO = 35

/**
 * Says how much a client looks like a person. It begins at 50, adds the points of each reason that holds, and tells them
 * all. From 65 on a client looks human, up to 35 automated. It is a reading of signs that anybody can feign: good for
 * deciding whether to look closer, not for deciding.
 */
export function readHuman(client: ClientFacts, log: LogFacts): HumanReading {
  const reasons = [
    ...(log.hasAgents ? readAgents(client) : []),
    ...readPages(client, log),
    ...readErrors(client),
    ...readRhythm(client),
  ]
  const sum = reasons.reduce((total, { points }) => total + points, START)
  const score = Math.max(0, Math.min(100, sum))
  const verdict = score >= HUMAN_FROM ? 'human' : score <= AUTOMATED_TO ? 'automated' : 'unclear'
  return { score, verdict, reasons }
}

function readAgents({ agentClasses, agents }: ClientFacts): readonly HumanReason[] {
  const has = (...names: UserAgentClass[]): boolean => names.some((name) => agentClasses.includes(name))
  const reasons: HumanReason[] = []
  if (has('crawler', 'bot')) reasons.push({ code: 'agent-crawler', points: -45 })
  else if (has('tool', 'headless')) reasons.push({ code: 'agent-tool', points: -45 })
  else if (has('empty', 'malformed')) reasons.push({ code: 'agent-empty', points: -35 })
  else if (has('unknown')) reasons.push({ code: 'agent-unknown', points: -10 })
  else if (has('outdated')) reasons.push({ code: 'agent-outdated', points: 5 })
  else if (has('browser')) reasons.push({ code: 'agent-browser', points: 10 })
  // A household or an office behind one address has a handful.
  if (agents >= 12) reasons.push({ code: 'agents-many', points: -15, value: agents })
  return reasons
}

function readPages(client: ClientFacts, log: LogFacts): readonly HumanReason[] {
  const { requests, paths } = client
  const assets = client.assets / requests
  const many: HumanReason[] = paths >= 100 && assets < 0.25 ? [{ code: 'paths-many', points: -10, value: paths }] : []
  // A log of an API alone has neither images nor pages that lead to one another.
  return [
    ...(log.assetShare >= 0.05 ? readAssets(client) : []),
    ...(log.referrerShare >= 0.1 ? readReferrers(client) : []),
    ...many,
  ]
}

function readAssets({ assets, requests }: ClientFacts): readonly HumanReason[] {
  const share = assets / requests
  if (share >= 0.25) return [{ code: 'assets-loaded', points: 15, value: share }]
  return assets === 0 && requests >= 10 ? [{ code: 'assets-none', points: -15, value: requests }] : []
}

function readReferrers({ referrers, requests }: ClientFacts): readonly HumanReason[] {
  const share = referrers / requests
  if (share >= 0.5) return [{ code: 'referrers-many', points: 15, value: share }]
  return referrers === 0 && requests >= 10 ? [{ code: 'referrers-none', points: -15 }] : []
}

function readErrors({ requests, clientErrors }: ClientFacts): readonly HumanReason[] {
  if (requests < 10) return []
  const share = clientErrors / requests
  return share >= 0.3 ? [{ code: 'errors-many', points: share >= 0.6 ? -25 : -15, value: share }] : []
}

function readRhythm(client: ClientFacts): readonly HumanReason[] {
  const { intervals, variation, meanInterval, hours, requests, nightRequests } = client
  const reasons: HumanReason[] = []
  if (intervals >= 20 && variation < 0.25) reasons.push({ code: 'clockwork', points: -30, value: meanInterval })
  else if (intervals >= 10 && variation >= 1) reasons.push({ code: 'irregular', points: 10 })
  if (hours >= 20) reasons.push({ code: 'round-the-clock', points: -20, value: hours })
  const nights = nightRequests / requests
  if (requests >= 20 && nights >= 0.9) reasons.push({ code: 'night-only', points: -5, value: nights })
  return reasons
}
