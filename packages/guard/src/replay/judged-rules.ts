import type { PolicyInput } from '../policy.ts'
import { definePolicy } from '../policy.ts'
import type { Rule } from '../rule-kinds.ts'
import type { Subject } from '../subject.ts'

/** Why a rule cannot be tried on a log, which does not tell what it goes by. */
export type UnjudgedReason = 'account' | 'tenant' | 'api-key' | 'header' | 'country' | 'concurrency' | 'quota' | 'body'

/** A rule that is left out of a replay. */
export interface UnjudgedRule {
  readonly policyId: string
  readonly ruleId: string
  readonly reason: UnjudgedReason
}

/** What of a policy a log can tell. */
export interface JudgedPolicy {
  /** The policy without the rules that a log cannot tell. */
  readonly input: PolicyInput
  readonly rules: readonly Rule[]
  readonly unjudged: readonly UnjudgedRule[]
  /** Signal rules of which the log tells the User-Agent and not the other sources. */
  readonly partly: readonly string[]
}

/**
 * Leaves out of a policy what a log cannot tell. A log tells the address and the User-Agent, the route and the time; it
 * tells neither accounts nor bodies, and not how long slots were held.
 *
 * @throws PolicyError for a policy that cannot be enforced as written.
 */
export function judgedPart(input: PolicyInput): JudgedPolicy {
  const { id, rules } = definePolicy(input)
  const unjudged = rules.flatMap((rule): UnjudgedRule[] => {
    const reason = reasonAgainst(rule)
    return reason === undefined ? [] : [{ policyId: id, ruleId: rule.id, reason }]
  })
  const isLeftOut = (ruleId: string): boolean => unjudged.some((each) => each.ruleId === ruleId)
  return {
    input: { ...input, rules: input.rules.filter((rule) => !isLeftOut(rule.id)) },
    rules: rules.filter((rule) => !isLeftOut(rule.id)),
    unjudged,
    partly: rules.filter((rule) => !isLeftOut(rule.id) && isPartly(rule)).map((rule) => rule.id),
  }
}

function reasonAgainst(rule: Rule): UnjudgedReason | undefined {
  switch (rule.kind) {
    case 'rate-limit':
    case 'lockout':
    case 'escalation':
      return rule.by.map(reasonAgainstSubject).find((reason) => reason !== undefined)
    case 'access-list':
      return rule.by === 'ip' ? undefined : rule.by
    case 'signal':
      return rule.sources.some(({ source }) => source === 'userAgent') ? undefined : 'body'
    case 'concurrency':
    case 'quota':
      return rule.kind
  }
}

function reasonAgainstSubject(subject: Subject): UnjudgedReason | undefined {
  if (subject === 'account' || subject === 'tenant' || subject === 'api-key') return subject
  return subject.startsWith('header:') && subject !== 'header:user-agent' ? 'header' : undefined
}

/** Sources told by the body make the whole rule late; the replay judges what is early. */
function isPartly(rule: Rule): boolean {
  return rule.kind === 'signal' && rule.sources.some(({ source }) => source !== 'userAgent')
}
