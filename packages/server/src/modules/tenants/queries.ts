import { sql } from 'kysely'
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

/** A tenant as the platform sees it. */
export interface KnownTenant extends TenantRow {
  readonly locale: string
  readonly time_zone: string
  readonly is_platform: boolean
  readonly created_at: Date
}

/** A page of all tenants and how many there are; none unless the transaction is the platform's. */
export async function listForPlatform(
  tx: Tx,
  { page, pageSize }: { readonly page: number; readonly pageSize: number },
): Promise<{ readonly rows: readonly KnownTenant[]; readonly total: number }> {
  const ask = async (limit: number, offset: number) =>
    (
      await sql<KnownTenant & { readonly total: string }>`
        select * from auth.platform_tenants(${limit}, ${offset})`.execute(tx)
    ).rows
  const rows = await ask(pageSize, (page - 1) * pageSize)
  // A page beyond the last has no row that says how many there are.
  const [counted] = rows.length > 0 || page === 1 ? rows : await ask(1, 0)
  return { rows, total: Number(counted?.total ?? 0) }
}

export async function insertTenant(
  tx: Tx,
  tenant: {
    readonly id: string
    readonly slug: string
    readonly name: string
    readonly locale: string
    readonly time_zone: string
    readonly allowed_origins?: readonly string[]
    readonly max_leads_per_month?: number | null
    readonly is_platform?: boolean
  },
): Promise<void> {
  const { allowed_origins, ...rest } = tenant
  await tx
    .insertInto('tenant')
    .values({ ...rest, ...(allowed_origins && { allowed_origins: [...allowed_origins] }) })
    .execute()
}

export async function updateTenant(
  tx: Tx,
  tenantId: string,
  changes: {
    readonly name?: string
    readonly locale?: string
    readonly time_zone?: string
    readonly allowed_origins?: readonly string[]
    readonly is_active?: boolean
    readonly max_leads_per_month?: number | null
  },
): Promise<void> {
  const { allowed_origins, ...rest } = changes
  await tx
    .updateTable('tenant')
    .set({ ...rest, ...(allowed_origins && { allowed_origins: [...allowed_origins] }), updated_at: new Date() })
    .where('id', '=', tenantId)
    .execute()
}

/** The tenant of the transaction. */
export function readTenant(tx: Tx, tenantId: string) {
  return tx
    .selectFrom('tenant')
    .select([
      'id',
      'slug',
      'name',
      'locale',
      'time_zone',
      'is_active',
      'is_platform',
      'allowed_origins',
      'max_leads_per_month',
      'created_at',
    ])
    .where('id', '=', tenantId)
    .executeTakeFirst()
}
