import {
  definePolicy,
  overridePolicy,
  type Policy,
  PolicyError,
  type PolicyFault,
  type PolicyInput,
  type RuleOverrides,
} from '@rempart/guard'

type Rule = Policy['rules'][number]

/** How failures of the store are ordered: the later refuses more. */
const failures = ['open', 'local-share', 'closed'] as const

/**
 * What a tenant may change of a rule: how much is admitted, and nothing that says for how long it is counted. Counters are
 * shared by all tenants, so that one client has one, whichever tenant it names; another tenant's window or pace would
 * be read into them.
 */
const changeable: Readonly<Record<Rule['kind'], readonly string[]>> = {
  'rate-limit': ['limit', 'mode', 'onStoreFailure', 'retryAfter'],
  lockout: ['attempts', 'mode', 'onStoreFailure', 'retryAfter'],
  concurrency: ['slots', 'mode', 'onStoreFailure'],
  escalation: ['mode', 'onStoreFailure', 'retryAfter'],
  signal: ['challenge', 'deny', 'mode'],
  'access-list': [],
  quota: [],
}

/**
 * Derives the policy of a tenant, within what the operator allows: each figure at most `factor` times the installation's,
 * a rule never out of force, and never more open when the store fails.
 *
 * @param factor - At least 1; with 1 a tenant may only tighten.
 * @throws PolicyError with every fault: what is no such policy, and what the operator does not allow.
 */
export function tenantPolicy(input: PolicyInput, overrides: RuleOverrides, factor: number): Policy {
  const own = overridePolicy(input, overrides)
  const base = new Map(definePolicy(input).rules.map((rule) => [rule.id, rule]))
  const faults = own.rules.flatMap((rule) => {
    const of = base.get(rule.id)
    const changed = Object.keys(overrides[rule.id] ?? {})
    return of === undefined ? [] : boundFaults(of, rule, changed, factor, `${input.id}.rules.${rule.id}`)
  })
  if (faults.length > 0) throw new PolicyError(faults)
  return own
}

function boundFaults(
  base: Rule,
  own: Rule,
  changed: readonly string[],
  factor: number,
  path: string,
): readonly PolicyFault[] {
  return changed.flatMap((field) => {
    const message = fieldFault(base, own, field, factor)
    return message === undefined ? [] : [{ path: `${path}.${field}`, message }]
  })
}

function fieldFault(base: Rule, own: Rule, field: string, factor: number): string | undefined {
  const known = changeable[base.kind]
  if (!known.includes(field)) return `is the operator’s to set; a tenant may set ${known.join(', ') || 'nothing'}`
  switch (field) {
    case 'mode':
      return base.mode === 'live' && own.mode === 'shadow' ? 'must stay live' : undefined
    case 'onStoreFailure':
      return rankOf(own) < rankOf(base) ? 'must not be more open than the installation’s' : undefined
    default: {
      const most = figureOf(base, field) * factor
      return figureOf(own, field) > most ? `must be at most ${most}, which the operator allows` : undefined
    }
  }
}

const rankOf = (rule: Rule): number =>
  'onStoreFailure' in rule ? failures.indexOf(rule.onStoreFailure) : failures.length

/** How much a rule admits, as this field says it; 0 for what is no such figure. */
function figureOf(rule: Rule, field: string): number {
  switch (rule.kind) {
    case 'rate-limit':
      return field === 'limit' ? rule.limit : 0
    case 'lockout':
      return field === 'attempts' ? rule.attempts : 0
    case 'concurrency':
      return field === 'slots' ? rule.slots : 0
    case 'signal':
      return field === 'deny' ? rule.denyFrom : field === 'challenge' ? rule.challengeFrom : 0
    default:
      return 0
  }
}
