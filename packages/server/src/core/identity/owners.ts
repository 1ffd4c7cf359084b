import type { Tx } from '../../database/tenant.ts'
import { ProblemError } from '../problem.ts'
import type { BuiltinRole } from './builtin-roles.ts'

/** The role whose last holder is protected. */
export const OWNER: BuiltinRole = 'owner'

/**
 * The owners a tenant can count on: they can sign in, and their role has no end. Until the transaction ends nobody else
 * counts them, so that two who each remove the other one do it one after the other.
 */
export async function lockOwners(tx: Tx, tenantId: string): Promise<readonly string[]> {
  const role = await tx
    .selectFrom('role')
    .select('id')
    .where('tenant_id', '=', tenantId)
    .where('code', '=', OWNER)
    .forNoKeyUpdate()
    .executeTakeFirst()
  if (role === undefined) return []
  // A statement of its own: it sees what was committed while the lock was waited for.
  const owners = await tx
    .selectFrom('role_assignment as a')
    .innerJoin('user_account as u', (join) =>
      join.onRef('u.tenant_id', '=', 'a.tenant_id').onRef('u.id', '=', 'a.user_id'),
    )
    .select('a.user_id')
    .where('a.tenant_id', '=', tenantId)
    .where('a.role_id', '=', role.id)
    .where('a.expires_at', 'is', null)
    .where('u.is_active', '=', true)
    .where('u.email_verified_at', 'is not', null)
    .where('u.deleted_at', 'is', null)
    .where('u.erased_at', 'is', null)
    .execute()
  return owners.map(({ user_id }) => user_id)
}

/**
 * To be called in the transaction that takes an owner away: by deleting, switching off or demoting them.
 *
 * @throws ProblemError `last-owner` when the tenant would be left without one.
 */
export async function assertOwnerRemains(tx: Tx, tenantId: string, userId: string): Promise<void> {
  const owners = await lockOwners(tx, tenantId)
  // As the database writes it, whoever calls.
  if (owners.includes(userId.toLowerCase()) && owners.length === 1) throw new ProblemError('last-owner')
}
