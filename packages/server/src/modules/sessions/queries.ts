import { sql } from 'kysely'
import type { PageRequest } from '../../core/shapes/pagination.ts'
import type { Tx } from '../../database/tenant.ts'

/** Whose sessions. Never without both: a session's id alone opens nothing. */
export interface SessionOwner {
  readonly tenantId: string
  readonly userId: string
}

const columns = [
  'id',
  'aal',
  'amr',
  'auth_time',
  'transport',
  'device_label',
  'client_sealed',
  'created_at',
  'last_seen_at',
] as const

function livingSessions(tx: Tx, { tenantId, userId }: SessionOwner) {
  return tx
    .selectFrom('session')
    .where('tenant_id', '=', tenantId)
    .where('user_id', '=', userId)
    .where('revoked_at', 'is', null)
    .where('idle_expires_at', '>', sql<Date>`now()`)
    .where('absolute_expires_at', '>', sql<Date>`now()`)
}

const selected = (tx: Tx, owner: SessionOwner) =>
  livingSessions(tx, owner)
    .select(columns)
    .select(sql<Date>`least(idle_expires_at, absolute_expires_at)`.as('expires_at'))

/** A page of the sessions that are alive, newest first. */
export function listSessions(tx: Tx, owner: SessionOwner, { page, pageSize }: PageRequest) {
  return selected(tx, owner)
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .offset((page - 1) * pageSize)
    .limit(pageSize)
    .execute()
}

export async function countSessions(tx: Tx, owner: SessionOwner): Promise<number> {
  const row = await livingSessions(tx, owner)
    .select((e) => e.fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow()
  return row.count
}

export function findSession(tx: Tx, owner: SessionOwner, id: string) {
  return selected(tx, owner).where('id', '=', id).executeTakeFirst()
}

/**
 * Holds the accounts of everybody who is signed in until the transaction ends, in one order: of two who do this at once,
 * neither waits for the other while it holds what that one needs.
 */
export async function lockSignedIn(tx: Tx, tenantId: string): Promise<void> {
  await tx
    .selectFrom('user_account as u')
    .select('u.id')
    .where('u.tenant_id', '=', tenantId)
    .where((e) =>
      e.exists(
        e
          .selectFrom('session as s')
          .select('s.id')
          .whereRef('s.tenant_id', '=', 'u.tenant_id')
          .whereRef('s.user_id', '=', 'u.id')
          .where('s.revoked_at', 'is', null),
      ),
    )
    .orderBy('u.id')
    .forNoKeyUpdate()
    .execute()
}

/** Ends every session of a tenant but one. @returns how many that were alive, and of how many people. */
export async function revokeAll(
  tx: Tx,
  tenantId: string,
  reason: string,
  except: string | undefined,
): Promise<{ readonly ended: number; readonly people: number }> {
  return tx
    .with('ended', (database) =>
      database
        .updateTable('session')
        .set({ revoked_at: sql<Date>`now()`, revoked_reason: reason })
        .where('tenant_id', '=', tenantId)
        .where('revoked_at', 'is', null)
        .$if(except !== undefined, (query) => query.where('id', '!=', except ?? ''))
        .returning(['user_id', sql<boolean>`least(idle_expires_at, absolute_expires_at) > now()`.as('was_alive')]),
    )
    .selectFrom('ended')
    .where('was_alive', '=', true)
    .select((e) => [e.fn.countAll<number>().as('ended'), e.fn.count<number>('user_id').distinct().as('people')])
    .executeTakeFirstOrThrow()
}

/** Takes away every sign-in of a tenant that waits for its second factor. */
export async function withdrawChallenges(tx: Tx, tenantId: string): Promise<void> {
  await tx
    .deleteFrom('one_time_token')
    .where('tenant_id', '=', tenantId)
    .where('purpose', '=', 'mfa-challenge')
    .execute()
}
