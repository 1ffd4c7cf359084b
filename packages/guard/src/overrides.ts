import { PolicyError, type PolicyFault, unknownWord } from './faults.ts'
import { isRecord } from './fields.ts'
import { checkPolicy, type Policy, type PolicyInput } from './policy.ts'

/** For one policy, by rule id: the fields that replace the rule's own. */
export type RuleOverrides = Readonly<Record<string, Readonly<Record<string, unknown>>>>

/** What one tenant has otherwise: by policy id, the rules changed. */
export type PolicyOverrides = Readonly<Record<string, RuleOverrides>>

/** They say which counter is meant: another one would start from nothing. */
const fixedFields: readonly string[] = ['id', 'kind', 'by']

/**
 * Derives the policy of a tenant: the named fields of the named rules replaced. It counts in the same
 * counters.
 *
 * @throws PolicyError with every fault of what results: an unknown rule or field, a figure that cannot
 * be kept, a change of what a rule is or counts by.
 */
export function overridePolicy(input: PolicyInput, overrides: RuleOverrides): Policy {
  const faults: PolicyFault[] = []
  const known = input.rules.map(({ id }) => id)
  for (const [id, fields] of Object.entries(overrides)) {
    const path = `${input.id}.rules.${id.slice(0, 64)}`
    if (!known.includes(id)) faults.push(unknownWord(path, 'rule', id, known))
    else if (!isRecord(fields)) faults.push({ path, message: 'must be an object' })
    else checkNames(fields, path, faults)
  }
  const rules = input.rules.map((rule) => {
    const fields = Object.hasOwn(overrides, rule.id) ? overrides[rule.id] : undefined
    return isRecord(fields) ? { ...rule, ...fields } : rule
  })
  const policy = checkPolicy({ ...input, rules }, input.id, faults)
  if (policy === undefined || faults.length > 0) throw new PolicyError(faults)
  return policy
}

function checkNames(fields: Readonly<Record<string, unknown>>, path: string, faults: PolicyFault[]): void {
  for (const name of fixedFields) {
    if (Object.hasOwn(fields, name)) faults.push({ path: `${path}.${name}`, message: 'cannot be overridden' })
  }
}
