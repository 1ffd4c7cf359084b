import { sql } from 'kysely'
import type { ReadHandle } from '../../database/reads.ts'
import type { Tx } from '../../database/tenant.ts'

/** What signing in needs of a person; undefined for an address nobody has. */
export function findForSignIn(handle: ReadHandle, tenantId: string, emailNorm: string) {
  return handle
    .selectFrom('user_account as u')
    .leftJoin('password_credential as p', (join) =>
      join.onRef('p.tenant_id', '=', 'u.tenant_id').onRef('p.user_id', '=', 'u.id'),
    )
    .select(['u.id', 'u.is_active', 'u.mfa_required', 'u.email_verified_at', 'u.last_login_at', 'p.hash'])
    .where('u.tenant_id', '=', tenantId)
    .where('u.email_norm', '=', emailNorm)
    .where('u.deleted_at', 'is', null)
    .where('u.erased_at', 'is', null)
    .executeTakeFirst()
}

export function findPerson(tx: Tx, tenantId: string, userId: string) {
  return tx
    .selectFrom('user_account as u')
    .leftJoin('password_credential as p', (join) =>
      join.onRef('p.tenant_id', '=', 'u.tenant_id').onRef('p.user_id', '=', 'u.id'),
    )
    .select(['u.id', 'u.email', 'u.email_norm', 'u.name', 'u.locale', 'u.email_verified_at', 'p.hash'])
    .where('u.tenant_id', '=', tenantId)
    .where('u.id', '=', userId)
    .executeTakeFirst()
}

/** Codes of the roles that are in force for a person now. */
export async function findRoleCodes(tx: Tx, tenantId: string, userId: string): Promise<readonly string[]> {
  const rows = await tx
    .selectFrom('role_assignment as a')
    .innerJoin('role as r', (join) => join.onRef('r.tenant_id', '=', 'a.tenant_id').onRef('r.id', '=', 'a.role_id'))
    .select('r.code')
    .where('a.tenant_id', '=', tenantId)
    .where('a.user_id', '=', userId)
    .where((eb) => eb.or([eb('a.expires_at', 'is', null), eb('a.expires_at', '>', sql<Date>`now()`)]))
    .orderBy('r.code')
    .execute()
  return rows.map(({ code }) => code)
}

/**
 * Holds an account until the transaction ends, as `lockAccount` does, if what was found of it before still stands: it is on,
 * and this is the hash of its password. Its password is held too: it may be another's by the time the account is free.
 */
export async function holdStanding(tx: Tx, tenantId: string, userId: string, hash: string): Promise<boolean> {
  const row = await tx
    .selectFrom('user_account as u')
    .innerJoin('password_credential as p', (join) =>
      join.onRef('p.tenant_id', '=', 'u.tenant_id').onRef('p.user_id', '=', 'u.id'),
    )
    .select('u.id')
    .where('u.tenant_id', '=', tenantId)
    .where('u.id', '=', userId)
    .where('u.is_active', '=', true)
    .where('u.deleted_at', 'is', null)
    .where('u.erased_at', 'is', null)
    .where('p.hash', '=', hash)
    .forNoKeyUpdate(['u', 'p'])
    .executeTakeFirst()
  return row !== undefined
}

/** Stores another hash of the same password; nothing when the password has been changed meanwhile. */
export async function replaceHash(
  tx: Tx,
  tenantId: string,
  userId: string,
  hashes: { readonly from: string; readonly to: string },
): Promise<void> {
  await tx
    .updateTable('password_credential')
    .set({ hash: hashes.to })
    .where('tenant_id', '=', tenantId)
    .where('user_id', '=', userId)
    .where('hash', '=', hashes.from)
    .execute()
}

export function findSessionEnd(tx: Tx, tenantId: string, sessionId: string) {
  return tx
    .selectFrom('session')
    .select('absolute_expires_at')
    .where('tenant_id', '=', tenantId)
    .where('id', '=', sessionId)
    .executeTakeFirst()
}

/** Stores the hash of another password. @returns whether the former one was still there. */
export async function changeHash(
  tx: Tx,
  tenantId: string,
  userId: string,
  hashes: { readonly from: string; readonly to: string },
): Promise<boolean> {
  const result = await tx
    .updateTable('password_credential')
    .set({ hash: hashes.to, changed_at: sql<Date>`now()` })
    .where('tenant_id', '=', tenantId)
    .where('user_id', '=', userId)
    .where('hash', '=', hashes.from)
    .executeTakeFirst()
  return result.numUpdatedRows === 1n
}
