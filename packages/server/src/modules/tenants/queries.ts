import type { Pool } from '../../database/connect.ts'
import type { Tx } from '../../database/tenant.ts'

export interface TenantRow {
  readonly id: string
  readonly slug: string
  readonly name: string
  readonly is_active: boolean
}

/** Every tenant; the worker alone may ask. */
export async function listTenants(pool: Pool): Promise<readonly TenantRow[]> {
  return (await pool.query<TenantRow>('select * from auth.list_tenants()')).rows
}

export async function insertTenant(
  tx: Tx,
  tenant: {
    readonly id: string
    readonly slug: string
    readonly name: string
    readonly locale: string
    readonly time_zone: string
    readonly allowed_origins: readonly string[]
    readonly max_leads_per_month: number | null
  },
): Promise<void> {
  await tx
    .insertInto('tenant')
    .values({ ...tenant, allowed_origins: [...tenant.allowed_origins] })
    .execute()
}

export async function insertDomain(tx: Tx, tenantId: string, domain: string): Promise<void> {
  await tx.insertInto('tenant_domain').values({ tenant_id: tenantId, domain }).execute()
}

export async function updateTenant(
  tx: Tx,
  tenantId: string,
  changes: { readonly is_active?: boolean; readonly max_leads_per_month?: number | null },
): Promise<void> {
  await tx
    .updateTable('tenant')
    .set({ ...changes, updated_at: new Date() })
    .where('id', '=', tenantId)
    .execute()
}

/** The tenant of the transaction. */
export function readTenant(tx: Tx, tenantId: string) {
  return tx
    .selectFrom('tenant')
    .select(['id', 'slug', 'name', 'locale', 'time_zone', 'is_active', 'allowed_origins', 'max_leads_per_month'])
    .where('id', '=', tenantId)
    .executeTakeFirst()
}
