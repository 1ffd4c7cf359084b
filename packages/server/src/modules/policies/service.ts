import { describeFault, type LoadedPolicy, type PolicyFault, type RuleOverrides } from '@rempart/guard'
import type { Context } from '../../core/context.ts'
import type { ActivePolicies } from '../../core/guard/guard.ts'
import { ProblemError } from '../../core/problem.ts'
import { announceChange } from '../../core/tenant/feed.ts'
import type { TenantPolicies } from '../../core/tenant/policies.ts'
import * as queries from './queries.ts'
import type { EffectivePolicies, EffectivePolicy, PolicyOverrideInput } from './schema.ts'

export interface PolicyDependencies {
  readonly policies: ActivePolicies
  readonly tenantPolicies: TenantPolicies
  /** Called after a change of this tenant's has been committed. */
  readonly onChanged: (tenantId: string) => void
}

type OverrideRow = Awaited<ReturnType<typeof queries.listOverrides>>[number]

/** Every policy as it is in force for the tenant, the general one first. */
export async function listPolicies(context: Context, dependencies: PolicyDependencies): Promise<EffectivePolicies> {
  const rows = await context.inTenant((tx) => queries.listOverrides(tx))
  const { policies } = dependencies.policies.current()
  return { items: policies.map((policy) => describe(policy, rows, context, dependencies)) }
}

/** @throws ProblemError `policy-not-found`. */
export async function readPolicy(
  context: Context,
  dependencies: PolicyDependencies,
  id: string,
): Promise<EffectivePolicy> {
  const policy = find(dependencies, id)
  return describe(policy, await context.inTenant((tx) => queries.listOverrides(tx)), context, dependencies)
}

/**
 * Sets the tenant's own figures for a policy, in place of those it had. In force for every process within a second, and
 * within 30 seconds where the message between them is lost.
 *
 * @throws ProblemError `policy-not-found`; `invalid-content` with every fault, what the operator does not allow among them.
 */
export async function setPolicyOverride(
  context: Context,
  dependencies: PolicyDependencies,
  id: string,
  { rules }: PolicyOverrideInput,
): Promise<EffectivePolicy> {
  const policy = find(dependencies, id)
  const faults = dependencies.tenantPolicies.faults(policy.policy, id, rules)
  if (faults.length > 0) {
    throw new ProblemError('invalid-content', {
      errors: faults.map((fault) => toError(fault, id, Object.keys(rules))),
      reason: 'policy',
    })
  }
  const { tenant } = context
  const rows = await context.inTenant(async (tx) => {
    await queries.saveOverride(tx, tenant.id, id, rules, new Date(context.clock.now()))
    await announceChange(tx, tenant.id, 'policies')
    return await queries.listOverrides(tx)
  })
  dependencies.onChanged(tenant.id)
  return describe(policy, rows, context, dependencies)
}

/** Puts the installation's policy in force again. @throws ProblemError `policy-not-found` where the tenant had nothing else. */
export async function deletePolicyOverride(
  context: Context,
  { onChanged }: PolicyDependencies,
  id: string,
): Promise<void> {
  const { tenant } = context
  const isDeleted = await context.inTenant(async (tx) => {
    const was = await queries.deleteOverride(tx, id)
    if (was) await announceChange(tx, tenant.id, 'policies')
    return was
  })
  if (!isDeleted) throw new ProblemError('policy-not-found')
  onChanged(tenant.id)
}

function find({ policies }: PolicyDependencies, id: string): LoadedPolicy {
  const found = policies.current().policies.find(({ policy }) => policy.id === id)
  if (found === undefined) throw new ProblemError('policy-not-found')
  return found
}

function describe(
  { policy, origins }: LoadedPolicy,
  rows: readonly OverrideRow[],
  { tenant }: Context,
  { policies, tenantPolicies }: PolicyDependencies,
): EffectivePolicy {
  const row = rows.find(({ policy_id }) => policy_id === policy.id)
  // Written by this module, and judged before it was.
  const rules = row?.rules as RuleOverrides | undefined
  const faults = rules === undefined ? [] : tenantPolicies.faults(policy, policy.id, rules)
  const own = rules !== undefined && faults.length === 0 ? rules : {}
  // As the row says, whatever this process has in memory of the tenant.
  const asStored = { ...tenant, policyOverrides: { [policy.id]: own } }
  return {
    id: policy.id,
    version: policies.compiled(policy.id, asStored)?.version ?? '',
    origin: own === rules ? 'tenant' : 'installation',
    origins: { ...Object.fromEntries(origins), ...originsOf(own) },
    rules: policy.rules.map((rule) => ({ ...rule, ...own[rule.id] })),
    override:
      row === undefined || rules === undefined
        ? null
        : {
            rules: { ...rules },
            version: row.version,
            updatedAt: row.updated_at.toISOString(),
            faults: faults.map(({ path, ...fault }) => ({ path, message: describeFault({ path, ...fault }) })),
          },
  }
}

function originsOf(rules: RuleOverrides): Record<string, string> {
  const paths = Object.entries(rules).flatMap(([id, fields]) =>
    Object.keys(fields).map((name) => `rules.${id}.${name}`),
  )
  return Object.fromEntries(paths.map((path) => [path, 'tenant']))
}

/** Where in the body a fault stands. Ids of policies and rules may hold dots, which a path does not tell from its own. */
function toError({ path, message, suggestion }: PolicyFault, policyId: string, ruleIds: readonly string[]) {
  const inside = path.slice(`${policyId}.rules.`.length)
  const ruleId = ruleIds
    .filter((id) => inside === id || inside.startsWith(`${id}.`))
    .sort((a, b) => b.length - a.length)[0]
  const field = ruleId === undefined ? '' : inside.slice(ruleId.length + 1)
  const pointer = ['/rules', ...(ruleId === undefined ? [] : [ruleId]), ...(field === '' ? [] : [field])].join('/')
  return {
    pointer,
    code: 'policy',
    message: suggestion === undefined ? message : `${message} (did you mean "${suggestion}"?)`,
  }
}
