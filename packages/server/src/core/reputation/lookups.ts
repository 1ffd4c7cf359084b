import type { ClientAddress } from '@rempart/guard'
import { LRUCache } from 'lru-cache'
import type { Logger } from 'pino'
import { type ReputationService, ReputationServiceError, type ServiceReputation } from './service.ts'

/** What became of one look-up, or why there was none. */
export type LookupOutcome = 'answered' | 'failed' | 'over-budget' | 'paused' | 'busy'

export interface ReputationLookupsOptions {
  readonly service: ReputationService
  /** Look-ups on one UTC day, by this process. */
  readonly dailyBudget: number
  readonly clock: { now(): number }
  readonly log: Pick<Logger, 'warn'>
  readonly count: (outcome: LookupOutcome) => void
  /** How long an answer is believed. Default 86,400,000 (a day). */
  readonly ttlMs?: number
  /** Addresses remembered. Default 20,000, of about 300 bytes each. */
  readonly mostRemembered?: number
}

/** What is known of addresses, at once. */
export interface ReputationLookups {
  /**
   * What the service has said of this client lately. The first time nothing, and the question is asked behind the back of
   * the request; a client of IPv6 is its /64.
   */
  of(address: ClientAddress): ServiceReputation | undefined
  /** Ends the look-ups under way. */
  close(): void
}

const DAY_MS = 86_400_000
const MOST_UNDER_WAY = 4
/** An address whose look-up failed is not asked about again before this. */
const FAILED_TTL_MS = 60_000
/** So many look-ups that came to nothing one after another, whatever was tried for each, pause all: no budget is spent on them. */
const FAILURES_UNTIL_PAUSE = 5
const PAUSE_MS = 60_000

interface Remembered {
  /** Undefined for a client that the service knows nothing of, or could not be asked about. */
  readonly reputation: ServiceReputation | undefined
  readonly untilMs: number
}

/**
 * Keeps a reputation service off the path of requests: they read what is remembered, look-ups run beside them, one for
 * each client however many requests it sends, four at a time, within a budget a day. A service that fails or says that
 * it has had enough is left alone for a while, and nobody is refused for want of an answer.
 */
export function createReputationLookups(options: ReputationLookupsOptions): ReputationLookups {
  const { service, clock, count, ttlMs = DAY_MS } = options
  const remembered = new LRUCache<string, Remembered>({ max: options.mostRemembered ?? 20_000 })
  const underWay = new Set<string>()
  const closing = new AbortController()
  const admit = createAdmission(options, underWay)

  const ask = async (address: ClientAddress): Promise<void> => {
    underWay.add(address.key)
    try {
      const reputation = await service.lookup(address, closing.signal)
      remembered.set(address.key, { reputation, untilMs: clock.now() + ttlMs })
      admit.succeeded()
      count('answered')
    } catch (error) {
      if (closing.signal.aborted) return
      remembered.set(address.key, { reputation: undefined, untilMs: clock.now() + FAILED_TTL_MS })
      admit.failed(error)
      count('failed')
    } finally {
      underWay.delete(address.key)
    }
  }

  return {
    of(address) {
      const known = remembered.get(address.key)
      if (known !== undefined && known.untilMs > clock.now()) return known.reputation
      if (!underWay.has(address.key) && !closing.signal.aborted && admit.next()) void ask(address)
      // What was true yesterday is better than nothing while it is asked again.
      return known?.reputation
    },
    close: () => closing.abort(),
  }
}

/** Decides whether one more question may be asked now. */
function createAdmission(
  { clock, dailyBudget, log, count }: ReputationLookupsOptions,
  underWay: ReadonlySet<string>,
): { next(): boolean; succeeded(): void; failed(error: unknown): void } {
  let day = -1
  let asked = 0
  let failures = 0
  let pausedUntilMs = 0
  const refuse = (outcome: LookupOutcome): false => {
    count(outcome)
    return false
  }

  return {
    next() {
      const nowMs = clock.now()
      if (nowMs < pausedUntilMs) return refuse('paused')
      if (underWay.size >= MOST_UNDER_WAY) return refuse('busy')
      const today = Math.floor(nowMs / DAY_MS)
      if (today !== day) asked = 0
      day = today
      if (asked >= dailyBudget) return refuse('over-budget')
      asked += 1
      return true
    },
    succeeded() {
      failures = 0
    },
    failed(error) {
      failures += 1
      const retryAfterMs = error instanceof ReputationServiceError ? error.retryAfterMs : undefined
      if (retryAfterMs === undefined && failures < FAILURES_UNTIL_PAUSE) return
      const pauseMs = retryAfterMs ?? PAUSE_MS
      const isNew = clock.now() >= pausedUntilMs
      pausedUntilMs = Math.max(pausedUntilMs, clock.now() + pauseMs)
      if (isNew) log.warn({ err: error, pauseMs }, 'the reputation service is left alone for a while')
    },
  }
}
