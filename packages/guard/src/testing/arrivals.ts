import { parseClientAddress } from '../client-address.ts'
import { compilePolicy, type Plan } from '../plan.ts'
import { definePolicy, type PolicyInput } from '../policy.ts'
import type { RuleInput } from '../rule-kinds.ts'
import type { Subjects } from '../subject.ts'

/** The early plan of a policy with these rules, which must have one. */
export function earlyPlan(rules: readonly RuleInput[], settings: Partial<PolicyInput> = {}): Plan {
  const { early } = compilePolicy(definePolicy({ id: 'test', ...settings, rules }))
  if (early === undefined) throw new Error('the policy has no early rule')
  return early
}

/** The late plan of a policy with these rules, which must have one. */
export function latePlan(rules: readonly RuleInput[], settings: Partial<PolicyInput> = {}): Plan {
  const { late } = compilePolicy(definePolicy({ id: 'test', ...settings, rules }))
  if (late === undefined) throw new Error('the policy has no late rule')
  return late
}

/** A request from this address, with whatever else is known of its sender. */
export function from(address: string, others: Omit<Subjects, 'ip'> = {}): Subjects {
  const ip = parseClientAddress(address)
  if (ip === undefined) throw new Error(`not an address: ${address}`)
  return { ip, ...others }
}
