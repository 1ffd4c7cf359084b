import { sql } from 'kysely'
import type { Tx } from '../../database/tenant.ts'
import type { Locale } from '../locale.ts'

/** Whoever has an address, switched off or not. */
export interface AddressHolder {
  readonly id: string
  readonly email: string
  readonly locale: Locale
  readonly is_active: boolean
}

/**
 * Whoever has an address; undefined for nobody. Their account is held until the transaction ends, as `lockAccount` holds it:
 * nobody erases them, or changes what they sign in with.
 */
export async function findHolder(tx: Tx, tenantId: string, emailNorm: string): Promise<AddressHolder | undefined> {
  const row = await tx
    .selectFrom('user_account')
    .select(['id', 'email', 'locale', 'is_active'])
    .where('tenant_id', '=', tenantId)
    .where('email_norm', '=', emailNorm)
    .where('deleted_at', 'is', null)
    .where('erased_at', 'is', null)
    .forNoKeyUpdate()
    .executeTakeFirst()
  // The column has a check constraint with exactly these values.
  return row && { ...row, locale: row.locale as Locale }
}

/** Marks a mail as one whose holder is known. @returns false when another process has done so, or the mail is gone. */
export async function settleMail(tx: Tx, id: string): Promise<boolean> {
  const result = await tx
    .updateTable('mail_outbox')
    .set({ awaits_holder: false })
    .where('id', '=', id)
    .where('awaits_holder', '=', true)
    .executeTakeFirst()
  return result.numUpdatedRows === 1n
}

/** Makes a mail that of a person. */
export async function addressMail(
  tx: Tx,
  id: string,
  to: { readonly userId: string; readonly locale: Locale; readonly sealed: Buffer },
): Promise<void> {
  await sql`update mail_outbox set user_id = ${to.userId}, locale = ${to.locale}, sealed = ${to.sealed}
    where id = ${id}`.execute(tx)
}
