import type { ClientAddress } from '../client-address.ts'
import { compilePolicy, type Plan } from '../plan.ts'
import { definePolicy } from '../policy.ts'
import type { Rule } from '../rule-kinds.ts'
import { MAX_UNITS } from '../rules/rate-limit.ts'
import type { WindowCounter } from '../store.ts'
import type { LoggedAgent } from './agents.ts'
import type { JudgedPolicy } from './judged-rules.ts'

/** One rule under trial. */
export interface TrialRule {
  readonly index: number
  readonly policyId: string
  readonly rule: Rule
  /** Whether a signal rule was judged by the User-Agent alone. */
  readonly isPartly: boolean
  /** Units a client may reach; 0 where a rule has no such figure. */
  readonly capacity: number
  /** Counts every arrival, as if there were no limit; undefined where no limit is suggested. */
  readonly measure: Plan | undefined
  /**
   * The same counter with no limit, where a client has one under the rule: measuring may then begin late, and needs no
   * key. Undefined where it has several, or none is measured.
   */
  readonly ownCounter: WindowCounter | undefined
  /** Requests that this rule decided to refuse or to challenge. */
  refused: number
  challenged: number
  /** Requests that it would have refused, were it not in shadow. */
  shadowRefused: number
  requests: number
  /** Maxima of clients that were forgotten. */
  readonly departed: Map<number, number>
}

/** One policy under trial. */
export interface TrialPolicy {
  readonly id: string
  readonly plan: Plan | undefined
  /** The rule of each counting step of the plan, then of each check. */
  readonly counts: readonly TrialRule[]
  readonly checks: readonly TrialRule[]
  readonly needsHeaders: boolean
  readonly needsEvidence: boolean
  readonly forgives: boolean
  requests: number
  refused: number
  challenged: number
  shadowRefused: number
}

/** Compiles what of a policy can be tried; its rules are added to `rules`. */
export function createTrialPolicy({ input, partly }: JudgedPolicy, rules: TrialRule[]): TrialPolicy {
  const policy = definePolicy(input)
  const { early } = compilePolicy(policy)
  const add = (rule: Rule, capacity: number): TrialRule => {
    const measure = createMeasure(policy.id, rule)
    const made: TrialRule = {
      index: rules.length,
      policyId: policy.id,
      rule,
      isPartly: partly.includes(rule.id),
      capacity,
      measure,
      ownCounter: ownCounterOf(rule, measure),
      refused: 0,
      challenged: 0,
      shadowRefused: 0,
      requests: 0,
      departed: new Map(),
    }
    rules.push(made)
    return made
  }
  return {
    id: policy.id,
    plan: early,
    counts: early?.counts.map(({ rule, counter }) => add(rule, counter.capacity)) ?? [],
    checks: early?.checks.map(({ rule }) => add(rule, 0)) ?? [],
    needsHeaders: early?.counts.some(({ rule }) => rule.by.includes('header:user-agent')) ?? false,
    needsEvidence: early?.checks.some(({ rule }) => rule.kind === 'signal') ?? false,
    forgives: policy.rules.some(
      (rule) => rule.kind === 'lockout' || (rule.kind === 'escalation' && rule.onSuccess === 'clear'),
    ),
    requests: 0,
    refused: 0,
    challenged: 0,
    shadowRefused: 0,
  }
}

/** The same window with no limit. A rate with a burst has no window to count in. */
function createMeasure(policyId: string, rule: Rule): Plan | undefined {
  if (rule.kind !== 'rate-limit' || rule.burst !== undefined) return undefined
  const { id, by, windowMs, cost } = rule
  return compilePolicy(
    definePolicy({ id: policyId, rules: [{ id, kind: 'rate-limit', by, limit: MAX_UNITS, window: windowMs, cost }] }),
  ).early
}

function ownCounterOf(rule: Rule, measure: Plan | undefined): WindowCounter | undefined {
  const isOwn = rule.kind === 'rate-limit' && rule.by.length === 1 && rule.by[0] === 'ip' && rule.cost === 1
  const counter = isOwn ? measure?.counts[0]?.counter : undefined
  return counter?.shape === 'window' ? counter : undefined
}

/** Who a request comes from, as the engine asks. One object serves every request. */
export interface TrialSubjects {
  ip: ClientAddress
  agent: LoggedAgent
  day: number
  route: string
  headers: Readonly<Record<string, string>> | undefined
  evidence: { readonly signals: { readonly userAgent: number } } | undefined
  readonly fingerprint: string
}

/** Two requests have one fingerprint when address, normalised User-Agent and UTC day are the same. */
export function createTrialSubjects(): TrialSubjects {
  return {
    ip: { text: '', key: '', family: 4 },
    agent: { text: '', name: '', reading: { class: 'empty', score: 0, reason: '' }, bits: 0, normalized: '' },
    day: 0,
    route: '',
    headers: undefined,
    evidence: undefined,
    get fingerprint() {
      return `${this.day} ${this.ip.key} ${this.agent.normalized}`
    },
  }
}
