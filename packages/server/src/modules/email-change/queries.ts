import { sql } from 'kysely'
import type { Tx } from '../../database/tenant.ts'

/** The address of a person who may sign in, held until the transaction ends; undefined for who may not. */
export function lockAddress(tx: Tx, tenantId: string, userId: string, isToChange: boolean) {
  const account = tx
    .selectFrom('user_account')
    .select(['email', 'email_norm'])
    .where('tenant_id', '=', tenantId)
    .where('id', '=', userId)
    .where('is_active', '=', true)
    .where('deleted_at', 'is', null)
    .where('erased_at', 'is', null)
  return (isToChange ? account.forUpdate() : account.forNoKeyUpdate()).executeTakeFirst()
}

/** Gives a person an address that they have proved. @throws the database's unique violation when somebody has it. */
export async function changeAddress(
  tx: Tx,
  tenantId: string,
  userId: string,
  address: { readonly display: string; readonly norm: string },
): Promise<void> {
  await tx
    .updateTable('user_account')
    .set((e) => ({
      email: address.display,
      email_norm: address.norm,
      email_verified_at: sql<Date>`now()`,
      version: e('version', '+', 1),
      updated_at: sql<Date>`now()`,
    }))
    .where('tenant_id', '=', tenantId)
    .where('id', '=', userId)
    .execute()
}

/** Takes a person's password away: a link for another one is the way back. */
export async function deletePassword(tx: Tx, tenantId: string, userId: string): Promise<void> {
  await tx.deleteFrom('password_credential').where('tenant_id', '=', tenantId).where('user_id', '=', userId).execute()
}

/** Takes away what a person was given since to sign in with, and the keys that were made in their name. */
export async function deleteWaysInSince(tx: Tx, tenantId: string, userId: string, since: Date): Promise<void> {
  for (const table of ['oauth_account', 'webauthn_credential'] as const) {
    await tx
      .deleteFrom(table)
      .where('tenant_id', '=', tenantId)
      .where('user_id', '=', userId)
      .where('created_at', '>=', since)
      .execute()
  }
  await tx
    .updateTable('api_key')
    .set({ revoked_at: sql<Date>`now()` })
    .where('tenant_id', '=', tenantId)
    .where('created_by', '=', userId)
    .where('created_at', '>=', since)
    .where('revoked_at', 'is', null)
    .execute()
}

/** Takes an authenticator app away that was set up since: its owner could not get past it. */
export async function deleteAppSince(tx: Tx, tenantId: string, userId: string, since: Date): Promise<void> {
  await tx
    .deleteFrom('mfa_secret')
    .where('tenant_id', '=', tenantId)
    .where('user_id', '=', userId)
    .where('confirmed_at', '>=', since)
    .execute()
}

/** Takes away links back to later addresses: who was given the account last does not keep it. */
export async function withdrawLaterReturns(tx: Tx, tenantId: string, userId: string, since: Date): Promise<void> {
  await tx
    .deleteFrom('one_time_token')
    .where('tenant_id', '=', tenantId)
    .where('user_id', '=', userId)
    .where('purpose', '=', 'return-email')
    .where('created_at', '>=', since)
    .execute()
}
