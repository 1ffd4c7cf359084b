import type { QuotaLabel } from './decision.ts'
import type { Subject } from './subject.ts'

/** The figures of one counting rule, derived once when the policy is compiled. */
export interface Counter {
  readonly policyId: string
  readonly ruleId: string
  readonly by: readonly Subject[]
  /** Units admitted in any window: 1 to 2^31. */
  readonly limit: number
  /** 1 ms to 400 days. */
  readonly windowMs: number
  /** 0 when the rule has no cooldown. */
  readonly cooldownMs: number
  /** Length of the ticks in which the counter's times are kept. */
  readonly tickMs: number
  /** The window in ticks, rounded so that no unit leaves it early. */
  readonly windowTicks: number
  /** Arrivals less than this far apart, in ticks, may share an entry; 1 keeps an exact log. */
  readonly cellTicks: number
  /** Entries that the counter can need at once. */
  readonly entries: number
  readonly quota: QuotaLabel
}

/**
 * One counter to check and charge, and where it stands afterwards. The plan owns it and reuses it
 * for each decision, so that a decision allocates nothing.
 */
export interface Take {
  readonly counter: Counter
  /** False for a shadow rule, which is counted and never refuses. */
  readonly enforced: boolean
  /** The subjects' texts, in the order of `counter.by`. */
  readonly values: string[]
  /** Whether this request has the rule's subjects; a store passes over the others. */
  active: boolean

  /** Whether the request fits this counter. */
  fits: boolean
  /** Units in the window, those of this request included when it was charged. */
  used: number
  /** Until the oldest unit leaves the window; 0 when it is empty. */
  freesMs: number
  /** When it does not fit: until it would, `Infinity` when it never can. 0 otherwise. */
  waitMs: number
  /** Whether the counter's cooldown refuses. */
  cooling: boolean

  /** Left to the store that last served this take: bindings and memos. */
  scratch: unknown
}

/** A fresh take over a counter. */
export function createTake(counter: Counter, enforced: boolean): Take {
  return {
    counter,
    enforced,
    values: counter.by.map(() => ''),
    active: false,
    fits: false,
    used: 0,
    freesMs: 0,
    waitMs: 0,
    cooling: false,
    scratch: undefined,
  }
}

/** Where a store's memory stands, for metrics. */
export interface StoreStats {
  /** The most the store may ever hold. */
  readonly budgetBytes: number
  /** What its tables reserve; never above the budget. */
  readonly bytes: number
  /** Counters with at least one unit in their window. */
  readonly entries: number
  /** Counters the tables can hold. */
  readonly capacity: number
  /** Keys refused for a time (a cooldown, a spent limit), kept apart from the counters. */
  readonly blocked: number
  readonly blockedCapacity: number
  /** Counters forgotten under pressure before their window ended. */
  readonly evictions: number
  /** Blocked keys displaced by other blocked keys before their time. */
  readonly blockedEvictions: number
}

/** Where counters live. This is the contract of a store in the process; it answers at once. */
export interface Store {
  /**
   * Checks the first `count` takes and charges them in one step: a counter is charged `cost` units
   * when it fits and every enforced take of the call fits. A counter with a cooldown starts it on the
   * first request that does not fit. Writes the readings into the takes.
   *
   * @param cost - Units, 1 to 2^31.
   * @param nowMs - The caller's clock; a step back neither re-admits nor locks anyone out.
   */
  take(takes: readonly Take[], count: number, cost: number, nowMs: number): void
  /** Counts its memory, by a pass over the tables: for a metrics scrape, not for each request. */
  stats(): StoreStats
}
