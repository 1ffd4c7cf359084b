import type { Store as ExpressStore, Options } from 'express-rate-limit'
import { createRecentCache } from '../recent-cache.ts'
import type { HeldLease, RemoteStore, Store } from '../store.ts'
import { createMemoryStore } from '../stores/memory.ts'
import { createHitCounter, type Hit, type HitCounter } from './hit-counter.ts'

/** Where the limiters of others are to count. */
export interface CompatOptions {
  /** @default the memory of this process, 32 MiB, for this store alone */
  readonly store?: Store | RemoteStore
  /** Tells this limiter's keys from those of others in the same store. */
  readonly prefix?: string
}

/** What `expressRateLimitStore` is told. */
export interface ExpressStoreOptions extends CompatOptions {
  /** The highest limit there is, where the middleware's `limit` is a function. */
  readonly highestLimit?: number
}

/**
 * A store for express-rate-limit's `store` option: at most `limit` hits in any window, where its own store admits twice
 * as many around the end of one. A refused hit is not counted, so knocking does not prolong a refusal.
 *
 * With `skipFailedRequests` or `skipSuccessfulRequests` each hit of a window is kept by itself, so that the one given
 * back is the last that came; until then `resetTime` is a whole window away.
 *
 * @throws RangeError, on the first hit, for a window or a limit that cannot be kept, and for a function as `limit`
 * without `highestLimit`.
 */
export function expressRateLimitStore(options: ExpressStoreOptions = {}): ExpressStore {
  const { store = createMemoryStore(), prefix = '', highestLimit } = options
  const pending = createRecentCache<PendingHit[]>(MOST_PENDING_KEYS)
  let settings: Pick<Options, 'windowMs' | 'skipFailedRequests' | 'skipSuccessfulRequests'> | undefined
  let counter: HitCounter | undefined
  let limit: number | undefined

  const ready = (): HitCounter => {
    if (settings === undefined) throw new RangeError('the store has not been given to a limiter')
    if (limit === undefined) throw new RangeError('highestLimit: required where the limit is a function')
    const { windowMs } = settings
    counter ??= createHitCounter(store, {
      name: 'express-rate-limit',
      part: prefix,
      limit,
      windowMs,
      returnable: isReturning(settings),
    })
    return counter
  }
  const tell = (hit: Hit) => {
    const isPending = hit.lease !== undefined && settings !== undefined
    const resetInMs = isPending ? settings?.windowMs : hit.waitMs
    return { totalHits: hit.counted ? hit.used : hit.used + 1, resetTime: new Date(Date.now() + (resetInMs ?? 0)) }
  }
  const note = (key: string, hit: Hit) => {
    const told = tell(hit)
    if (settings === undefined || !isReturning(settings)) return told
    // A refused hit is a failed request: the limiter will ask for it back, and nothing was taken.
    if (!hit.counted && !settings.skipFailedRequests) return told
    const list = pending.get(key)
    const entry = { lease: hit.lease, dueUnixMs: told.resetTime.getTime() }
    if (list === undefined) pending.set(key, [entry])
    else list.push(entry)
    return told
  }

  return {
    // Keys of a store of its own reach nobody else.
    localKeys: options.store === undefined,
    prefix,
    init(given) {
      settings = given
      limit = typeof given.limit === 'function' ? highestLimit : given.limit
    },
    increment(key) {
      if (limit === 0) return { totalHits: 1, resetTime: new Date(Date.now() + (settings?.windowMs ?? 0)) }
      const hit = ready().hit(key)
      return hit instanceof Promise ? hit.then((found) => note(key, found)) : note(key, hit)
    },
    decrement(key) {
      const lease = takeLast(pending.get(key))
      return lease === undefined ? undefined : ready().giveBack(lease)
    },
    async resetKey(key) {
      const leases = (pending.get(key) ?? []).splice(0).flatMap(({ lease }) => lease ?? [])
      await Promise.all([ready().forget(key), ...leases.map((lease) => ready().giveBack(lease))])
    },
    async get(key) {
      const { used, waitMs } = await ready().read(key)
      return used === 0 ? undefined : { totalHits: used, resetTime: new Date(Date.now() + waitMs) }
    },
  }
}

/** A hit that the limiter may ask for back; nothing was taken where there is no lease. */
interface PendingHit {
  readonly lease: HeldLease | undefined
  /** From then on the limiter does not ask any more. */
  readonly dueUnixMs: number
}

/** Keys whose hits can be given back, twice over; the hits of others stay counted. */
const MOST_PENDING_KEYS = 8_192

const isReturning = (settings: Pick<Options, 'skipFailedRequests' | 'skipSuccessfulRequests'>): boolean =>
  settings.skipFailedRequests || settings.skipSuccessfulRequests

