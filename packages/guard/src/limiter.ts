import type { Duration } from './duration.ts'
import { PolicyError } from './faults.ts'
import { definePolicy } from './policy.ts'
import { createRateLimitCounter, MAX_UNITS, type RateLimitInput } from './rules/rate-limit.ts'
import { createTake, type Store, type Take } from './store.ts'
import { aim, type Binding, bindTake, rehome } from './stores/memory/key.ts'
import { ADMITTED, spend, UNDECIDED } from './stores/memory/quick.ts'
import { beginCall, createMemoryStore, type Memory, memoryOf } from './stores/memory.ts'
import { createTurnClock } from './turn-clock.ts'

interface LimiterSettings {
  /** 1 ms to 400 days. */
  readonly window: Duration
  /** Once a key is refused, refuse it for this long; 0 for no longer than need be. @default 0 */
  readonly cooldown?: Duration
  /** Units a call spends that does not say: 1 to 2^31. @default 1 */
  readonly cost?: number
  /** Tells its keys from those of other limiters over one store: letters, digits, `.`, `_`, `:`, `-`. @default 'limiter' */
  readonly name?: string
  /** One of `createMemoryStore`, which other limiters and guards may share. @default one of its own, of 32 MiB */
  readonly store?: Store
  /** Milliseconds that never run back, from any origin. @default read once in a turn of the event loop */
  readonly nowMs?: () => number
}

/** What a limiter admits: `limit` units in any window, or a rate with a burst (see the rule `rate-limit`). */
export type LimiterOptions = LimiterSettings &
  (
    | { readonly limit: number; readonly rate?: undefined; readonly burst?: undefined }
    | { readonly rate: number; readonly burst: number; readonly limit?: undefined }
  )

/** The answer to one call. It belongs to the limiter and the next call overwrites it: read it at once, or copy it. */
export interface Verdict {
  readonly admitted: boolean
  /** Units left after this call, at least 0. */
  readonly remaining: number
  /** Until the next unit comes back; 0 when none is spent. */
  readonly resetMs: number
  /** When refused, until the same call would be admitted if nobody else came; `Infinity` for never. 0 when admitted. */
  readonly retryAfterMs: number
}

type VerdictDraft = { -readonly [Field in keyof Verdict]: Verdict[Field] }

/** One limit, counted by key in the memory of this process. */
export interface Limiter {
  /**
   * Spends units of a key when all of them fit; a refused call spends nothing. It answers at once, never throws for a
   * key, and allocates nothing in the common case.
   *
   * @param key - Any text; an address is best given in one spelling (see `parseClientAddress`).
   * @throws RangeError for a cost that is no whole number from 1 to 2^31.
   */
  take(key: string, cost?: number): Verdict
  /** Forgets what a key has spent, and its cooldown. */
  forget(key: string): void
}

interface State {
  readonly memory: Memory
  readonly store: Store
  readonly takes: readonly Take[]
  readonly take: Take
  readonly binding: Binding
  readonly capacity: number
  readonly verdict: VerdictDraft
}

/**
 * Creates a limiter: the counting of a guard's `rate-limit` rule without policy, subjects and headers. At most `limit`
 * units of a key are admitted in any window. Limiters of one name over one store share their counters.
 *
 * @throws PolicyError for figures that cannot be kept exactly; RangeError for a store that is no memory store.
 * @example
 * const limiter = createLimiter({ limit: 5, window: '60s', cooldown: '5m' })
 * if (!limiter.take('203.0.113.7').admitted) console.log('refused')
 */
export function createLimiter(options: LimiterOptions): Limiter {
  const { store = createMemoryStore(), nowMs = createTurnClock(), cost: ownCost = 1 } = options
  const state = createState(options, store)
  checkCost(ownCost)
  return {
    take(key, cost = ownCost) {
      if (cost !== 1) checkCost(cost)
      return take(state, key, cost, nowMs())
    },
    forget(key) {
      state.take.values[0] = key
      store.clear(state.takes, 1, nowMs())
    },
  }
}

function createState(options: LimiterOptions, store: Store): State {
  const memory = memoryOf(store)
  if (memory === undefined) throw new RangeError('store: one of createMemoryStore')
  const { limit, rate, burst, window, cooldown = 0, name = 'limiter' } = options
  const figures = limit === undefined ? { rate, burst } : { limit }
  // By address, so that a key that is one may be refused by its prefix when the blocked leave no room.
  const input = { id: 'units', kind: 'rate-limit', by: 'ip', ...figures, window, cooldown } as RateLimitInput
  const [rule] = definePolicy({ id: name, rules: [input] }).rules
  if (rule?.kind !== 'rate-limit') throw new PolicyError([])
  const take = createTake(createRateLimitCounter(name, rule), true)
  take.active = true
  return {
    memory,
    store,
    takes: [take],
    take,
    binding: bindTake(take, memory.tables, memory.seed),
    capacity: take.counter.capacity,
    verdict: { admitted: false, remaining: 0, resetMs: 0, retryAfterMs: 0 },
  }
}

function checkCost(cost: number): void {
  if (!(Number.isInteger(cost) && cost >= 1 && cost <= MAX_UNITS)) throw new RangeError('cost: 1 to 2^31, whole')
}

function take(state: State, key: string, cost: number, nowMs: number): Verdict {
  const { memory, binding, verdict } = state
  const { tables } = memory
  beginCall(tables, memory.clock, nowMs)
  if (key !== binding.key) aim(binding, key)
  else if (binding.inUse !== tables.lines.inUse) rehome(binding)
  const spent = binding.isQuick ? spend(binding, cost, tables) : UNDECIDED
  if (spent === UNDECIDED) return takeFully(state, key, cost, nowMs)
  const { freesMs } = binding
  const isAdmitted = spent === ADMITTED
  verdict.admitted = isAdmitted
  verdict.remaining = binding.limit - binding.used
  verdict.resetMs = freesMs
  verdict.retryAfterMs = isAdmitted ? 0 : freesMs
  return verdict
}

/** The way of a guard's rule, for what the quick way leaves. */
function takeFully(
  { store, takes, take, capacity, verdict }: State,
  key: string,
  cost: number,
  nowMs: number,
): Verdict {
  take.values[0] = key
  take.cost = cost
  store.take(takes, 1, nowMs)
  verdict.admitted = take.fits
  verdict.remaining = take.cooling ? 0 : Math.max(0, capacity - take.used)
  verdict.resetMs = take.freesMs
  verdict.retryAfterMs = take.waitMs
  return verdict
}
