import type { Tx } from '../../database/tenant.ts'

/**
 * Holds the account of a person until the transaction ends; does nothing where there is none.
 *
 * It is the first of the locks on what belongs to one person, everywhere: the account, then its links and challenges, its
 * factors and passkeys, its password and its sessions in whatever order, and the tenant's audit log last. So whoever waits
 * for one of them holds nothing that the other one waits for. A transaction that writes more than one of these begins with
 * this, or with a stronger lock of the same row; one that only adds to them, as a mail with a link does, holds the row by
 * its key, against erasure. What is the tenant's (a role, a provider) comes before it.
 */
export async function lockAccount(tx: Tx, tenantId: string, userId: string): Promise<void> {
  await tx
    .selectFrom('user_account')
    .select('id')
    .where('tenant_id', '=', tenantId)
    .where('id', '=', userId)
    .forNoKeyUpdate()
    .execute()
}
