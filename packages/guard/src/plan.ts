import { type DecisionDraft, draftDecision } from './decision.ts'
import type { Policy } from './policy.ts'
import type { AccessListRule, RateLimitRule, Rule } from './rule-kinds.ts'
import { createCounter } from './rules/rate-limit.ts'
import { createTake, type Take } from './store.ts'
import { isEarlySubject } from './subject.ts'

/** An access list of a plan, and how many of the plan's takes come before it. */
interface AccessStep {
  readonly rule: AccessListRule
  readonly takesBefore: number
}

/** A counting rule of a plan and the take that the plan reuses for it. */
export interface CountStep {
  readonly rule: RateLimitRule
  readonly take: Take
}

/**
 * The rules of a policy that are decided together, ready to be decided. It holds working memory that
 * each decision overwrites: one plan serves one process's thread, any number of stores.
 */
export interface Plan {
  readonly policyId: string
  readonly access: readonly AccessStep[]
  readonly counts: readonly CountStep[]
  /** The takes of `counts`, as a store wants them. */
  readonly takes: readonly Take[]
  readonly decision: DecisionDraft
}

/** A policy as its two moments: before any byte of the body, and once the body and the credential are known. */
export interface CompiledPolicy {
  readonly id: string
  /** Rules told by the address and the fingerprint alone. */
  readonly early: Plan | undefined
  /** The others, with the access lists that exempt from them. */
  readonly late: Plan | undefined
}

/**
 * Compiles a policy. When a rule is decided is not configured: it follows from what it counts by. An
 * early charge precedes a late refusal: all-or-nothing holds within each of the two plans.
 */
export function compilePolicy(policy: Policy): CompiledPolicy {
  return {
    id: policy.id,
    early: compilePlan(
      policy.id,
      policy.rules.filter((rule) => rule.kind === 'access-list' || isEarly(rule)),
    ),
    late: compilePlan(policy.id, lateRules(policy.rules)),
  }
}

/**
 * Compiles several policies by id.
 *
 * @throws RangeError when two policies share an id: their counters would be one.
 */
export function compilePolicies(policies: readonly Policy[]): ReadonlyMap<string, CompiledPolicy> {
  const compiled = new Map<string, CompiledPolicy>()
  for (const policy of policies) {
    if (compiled.has(policy.id)) throw new RangeError(`Two policies are named "${policy.id}"`)
    compiled.set(policy.id, compilePolicy(policy))
  }
  return compiled
}

function isEarly(rule: RateLimitRule): boolean {
  return rule.by.every(isEarlySubject)
}

/** Access lists without a late rule behind them have said all they have to say in the early plan. */
function lateRules(rules: readonly Rule[]): readonly Rule[] {
  const late = rules.filter((rule) => rule.kind === 'access-list' || !isEarly(rule))
  const last = late.findLastIndex((rule) => rule.kind !== 'access-list')
  return late.slice(0, last + 1)
}

function compilePlan(policyId: string, rules: readonly Rule[]): Plan | undefined {
  if (rules.length === 0) return undefined
  const access: AccessStep[] = []
  const counts: CountStep[] = []
  for (const rule of rules) {
    switch (rule.kind) {
      case 'access-list':
        access.push({ rule, takesBefore: counts.length })
        break
      case 'rate-limit':
        counts.push({ rule, take: createTake(createCounter(policyId, rule.id, rule), rule.mode === 'live') })
        break
    }
  }
  return {
    policyId,
    access,
    counts,
    takes: counts.map(({ take }) => take),
    decision: draftDecision(policyId),
  }
}
