import { sql } from 'kysely'
import type { Pool } from '../../database/connect.ts'
import type { Tx } from '../../database/tenant.ts'

/** A webhook that has deliveries due. */
export interface DueWebhook {
  readonly tenant_id: string
  readonly webhook_id: string
}

/**
 * Webhooks that have a delivery due, who has waited longest first.
 *
 * @param pool - as rempart_worker.
 * @param busy - those to leave out.
 */
export async function listDueWebhooks(
  pool: Pool,
  busy: readonly string[],
  limit: number,
): Promise<readonly DueWebhook[]> {
  return (await pool.query<DueWebhook>('select * from auth.webhooks_due($1, $2)', [busy, limit])).rows
}

/** Where to send, while it is switched on. */
export function findReceiver(tx: Tx, tenantId: string, id: string) {
  return tx
    .selectFrom('webhook')
    .select([
      'url',
      'events',
      'include_data',
      'sealed_secret',
      'previous_sealed_secret',
      'previous_until',
      'failing_since',
    ])
    .where('tenant_id', '=', tenantId)
    .where('id', '=', id)
    .where('is_enabled', '=', true)
    .executeTakeFirst()
}

/** A delivery that this process is to make. */
export interface DueDelivery {
  readonly id: string
  readonly type: string
  readonly data: Readonly<Record<string, unknown>>
  /** This one included, as `tries`. */
  readonly attempts: number
  readonly tries: number
  readonly created_at: Date
}

/**
 * Takes deliveries that are due: until the lease is over no other process takes them, and afterwards any may. Rows that
 * another process is just taking are passed over.
 */
export async function claimDeliveries(
  tx: Tx,
  webhook: DueWebhook,
  { limit, leaseMs }: { readonly limit: number; readonly leaseMs: number },
): Promise<readonly DueDelivery[]> {
  const { rows } = await sql<DueDelivery>`
    update webhook_delivery d
    set attempts = d.attempts + 1, tries = d.tries + 1, next_attempt_at = now() + make_interval(secs => ${leaseMs / 1000})
    from (
      select w.tenant_id, w.id from webhook_delivery w
      where w.tenant_id = ${webhook.tenant_id} and w.webhook_id = ${webhook.webhook_id} and w.state = 'pending'
        and w.next_attempt_at <= now()
      order by w.next_attempt_at limit ${limit} for update skip locked
    ) due
    where d.tenant_id = due.tenant_id and d.id = due.id
    returning d.id, d.type, d.data, d.attempts, d.tries, d.created_at`.execute(tx)
  return rows
}

/** Gives a delivery back that was never made. */
export async function releaseDelivery(tx: Tx, tenantId: string, delivery: DueDelivery): Promise<void> {
  await sql`
    update webhook_delivery set attempts = attempts - 1, tries = tries - 1, next_attempt_at = now()
    where tenant_id = ${tenantId} and id = ${delivery.id} and state = 'pending' and attempts = ${delivery.attempts}`.execute(
    tx,
  )
}

/** What becomes of a delivery: it is settled, or due again. */
export type Fate = { readonly state: 'delivered' | 'failed' } | { readonly state: 'pending'; readonly pauseMs: number }

/**
 * Records what became of a delivery.
 *
 * @returns false when it is gone with its webhook. An attempt that failed late leaves alone what another process, which
 * took the delivery over, has made of it.
 */
export async function settleDelivery(tx: Tx, tenantId: string, delivery: DueDelivery, fate: Fate): Promise<boolean> {
  const isDelivered = fate.state === 'delivered'
  const pauseSeconds = fate.state === 'pending' ? fate.pauseMs / 1000 : 0
  await sql`
    update webhook_delivery set state = ${fate.state},
      settled_at = case when ${fate.state} = 'pending' then null else now() end,
      next_attempt_at = now() + make_interval(secs => ${pauseSeconds})
    where tenant_id = ${tenantId} and id = ${delivery.id}
      and (${isDelivered} or state = 'pending' and attempts = ${delivery.attempts})`.execute(tx)
  const found = await tx
    .selectFrom('webhook_delivery')
    .select('id')
    .where('tenant_id', '=', tenantId)
    .where('id', '=', delivery.id)
    .forKeyShare()
    .executeTakeFirst()
  return found !== undefined
}

export async function insertAttempt(
  tx: Tx,
  row: {
    readonly tenant_id: string
    readonly delivery_id: string
    readonly number: number
    readonly at: Date
    readonly duration_ms: number
    readonly status: number | null
    readonly error: string | null
  },
): Promise<void> {
  await tx.insertInto('webhook_attempt').values(row).execute()
}

/** Notes that a webhook took a delivery, or did not: since when it has failed. */
export async function noteHealth(tx: Tx, tenantId: string, id: string, isWell: boolean): Promise<void> {
  await tx
    .updateTable('webhook')
    .set({ failing_since: isWell ? null : sql<Date>`now()` })
    .where('tenant_id', '=', tenantId)
    .where('id', '=', id)
    .where('failing_since', isWell ? 'is not' : 'is', null)
    .execute()
}

/**
 * Switches a webhook off.
 *
 * @param failingForMs - only when it has failed for so long without a pause.
 * @returns its address, when it was this call that did it.
 */
export function disableWebhook(tx: Tx, tenantId: string, id: string, reason: 'gone' | 'failing', failingForMs: number) {
  return tx
    .updateTable('webhook')
    .set({ is_enabled: false, disabled_reason: reason, updated_at: sql<Date>`now()` })
    .where('tenant_id', '=', tenantId)
    .where('id', '=', id)
    .where('is_enabled', '=', true)
    .where('failing_since', '<=', sql<Date>`now() - make_interval(secs => ${failingForMs / 1000})`)
    .returning('url')
    .executeTakeFirst()
}
