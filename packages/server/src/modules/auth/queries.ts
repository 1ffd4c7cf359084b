import { CompiledQuery, sql } from 'kysely'
import { nobody } from '../../core/audit/subject-keys.ts'
import { preparedRead } from '../../database/prepared-read.ts'
import type { ReadHandle } from '../../database/reads.ts'
import type { Tx } from '../../database/tenant.ts'

/** What signing in needs of an account; `id` null for an address nobody has. */
export interface SignInAccount {
  readonly id: string | null
  readonly is_active: boolean | null
  readonly email_verified_at: Date | null
  readonly last_login_at: Date | null
  readonly hash: string | null
  /** Of the person, for the audit log; null where there is none yet. */
  readonly sealed_key: Buffer | null
}

/** The account of an address, by as many look-ups and with one row whether somebody has it or not. */
const findAccount = preparedRead((handle, tenantId: string, emailNorm: string) =>
  handle
    .selectFrom(sql<{ one: number }>`(values (1))`.as<'here'>(sql`here (one)`))
    .leftJoin('user_account as u', (join) =>
      join
        .on('u.tenant_id', '=', tenantId)
        .on('u.email_norm', '=', emailNorm)
        .on('u.deleted_at', 'is', null)
        .on('u.erased_at', 'is', null),
    )
    .leftJoin('password_credential as p', (join) =>
      join.on('p.tenant_id', '=', tenantId).on('p.user_id', '=', sql<string>`coalesce(u.id, ${nobody}::uuid)`),
    )
    .leftJoin('audit_subject_key as k', (join) =>
      join
        .on('k.tenant_id', '=', tenantId)
        .on('k.subject', '=', sql<string>`'person:' || coalesce(u.id, ${nobody}::uuid)`),
    )
    .select(['u.id', 'u.is_active', 'u.email_verified_at', 'u.last_login_at', 'p.hash', 'k.sealed_key']),
)

/** Looks the account of an address up. */
export async function findForSignIn(handle: ReadHandle, tenantId: string, emailNorm: string): Promise<SignInAccount> {
  const row = await findAccount(handle, tenantId, emailNorm)
  if (row === undefined) throw new Error('a look-up that always has a row had none')
  return row
}

/** A session to be opened for somebody whose password was right; see `open_password_session`. */
export interface PasswordSession {
  readonly userId: string
  /** The hash that was compared with. */
  readonly hash: string
  readonly sessionId: string
  readonly transport: 'bearer' | 'cookie'
  readonly deviceLabel: string | null
  readonly clientSealed: Buffer
  readonly now: Date
  /** Of the installation; what the tenant has set is shorter. */
  readonly idleMinutes: number
  readonly maxHours: number
  readonly tokenHash: Buffer
  /** Whether this kind of device must have opened a session since then. */
  readonly mustBeSeen: boolean
  readonly seenSince: Date
  readonly requestId: string
  /** JSON, for the audit log. */
  readonly changes: string
  readonly auditClient: Buffer | null
}

// As text: built anew, it takes as long as what follows it, between two hashes. The values are in the order of the function's.
const openSession =
  'select open_password_session($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) as is_open'

/** Opens it with all that belongs to it. @returns false when nothing was done, because there is more to this sign-in. */
export async function openPasswordSession(handle: Tx, session: PasswordSession): Promise<boolean> {
  const values = [
    session.userId,
    session.hash,
    session.sessionId,
    session.transport,
    session.deviceLabel,
    session.clientSealed,
    session.now,
    session.idleMinutes,
    session.maxHours,
    session.tokenHash,
    session.mustBeSeen,
    session.seenSince,
    session.requestId,
    session.changes,
    session.auditClient,
  ]
  const { rows } = await handle.executeQuery(CompiledQuery.raw(openSession, values))
  const [row] = rows as readonly { readonly is_open: boolean }[]
  return row?.is_open === true
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
