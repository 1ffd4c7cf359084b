import { type DecisionDraft, draftDecision } from './decision.ts'
import type { Policy } from './policy.ts'
import { policyVersion } from './policy-version.ts'
import type { CountingRule, Rule } from './rule-kinds.ts'
import type { AccessListRule } from './rules/access-list.ts'
import { createLeaseCounter } from './rules/concurrency.ts'
import { createLadderCounter, type EscalationRule } from './rules/escalation.ts'
import { createLockoutCounter } from './rules/lockout.ts'
import type { QuotaRule } from './rules/quota.ts'
import { createRateLimitCounter } from './rules/rate-limit.ts'
import { isEarlySignal, type SignalRule } from './rules/signal.ts'
import { type Counter, createTake, type Take } from './store.ts'
import { isEarlySubject, type Subject } from './subject.ts'

/** A rule that needs no store, and how many of the plan's counting rules come before it. */
export interface CheckStep {
  readonly rule: AccessListRule | SignalRule
  readonly countsBefore: number
}

/** A counting rule of a plan. */
export interface CountStep {
  readonly rule: CountingRule
  readonly counter: Counter
  /** Units for each unit that the caller says a request costs; 0 where a request is one whatever it costs. */
  readonly cost: number
}

/** A step that stands alone, with its take. */
export interface OnlyCount {
  readonly step: CountStep
  readonly take: Take
}

/** The working memory of one decision. */
export interface Slate {
  /** One for each step of the plan's `counts`. */
  readonly takes: readonly Take[]
  /** How many of the takes the store is to see, or has seen. */
  count: number
  readonly decision: DecisionDraft
}

/**
 * The rules of a policy that are decided together, ready to be decided. It holds working memory that
 * decisions overwrite: one plan serves one process's thread, any number of stores.
 */
export interface Plan {
  readonly policyId: string
  readonly version: string
  readonly checks: readonly CheckStep[]
  readonly counts: readonly CountStep[]
  /** What events name of a request: its address and whatever a rule counts by. */
  readonly subjects: readonly Subject[]
  /** Whether a rule of the plan holds slots. */
  readonly leases: boolean
  /** Whether a ladder of the plan, live or shadow, alerts or locks: its attempts are then told of. */
  readonly tells: boolean
  /** For decisions that end before they return. */
  readonly slate: Slate
  /** The plan's rule and its take in the slate, when it is a single live rate limit and nothing else. */
  readonly only: OnlyCount | undefined
  /** Slates that decisions still under way have given back. */
  readonly spares: Slate[]
  /** The rules that go on without the store, for as many nodes as last seen. */
  share: Share | undefined
}

/** The rules of a plan that go on in the memory of this process while the store does not answer. */
export interface Share {
  readonly nodes: number
  readonly counts: readonly CountStep[]
  readonly takes: readonly Take[]
  /** For each of them, which step of the plan it stands for. */
  readonly indexes: readonly number[]
}

/** A policy as its two moments: before any byte of the body, and once the body and the credential are known. */
export interface CompiledPolicy {
  readonly id: string
  /** Names the policy as it is in force. */
  readonly version: string
  /** Rules told by the socket and the headers alone. */
  readonly early: Plan | undefined
  /** The others, with the access lists that exempt from them. */
  readonly late: Plan | undefined
  /** Quotas, which their caller counts. */
  readonly quotas: readonly QuotaRule[]
}

/**
 * Compiles a policy. When a rule is decided is not configured: it follows from what it counts by. An
 * early charge precedes a late refusal: all-or-nothing holds within each of the two plans.
 */
