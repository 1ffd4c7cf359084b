import type { Decision, DecisionDraft } from './decision.ts'
import { challenge, deny, judge, noteShadow, outlastCharge } from './judge.ts'
import { createLease, nextLeaseId } from './lease.ts'
import type { CountStep, OnlyCount, Plan, Slate } from './plan.ts'
import { shareOf } from './plan.ts'
import { type AccessListRule, type AccessVerdict, judgeAccess } from './rules/access-list.ts'
import { MAX_UNITS } from './rules/rate-limit.ts'
import { judgeSignals, type SignalRule } from './rules/signal.ts'
import type { RemoteStore, Store, Take } from './store.ts'
import { readSubject, type Subjects } from './subject.ts'

/**
 * Decides one request against one plan over a store in the process, and charges it when it is admitted.
 *
 * All or nothing: rate limits and slots are charged only when every live rule of the plan admits;
 * lockouts and ladders count every attempt they let through themselves. Access lists are judged first:
 * a request they refuse spends nothing.
 *
 * The decision belongs to the plan and the next call overwrites it (see {@link Decision}); in return,
 * admitting a request allocates nothing, unless it holds a slot.
 *
 * @param cost - Units this request spends: a whole number from 1 to 2^31.
 * @param nowMs - The caller's clock, in milliseconds from any origin, fractions dropped.
 * @throws RangeError for a cost or a time that is no such number: a mistake of the caller, not of the request.
 */
export function decide(plan: Plan, store: Store, subjects: Subjects, cost: number, nowMs: number): Decision {
  checkArguments(cost, nowMs)
  return decideHere(plan, store, subjects, cost, nowMs)
}

/** Decides over a store in the process, with arguments that have been checked. */
export function decideHere(plan: Plan, store: Store, subjects: Subjects, cost: number, nowMs: number): Decision {
  const { slate, only } = plan
  if (only !== undefined && readValues(only.take, subjects)) {
    const decision = decideAlone(only, slate, store, cost, nowMs)
    if (decision !== undefined) return decision
  }
  prepare(plan, slate, subjects, cost)
  return settle(plan, slate, store, nowMs)
}

/**
 * Decides by the one rate limit of a plan that has nothing else: what the general way does, without its loops and with
 * each field of an admission written once. Undefined, and nothing done, when the store fails.
 */
function decideAlone(
  { take, step }: OnlyCount,
  slate: Slate,
  store: Store,
  cost: number,
  nowMs: number,
): Decision | undefined {
  const { decision } = slate
  slate.count = 1
  take.active = true
  take.cost = cost
  try {
    store.take(slate.takes, 1, nowMs)
  } catch {
    return undefined
  }
  if (take.fits) {
    admit(step, take, decision)
  } else {
    clear(decision)
    judge(step, take, decision)
  }
  return decision
}

/** Charges a slate that has been made ready, in a store in the process, and decides. */
function settle(plan: Plan, slate: Slate, store: Store, nowMs: number): Decision {
  if (slate.count === 0) return slate.decision
  try {
    store.take(slate.takes, slate.count, nowMs)
  } catch {
    return decideWithoutStore(plan, slate, undefined, nowMs)
  }
  return conclude(plan, slate, store)
}

/** @throws RangeError for a cost or a time that no decision can be made with. */
export function checkArguments(cost: number, nowMs: number): void {
  if (!(Number.isInteger(cost) && cost >= 1 && cost <= MAX_UNITS)) throw new RangeError('cost: 1 to 2^31, whole')
  if (!(nowMs >= 0 && nowMs <= Number.MAX_SAFE_INTEGER)) throw new RangeError('nowMs: a time from 0 on')
}

/**
 * Makes a slate ready for the store: judges what needs no store and fills in the takes. Its `count`
 * is 0 when its decision is already made.
 */
export function prepare(plan: Plan, slate: Slate, subjects: Subjects, cost: number): void {
  const { decision } = slate
  clear(decision)
  slate.count = plan.checks.length === 0 ? plan.counts.length : consultChecks(plan, subjects, decision)
  fillTakes(plan, slate, subjects, cost, decision.outcome === 'allow')
}

/** Judges what the store has read. */
export function conclude(plan: Plan, slate: Slate, store: Store | RemoteStore): Decision {
  const { takes, count, decision } = slate
  judgeAll(plan.counts, takes, count, decision)
  if (plan.leases) decision.lease = createLease(takes, count, store)
  return decision
}

function judgeAll(counts: readonly CountStep[], takes: readonly Take[], count: number, decision: DecisionDraft): void {
  for (let index = 0; index < count; index += 1) {
    const take = takes[index]
    const step = counts[index]
    if (take?.active && step !== undefined) judge(step, take, decision)
  }
  if (decision.retryAfterMs === undefined || count === 1) return
  for (let index = 0; index < count; index += 1) {
    const take = takes[index]
    const step = counts[index]
    if (take?.active && step !== undefined) outlastCharge(step, take, decision)
  }
}

/** Where rules of `onStoreFailure: 'local-share'` go on. */
export interface LocalShare {
  readonly store: Store
  readonly nodes: () => number
}

