import type { Subject } from './subject.ts'

/** What the headers say of one quota, serialised once when its rule is compiled. */
export interface QuotaLabel {
  /** The quota's name as an RFC 9651 string, quotes included. */
  readonly name: string
  /** The whole `RateLimit-Policy` item: name, `q` (units) and `w` (seconds). */
  readonly policy: string
  /** The limit in decimal. */
  readonly limit: string
}

/**
 * When a counter is charged. `admitted`: only when every enforced take of the call fits. `attempt`:
 * whenever the take itself fits, also for a request that another rule refuses.
 */
export type Charge = 'admitted' | 'attempt'

interface CounterBase {
  readonly policyId: string
  readonly ruleId: string
  readonly by: readonly Subject[]
  readonly charge: Charge
  /** Units the rule speaks of: those admitted in a window, the slots, 0 for a ladder. */
  readonly limit: number
  /** Units that fit an empty counter at once: the burst of a `gcra`, the limit of the others. */
  readonly capacity: number
  /** 1 ms to 400 days. */
  readonly windowMs: number
  /** How long the counter refuses once a request did not fit; 0 for no longer than need be. */
  readonly cooldownMs: number
  /** What the headers print; undefined for what is not told to clients. */
  readonly quota: QuotaLabel | undefined
}

/** At most `limit` units in any window: an exact log of arrivals, or cells of a window above 32. */
export interface WindowCounter extends CounterBase {
  readonly shape: 'window'
  /** Length of the ticks in which the counter's times are kept. */
  readonly tickMs: number
  /** The window in ticks, rounded so that no unit leaves it early. */
  readonly windowTicks: number
  /** Arrivals less than this far apart, in ticks, may share an entry; 1 keeps an exact log. */
  readonly cellTicks: number
  /** Entries that the counter can need at once. */
  readonly entries: number
}

/**
 * A rate with a burst, kept as one theoretical arrival time in whole microseconds. A request of cost
 * c fits when `max(arrival, now) + c × intervalUs − now` is at most `capacity × intervalUs`.
 */
export interface GcraCounter extends CounterBase {
  readonly shape: 'gcra'
  /** Microseconds in which one unit is earned back: whole, at least 1; times the capacity, at most 400 days. */
  readonly intervalUs: number
}

/** From so many counted attempts on, the next is refused until `waitMs` after the last counted one. */
export interface LadderRow {
  readonly after: number
  readonly waitMs: number
}

/**
 * A climb of attempts: their number and the time of the last one counted. An attempt fits when the
 * wait of the row in force is over and, from `challengeAfter` on, a challenge has been solved. One that
 * does not fit changes nothing. The climb is forgotten `windowMs` after its last wait has ended.
 */
export interface LadderCounter extends CounterBase {
  readonly shape: 'ladder'
  /** Attempts from which on a solved challenge is asked for; `Infinity` for never. */
  readonly challengeAfter: number
  /** By `after`, ascending; the last row whose `after` is reached is in force. */
  readonly rows: readonly LadderRow[]
}

/** Slots held until they are released, or until `windowMs` (the lease) has passed. */
export interface LeaseCounter extends CounterBase {
  readonly shape: 'leases'
}

/** The figures of one counting rule, derived once when the policy is compiled. */
export type Counter = WindowCounter | GcraCounter | LadderCounter | LeaseCounter

/**
 * One counter to check and charge, and where it stands afterwards. Takes are lent to one call at a
 * time and reused, so that a decision allocates nothing.
 */
export interface Take {
  readonly counter: Counter
  /** False for a shadow rule, which is counted and never refuses. */
  readonly enforced: boolean
  /** The subjects' texts, in the order of `counter.by`. */
  readonly values: string[]
  /** Whether this request has the rule's subjects; a store passes over the others. */
  active: boolean
  /** Units asked for: 1 to 2^31 + 1. Always 1 for a ladder and for leases. */
  cost: number
  /** Whether the request carries a solved challenge; ladders only. */
  solved: boolean
  /** Names the slot this request would hold, unique among all processes; leases only. */
  leaseId: string

  /** Written by the store: whether the request fits this counter. */
  fits: boolean
  /** Written by the store: whether this request was charged, or holds its slot. */
  charged: boolean
  /** Written by the store: units, attempts or slots in use, this request's included when it was charged. */
  used: number
  /** Written by the store: until the next unit is given back; 0 when nothing is in use. */
  freesMs: number
  /**
   * Written by the store: when it does not fit, until it would if nobody else came, `Infinity` when it
   * never can; 0 when it fits, and where only a challenge is missing.
   */
  waitMs: number
  /** Written by the store: whether the counter's cooldown refuses. */
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
    cost: 1,
    solved: false,
    leaseId: '',
    fits: false,
    charged: false,
    used: 0,
    freesMs: 0,
    waitMs: 0,
    cooling: false,
    scratch: undefined,
  }
}

/** A slot that a request holds, as its release needs it. */
export interface HeldLease {
  readonly counter: Counter
  readonly values: readonly string[]
  readonly leaseId: string
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
  /** Times that an address was refused by its prefix (IPv4 /24 or /16, IPv6 /48 or /32), as no room was left for itself. */
  readonly aggregated: number
}

/** Where counters live: the contract of a store in the process, which answers at once. */
export interface Store {
  readonly remote: false
  /**
   * Checks the first `count` takes and charges them in one step, each by its `cost` and as its
   * counter's {@link Charge} says. A counter with a cooldown starts it on the first request that does
   * not fit; requests refused during it neither extend it nor charge. Writes the readings into the
   * takes.
   *
   * @param nowMs - The caller's clock; a step back neither re-admits nor locks anyone out.
   */
  take(takes: readonly Take[], count: number, nowMs: number): void
  /** Empties the counters of the first `count` active takes, their cooldowns and waits with them. Slots stay held. */
  clear(takes: readonly Take[], count: number, nowMs: number): void
  /** Gives slots back. One that was given back before, or has expired, is passed over. */
  release(leases: readonly HeldLease[], nowMs: number): void
  /**
   * Remembers a key for `ttlMs`, once: true for the first call, false while it is remembered. A key
   * that cannot be kept is refused (false), never forgotten early.
   */
  mark(key: string, ttlMs: number, nowMs: number): boolean
  /** Counts its memory, by a pass over the tables: for a metrics scrape, not for each request. */
  stats(): StoreStats
}

/**
 * The contract of a store that several processes share. The same sentences as {@link Store}, each
 * call in one atomic step of the server. Time is the server's; `nowMs` is only the caller's clock, for
 * a local memory of what is blocked. A call that cannot be answered rejects, and its takes then mean nothing.
 */
export interface RemoteStore {
  readonly remote: true
  /** The takes are lent until the promise settles. Undefined when the readings are already written. */
  take(takes: readonly Take[], count: number, nowMs: number): Promise<void> | undefined
  clear(takes: readonly Take[], count: number, nowMs: number): Promise<void>
  release(leases: readonly HeldLease[], nowMs: number): Promise<void>
  mark(key: string, ttlMs: number, nowMs: number): Promise<boolean>
  /** Processes that use the store, this one included, as last known: at least 1. */
  nodes(): number
}
