import { sql } from 'kysely'
import { createId } from '../../core/ids.ts'
import type { PageRequest } from '../../core/shapes/pagination.ts'
import type { Tx } from '../../database/tenant.ts'

const columns = ['id', 'code', 'name', 'permissions', 'is_system', 'version', 'created_at', 'updated_at'] as const

export function listRoles(tx: Tx, tenantId: string, { page, pageSize }: PageRequest) {
  return tx
    .selectFrom('role')
    .select(columns)
    .where('tenant_id', '=', tenantId)
    .orderBy('code')
    .offset((page - 1) * pageSize)
    .limit(pageSize)
    .execute()
}

export async function countRoles(tx: Tx, tenantId: string): Promise<number> {
  const row = await tx
    .selectFrom('role')
    .where('tenant_id', '=', tenantId)
    .select((e) => e.fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow()
  return row.count
}

export function findRole(tx: Tx, tenantId: string, id: string) {
  return tx.selectFrom('role').select(columns).where('tenant_id', '=', tenantId).where('id', '=', id).executeTakeFirst()
}

/** The same, and nobody deletes it before the transaction ends. */
export function keepRole(tx: Tx, tenantId: string, id: string) {
  return tx
    .selectFrom('role')
    .select(columns)
    .where('tenant_id', '=', tenantId)
    .where('id', '=', id)
    .forKeyShare()
    .executeTakeFirst()
}

/** The same, and nobody changes it, or gives it to anybody, before the transaction ends. */
export function lockRole(tx: Tx, tenantId: string, id: string) {
  return tx
    .selectFrom('role')
    .select(columns)
    .where('tenant_id', '=', tenantId)
    .where('id', '=', id)
    .forUpdate()
    .executeTakeFirst()
}

/** Undefined when the code is taken. */
export function insertRole(
  tx: Tx,
  tenantId: string,
  role: { readonly code: string; readonly name: string; readonly permissions: readonly string[] },
) {
  return tx
    .insertInto('role')
    .values({ ...role, tenant_id: tenantId, id: createId(), permissions: [...role.permissions] })
    .onConflict((conflict) => conflict.columns(['tenant_id', 'code']).doNothing())
    .returning(columns)
    .executeTakeFirst()
}

export function updateRole(
  tx: Tx,
  tenantId: string,
  id: string,
  changes: { readonly name?: string; readonly permissions?: readonly string[] },
  now: Date,
) {
  const { permissions, ...rest } = changes
  return tx
    .updateTable('role')
    .set((e) => ({
      ...rest,
      ...(permissions !== undefined && { permissions: [...permissions] }),
      version: e('version', '+', 1),
      updated_at: now,
    }))
    .where('tenant_id', '=', tenantId)
    .where('id', '=', id)
    .returning(columns)
    .executeTakeFirstOrThrow()
}

/** Whether somebody holds the role now, or is asked to. */
export async function isRoleInUse(tx: Tx, tenantId: string, id: string): Promise<boolean> {
  const { rows } = await sql<{ used: boolean }>`
    select exists (
        select from role_assignment a
        where a.tenant_id = ${tenantId} and a.role_id = ${id} and (a.expires_at is null or a.expires_at > now())
      ) or exists (
        select from invitation i
        where i.tenant_id = ${tenantId} and i.role_id = ${id}
          and i.accepted_at is null and i.revoked_at is null and i.expires_at > now()
      ) as used`.execute(tx)
  return rows[0]?.used ?? true
}

/** Takes a role away, with the assignments that are over. */
export async function deleteRole(tx: Tx, tenantId: string, id: string): Promise<void> {
  await tx.deleteFrom('role_assignment').where('tenant_id', '=', tenantId).where('role_id', '=', id).execute()
  await tx.deleteFrom('role').where('tenant_id', '=', tenantId).where('id', '=', id).execute()
}

/** Whether the transaction's tenant is the one whose people keep the others. */
export async function isPlatform(tx: Tx, tenantId: string): Promise<boolean> {
  const row = await tx.selectFrom('tenant').select('is_platform').where('id', '=', tenantId).executeTakeFirst()
  return row?.is_platform === true
}
