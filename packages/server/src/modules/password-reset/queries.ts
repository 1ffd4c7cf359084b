import { sql } from 'kysely'
import type { Tx } from '../../database/tenant.ts'

/** The person of a link who may have a new password; undefined when they may not. */
export function findActive(tx: Tx, tenantId: string, userId: string) {
  return tx
    .selectFrom('user_account')
    .select(['id', 'email', 'name'])
    .where('tenant_id', '=', tenantId)
    .where('id', '=', userId)
    .where('is_active', '=', true)
    .where('deleted_at', 'is', null)
    .where('erased_at', 'is', null)
    .executeTakeFirst()
}

/** Gives a person a password, the first one or another. */
export async function storePassword(tx: Tx, tenantId: string, userId: string, hash: string): Promise<void> {
  await tx
    .insertInto('password_credential')
    .values({ tenant_id: tenantId, user_id: userId, hash })
    .onConflict((conflict) =>
      conflict.columns(['tenant_id', 'user_id']).doUpdateSet({ hash, changed_at: sql<Date>`now()` }),
    )
    .execute()
}

/** Who has read a mail has its address. */
export async function confirmAddress(tx: Tx, tenantId: string, userId: string): Promise<void> {
  await tx
    .updateTable('user_account')
    .set({ email_verified_at: sql<Date>`now()` })
    .where('tenant_id', '=', tenantId)
    .where('id', '=', userId)
    .where('email_verified_at', 'is', null)
    .execute()
}
