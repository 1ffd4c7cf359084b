import { parseClientAddress } from '../client-address.ts'
import { decide } from '../decide.ts'
import { compilePolicy, type Plan } from '../plan.ts'
import { definePolicy, type PolicyInput } from '../policy.ts'
import type { RuleInput } from '../rule-kinds.ts'
import type { RateLimitInput } from '../rules/rate-limit.ts'
import type { Store } from '../store.ts'
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

/** The rule `burst`, three an hour from an address, but for the fields given. */
export function burst(fields: Partial<RateLimitInput> = {}): RateLimitInput {
  return { id: 'burst', kind: 'rate-limit', by: 'ip', limit: 3, window: '1h', ...fields }
}

/** Sends one request from each of `count` addresses that nobody else uses. How many were refused. */
export function flood(plan: Plan, store: Store, count: number, nowMs: number): number {
  let refused = 0
  for (let index = 0; index < count; index += 1) {
    const key = `flood-${nowMs}-${index}`
    const decision = decide(plan, store, { ip: { text: '192.0.2.1', key, family: 4 } }, 1, nowMs)
    if (decision.outcome === 'deny') refused += 1
  }
  return refused
}
