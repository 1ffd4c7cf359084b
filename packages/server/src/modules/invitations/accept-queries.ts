import { sql } from 'kysely'
import type { Tx } from '../../database/tenant.ts'

/** What an invitation that is open gives; undefined for one that was accepted, revoked or is over. */
export function findOpen(tx: Tx, tenantId: string, id: string) {
  return tx
    .selectFrom('invitation as i')
    .innerJoin('role as r', (join) => join.onRef('r.tenant_id', '=', 'i.tenant_id').onRef('r.id', '=', 'i.role_id'))
    .select(['i.id', 'i.email', 'i.email_norm', 'i.locale', 'i.invited_by', 'r.code', 'r.permissions'])
    .where('i.tenant_id', '=', tenantId)
    .where('i.id', '=', id)
    .where('i.accepted_at', 'is', null)
    .where('i.revoked_at', 'is', null)
    .where('i.expires_at', '>', sql<Date>`now()`)
    .executeTakeFirst()
}

/** Whether this call is the one that accepts it. */
export async function closeInvitation(tx: Tx, tenantId: string, id: string): Promise<boolean> {
  const result = await tx
    .updateTable('invitation')
    .set({ accepted_at: sql`now()` })
    .where('tenant_id', '=', tenantId)
    .where('id', '=', id)
    .where('accepted_at', 'is', null)
    .where('revoked_at', 'is', null)
    .executeTakeFirst()
  return result.numUpdatedRows === 1n
}

/** An account that was made for somebody who has not been in it: no password, and never signed in. */
export function findUnused(tx: Tx, tenantId: string, userId: string) {
  return tx
    .selectFrom('user_account as u')
    .leftJoin('password_credential as p', (join) =>
      join.onRef('p.tenant_id', '=', 'u.tenant_id').onRef('p.user_id', '=', 'u.id'),
    )
    .select(['u.id', 'u.email', 'u.email_norm', 'u.name'])
    .where('u.tenant_id', '=', tenantId)
    .where('u.id', '=', userId)
    .where('u.is_active', '=', true)
    .where('u.deleted_at', 'is', null)
    .where('u.erased_at', 'is', null)
    .where('u.last_login_at', 'is', null)
    .where('p.user_id', 'is', null)
    .executeTakeFirst()
}

/** Gives an account its first password and confirms its address. Whether it had none. */
export async function settle(
  tx: Tx,
  tenantId: string,
  userId: string,
  first: { readonly hash: string; readonly name: string | undefined; readonly now: Date },
): Promise<boolean> {
  const stored = await tx
    .insertInto('password_credential')
    .values({ tenant_id: tenantId, user_id: userId, hash: first.hash })
    .onConflict((conflict) => conflict.columns(['tenant_id', 'user_id']).doNothing())
    .returning('user_id')
    .executeTakeFirst()
  if (stored === undefined) return false
  const settled = await tx
    .updateTable('user_account')
    .set((e) => ({
      email_verified_at: e.fn.coalesce('email_verified_at', e.val(first.now)),
      ...(first.name !== undefined && { name: first.name }),
      version: e('version', '+', 1),
      updated_at: first.now,
    }))
    .where('tenant_id', '=', tenantId)
    .where('id', '=', userId)
    .where('is_active', '=', true)
    .where('deleted_at', 'is', null)
    .executeTakeFirst()
  return settled.numUpdatedRows === 1n
}
