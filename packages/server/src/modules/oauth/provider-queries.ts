import { sql } from 'kysely'
import type { Tx } from '../../database/tenant.ts'

const shown = [
  ...(['id', 'code', 'kind', 'name', 'issuer', 'client_id'] as const),
  ...(['is_enabled', 'version', 'created_at', 'updated_at'] as const),
] as const

export function listProviders(tx: Tx, tenantId: string) {
  return tx
    .selectFrom('identity_provider')
    .select(shown)
    .where('tenant_id', '=', tenantId)
    .orderBy('code')
    .limit(100)
    .execute()
}

export async function countProviders(tx: Tx, tenantId: string): Promise<number> {
  const row = await tx
    .selectFrom('identity_provider')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('tenant_id', '=', tenantId)
    .executeTakeFirstOrThrow()
  return row.count
}

/** Stores a provider; undefined when its name is taken. */
export function insertProvider(
  tx: Tx,
  row: {
    readonly tenant_id: string
    readonly id: string
    readonly code: string
    readonly kind: string
    readonly name: string
    readonly issuer: string | null
    readonly client_id: string
    readonly sealed_secret: Buffer
    readonly is_enabled: boolean
  },
) {
  return tx
    .insertInto('identity_provider')
    .values(row)
    .onConflict((conflict) => conflict.columns(['tenant_id', 'code']).doNothing())
    .returning(shown)
    .executeTakeFirst()
}

/** Changes a provider: what was begun with it before does not end. */
export function updateProvider(
  tx: Tx,
  tenantId: string,
  id: string,
  changes: {
    readonly name: string
    readonly client_id: string
    readonly sealed_secret?: Buffer
    readonly is_enabled: boolean
  },
) {
  return tx
    .updateTable('identity_provider')
    .set((eb) => ({ ...changes, version: eb('version', '+', 1), updated_at: sql<Date>`now()` }))
    .where('tenant_id', '=', tenantId)
    .where('id', '=', id)
    .returning(shown)
    .executeTakeFirst()
}

/** @returns whether there was one. */
export async function deleteProvider(tx: Tx, tenantId: string, id: string): Promise<boolean> {
  const result = await tx
    .deleteFrom('identity_provider')
    .where('tenant_id', '=', tenantId)
    .where('id', '=', id)
    .executeTakeFirst()
  return result.numDeletedRows === 1n
}
