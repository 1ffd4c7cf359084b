import type { ChallengeReason, DecisionDraft, DenyReason } from './decision.ts'
import type { CountStep } from './plan.ts'
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
    if (announces(rule, take)) decision.retryAfterMs = knownWait(take.waitMs)
  } else if (decision.retryAfterMs !== undefined) {
    // Another rule decides; the wait it announces must satisfy this one too.
    decision.retryAfterMs = knownWait(Math.max(decision.retryAfterMs, take.waitMs))
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
