import { sql } from 'kysely'
import type { Tx } from '../../database/tenant.ts'

/** What is public of the providers that people can sign in with. */
export function listEnabledProviders(tx: Tx, tenantId: string) {
  return tx
    .selectFrom('identity_provider')
    .select(['code', 'name', 'kind'])
    .where('tenant_id', '=', tenantId)
    .where('is_enabled', '=', true)
    .orderBy('code')
    .execute()
}

const asked = ['id', 'code', 'kind', 'issuer', 'client_id', 'sealed_secret', 'version'] as const

/** A provider that people can sign in with, by its name; undefined for one that is switched off. */
export function findEnabledProvider(tx: Tx, tenantId: string, code: string) {
  return tx
    .selectFrom('identity_provider')
    .select(asked)
    .where('tenant_id', '=', tenantId)
    .where('code', '=', code)
    .where('is_enabled', '=', true)
    .executeTakeFirst()
}

/** Whether a provider is as it was when it was asked, and on. Held until the transaction ends. */
export async function keepProvider(
  tx: Tx,
  tenantId: string,
  { id, version }: { readonly id: string; readonly version: number },
): Promise<boolean> {
  const row = await tx
    .selectFrom('identity_provider')
    .select('id')
    .where('tenant_id', '=', tenantId)
    .where('id', '=', id)
    .where('version', '=', version)
    .where('is_enabled', '=', true)
    .forShare()
    .executeTakeFirst()
  return row !== undefined
}

/** Whose an identity is, whether or not they may sign in. */
export function findLinked(tx: Tx, tenantId: string, iss: string, sub: string) {
  return tx
    .selectFrom('oauth_account as o')
    .innerJoin('user_account as u', (join) =>
      join.onRef('u.tenant_id', '=', 'o.tenant_id').onRef('u.id', '=', 'o.user_id'),
    )
    .select([
      'o.id as account_id',
      'u.id',
      'u.mfa_required',
      'u.email_verified_at',
      'u.email_norm',
      'u.last_login_at',
      sql<boolean>`u.is_active and u.deleted_at is null and u.erased_at is null`.as('may_sign_in'),
    ])
    .where('o.tenant_id', '=', tenantId)
    .where('o.iss', '=', iss)
    .where('o.sub', '=', sub)
    .executeTakeFirst()
}

/** Links an identity to a person; whether this call did. One is linked to one person. */
export async function insertAccount(
  tx: Tx,
  row: {
    readonly tenant_id: string
    readonly id: string
    readonly user_id: string
    readonly provider_id: string
    readonly iss: string
    readonly sub: string
  },
): Promise<boolean> {
  const result = await tx
    .insertInto('oauth_account')
    .values(row)
    .onConflict((conflict) => conflict.columns(['tenant_id', 'iss', 'sub']).doNothing())
    .executeTakeFirst()
  return result.numInsertedOrUpdatedRows === 1n
}

/** Notes that a person signed in with an identity of a provider. */
export async function noteUse(tx: Tx, tenantId: string, accountId: string, at: Date): Promise<void> {
  await tx
    .updateTable('oauth_account')
    .set({ last_used_at: at })
    .where('tenant_id', '=', tenantId)
    .where('id', '=', accountId)
    .execute()
}

export function listAccounts(tx: Tx, tenantId: string, userId: string) {
  return tx
    .selectFrom('oauth_account as o')
    .innerJoin('identity_provider as p', (join) =>
      join.onRef('p.tenant_id', '=', 'o.tenant_id').onRef('p.id', '=', 'o.provider_id'),
    )
    .select(['o.id', 'o.created_at', 'o.last_used_at', 'p.code', 'p.name', 'p.is_enabled'])
    .where('o.tenant_id', '=', tenantId)
    .where('o.user_id', '=', userId)
    .orderBy('o.id')
    .execute()
}

export async function deleteAccount(tx: Tx, tenantId: string, userId: string, id: string): Promise<void> {
  await tx
    .deleteFrom('oauth_account')
    .where('tenant_id', '=', tenantId)
    .where('user_id', '=', userId)
    .where('id', '=', id)
    .execute()
}