export function compilePolicy(policy: Policy): CompiledPolicy {
  const version = policyVersion(policy)
  const decided = policy.rules.filter((rule) => rule.kind !== 'quota')
  return {
    id: policy.id,
    version,
    early: compilePlan(policy.id, version, decided.filter(isEarly)),
    late: compilePlan(policy.id, version, lateRules(decided)),
    quotas: policy.rules.filter((rule) => rule.kind === 'quota'),
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

/** A slate for a decision that ends after others have begun: a spare one, else a new one. */
export function borrowSlate(plan: Plan): Slate {
  return plan.spares.pop() ?? createSlate(plan.policyId, plan.version, plan.counts)
}

/** Slates kept for later; more than these at once are left to the garbage collector. */
const MOST_SPARES = 256

/** Gives a borrowed slate back, once nobody writes into it any more. */
export function returnSlate(plan: Plan, slate: Slate): void {
  if (plan.spares.length < MOST_SPARES) plan.spares.push(slate)
}

/** The plan's rules of `onStoreFailure: 'local-share'`, their limits divided by the nodes. */
export function shareOf(plan: Plan, nodes: number): Share {
  if (plan.share?.nodes === nodes) return plan.share
  const indexes = plan.counts.flatMap(({ rule }, index) => (rule.onStoreFailure === 'local-share' ? [index] : []))
  const counts = indexes.flatMap((index) => {
    const step = plan.counts[index]
    return step === undefined ? [] : [createStep(plan.policyId, divide(step.rule, nodes))]
  })
  plan.share = { nodes, counts, takes: createTakes(counts), indexes }
  return plan.share
}

/** A ladder counts attempts, and a person makes them all at one node or few: it is not divided. */
function divide(rule: CountingRule, nodes: number): CountingRule {
  const part = (units: number) => Math.max(1, Math.floor(units / nodes))
  switch (rule.kind) {
    case 'rate-limit':
      return rule.burst === undefined
        ? { ...rule, limit: part(rule.limit) }
        : // The time in which a unit is earned back grows with the nodes, as it would at each of them.
          { ...rule, burst: part(rule.burst), limit: part(rule.burst) + part(rule.limit - rule.burst) }
    case 'lockout':
      return { ...rule, attempts: part(rule.attempts) }
    case 'concurrency':
      return { ...rule, slots: part(rule.slots) }
    case 'escalation':
      return rule
  }
}

function isEarly(rule: Exclude<Rule, QuotaRule>): boolean {
  if (rule.kind === 'signal') return isEarlySignal(rule)
  return rule.kind === 'access-list' ? rule.by !== 'api-key' : rule.by.every(isEarlySubject)
}

/** Early access lists without a late rule behind them have said all they have to say in the early plan. */
function lateRules(rules: readonly Exclude<Rule, QuotaRule>[]): readonly Exclude<Rule, QuotaRule>[] {
  const late = rules.filter((rule) => rule.kind === 'access-list' || !isEarly(rule))
  return late.slice(0, late.findLastIndex((rule) => !isEarly(rule)) + 1)
}

function compilePlan(policyId: string, version: string, rules: readonly Exclude<Rule, QuotaRule>[]): Plan | undefined {
  if (rules.length === 0) return undefined
  const checks: CheckStep[] = []
  const counts: CountStep[] = []
  for (const rule of rules) {
    if (rule.kind === 'access-list' || rule.kind === 'signal') checks.push({ rule, countsBefore: counts.length })
    else counts.push(createStep(policyId, rule))
  }
  const slate = createSlate(policyId, version, counts)
  return {
    policyId,
    version,
    checks,
    counts,
    subjects: [...new Set<Subject>(['ip', ...counts.flatMap(({ rule }) => rule.by)])],
    leases: counts.some(({ counter }) => counter.shape === 'leases'),
    tells: counts.some(({ rule }) => rule.kind === 'escalation' && isTold(rule)),
    slate,
    only: checks.length === 0 && counts.length === 1 ? onlyCount(counts[0], slate.takes[0]) : undefined,
    spares: [],
    share: undefined,
  }
}

const isTold = ({ alertsAfter, waits }: EscalationRule): boolean =>
  alertsAfter.length > 0 || waits.some((wait) => wait.do === 'lock')

/** Where a request costs what its caller says, and its refusal is not another rule's to overrule. */
function onlyCount(step: CountStep | undefined, take: Take | undefined): OnlyCount | undefined {
  if (step?.rule.kind !== 'rate-limit' || step.cost !== 1 || step.rule.mode !== 'live') return undefined
  return take === undefined ? undefined : { step, take }
}

function createSlate(policyId: string, version: string, counts: readonly CountStep[]): Slate {
  return { takes: createTakes(counts), count: 0, decision: draftDecision(policyId, version) }
}

function createTakes(counts: readonly CountStep[]): readonly Take[] {
  return counts.map(({ rule, counter }) => createTake(counter, rule.mode === 'live'))
}

function createStep(policyId: string, rule: CountingRule): CountStep {
  return { rule, counter: createCounter(policyId, rule), cost: rule.kind === 'rate-limit' ? rule.cost : 0 }
}

function createCounter(policyId: string, rule: CountingRule): Counter {
  switch (rule.kind) {
    case 'rate-limit':
      return createRateLimitCounter(policyId, rule)
    case 'lockout':
      return createLockoutCounter(policyId, rule)
    case 'escalation':
      return createLadderCounter(policyId, rule)
    case 'concurrency':
      return createLeaseCounter(policyId, rule)
  }
}
