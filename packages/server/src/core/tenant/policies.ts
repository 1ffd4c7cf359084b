import {
  PolicyError,
  type PolicyFault,
  type PolicyInput,
  type PolicyOverrides,
  type RuleOverrides,
} from '@rempart/guard'
import type { FastifyRequest } from 'fastify'
import type { Logger } from 'pino'
import type { PolicySet } from '../guard/policy-set.ts'
import { tenantPolicy } from './bounds.ts'
import { createLookUpBudget } from './look-up-budget.ts'
import { findNamedTenant } from './named.ts'
import type { Tenant, TenantKey, TenantResolver } from './resolver.ts'

export interface TenantPoliciesDependencies {
  readonly tenants: TenantResolver
  /** What names the tenant of a request that has not been identified. */
  readonly namesOf: (request: FastifyRequest) => readonly TenantKey[]
  /** Whether any tenant has anything otherwise, as last heard. */
  readonly anyOverrides: () => boolean
  /** How many times the installation's figure a tenant may set. */
  readonly factor: number
  readonly log: Logger
}

/** What tenants have otherwise than the installation. */
export interface TenantPolicies {
  /** What of a tenant's is in force under these policies; undefined for nothing. The same object until one of them changes. */
  inForce(tenant: Tenant, set: PolicySet): PolicyOverrides | undefined
  /**
   * The same for a request that has not been identified, from what it names; at once when its tenant is in memory, or has
   * been. A call that takes a credential is under the installation's policies: what it names, anybody can name. So is a
   * call that names a tenant nobody has looked up yet while its client has used up the look-ups it may cause.
   */
  early(request: FastifyRequest, set: PolicySet): PolicyOverrides | undefined | Promise<PolicyOverrides | undefined>
  /** What keeps an override from being in force; none for one that is. */
  faults(policy: PolicyInput | undefined, policyId: string, rules: RuleOverrides): readonly PolicyFault[]
}

/** Applies what tenants have otherwise, as far as the operator allows it. */
export function createTenantPolicies(dependencies: TenantPoliciesDependencies): TenantPolicies {
  const { tenants, namesOf, anyOverrides, factor, log } = dependencies
  const judged = new WeakMap<
    PolicyOverrides,
    { readonly set: PolicySet; readonly allowed: PolicyOverrides | undefined }
  >()
  const lookUps = createLookUpBudget()
  let renewals = 0

  const faults: TenantPolicies['faults'] = (policy, policyId, rules) => {
    if (policy === undefined) return [{ path: policyId, message: 'there is no policy of that name' }]
    try {
      tenantPolicy(policy, rules, factor)
      return []
    } catch (error) {
      if (error instanceof PolicyError) return error.faults
      throw error
    }
  }
  const judge = (tenantId: string, overrides: PolicyOverrides, set: PolicySet): PolicyOverrides | undefined => {
    const policies = new Map(set.policies.map(({ policy }) => [policy.id, policy]))
    const allowed = Object.entries(overrides).filter(([id, rules]) => {
      const found = faults(policies.get(id), id, rules)
      if (found.length > 0)
        log.warn({ tenantId, policyId: id }, 'a tenant’s figures are not allowed any more, and not in force')
      return found.length === 0
    })
    return allowed.length === 0 ? undefined : Object.freeze(Object.fromEntries(allowed))
  }
  const inForce: TenantPolicies['inForce'] = ({ id, policyOverrides }, set) => {
    if (policyOverrides === undefined) return undefined
    const known = judged.get(policyOverrides)
    if (known?.set === set) return known.allowed
    const allowed = judge(id, policyOverrides, set)
    judged.set(policyOverrides, { set, allowed })
    return allowed
  }
  /** Undefined where a name is nobody's, two disagree, or the tenant has nothing otherwise. */
  const ofOne = (named: readonly (Tenant | null | undefined)[], set: PolicySet): PolicyOverrides | undefined => {
    const [tenant] = named
    return tenant && named.every((each) => each?.id === tenant.id) ? inForce(tenant, set) : undefined
  }
  const lookUp = async (
    names: readonly TenantKey[],
    client: string,
    set: PolicySet,
  ): Promise<PolicyOverrides | undefined> => {
    lookUps.begin(client)
    let isMissing = false
    try {
      const tenant = await findNamedTenant(tenants, names)
      isMissing = tenant === null
      return tenant === null ? undefined : inForce(tenant, set)
    } catch {
      // The database is away: the installation's policies hold.
      return undefined
    } finally {
      lookUps.end(client, isMissing)
    }
  }
  const renew = (names: readonly TenantKey[]): void => {
    if (renewals >= mostRenewals) return
    renewals += 1
    findNamedTenant(tenants, names)
      // The database is away: what is known goes on being known.
      .catch(() => {})
      .finally(() => {
        renewals -= 1
      })
  }

  return {
    inForce,
    faults,
    early(request, set) {
      if (!anyOverrides() || !isAnybodys(request)) return undefined
      const names = namesOf(request)
      const known = names.map((name) => tenants.peek(name))
      if (!known.includes(undefined)) return ofOne(known, set)
      // A tenant that was in memory a moment ago waits for nothing: its figures are read anew beside the request.
      const recalled = names.map((name, index) => known[index] ?? tenants.recall(name))
      if (!recalled.includes(undefined)) {
        renew(names)
        return ofOne(recalled, set)
      }
      return lookUps.allows(request.client.key) ? lookUp(names, request.client.key, set) : undefined
    },
  }
}

/** Tenants in memory that may be read anew at a time. */
const mostRenewals = 32

function isAnybodys({ route, headers }: FastifyRequest): boolean {
  if (route.access !== 'public') return false
  return route.keyScope === undefined || (headers.authorization === undefined && headers['x-api-key'] === undefined)
}
