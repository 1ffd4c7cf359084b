import { sql } from 'kysely'
import type { Tx } from '../../database/tenant.ts'

export interface NewSession {
  readonly tenant_id: string
  readonly id: string
  readonly user_id: string
  readonly aal: 1 | 2
  readonly amr: readonly string[]
  readonly auth_time: Date
  readonly transport: 'bearer' | 'cookie'
  readonly restriction: 'enrol-mfa' | null
  readonly device_label: string | null
  readonly client_sealed: Buffer | null
  readonly created_at: Date
  readonly idle_expires_at: Date
  readonly absolute_expires_at: Date
}

/**
 * Stores a session with its first refresh token, in one statement.
 *
 * @param isSignIn - whether it is noted as the person's latest sign-in.
 */
export async function insertSession(
  tx: Tx,
  session: NewSession,
  token: { readonly hash: Buffer; readonly expiresAt: Date },
  isSignIn: boolean,
): Promise<void> {
  const opened = tx.with('opened', (database) =>
    database.insertInto('session').values({ ...session, amr: [...session.amr], last_seen_at: session.created_at }),
  )
  const noted = opened.with('noted', (database) =>
    database
      .updateTable('user_account')
      .set({ last_login_at: session.created_at })
      .where('tenant_id', '=', session.tenant_id)
      .where('id', '=', session.user_id),
  )
  await (isSignIn ? noted : opened)
    .insertInto('refresh_token')
    .values({
      tenant_id: session.tenant_id,
      token_hash: token.hash,
      session_id: session.id,
      created_at: session.created_at,
      expires_at: token.expiresAt,
    })
    .execute()
}

export async function insertRefreshToken(
  tx: Tx,
  token: {
    readonly tenant_id: string
    readonly token_hash: Buffer
    readonly session_id: string
    readonly created_at: Date
    readonly expires_at: Date
  },
): Promise<void> {
  await tx.insertInto('refresh_token').values(token).execute()
}

/** A refresh token with its session, as they are; whether they are any good is for the caller. */
export function findRefreshToken(tx: Tx, tenantId: string, hash: Buffer) {
  return tx
    .selectFrom('refresh_token as r')
    .innerJoin('session as s', (join) =>
      join.onRef('s.tenant_id', '=', 'r.tenant_id').onRef('s.id', '=', 'r.session_id'),
    )
    .innerJoin('user_account as u', (join) =>
      join.onRef('u.tenant_id', '=', 's.tenant_id').onRef('u.id', '=', 's.user_id'),
    )
    .leftJoin('refresh_token as n', (join) =>
      join.onRef('n.tenant_id', '=', 'r.tenant_id').onRef('n.token_hash', '=', 'r.successor_hash'),
    )
    .select([
      'r.session_id',
      's.user_id',
      's.aal',
      's.amr',
      's.auth_time',
      's.transport',
      's.restriction',
      's.absolute_expires_at',
      'r.sealed_successor',
      sql<boolean>`r.used_at is not null`.as('is_used'),
      sql<boolean>`r.expires_at > now()`.as('is_current'),
      // A client that lost its answer, or a second tab: within ten seconds, while nobody has gone on.
      sql<boolean>`coalesce(r.used_at > now() - interval '10 seconds' and n.token_hash is not null and n.used_at is null, false)`.as(
        'is_repeatable',
      ),
      sql<boolean>`s.revoked_at is null and s.absolute_expires_at > now() and s.idle_expires_at > now()
        and u.is_active and u.deleted_at is null and u.erased_at is null`.as('is_alive'),
    ])
    .where('r.tenant_id', '=', tenantId)
    .where('r.token_hash', '=', hash)
    .executeTakeFirst()
}

/** Uses a token up; whether this call did. Of any number at once, one does. */
export async function useRefreshToken(
  tx: Tx,
  tenantId: string,
  hash: Buffer,
  successor: { readonly hash: Buffer; readonly sealed: Buffer },
): Promise<boolean> {
  const result = await tx
    .updateTable('refresh_token')
    .set({ used_at: sql`now()`, successor_hash: successor.hash, sealed_successor: successor.sealed })
    .where('tenant_id', '=', tenantId)
    .where('token_hash', '=', hash)
    .where('used_at', 'is', null)
    .executeTakeFirst()
  return result.numUpdatedRows === 1n
}

export async function extendSession(
  tx: Tx,
  tenantId: string,
  sessionId: string,
  seenAt: Date,
  idleExpiresAt: Date,
): Promise<void> {
  await tx
    .updateTable('session')
    .set({ last_seen_at: seenAt, idle_expires_at: idleExpiresAt })
    .where('tenant_id', '=', tenantId)
    .where('id', '=', sessionId)
    .execute()
}

/** Which sessions of a person are to end. */
export interface SessionChoice {
  readonly userId: string
  readonly sessionId?: string
  /** The one that stays. */
  readonly except?: string
}

/** Ends sessions of a person. @returns the ids of those that were alive until now. */
export async function revokeSessions(
  tx: Tx,
  tenantId: string,
  { userId, sessionId, except }: SessionChoice,
  reason: string,
): Promise<readonly string[]> {
  const ended = await tx
    .updateTable('session')
    .set({ revoked_at: sql`now()`, revoked_reason: reason })
    .where('tenant_id', '=', tenantId)
    .where('user_id', '=', userId)
    .where('revoked_at', 'is', null)
    .$if(sessionId !== undefined, (query) => query.where('id', '=', sessionId ?? ''))
    .$if(except !== undefined, (query) => query.where('id', '!=', except ?? ''))
    .returning('id')
    .execute()
  return ended.map(({ id }) => id)
}

/**
 * What a session of a person is for alone (null: everything), while it is alive; undefined when it is not. Under the lock
 * of the account it stays so: what is given to somebody in its name is given to its person.
 */
export function findLiving(tx: Tx, tenantId: string, userId: string, sessionId: string) {
  return tx
    .selectFrom('session as s')
    .innerJoin('user_account as u', (join) =>
      join.onRef('u.tenant_id', '=', 's.tenant_id').onRef('u.id', '=', 's.user_id'),
    )
    .select('s.restriction')
    .where('s.tenant_id', '=', tenantId)
    .where('s.id', '=', sessionId)
    .where('s.user_id', '=', userId)
    .where('s.revoked_at', 'is', null)
    .where('s.idle_expires_at', '>', sql<Date>`now()`)
    .where('s.absolute_expires_at', '>', sql<Date>`now()`)
    .where('u.is_active', '=', true)
    .where('u.deleted_at', 'is', null)
    .where('u.erased_at', 'is', null)
    .executeTakeFirst()
}
