import type { Tx } from '../../database/tenant.ts'

const living = (tx: Tx, tenantId: string) =>
  tx
    .selectFrom('user_account')
    .select('id')
    .where('tenant_id', '=', tenantId)
    .where('deleted_at', 'is', null)
    .where('erased_at', 'is', null)

/** The one account that an address signs in to, switched off or not; undefined where there is none. */
export function findAccountAt(tx: Tx, tenantId: string, emailNorm: string): Promise<{ id: string } | undefined> {
  return living(tx, tenantId).where('email_norm', '=', emailNorm).executeTakeFirst()
}

/** Whether there is such an account, switched off or not. */
export async function hasAccount(tx: Tx, tenantId: string, userId: string): Promise<boolean> {
  return (await living(tx, tenantId).where('id', '=', userId).executeTakeFirst()) !== undefined
}
