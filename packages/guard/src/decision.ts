import type { Lease } from './lease.ts'
import type { QuotaLabel } from './store.ts'

/** Why a request is refused. */
export type DenyReason =
  | 'rate-limit'
  | 'cooldown'
  | 'lockout'
  | 'delay'
  | 'lock'
  | 'concurrency'
  | 'signal'
  | 'access-list'
  | 'store-failure'

/** Who asks for a challenge. */
export type ChallengeReason = 'escalation' | 'signal-challenge'

/**
 * The answer to one request under one plan. A refusal is a value like any other. `challenge` refuses
 * until the request comes again with a solved challenge.
 *
 * The figures are those of the **binding rule**: the first that denies, else the first that asks for a
 * challenge, else the rate limit with the least left. The object belongs to the plan and the next
 * `decide` over that plan overwrites it: read it at once, or keep a {@link snapshotDecision}.
 */
export interface Decision {
  readonly outcome: 'allow' | 'challenge' | 'deny'
  readonly policyId: string
  /** Names the policy as it was in force: 12 hexadecimal digits of a hash over its rules. */
  readonly version: string
  /** The binding rule; undefined when nothing was counted nor denied. */
  readonly ruleId: string | undefined
  /** Present exactly when the outcome is not `allow`. */
  readonly reason: DenyReason | ChallengeReason | undefined
  /** Units the binding rule admits in its window; 0 when it is not a rate limit. */
  readonly limit: number
  /** Units left in it after this request, at least 0. */
  readonly remaining: number
  /**
   * Until the binding rule has more to give: its oldest unit leaves the window, or the refused request fits. Where the
   * rule lengthens the wait that it announces (`retryAfterJitter`), that wait.
   */
  readonly resetMs: number
  /**
   * Present on a refusal that a wait of this length really ends, when the binding rule announces it: whoever waits as told
   * is admitted by every rule of the plan, unless others have spent the same counters meanwhile.
   */
  readonly retryAfterMs: number | undefined
  /** Window of the binding rule; 0 when no rule counted this request. */
  readonly windowMs: number
  /** Whether a rule in shadow mode would have refused or challenged this request. */
  readonly shadow: boolean
  /** The first shadow rule that would have. */
  readonly shadowRuleId: string | undefined
  /** Whether a rate limit judged this request: the figures, and the headers made of them, mean something. */
  readonly counted: boolean
  /** What the headers print of the binding rule; undefined when no rate limit binds. */
  readonly quota: QuotaLabel | undefined
  /** Whether the store did not answer, so that each rule's `onStoreFailure` decided in its stead. */
  readonly degraded: boolean
  /** Present on an admission that holds slots of a concurrency rule: to be released when the request ends. */
  readonly lease: Lease | undefined
}

/** The same decision while a plan writes it. */
export type DecisionDraft = { -readonly [Field in keyof Decision]: Decision[Field] }

/** A fresh decision that allows and says nothing was counted. */
export function draftDecision(policyId: string, version: string): DecisionDraft {
  return {
    outcome: 'allow',
    policyId,
    version,
    ruleId: undefined,
    reason: undefined,
    limit: 0,
    remaining: 0,
    resetMs: 0,
    retryAfterMs: undefined,
    windowMs: 0,
    shadow: false,
    shadowRuleId: undefined,
    counted: false,
    quota: undefined,
    degraded: false,
    lease: undefined,
  }
}

/** A copy that outlives the next decision of the plan. */
export function snapshotDecision(decision: Decision): Decision {
  return { ...decision }
}
