import { sql } from 'kysely'
import type { PageRequest } from '../../core/shapes/pagination.ts'
import type { Tx } from '../../database/tenant.ts'

const columns = [
  'id',
  'kind',
  'state',
  'user_id',
  'email',
  'note',
  'answer',
  'handled_by',
  'receipt',
  'created_at',
  'due_at',
  'handled_at',
] as const

/** Whose requests: of one account, or those in one state; a member that is absent narrows nothing. */
export interface RequestFilter {
  readonly userId?: string | undefined
  readonly state?: string | undefined
}

export interface NewRequest {
  readonly tenantId: string
  readonly id: string
  readonly kind: string
  readonly userId: string | null
  readonly email: string | null
  readonly note: string | null
  readonly createdAt: Date
}

/** Stores a request that is due in a calendar month. */
export function insertRequest(tx: Tx, request: NewRequest) {
  return tx
    .insertInto('privacy_request')
    .values({
      tenant_id: request.tenantId,
      id: request.id,
      kind: request.kind,
      user_id: request.userId,
      email: request.email,
      note: request.note,
      created_at: request.createdAt,
      due_at: sql<Date>`${request.createdAt}::timestamptz + interval '1 month'`,
    })
    .returning(columns)
    .executeTakeFirstOrThrow()
}

function filterRequests(tx: Tx, tenantId: string, { userId, state }: RequestFilter) {
  let query = tx.selectFrom('privacy_request').where('tenant_id', '=', tenantId)
  if (userId !== undefined) query = query.where('user_id', '=', userId)
  if (state !== undefined) query = query.where('state', '=', state)
  return query
}

export function listRequests(tx: Tx, tenantId: string, { page, pageSize }: PageRequest, filter: RequestFilter) {
  return filterRequests(tx, tenantId, filter)
    .select(columns)
    .orderBy('id', 'desc')
    .offset((page - 1) * pageSize)
    .limit(pageSize)
    .execute()
}

export async function countRequests(tx: Tx, tenantId: string, filter: RequestFilter): Promise<number> {
  const row = await filterRequests(tx, tenantId, filter)
    .select((e) => e.fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow()
  return row.count
}

export function findRequest(tx: Tx, tenantId: string, id: string) {
  return requestOf(tx, tenantId, id).executeTakeFirst()
}

/** A request, locked until the transaction ends: it is answered once. */
export function lockRequest(tx: Tx, tenantId: string, id: string) {
  return requestOf(tx, tenantId, id).forUpdate().executeTakeFirst()
}

const requestOf = (tx: Tx, tenantId: string, id: string) =>
  tx.selectFrom('privacy_request').select(columns).where('tenant_id', '=', tenantId).where('id', '=', id)

export interface Answer {
  readonly state: 'done' | 'refused'
  readonly handledBy: string
  readonly handledAt: Date
  readonly answer?: string | null
  /** JSON. */
  readonly receipt?: string
}

export function answerRequest(tx: Tx, tenantId: string, id: string, { answer, receipt, ...given }: Answer) {
  return tx
    .updateTable('privacy_request')
    .set({
      state: given.state,
      handled_by: given.handledBy,
      handled_at: given.handledAt,
      ...(answer !== undefined && { answer }),
      ...(receipt !== undefined && { receipt }),
    })
    .where('tenant_id', '=', tenantId)
    .where('id', '=', id)
    .returning(columns)
    .executeTakeFirst()
}

/** The open requests of an account, or at an address, but for one: what they ask for is gone. */
export async function lapseRequests(
  tx: Tx,
  tenantId: string,
  whose: { readonly userId: string | null; readonly emailNorm: string | null; readonly except: string },
  by: { readonly handledBy: string; readonly handledAt: Date },
): Promise<void> {
  await tx
    .updateTable('privacy_request')
    .set({ state: 'lapsed', handled_by: by.handledBy, handled_at: by.handledAt })
    .where('tenant_id', '=', tenantId)
    .where('state', '=', 'open')
    .where('id', '!=', whose.except)
    .where(sql<boolean>`(user_id = ${whose.userId} or lower(email) = ${whose.emailNorm})`)
    .execute()
}

/** Accounts that were deleted before an instant, a few at a time. */
export async function findLongDeleted(tx: Tx, before: Date, limit: number): Promise<readonly string[]> {
  const rows = await tx
    .selectFrom('user_account')
    .select('id')
    .where('deleted_at', '<', before)
    .where('erased_at', 'is', null)
    .orderBy('id')
    .limit(limit)
    .execute()
  return rows.map(({ id }) => id)
}

/** Whether an account was deleted before an instant, and not restored. */
export async function isLongDeleted(tx: Tx, tenantId: string, userId: string, before: Date): Promise<boolean> {
  const row = await tx
    .selectFrom('user_account')
    .select('id')
    .where('tenant_id', '=', tenantId)
    .where('id', '=', userId)
    .where('deleted_at', '<', before)
    .executeTakeFirst()
  return row !== undefined
}

/** Accounts of which nothing is left since an instant. */
export async function findErasedSince(tx: Tx, since: Date): Promise<readonly string[]> {
  const rows = await tx.selectFrom('user_account').select('id').where('erased_at', '>=', since).execute()
  return rows.map(({ id }) => id)
}

/** Forgets requests that were answered before an instant. Returns how many. */
export async function deleteAnswered(tx: Tx, before: Date): Promise<number> {
  const deleted = await tx.deleteFrom('privacy_request').where('handled_at', '<', before).executeTakeFirst()
  return Number(deleted.numDeletedRows)
}
