import type { Logger } from 'pino'
import type { Context } from './core/context.ts'
import { createId } from './core/ids.ts'
import type { Tenant } from './core/tenant/resolver.ts'
import { tenantCalls } from './database/calls.ts'
import type { Pool } from './database/connect.ts'
import { createTenantReads } from './database/reads.ts'
import { tenantScope } from './database/tenant.ts'

/**
 * The context of a service that is called from the command line: whoever runs it holds the database's own credentials,
 * so it asks for no scope; row-level security keeps it to the one tenant all the same.
 *
 * @param pool - as rempart_worker.
 */
export function operatorContext(
  pool: Pool,
  tenant: Tenant,
  terminal: { readonly locale: 'en' | 'fr'; readonly log: Logger },
): Context {
  const context: Context = {
    tenant,
    actor: { kind: 'operator', id: 'cli' },
    requestId: createId(),
    locale: terminal.locale,
    clock: { now: () => Date.now() },
    log: terminal.log,
    inTenant: tenantScope(pool, tenant.id),
    readInTenant: createTenantReads(pool).of(tenant.id),
    callInTenant: tenantCalls(pool, tenant.id),
    audit: { ring: undefined, address: undefined, userAgent: undefined },
  }
  return Object.freeze(context)
}