/** Decides as each rule's `onStoreFailure` says: a closed one refuses, a shared one goes on over its share. */
export function decideWithoutStore(plan: Plan, slate: Slate, local: LocalShare | undefined, nowMs: number): Decision {
  const { takes, count, decision } = slate
  decision.degraded = true
  for (let index = 0; index < count; index += 1) {
    const step = plan.counts[index]
    const take = takes[index]
    if (step === undefined || !take?.active) continue
    if (take.enforced && step.rule.onStoreFailure === 'closed') {
      deny(decision, step.rule.id, 'store-failure')
      return decision
    }
  }
  return local === undefined ? decision : decideLocally(plan, slate, local, nowMs)
}

function decideLocally(plan: Plan, slate: Slate, local: LocalShare, nowMs: number): Decision {
  const share = shareOf(plan, Math.max(1, Math.floor(local.nodes())))
  const { count, decision } = slate
  let shared = 0
  for (const [place, index] of share.indexes.entries()) {
    const take = share.takes[place]
    const wanted = slate.takes[index]
    if (take === undefined || wanted === undefined || index >= count) break
    copyRequest(wanted, take)
    shared = place + 1
  }
  if (shared === 0) return decision
  local.store.take(share.takes, shared, nowMs)
  judgeAll(share.counts, share.takes, shared, decision)
  if (plan.leases) decision.lease = createLease(share.takes, shared, local.store)
  return decision
}

function copyRequest(from: Take, to: Take): void {
  to.active = from.active
  to.cost = from.cost
  to.solved = from.solved
  to.leaseId = from.leaseId
  for (let index = 0; index < from.values.length; index += 1) to.values[index] = from.values[index] ?? ''
}

/** Applies the access lists and the signals; how many takes the store is to see. */
function consultChecks(plan: Plan, subjects: Subjects, decision: DecisionDraft): number {
  let count = plan.counts.length
  let exempt = false
  for (const { rule, countsBefore } of plan.checks) {
    if (rule.kind === 'signal') {
      if (!exempt) consultSignals(rule, subjects, decision)
      continue
    }
    const verdict = consultList(rule, subjects, decision)
    if (verdict === 'deny') return 0
    if (verdict !== 'allow') continue
    exempt = true
    count = Math.min(count, countsBefore)
  }
  return count
}

function consultSignals(rule: SignalRule, subjects: Subjects, decision: DecisionDraft): void {
  const verdict = judgeSignals(rule, subjects.evidence)
  if (verdict === 'allow') return
  if (rule.mode === 'shadow') noteShadow(decision, rule.id)
  else if (verdict === 'deny') deny(decision, rule.id, 'signal')
  else challenge(decision, rule.id, 'signal-challenge')
}

function consultList(rule: AccessListRule, subjects: Subjects, decision: DecisionDraft): AccessVerdict {
  const verdict = judgeAccess(rule, subjects)
  if (rule.mode === 'live') {
    // A list is obeyed before any signal, wherever it stands.
    if (verdict === 'deny') overrule(decision, rule.id)
    return verdict
  }
  if (verdict === 'deny') noteShadow(decision, rule.id)
  return undefined
}

function overrule(decision: DecisionDraft, ruleId: string): void {
  decision.outcome = 'allow'
  deny(decision, ruleId, 'access-list')
}

/** @param open - False when the request is refused already: attempts count all the same. */
function fillTakes(plan: Plan, slate: Slate, subjects: Subjects, cost: number, open: boolean): void {
  const { takes, count } = slate
  for (let index = 0; index < count; index += 1) {
    const take = takes[index]
    const step = plan.counts[index]
    if (take === undefined || step === undefined) continue
    take.active = (open || take.counter.charge === 'attempt') && readValues(take, subjects)
    take.cost = step.cost === 1 ? cost : unitsOf(step.cost, cost)
    if (take.active && step.cost === 0) fillSpecial(take, step, subjects)
  }
}

/** More than any limit is one more than the highest: it never fits, and stays a whole number. */
function unitsOf(own: number, cost: number): number {
  return own === 0 ? 1 : Math.min(own * cost, MAX_UNITS + 1)
}

function fillSpecial(take: Take, { rule }: CountStep, subjects: Subjects): void {
  if (rule.kind === 'escalation') take.solved = subjects.evidence?.solved === true
  else if (rule.kind === 'concurrency') take.leaseId = nextLeaseId()
}

/** Fills in what a take counts by; false when the request has not all of it. */
export function readValues(take: Take, subjects: Subjects): boolean {
  const { by } = take.counter
  for (let index = 0; index < by.length; index += 1) {
    const subject = by[index]
    const value = subject === undefined ? undefined : readSubject(subjects, subject)
    if (value === undefined) return false
    take.values[index] = value
  }
  return true
}

function admit({ rule, counter }: CountStep, take: Take, decision: DecisionDraft): void {
  clearRest(decision)
  decision.ruleId = rule.id
  decision.limit = counter.limit
  decision.remaining = counter.capacity - take.used
  decision.resetMs = take.freesMs
  decision.windowMs = counter.windowMs
  decision.counted = true
  decision.quota = counter.quota
}

function clear(decision: DecisionDraft): void {
  clearRest(decision)
  decision.ruleId = undefined
  decision.limit = 0
  decision.remaining = 0
  decision.resetMs = 0
  decision.windowMs = 0
  decision.counted = false
  decision.quota = undefined
}

/** Clears what is not a figure of a rate limit. */
function clearRest(decision: DecisionDraft): void {
  decision.outcome = 'allow'
  decision.reason = undefined
  decision.retryAfterMs = undefined
  decision.shadow = false
  decision.shadowRuleId = undefined
  decision.degraded = false
  decision.lease = undefined
}
