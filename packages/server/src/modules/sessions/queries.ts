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

/** Whether there is such an account, switched off or not. */
export async function isKnown(tx: Tx, { tenantId, userId }: SessionOwner): Promise<boolean> {
  const row = await tx
    .selectFrom('user_account')
    .select('id')
    .where('tenant_id', '=', tenantId)
    .where('id', '=', userId)
    .where('deleted_at', 'is', null)
    .where('erased_at', 'is', null)
    .executeTakeFirst()
  return row !== undefined
}
