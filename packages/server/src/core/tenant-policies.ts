import {
  PolicyError,
  type PolicyFault,
  type PolicyInput,
  type PolicyOverrides,
  type RuleOverrides,
} from '@rempart/guard'
import type { FastifyRequest } from 'fastify'
import type { Logger } from 'pino'
import { findNamedTenant } from './identify.ts'
import type { PolicySet } from './policy-set.ts'
import { tenantPolicy } from './tenant-bounds.ts'
import type { Tenant, TenantKey, TenantResolver } from './tenant-resolver.ts'

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
   * The same for a request that has not been identified, from what it names; at once when its tenant is in memory. A call
   * that takes a credential is under the installation's policies: what it names, anybody can name.
   */
  early(request: FastifyRequest, set: PolicySet): PolicyOverrides | undefined | Promise<PolicyOverrides | undefined>
  /** What keeps an override from being in force; none for one that is. */
  faults(policy: PolicyInput | undefined, policyId: string, rules: RuleOverrides): readonly PolicyFault[]
}

/** Look-ups for requests that no limit has judged yet; while so many are under way, others are judged as of no tenant. */
const mostLookUps = 32

/** Applies what tenants have otherwise, as far as the operator allows it. */
export function createTenantPolicies(dependencies: TenantPoliciesDependencies): TenantPolicies {
  const { tenants, namesOf, anyOverrides, factor, log } = dependencies
  const judged = new WeakMap<
    PolicyOverrides,
    { readonly set: PolicySet; readonly allowed: PolicyOverrides | undefined }
  >()
  let lookUps = 0

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
  const lookUp = async (names: readonly TenantKey[], set: PolicySet): Promise<PolicyOverrides | undefined> => {
    lookUps += 1
    try {
      const tenant = await findNamedTenant(tenants, names)
      return tenant === null ? undefined : inForce(tenant, set)
    } catch {
      // The database is away: the installation's policies hold.
      return undefined
    } finally {
      lookUps -= 1
    }
  }

  return {
    inForce,
    faults,
    early(request, set) {
      if (!anyOverrides() || !isAnybodys(request)) return undefined
      const names = namesOf(request)
      const known = names.map((name) => tenants.peek(name))
      if (known.some((tenant) => tenant === undefined)) return lookUps < mostLookUps ? lookUp(names, set) : undefined
      const [tenant] = known
      const isOne = tenant && known.every((each) => each?.id === tenant.id)
      return isOne ? inForce(tenant, set) : undefined
    },
  }
}

function isAnybodys({ route, headers }: FastifyRequest): boolean {
  if (route.access !== 'public') return false
  return route.keyScope === undefined || (headers.authorization === undefined && headers['x-api-key'] === undefined)
}
