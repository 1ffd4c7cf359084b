import { sql } from 'kysely'
import type { Tx } from '../../database/tenant.ts'

const columns = [
  'id',
  'tenant_id',
  'operator_tenant_id',
  'operator_id',
  'permissions',
  'reason',
  'granted_by',
  'created_at',
  'expires_at',
  'revoked_at',
  sql<boolean>`revoked_at is null and expires_at > now()`.as('is_in_force'),
] as const

/** The grants of a tenant, newest first. */
export function listGrants(tx: Tx, tenantId: string) {
  return tx
    .selectFrom('operator_grant')
    .select(columns)
    .where('tenant_id', '=', tenantId)
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(100)
    .execute()
}

export function findGrant(tx: Tx, tenantId: string, id: string) {
  return tx
    .selectFrom('operator_grant')
    .select(columns)
    .where('tenant_id', '=', tenantId)
    .where('id', '=', id)
    .executeTakeFirst()
}

export async function insertGrant(
  tx: Tx,
  grant: {
    readonly id: string
    readonly tenantId: string
    readonly operatorTenantId: string
    readonly operatorId: string
    readonly permissions: readonly string[]
    readonly reason: string
    readonly grantedBy: string
    readonly minutes: number
  },
): Promise<void> {
  await tx
    .insertInto('operator_grant')
    .values({
      tenant_id: grant.tenantId,
      id: grant.id,
      operator_tenant_id: grant.operatorTenantId,
      operator_id: grant.operatorId,
      permissions: [...grant.permissions],
      reason: grant.reason,
      granted_by: grant.grantedBy,
      // By the clock that will judge it.
      expires_at: sql<Date>`now() + ${grant.minutes} * interval '1 minute'`,
    })
    .execute()
}

/** @returns false when there is none in force. */
export async function revokeGrant(tx: Tx, tenantId: string, id: string): Promise<boolean> {
  const result = await tx
    .updateTable('operator_grant')
    .set({ revoked_at: sql<Date>`now()` })
    .where('tenant_id', '=', tenantId)
    .where('id', '=', id)
    .where('revoked_at', 'is', null)
    .executeTakeFirst()
  return result.numUpdatedRows > 0n
}

/** Whether the transaction's tenant has an active person of this id. */
export async function hasActivePerson(tx: Tx, tenantId: string, userId: string): Promise<boolean> {
  const row = await tx
    .selectFrom('user_account')
    .select('id')
    .where('tenant_id', '=', tenantId)
    .where('id', '=', userId)
    .where('is_active', '=', true)
    .where('deleted_at', 'is', null)
    .where('erased_at', 'is', null)
    .executeTakeFirst()
  return row !== undefined
}
