import { PolicyError, type PolicyFault } from './faults.ts'
import { isRecord, openFields, ownField, readId } from './fields.ts'
import { checkRule, type Rule, type RuleInput } from './rule-kinds.ts'
import { type Mode, type OnStoreFailure, type RuleDefaults, readDefaults } from './rule-settings.ts'

/** One policy as an author writes it, beside a route or in the policy file. */
export interface PolicyInput {
  /** Names the policy in headers, logs and the policy file: letters, digits, `.`, `_`, `:`, `-`; up to 64. */
  readonly id: string
  /** `shadow` puts every rule in shadow. @default 'live' */
  readonly mode?: Mode
  /** For the rules that say nothing themselves. @default 'open' */
  readonly onStoreFailure?: OnStoreFailure
  /** In the order in which they decide. An empty list protects nothing, and says so. */
  readonly rules: readonly RuleInput[]
}

/** A policy that has been checked and can be compiled. */
export interface Policy {
  readonly id: string
  readonly rules: readonly Rule[]
}

/** A policy as it is written, or as `definePolicy` made it of that. */
export type PolicySource = PolicyInput | Policy

/** What a policy was made of: a tenant's figures and a policy file's are put over that. */
const written = new WeakMap<object, PolicyInput>()

/** A policy as it was written. */
export const asWritten = (source: PolicySource): PolicyInput => written.get(source) ?? (source as PolicyInput)

const defaults: RuleDefaults = { mode: 'live', onStoreFailure: 'open' }

/**
 * Checks a policy and fills in its defaults.
 *
 * @throws PolicyError for an unknown field, kind, subject or unit and for a figure that cannot be
 * kept exactly. It lists every fault, each with its path and, where one is near, the spelling meant.
 * @example
 * const contact = definePolicy({
 *   id: 'contact.submit',
 *   rules: [{ id: 'burst', kind: 'rate-limit', by: 'ip', limit: 3, window: '60s', cooldown: '5m' }],
 * })
 */
export function definePolicy(input: PolicyInput): Policy {
  const faults: PolicyFault[] = []
  const path = isRecord(input) && typeof input.id === 'string' ? input.id.slice(0, 64) : 'policy'
  const policy = checkPolicy(input, path, faults)
  if (policy === undefined || faults.length > 0) throw new PolicyError(faults)
  written.set(policy, input)
  return policy
}

/**
 * Checks a policy of unknown origin; its faults go to `faults`.
 *
 * @param path - What the paths of its faults start with.
 * @returns Undefined when it is not even an object.
 */
export function checkPolicy(input: unknown, path: string, faults: PolicyFault[]): Policy | undefined {
  const reader = openFields(input, path, ['id', 'mode', 'onStoreFailure', 'rules'], faults)
  if (reader === undefined) return undefined
  const id = readId(reader.fields, path, faults)
  const ruleDefaults = readDefaults(reader, defaults)
  const rules: unknown = ownField(reader.fields, 'rules')
  if (!Array.isArray(rules)) {
    faults.push({ path: `${path}.rules`, message: 'must be a list of rules' })
    return undefined
  }
  const seen = new Set<string>()
  const checked: Rule[] = []
  for (const [index, rule] of rules.entries()) {
    const found = checkEntry(rule, index, path, ruleDefaults, seen, faults)
    if (found !== undefined) checked.push(Object.freeze(found))
  }
  return Object.freeze({ id, rules: Object.freeze(checked) })
}

function checkEntry(
  rule: unknown,
  index: number,
  path: string,
  ruleDefaults: RuleDefaults,
  seen: Set<string>,
  faults: PolicyFault[],
): Rule | undefined {
  const place = `${path}.rules[${index}]`
  if (!isRecord(rule)) {
    faults.push({ path: place, message: 'must be an object' })
    return undefined
  }
  const ruleId = readId(rule, place, faults)
  const named = `${path}.rules.${ruleId}`
  if (seen.has(ruleId)) faults.push({ path: named, message: 'is declared twice' })
  seen.add(ruleId)
  return checkRule(rule, ruleId, named, ruleDefaults, faults)
}
