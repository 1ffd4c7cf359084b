import type { ChallengeReason, DecisionDraft, DenyReason } from './decision.ts'
import type { CountStep } from './plan.ts'
import { jitterOf } from './retry-jitter.ts'
import type { CountingRule } from './rule-kinds.ts'
import { waitInForce } from './rules/escalation.ts'
import type { Take } from './store.ts'

/** Folds one reading into the decision, in the policy's order. */
export function judge(step: CountStep, take: Take, decision: DecisionDraft): void {
  if (!take.enforced) {
    if (!take.fits) noteShadow(decision, step.rule.id)
    return
  }
  if (!take.fits) {
    refuse(step, take, decision)
    return
  }
  if (decision.outcome !== 'allow' || take.counter.quota === undefined) return
  const remaining = remainingUnits(take)
  if (decision.counted && remaining >= decision.remaining) return
  bind(step, take, decision, remaining, take.freesMs)
}

/**
 * Lengthens the wait that a refusal announces by what the refused attempt has itself set going: lockouts and ladders
 * have counted it, and may refuse the next one for longer than the rule that decides.
 */
export function outlastCharge({ rule }: CountStep, take: Take, decision: DecisionDraft): void {
  if (decision.retryAfterMs === undefined || !take.enforced || !take.charged) return
  const waitMs = waitAfterCharge(take)
  if (waitMs > decision.retryAfterMs) decision.retryAfterMs = toldWait(rule, take, waitMs)
}

/** Notes what a rule in shadow would have done. */
export function noteShadow(decision: DecisionDraft, ruleId: string): void {
  decision.shadow = true
  decision.shadowRuleId ??= ruleId
}

/** Refuses by a rule that has no figures to tell. A challenge gives way to a refusal, and never the reverse. */
export function deny(decision: DecisionDraft, ruleId: string, reason: DenyReason): void {
  if (decision.outcome === 'deny') return
  decision.outcome = 'deny'
  bindWithoutFigures(decision, ruleId, reason)
}

/** Asks for a challenge, unless another rule has refused or asked already. */
export function challenge(decision: DecisionDraft, ruleId: string, reason: ChallengeReason): void {
  if (decision.outcome !== 'allow') return
  decision.outcome = 'challenge'
  bindWithoutFigures(decision, ruleId, reason)
}

function refuse(step: CountStep, take: Take, decision: DecisionDraft): void {
  const { rule } = step
  if (rule.kind === 'escalation' && take.waitMs === 0) {
    challenge(decision, rule.id, 'escalation')
  } else if (decision.outcome !== 'deny') {
    denyBy(step, take, decision)
    if (announces(rule, take)) announce(rule, take, decision)
  } else if (decision.retryAfterMs !== undefined) {
    // Another rule decides; the wait it announces must satisfy this one too.
    decision.retryAfterMs = knownWait(Math.max(decision.retryAfterMs, toldWait(rule, take, take.waitMs)))
  }
}

function denyBy(step: CountStep, take: Take, decision: DecisionDraft): void {
  const { rule } = step
  switch (rule.kind) {
    case 'rate-limit':
      deny(decision, rule.id, take.cooling ? 'cooldown' : 'rate-limit')
      bind(step, take, decision, remainingUnits(take), take.waitMs === Infinity ? take.freesMs : take.waitMs)
      break
    case 'lockout':
      deny(decision, rule.id, 'lockout')
      break
    case 'escalation':
      deny(decision, rule.id, waitInForce(rule, take.used))
      break
    case 'concurrency':
      deny(decision, rule.id, 'concurrency')
      break
  }
}

/** Tells the wait in every field alike: a client that goes by `t` or `X-RateLimit-Reset` comes no earlier than told. */
function announce(rule: CountingRule, take: Take, decision: DecisionDraft): void {
  const waitMs = knownWait(toldWait(rule, take, take.waitMs))
  decision.retryAfterMs = waitMs
  if (waitMs !== undefined && decision.counted) decision.resetMs = waitMs
}

/** A wait, lengthened by the client's share of the rule's jitter. */
function toldWait(rule: CountingRule, take: Take, waitMs: number): number {
  const jitterMs = rule.kind === 'concurrency' ? undefined : rule.retryAfterJitterMs
  return jitterMs === undefined ? waitMs : waitMs + jitterOf(take, jitterMs)
}

/** Until a rule lets another attempt through, after the one it has just counted. */
function waitAfterCharge({ counter, used, freesMs }: Take): number {
  if (counter.shape === 'ladder') return counter.rows.findLast(({ after }) => after <= used)?.waitMs ?? 0
  return used < counter.capacity ? 0 : freesMs
}

/** Whether a rule's refusal tells how long to wait. When a slot frees is not known. */
function announces(rule: CountingRule, take: Take): boolean {
  if (rule.kind === 'concurrency') return false
  return rule.retryAfter === 'always' || (rule.retryAfter === 'cooldown-only' && take.cooling)
}

/** A wait that can be announced: one that ends. */
function knownWait(waitMs: number): number | undefined {
  return waitMs === Infinity ? undefined : waitMs
}

/** Units that a client still has under a take's counter. */
function remainingUnits(take: Take): number {
  return take.cooling ? 0 : Math.max(0, take.counter.capacity - take.used)
}

function bind(step: CountStep, take: Take, decision: DecisionDraft, remaining: number, resetMs: number): void {
  const { counter } = take
  decision.ruleId = step.rule.id
  decision.limit = counter.limit
  decision.windowMs = counter.windowMs
  decision.quota = counter.quota
  decision.counted = true
  decision.remaining = remaining
  decision.resetMs = resetMs
}

function bindWithoutFigures(decision: DecisionDraft, ruleId: string, reason: DenyReason | ChallengeReason): void {
  decision.ruleId = ruleId
  decision.reason = reason
  decision.limit = 0
  decision.windowMs = 0
  decision.quota = undefined
  decision.counted = false
  decision.remaining = 0
  decision.resetMs = 0
}
