import type { FastifyRequest } from 'fastify'
import type { Logger } from 'pino'
import { tenantCalls } from '../../database/calls.ts'
import type { Pool } from '../../database/connect.ts'
import type { TenantReads } from '../../database/reads.ts'
import { tenantScope } from '../../database/tenant.ts'
import type { Actor, Clock, Context } from '../context.ts'
import type { KeyRing } from '../credentials/sealing.ts'
import { type NamedTenantDependencies, publicKeys, theOne } from '../tenant/named.ts'
import type { Tenant } from '../tenant/resolver.ts'

export interface RequestContextDependencies {
  readonly pool: Pool
  readonly reads: TenantReads
  /** What the keys of the audit log are sealed under. */
  readonly auditRing: KeyRing
  readonly clock: Clock
  readonly log: Logger
}

/** Somebody who showed no credential. */
export const publicActor: Actor = Object.freeze({ kind: 'public' })

/** What a service is told of a request: for which tenant it is, and who acts. */
export function contextOf(
  request: FastifyRequest,
  tenant: Tenant,
  actor: Actor,
  dependencies: RequestContextDependencies,
): Context {
  return {
    tenant,
    actor,
    requestId: request.id,
    locale: request.locale,
    clock: dependencies.clock,
    log: dependencies.log,
    ...scopeOf(dependencies, tenant),
    audit: { ring: dependencies.auditRing, address: request.client.text, userAgent: request.headers['user-agent'] },
  }
}

// A tenant object serves thousands of requests before it is read anew; its scope is made once.
type TenantScope = Pick<Context, 'inTenant' | 'readInTenant' | 'callInTenant'>
const scopes = new WeakMap<Tenant, TenantScope>()

function scopeOf({ pool, reads }: Pick<RequestContextDependencies, 'pool' | 'reads'>, tenant: Tenant): TenantScope {
  let scope = scopes.get(tenant)
  if (scope === undefined) {
    scope = {
      inTenant: tenantScope(pool, tenant.id),
      readInTenant: reads.of(tenant.id),
      callInTenant: tenantCalls(pool, tenant.id),
    }
    scopes.set(tenant, scope)
  }
  return scope
}

/**
 * The context of a request that was refused before it was identified, for its page. Undefined: it names no tenant, or one
 * that has not been in memory for an hour. Nothing counts such a request, so nothing is looked up for it.
 */
export function createRefusedContext(
  dependencies: RequestContextDependencies & NamedTenantDependencies,
): (request: FastifyRequest) => Context | undefined {
  const { tenants } = dependencies
  return (request) => {
    const { headers, query } = request
    const keys = publicKeys({ headers, query, params: {}, tenantOfForm: false }, dependencies)
    const tenant = theOne(keys.map((key) => tenants.recall(key) ?? null))
    return tenant === null ? undefined : contextOf(request, tenant, publicActor, dependencies)
  }
}
