/** Why a request is refused. */
export type DenyReason = 'rate-limit' | 'cooldown' | 'access-list' | 'store-failure'

/** What the headers say of one quota, serialised once when its rule is compiled. */
export interface QuotaLabel {
  /** The quota's name as an RFC 9651 string, quotes included. */
  readonly name: string
  /** The whole `RateLimit-Policy` item: name, `q` (units) and `w` (seconds). */
  readonly policy: string
  /** The limit in decimal. */
  readonly limit: string
}

/**
 * The answer to one request under one plan. A refusal is a value like any other.
 *
 * The figures are those of the **binding rule**: the first that denies, else the one with the least
 * left. The object belongs to the plan and the next `decide` over that plan overwrites it: read it at
 * once, or keep a {@link snapshotDecision}.
 */
export interface Decision {
  readonly outcome: 'allow' | 'deny'
  readonly policyId: string
  /** The binding rule; undefined when nothing was counted nor denied. */
  readonly ruleId: string | undefined
  /** Present exactly when the outcome is `deny`. */
  readonly reason: DenyReason | undefined
  /** Units the binding rule admits in its window; 0 when no rule counted this request. */
  readonly limit: number
  /** Units left in it after this request, at least 0. */
  readonly remaining: number
  /** Until the binding rule has more to give: its oldest unit leaves the window, or the refused request fits. */
  readonly resetMs: number
  /** Present on a refusal that a wait of this length really ends, when the binding rule announces it. */
  readonly retryAfterMs: number | undefined
  /** Window of the binding rule; 0 when no rule counted this request. */
  readonly windowMs: number
  /** Whether a rule in shadow mode would have refused this request. */
  readonly shadow: boolean
  /** The first shadow rule that would have refused it. */
  readonly shadowRuleId: string | undefined
  /** Whether a rate limit judged this request: the figures, and the headers made of them, mean something. */
  readonly counted: boolean
  /** What the headers print of the binding rule; undefined when no rule counted this request. */
  readonly quota: QuotaLabel | undefined
}

/** The same decision while a plan writes it. */
export type DecisionDraft = { -readonly [Field in keyof Decision]: Decision[Field] }

/** A fresh decision that allows and says nothing was counted. */
export function draftDecision(policyId: string): DecisionDraft {
  return {
    outcome: 'allow',
    policyId,
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
  }
}

/** A copy that outlives the next decision of the plan. */
export function snapshotDecision(decision: Decision): Decision {
  return { ...decision }
}
