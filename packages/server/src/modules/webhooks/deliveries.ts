import { appendAudit } from '../../core/audit/append.ts'
import type { Context } from '../../core/context.ts'
import { createId } from '../../core/ids.ts'
import { ProblemError } from '../../core/problem.ts'
import { type Page, pageReply, pageRequest } from '../../core/shapes/pagination.ts'
import { TEST_EVENT } from '../../core/webhooks/events.ts'
import * as queries from './delivery-queries.ts'
import { findWebhook } from './queries.ts'
import type { DeliveryQuery, QueuedDelivery, WebhookDelivery } from './schema.ts'
import { found } from './service.ts'

const MOST_ATTEMPTS_SHOWN = 20

/** What a webhook was told, newest first, and how each attempt went. @throws ProblemError `webhook-not-found`. */
export function listDeliveries(
  { tenant, inTenant }: Context,
  webhookId: string,
  query: DeliveryQuery,
): Promise<Page<WebhookDelivery>> {
  const request = pageRequest(query)
  const filter = { tenantId: tenant.id, webhookId, state: query.state }
  return inTenant(async (tx) => {
    found(await findWebhook(tx, tenant.id, webhookId))
    const rows = await queries.listDeliveries(tx, filter, request)
    const total = await queries.countDeliveries(tx, filter)
    const ids = rows.map(({ id }) => id)
    const attempts = Map.groupBy(
      await queries.listAttempts(tx, tenant.id, ids, MOST_ATTEMPTS_SHOWN),
      (each) => each.delivery_id,
    )
    return pageReply(rows, total, request, (row) => toDelivery(row, attempts.get(row.id) ?? []))
  })
}

/** Queues an event that tells of nothing. @throws ProblemError `webhook-not-found`, `webhook-switched-off`. */
export function sendTest({ tenant, inTenant }: Context, webhookId: string): Promise<QueuedDelivery> {
  return inTenant(async (tx) => {
    assertEnabled(found(await findWebhook(tx, tenant.id, webhookId)))
    const deliveryId = createId()
    await queries.insertDelivery(tx, {
      ...{ tenant_id: tenant.id, id: deliveryId, webhook_id: webhookId, type: TEST_EVENT },
    })
    return { deliveryId }
  })
}

/**
 * Makes a delivery again that was taken or given up, under its webhook-id, so that a receiver that has it already knows.
 *
 * @throws ProblemError `webhook-not-found`, `webhook-switched-off`, `webhook-delivery-not-found`,
 *   `webhook-delivery-pending`.
 */
export function replayDelivery(context: Context, webhookId: string, deliveryId: string): Promise<QueuedDelivery> {
  const { tenant, inTenant } = context
  return inTenant(async (tx) => {
    const webhook = found(await findWebhook(tx, tenant.id, webhookId))
    const delivery = await queries.findDelivery(tx, tenant.id, webhookId, deliveryId)
    if (delivery === undefined) throw new ProblemError('webhook-delivery-not-found')
    assertEnabled(webhook)
    if (delivery.state === 'pending') throw new ProblemError('webhook-delivery-pending')
    await queries.reopenDelivery(tx, tenant.id, deliveryId)
    await appendAudit(tx, context, {
      action: 'webhook.replayed',
      resource: { type: 'webhook', id: webhookId },
      changes: { delivery: deliveryId, type: delivery.type },
    })
    return { deliveryId }
  })
}

function assertEnabled({ is_enabled: isEnabled }: { readonly is_enabled: boolean }): void {
  if (!isEnabled) throw new ProblemError('webhook-switched-off')
}

type Row = Awaited<ReturnType<typeof queries.listDeliveries>>[number]
type AttemptRow = Awaited<ReturnType<typeof queries.listAttempts>>[number]

function toDelivery(row: Row, attempts: readonly AttemptRow[]): WebhookDelivery {
  return {
    id: row.id,
    type: row.type,
    // The column has a check constraint with exactly these values.
    state: row.state as WebhookDelivery['state'],
    createdAt: row.created_at.toISOString(),
    settledAt: row.settled_at?.toISOString() ?? null,
    nextAttemptAt: row.state === 'pending' ? row.next_attempt_at.toISOString() : null,
    attempts: attempts.map(({ number, at, duration_ms: durationMs, status, error }) => ({
      ...{ number, at: at.toISOString(), durationMs, status, error },
    })),
  }
}
