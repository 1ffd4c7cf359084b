import { sql } from 'kysely'
import { createId } from '../../core/ids.ts'
import type { Tx } from '../../database/tenant.ts'

/** A person who may hold roles; undefined for an unknown one. */
export function findHolder(tx: Tx, tenantId: string, userId: string) {
  return tx
    .selectFrom('user_account')
    .select(['id', 'deleted_at'])
    .where('tenant_id', '=', tenantId)
    .where('id', '=', userId)
    .where('erased_at', 'is', null)
    .executeTakeFirst()
}

function selectAssignments(tx: Tx, tenantId: string, userId: string) {
  return tx
    .selectFrom('role_assignment as a')
    .innerJoin('role as r', (join) => join.onRef('r.tenant_id', '=', 'a.tenant_id').onRef('r.id', '=', 'a.role_id'))
    .select(['a.id', 'a.role_id', 'r.code', 'r.name', 'r.permissions', 'a.granted_by', 'a.reason', 'a.expires_at'])
    .select(['a.created_at', sql<boolean>`(a.expires_at is null or a.expires_at > now())`.as('is_in_force')])
    .where('a.tenant_id', '=', tenantId)
    .where('a.user_id', '=', userId)
}

/** The roles somebody was given, those that are over too. There are as many at most as the tenant has roles. */
export function listAssignments(tx: Tx, tenantId: string, userId: string) {
  return selectAssignments(tx, tenantId, userId).orderBy('r.code').execute()
}

export function findAssignment(tx: Tx, tenantId: string, userId: string, roleId: string) {
  return selectAssignments(tx, tenantId, userId).where('a.role_id', '=', roleId).executeTakeFirst()
}

/** Gives a role, or gives it anew on other terms. */
export async function saveAssignment(
  tx: Tx,
  assignment: {
    readonly tenantId: string
    readonly userId: string
    readonly roleId: string
    readonly grantedBy: string
    readonly reason: string | null
    readonly expiresAt: Date | null
  },
): Promise<void> {
  const { tenantId, userId, roleId } = assignment
  const terms = { granted_by: assignment.grantedBy, reason: assignment.reason, expires_at: assignment.expiresAt }
  await tx
    .insertInto('role_assignment')
    .values({ tenant_id: tenantId, id: createId(), user_id: userId, role_id: roleId, ...terms })
    .onConflict((conflict) => conflict.columns(['tenant_id', 'user_id', 'role_id']).doUpdateSet(terms))
    .execute()
}

export async function deleteAssignment(tx: Tx, tenantId: string, userId: string, roleId: string): Promise<void> {
  await tx
    .deleteFrom('role_assignment')
    .where('tenant_id', '=', tenantId)
    .where('user_id', '=', userId)
    .where('role_id', '=', roleId)
    .execute()
}
