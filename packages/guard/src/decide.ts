import type { Decision, DecisionDraft } from './decision.ts'
import type { CountStep, Plan } from './plan.ts'
import { MAX_UNITS } from './rule-kinds.ts'
import { judgeAddress } from './rules/access-list.ts'
import { remainingUnits } from './rules/rate-limit.ts'
import type { Store, Take } from './store.ts'
import { readSubject, type Subjects } from './subject.ts'

/**
 * Decides one request against one plan, and charges it when it is admitted.
 *
 * All or nothing: a counter is charged only when every live rule of the plan admits. Access lists
 * are judged first; an address they refuse spends nothing.
 *
 * The decision belongs to the plan and the next call overwrites it (see {@link Decision}); in return,
 * admitting a request allocates nothing.
 *
 * @param cost - Units this request spends: a whole number from 1 to 2^31.
 * @param nowMs - The caller's clock, in milliseconds from any origin, fractions dropped.
 * @throws RangeError for a cost or a time that is no such number: a mistake of the caller, not of the request.
 */
export function decide(plan: Plan, store: Store, subjects: Subjects, cost: number, nowMs: number): Decision {
  if (!(Number.isInteger(cost) && cost >= 1 && cost <= MAX_UNITS)) throw new RangeError('cost: 1 to 2^31, whole')
  if (!(nowMs >= 0 && nowMs <= Number.MAX_SAFE_INTEGER)) throw new RangeError('nowMs: a time from 0 on')

  const decision = plan.decision
  clear(decision)
  const count = plan.access.length === 0 ? plan.counts.length : consultLists(plan, subjects, decision)
  if (count <= 0) return decision

  readTakes(plan, count, subjects)
  try {
    store.take(plan.takes, count, cost, nowMs)
  } catch {
    return decideWithoutStore(plan, count, decision)
  }
  for (let index = 0; index < count; index += 1) {
    const step = plan.counts[index]
    if (step?.take.active) judge(step, decision)
  }
  return decision
}

/** Applies the access lists; how many takes remain to be counted, -1 when the address is refused. */
function consultLists(plan: Plan, subjects: Subjects, decision: DecisionDraft): number {
  let count = plan.counts.length
  for (const { rule, takesBefore } of plan.access) {
    const verdict = judgeAddress(rule, subjects.ip)
    if (verdict === undefined) continue
    if (rule.mode === 'shadow') {
      if (verdict === 'deny') noteShadow(decision, rule.id)
    } else if (verdict === 'deny') {
      decision.outcome = 'deny'
      decision.reason = 'access-list'
      decision.ruleId = rule.id
      return -1
    } else {
      count = Math.min(count, takesBefore)
    }
  }
  return count
}

function readTakes(plan: Plan, count: number, subjects: Subjects): void {
  for (let index = 0; index < count; index += 1) {
    const take = plan.takes[index]
    if (take !== undefined) take.active = readValues(take, subjects)
  }
}

function readValues(take: Take, subjects: Subjects): boolean {
  const { by } = take.counter
  for (let index = 0; index < by.length; index += 1) {
    const subject = by[index]
    const value = subject === undefined ? undefined : readSubject(subjects, subject)
    if (value === undefined) return false
    take.values[index] = value
  }
  return true
}

/** Folds one reading into the decision, in the policy's order. */
function judge(step: CountStep, decision: DecisionDraft): void {
  const { rule, take } = step
  if (rule.mode === 'shadow') {
    if (!take.fits) noteShadow(decision, rule.id)
    return
  }
  if (!take.fits) {
    deny(step, decision)
    return
  }
  if (decision.outcome === 'deny') return
  const remaining = remainingUnits(take)
  if (decision.limit > 0 && remaining >= decision.remaining) return
  bind(step, decision, remaining, take.freesMs)
}

function deny(step: CountStep, decision: DecisionDraft): void {
  const { rule, take } = step
  if (decision.outcome === 'deny') {
    // Another rule decides; the wait it announces must satisfy this one too.
    if (decision.retryAfterMs !== undefined) {
      decision.retryAfterMs = knownWait(Math.max(decision.retryAfterMs, take.waitMs))
    }
    return
  }
  decision.outcome = 'deny'
  decision.reason = take.cooling ? 'cooldown' : 'rate-limit'
  bind(step, decision, remainingUnits(take), take.waitMs === Infinity ? take.freesMs : take.waitMs)
  if (rule.retryAfter === 'always' || take.cooling) decision.retryAfterMs = knownWait(take.waitMs)
}

/** A wait that can be announced: one that ends. */
function knownWait(waitMs: number): number | undefined {
  return waitMs === Infinity ? undefined : waitMs
}

function bind(step: CountStep, decision: DecisionDraft, remaining: number, resetMs: number): void {
  const { counter } = step.take
  decision.ruleId = counter.ruleId
  decision.limit = counter.limit
  decision.windowMs = counter.windowMs
  decision.quota = counter.quota
  decision.counted = true
  decision.remaining = remaining
  decision.resetMs = resetMs
}

/** Refuses when a live rule that applies to the request is declared closed. */
function decideWithoutStore(plan: Plan, count: number, decision: DecisionDraft): Decision {
  for (let index = 0; index < count; index += 1) {
    const step = plan.counts[index]
    if (step === undefined || !step.take.active) continue
    const { rule } = step
    if (rule.mode === 'shadow' || rule.onStoreFailure === 'open') continue
    decision.outcome = 'deny'
    decision.reason = 'store-failure'
    decision.ruleId = rule.id
    break
  }
  return decision
}

function noteShadow(decision: DecisionDraft, ruleId: string): void {
  decision.shadow = true
  decision.shadowRuleId ??= ruleId
}

function clear(decision: DecisionDraft): void {
  decision.outcome = 'allow'
  decision.ruleId = undefined
  decision.reason = undefined
  decision.limit = 0
  decision.remaining = 0
  decision.resetMs = 0
  decision.retryAfterMs = undefined
  decision.windowMs = 0
  decision.shadow = false
  decision.shadowRuleId = undefined
  decision.counted = false
  decision.quota = undefined
}
