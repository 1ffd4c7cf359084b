import { randomBytes } from 'node:crypto'
import { type Counting, countHere, countRemotely } from './counting.ts'
import { checkArguments } from './decide.ts'
import { type Decision, draftDecision } from './decision.ts'
import { createObserver, type EventListener, type Observer } from './events.ts'
import { PolicyError, type PolicyFault } from './faults.ts'
import { overridePolicy, type PolicyOverrides } from './overrides.ts'
import { type CompiledPolicy, compilePolicy, type Plan } from './plan.ts'
import { asWritten, definePolicy, type Policy, type PolicyInput, type PolicySource } from './policy.ts'
import type { RemoteStore, Store } from './store.ts'
import type { Subjects } from './subject.ts'
import { createTurnClock } from './turn-clock.ts'

/** What a guard decides by, and what it counts in. */
export interface GuardOptions {
  readonly policies: readonly PolicySource[]
  readonly store: Store | RemoteStore
  /** Milliseconds that never run back, from any origin. @default performance.now, read once in a turn of the event loop */
  readonly nowMs?: () => number
  /**
   * Hears of each refusal, challenge, shadow refusal, alert and lock, before the decision's caller has it: it
   * must not ask the guard for another one itself. What it throws is dropped.
   */
  readonly onEvent?: EventListener
  /** Keys the hashes of subjects in events. @default drawn at random: other processes then hash otherwise */
  readonly secret?: Uint8Array | string
  /** How long a remote store is waited for, in milliseconds. @default 25 */
  readonly deadlineMs?: number
  /** Memory for the rules of `onStoreFailure: 'local-share'`. @default 4,194,304 (4 MiB) */
  readonly localBudgetBytes?: number
  /** Hears once of each set of overrides that is refused; the policy itself is then in force. */
  readonly onOverrideFault?: (policyId: string, faults: readonly PolicyFault[]) => void
}

/** What a decision may be given besides who asks. */
export interface DecideOptions {
  /** Units the request spends: 1 to 2^31. @default 1 */
  readonly cost?: number
  /** The tenant's own figures. Compiled once for each object: pass the same one again. */
  readonly overrides?: PolicyOverrides | undefined
}

/**
 * Policies over a store. Over a store in the process each answer is given at once, over a remote one as
 * a promise that never rejects; a decision given at once is overwritten by the next one (see {@link Decision}).
 */
export interface Guard {
  /**
   * Decides by what the socket and the headers tell, before any byte of the body is read.
   *
   * @throws RangeError for a policy that the guard does not have, or a cost that is none.
   */
  early(policyId: string, subjects: Subjects, options?: DecideOptions): Decision | Promise<Decision>
  /** Decides by the rest, once the body and the credential are known. @throws RangeError like `early`. */
  late(policyId: string, subjects: Subjects, options?: DecideOptions): Decision | Promise<Decision>
  /**
   * Forgets the attempts of these subjects: what their lockouts and ladders forgive when, say, a
   * sign-in succeeds.
   */
  reportSuccess(policyId: string, subjects: Subjects, options?: DecideOptions): undefined | Promise<undefined>
  /**
   * Single use: true for the first call with a key, false for every other within `ttlMs`, in all
   * processes that share the store. Undefined when the store did not answer.
   */
  mark(key: string, ttlMs: number): boolean | Promise<boolean | undefined>
  /** A policy as it is in force, undefined when there is none of that name. */
  policy(policyId: string, overrides?: PolicyOverrides): CompiledPolicy | undefined
  /**
   * Puts other policies in force. Counters are kept wherever a rule keeps its ids, kind and subjects.
   *
   * @throws PolicyError, and the policies in force stay as they are.
   */
  replacePolicies(policies: readonly PolicySource[]): void
  /** The clock of the decisions, as a lease's release wants it. */
  nowMs(): number
}

interface Entry {
  readonly input: PolicyInput
  readonly compiled: CompiledPolicy
  /** The answer where a moment has no rule. */
  readonly idle: Decision
}

interface PolicySet {
  readonly entries: ReadonlyMap<string, Entry>
  readonly derived: WeakMap<PolicyOverrides, Map<string, Entry>>
}

