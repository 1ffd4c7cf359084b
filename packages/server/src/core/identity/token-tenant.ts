import type { Pool } from '../../database/connect.ts'
import type { Tenant, TenantResolver } from '../tenant/resolver.ts'
import type { OneTimePurpose } from './one-time-tokens.ts'

/** Finds whose a token of a mail is: its link need not name the tenant. Undefined for nobody's, or a suspended tenant's. */
export async function findTokenTenant(
  { pool, tenants }: { readonly pool: Pick<Pool, 'query'>; readonly tenants: TenantResolver },
  hash: Buffer,
  purpose: OneTimePurpose,
): Promise<Tenant | undefined> {
  const found = await pool.query<{ tenant: string | null }>({
    name: 'find-one-time-token-tenant',
    text: 'select auth.find_one_time_token_tenant($1, $2) as tenant',
    values: [hash, purpose],
  })
  const tenantId = found.rows[0]?.tenant
  return tenantId ? ((await tenants.find({ kind: 'id', value: tenantId })) ?? undefined) : undefined
}