function takeLast(list: PendingHit[] | undefined): HeldLease | undefined {
  if (list === undefined) return undefined
  const nowMs = Date.now()
  const running = list.filter(({ dueUnixMs }) => dueUnixMs > nowMs)
  const last = running.pop()
  list.splice(0, list.length, ...running)
  return last?.lease
}

/** What a limiter of @fastify/rate-limit and its routes tell their store. */
interface FastifyLimiterOptions {
  readonly continueExceeding?: boolean
  readonly exponentialBackoff?: boolean
  readonly ban?: number
  readonly routeInfo?: { readonly method?: unknown; readonly url?: unknown }
}

/** How many hits a key has in its window, more than the limit for a refused one, and the ms until that changes. */
type FastifyCallback = (error: Error | null, result?: { current: number; ttl: number }) => void

/** A store as @fastify/rate-limit calls it. */
interface FastifyStore {
  incr(key: string, callback: FastifyCallback, timeWindow: number, max: number): void
  read(key: string, callback: FastifyCallback, timeWindow: number, max: number): void
  child(routeOptions: object): FastifyStore
}

/**
 * A class for @fastify/rate-limit's `store` option: at most `max` hits in any `timeWindow`, where its own stores admit
 * twice as many around the end of one. Refused hits are not counted; those that `ban` goes by are, apart.
 *
 * @throws RangeError, when the plugin or a route registers, for `continueExceeding` and `exponentialBackoff`, whose
 * waits no client can be told beforehand: a policy's `cooldown` or an escalation is what they are for.
 */
export function fastifyRateLimitStore(options: CompatOptions = {}): new (options: object) => FastifyStore {
  const { store = createMemoryStore(), prefix = '' } = options
  return class RempartStore implements FastifyStore {
    readonly #part: string
    readonly #ban: number
    readonly #counters = new Map<string, HitCounter>()

    constructor(given: FastifyLimiterOptions, part = 'all') {
      if (given.continueExceeding || given.exponentialBackoff) {
        throw new RangeError('continueExceeding and exponentialBackoff: use the cooldown of a policy, or an escalation')
      }
      this.#part = part
      this.#ban = given.ban ?? -1
    }
    incr(key: string, callback: FastifyCallback, timeWindow: number, max: number): void {
      settle(callback, () => {
        if (max === 0) return { current: 1, ttl: timeWindow }
        return follow(this.#counter('hits', max, timeWindow).hit(key), (hit) => {
          if (hit.counted) return { current: hit.used, ttl: hit.waitMs }
          if (this.#ban < 0) return { current: max + 1, ttl: hit.waitMs }
          const refusals = this.#counter('refusals', this.#ban + 1, timeWindow).hit(key)
          return follow(refusals, ({ counted, used }) => ({
            current: max + (counted ? used : this.#ban + 1),
            ttl: hit.waitMs,
          }))
        })
      })
    }
    read(key: string, callback: FastifyCallback, timeWindow: number, max: number): void {
      settle(callback, () => {
        if (max === 0) return { current: 0, ttl: 0 }
        return follow(this.#counter('hits', max, timeWindow).read(key), ({ used, waitMs }) => ({
          current: used,
          ttl: waitMs,
        }))
      })
    }
    child(
      routeOptions: FastifyLimiterOptions & { readonly max?: unknown; readonly timeWindow?: unknown },
    ): FastifyStore {
      const { method, url } = routeOptions.routeInfo ?? {}
      // A limiter without a route is told from the next one by what it limits.
      const part = url === undefined ? `${routeOptions.max} in ${routeOptions.timeWindow}` : `${method} ${url}`
      return new RempartStore(routeOptions, part)
    }
    #counter(what: 'hits' | 'refusals', limit: number, windowMs: number): HitCounter {
      const id = `${what} ${limit} ${windowMs}`
      let counter = this.#counters.get(id)
      if (counter === undefined) {
        // A limit that a function gives may be another for each client; the counters' keys do not depend on it.
        if (this.#counters.size >= MOST_COUNTERS) this.#counters.clear()
        counter = createHitCounter(store, {
          name: '@fastify/rate-limit',
          part: `${prefix}${what} ${this.#part}`,
          limit,
          windowMs,
        })
        this.#counters.set(id, counter)
      }
      return counter
    }
  }
}

const MOST_COUNTERS = 256

function follow<From, To>(value: From | Promise<From>, next: (value: From) => To | Promise<To>): To | Promise<To> {
  return value instanceof Promise ? value.then(next) : next(value)
}

function settle(
  callback: FastifyCallback,
  count: () => { current: number; ttl: number } | Promise<{ current: number; ttl: number }>,
): void {
  const fail = (error: unknown): void => callback(error instanceof Error ? error : new Error(String(error)))
  try {
    const found = count()
    if (found instanceof Promise) found.then((result) => callback(null, result), fail)
    else callback(null, found)
  } catch (error) {
    fail(error)
  }
}