const DEFAULT_DEADLINE_MS = 25
const DEFAULT_LOCAL_BUDGET_BYTES = 4 * 1_048_576
const noOptions: DecideOptions = {}

/**
 * Creates a guard.
 *
 * @throws PolicyError for a policy that cannot be enforced as written, with every fault; RangeError for
 * two policies of one name.
 */
export function createGuard(options: GuardOptions): Guard {
  const { store, nowMs = createTurnClock(() => performance.now()) } = options
  const counting = count(options)
  let policies = compileSet(options.policies)

  const find = (policyId: string, overrides: PolicyOverrides | undefined): Entry => {
    const entry = policies.entries.get(policyId)
    if (entry === undefined) throw new RangeError(`There is no policy "${policyId}"`)
    return overrides === undefined ? entry : derive(policies, entry, overrides, options.onOverrideFault)
  }
  const decidePlan = (plan: Plan | undefined, { idle }: Entry, subjects: Subjects, cost = 1) => {
    if (plan === undefined) return idle
    const now = nowMs()
    checkArguments(cost, now)
    return counting.decide(plan, subjects, cost, now)
  }

  return {
    early(policyId, subjects, { cost, overrides } = noOptions) {
      const entry = find(policyId, overrides)
      return decidePlan(entry.compiled.early, entry, subjects, cost)
    },
    late(policyId, subjects, { cost, overrides } = noOptions) {
      const entry = find(policyId, overrides)
      return decidePlan(entry.compiled.late, entry, subjects, cost)
    },
    reportSuccess(policyId, subjects, { overrides } = noOptions) {
      const { early, late } = find(policyId, overrides).compiled
      const now = nowMs()
      const cleared = [early, late].map((plan) => plan && counting.forgive(plan, subjects, now))
      return store.remote ? Promise.all(cleared).then(() => undefined) : undefined
    },
    mark: (key, ttlMs) => counting.mark(key, ttlMs, nowMs()),
    policy(policyId, overrides) {
      return policies.entries.has(policyId) ? find(policyId, overrides).compiled : undefined
    },
    replacePolicies(inputs) {
      policies = compileSet(inputs)
    },
    nowMs,
  }
}

function count(options: GuardOptions): Counting {
  const { store, onEvent, secret, deadlineMs, localBudgetBytes } = options
  const observe: Observer = onEvent === undefined ? () => undefined : createObserver(onEvent, secret ?? randomBytes(32))
  if (!store.remote) return countHere(store, observe)
  return countRemotely(store, observe, {
    deadlineMs: deadlineMs ?? DEFAULT_DEADLINE_MS,
    localBudgetBytes: localBudgetBytes ?? DEFAULT_LOCAL_BUDGET_BYTES,
  })
}

function compileSet(sources: readonly PolicySource[]): PolicySet {
  const entries = new Map<string, Entry>()
  for (const input of sources.map(asWritten)) {
    if (entries.has(input.id)) throw new RangeError(`Two policies are named "${input.id}"`)
    entries.set(input.id, createEntry(input, definePolicy(input)))
  }
  return { entries, derived: new WeakMap() }
}

function createEntry(input: PolicyInput, policy: Policy): Entry {
  const compiled = compilePolicy(policy)
  return { input, compiled, idle: Object.freeze(draftDecision(compiled.id, compiled.version)) }
}

/** The tenant's policy, compiled once for each object of overrides. */
function derive(
  { derived }: PolicySet,
  entry: Entry,
  overrides: PolicyOverrides,
  onFault: GuardOptions['onOverrideFault'],
): Entry {
  const { id } = entry.input
  if (!Object.hasOwn(overrides, id)) return entry
  let entries = derived.get(overrides)
  if (entries === undefined) {
    entries = new Map()
    derived.set(overrides, entries)
  }
  const known = entries.get(id)
  if (known !== undefined) return known
  const own = deriveEntry(entry, overrides, onFault)
  entries.set(id, own)
  return own
}

function deriveEntry(entry: Entry, overrides: PolicyOverrides, onFault: GuardOptions['onOverrideFault']): Entry {
  const { input } = entry
  try {
    return createEntry(input, overridePolicy(input, overrides[input.id] ?? {}))
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error
    onFault?.(input.id, error.faults)
    return entry
  }
}
