import { createDeadline } from '../deadline.ts'
import { MAX_DURATION_MS } from '../duration.ts'
import { nextLeaseId } from '../lease.ts'
import { createWindowCounter, MAX_UNITS } from '../rules/rate-limit.ts'
import {
  type Counter,
  createTake,
  type HeldLease,
  type LeaseCounter,
  type RemoteStore,
  type Store,
  type Take,
} from '../store.ts'

/** What counting one hit found. */
export interface Hit {
  /** Whether it was counted: at most `limit` are in any window. */
  readonly counted: boolean
  /** Hits in the window, this one included when it was counted. */
  readonly used: number
  /** Until the oldest hit leaves the window; for one that was not counted, until it would be. */
  readonly waitMs: number
  /** What gives this hit back, where `returnable` asked for it. */
  readonly lease: HeldLease | undefined
}

/** Counts hits by key in a store of the guard. */
export interface HitCounter {
  hit(key: string): Hit | Promise<Hit>
  /** Where a key stands; counts nothing. */
  read(key: string): Hit | Promise<Hit>
  giveBack(lease: HeldLease): void | Promise<void>
  /** Forgets a key's hits; returnable ones must be given back one by one. */
  forget(key: string): void | Promise<void>
}

/** What is counted, and how. */
export interface HitCounterOptions {
  /** Tells this counter's keys from those of others in the store. */
  readonly name: string
  readonly part: string
  /** 1 to 2^31. */
  readonly limit: number
  /** 1 ms to 400 days. */
  readonly windowMs: number
  /** Keeps each hit by itself, so that it can be given back. It takes memory for each hit of a window. */
  readonly returnable?: boolean
}

/** How long a store elsewhere is waited for. */
const DEADLINE_MS = 25

/**
 * Creates a counter of hits. Over a store elsewhere, a call rejects when there is no answer within 25 ms.
 *
 * @throws RangeError for a limit or a window that cannot be kept exactly.
 */
export function createHitCounter(store: Store | RemoteStore, options: HitCounterOptions): HitCounter {
  const counter = counterOf(options)
  const never = impossible(options)
  const count = store.remote ? countElsewhere(store) : countHere(store)
  // A store in the process has answered before the next call: its takes serve again, with what it remembers in them.
  const kept = store.remote ? undefined : { take: createTake(counter, true), never: createTake(never, true) }
  const ask = (key: string): Take => prepare(kept?.take ?? createTake(counter, true), key)
  return {
    hit(key) {
      const take = ask(key)
      return count([take], () => describe(take))
    },
    read(key) {
      const take = ask(key)
      // A second take that never fits keeps the first from being charged.
      const second = prepare(kept?.never ?? createTake(never, true), key)
      second.cost = 2
      return count([take, second], () => describe(take))
    },
    giveBack: (lease) => {
      const nowMs = performance.now()
      return store.remote ? store.release([lease], nowMs) : store.release([lease], nowMs)
    },
    forget(key) {
      const nowMs = performance.now()
      return store.remote ? store.clear([ask(key)], 1, nowMs) : store.clear([ask(key)], 1, nowMs)
    },
  }
}

function prepare(take: Take, key: string): Take {
  take.active = true
  take.values[0] = key
  if (take.counter.shape === 'leases') take.leaseId = nextLeaseId()
  return take
}

function describe(take: Take): Hit {
  const { counter, charged, used, freesMs, waitMs, leaseId, values } = take
  const lease = charged && counter.shape === 'leases' ? { counter, values: [...values], leaseId } : undefined
  return { counted: charged, used, waitMs: charged || take.fits ? freesMs : waitMs, lease }
}

type Counting = (takes: readonly Take[], read: () => Hit) => Hit | Promise<Hit>

function countHere(store: Store): Counting {
  return (takes, read) => {
    store.take(takes, takes.length, performance.now())
    return read()
  }
}

function countElsewhere(store: RemoteStore): Counting {
  const deadline = createDeadline(DEADLINE_MS)
  return (takes, read) => {
    const pending = store.take(takes, takes.length, performance.now())
    return pending === undefined ? read() : deadline.race(pending).then(read)
  }
}

function counterOf({ name, part, limit, windowMs, returnable = false }: HitCounterOptions): Counter {
  if (!(Number.isInteger(limit) && limit >= 1 && limit <= MAX_UNITS)) {
    throw new RangeError(`a limit of ${limit} cannot be kept: a whole number from 1 to 2^31`)
  }
  if (!(Number.isInteger(windowMs) && windowMs >= 1 && windowMs <= MAX_DURATION_MS)) {
    throw new RangeError(`a window of ${windowMs} ms cannot be kept: a whole number from 1 ms to 400 days`)
  }
  const by = ['account'] as const
  if (!returnable) return createWindowCounter(name, part, { by, limit, windowMs, cooldownMs: 0 }, 'admitted', undefined)
  return {
    shape: 'leases',
    policyId: name,
    ruleId: part,
    by,
    charge: 'admitted',
    limit,
    capacity: limit,
    windowMs,
    cooldownMs: 0,
    quota: undefined,
  } satisfies LeaseCounter
}

/** A counter that two units never fit. */
function impossible({ name, windowMs }: HitCounterOptions): Counter {
  const figures = { by: ['account'] as const, limit: 1, windowMs, cooldownMs: 0 }
  return createWindowCounter(name, 'never', figures, 'admitted', undefined)
}
