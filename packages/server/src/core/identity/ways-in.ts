import type { Tx } from '../../database/tenant.ts'
import { lockAccount } from './account-lock.ts'

/** What a person can sign in with at this moment. */
export interface WaysIn {
  readonly hasPassword: boolean
  /** Ids of passkeys that are not suspected. */
  readonly passkeys: readonly string[]
  /** Ids of links to providers that are switched on. */
  readonly links: readonly string[]
}

/** Reads them, and holds the person until the transaction ends: two who take a way in away do it one after the other. */
export async function lockWaysIn(tx: Tx, tenantId: string, userId: string): Promise<WaysIn> {
  await lockAccount(tx, tenantId, userId)
  // Statements of their own: they see what was committed while the lock was waited for.
  const password = await tx
    .selectFrom('password_credential')
    .select('user_id')
    .where('tenant_id', '=', tenantId)
    .where('user_id', '=', userId)
    .executeTakeFirst()
  const passkeys = await tx
    .selectFrom('webauthn_credential')
    .select('id')
    .where('tenant_id', '=', tenantId)
    .where('user_id', '=', userId)
    .where('suspected_at', 'is', null)
    .execute()
  const links = await tx
    .selectFrom('oauth_account as o')
    .innerJoin('identity_provider as p', (join) =>
      join.onRef('p.tenant_id', '=', 'o.tenant_id').onRef('p.id', '=', 'o.provider_id'),
    )
    .select('o.id')
    .where('o.tenant_id', '=', tenantId)
    .where('o.user_id', '=', userId)
    .where('p.is_enabled', '=', true)
    .execute()
  return {
    hasPassword: password !== undefined,
    passkeys: passkeys.map(({ id }) => id),
    links: links.map(({ id }) => id),
  }
}
