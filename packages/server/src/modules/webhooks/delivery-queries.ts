import { sql } from 'kysely'
import { partOf } from '../../core/shapes/page-part.ts'
import type { PageRequest } from '../../core/shapes/pagination.ts'
import type { Tx } from '../../database/tenant.ts'

/** Whose deliveries, and which. */
export interface DeliveryFilter {
  readonly tenantId: string
  readonly webhookId: string
  readonly state: string | undefined
}

function filtered(tx: Tx, { tenantId, webhookId, state }: DeliveryFilter) {
  const query = tx.selectFrom('webhook_delivery').where('tenant_id', '=', tenantId).where('webhook_id', '=', webhookId)
  return state === undefined ? query : query.where('state', '=', state)
}

export function listDeliveries(tx: Tx, filter: DeliveryFilter, request: PageRequest) {
  const list = filtered(tx, filter).select(['id', 'type', 'state', 'created_at', 'settled_at', 'next_attempt_at'])
  return partOf(list, 'id', request).execute()
}

export async function countDeliveries(tx: Tx, filter: DeliveryFilter): Promise<number> {
  const row = await filtered(tx, filter)
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow()
  return row.count
}

/** The last attempts of each delivery, newest first. */
export async function listAttempts(tx: Tx, tenantId: string, deliveryIds: readonly string[], most: number) {
  const { rows } = await sql<{
    delivery_id: string
    number: number
    at: Date
    duration_ms: number
    status: number | null
    error: string | null
  }>`
    select a.delivery_id, a.number, a.at, a.duration_ms, a.status, a.error
    from unnest(${[...deliveryIds]}::uuid[]) as d (id)
    cross join lateral (
      select * from webhook_attempt w where w.tenant_id = ${tenantId} and w.delivery_id = d.id
      order by w.number desc limit ${most}
    ) a
    order by a.delivery_id, a.number desc`.execute(tx)
  return rows
}

export function findDelivery(tx: Tx, tenantId: string, webhookId: string, id: string) {
  return tx
    .selectFrom('webhook_delivery')
    .select(['id', 'type', 'state'])
    .where('tenant_id', '=', tenantId)
    .where('webhook_id', '=', webhookId)
    .where('id', '=', id)
    .forUpdate()
    .executeTakeFirst()
}

/** Queues one event for one webhook. Returns its id. */
export async function insertDelivery(
  tx: Tx,
  row: { readonly tenant_id: string; readonly id: string; readonly webhook_id: string; readonly type: string },
): Promise<void> {
  await tx
    .insertInto('webhook_delivery')
    .values({ ...row, data: sql`'{}'::jsonb` })
    .execute()
  await wakeSender(tx)
}

/** Makes a settled delivery due again, from the start of the schedule. */
export async function reopenDelivery(tx: Tx, tenantId: string, id: string): Promise<void> {
  await tx
    .updateTable('webhook_delivery')
    .set({ state: 'pending', tries: 0, settled_at: null, next_attempt_at: sql<Date>`now()` })
    .where('tenant_id', '=', tenantId)
    .where('id', '=', id)
    .execute()
  await wakeSender(tx)
}

const wakeSender = (tx: Tx) => sql`select pg_notify('rempart_webhooks', '')`.execute(tx)

/** Forgets deliveries that were queued before `before`, with their attempts. Returns how many. */
export async function deleteOldDeliveries(tx: Tx, before: Date): Promise<number> {
  const deleted = await tx.deleteFrom('webhook_delivery').where('created_at', '<', before).executeTakeFirst()
  return Number(deleted.numDeletedRows)
}
