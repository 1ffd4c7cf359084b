import { appendAudit } from '../../core/audit/append.ts'
import { lockOwners } from '../../core/identity/owners.ts'
import { createId } from '../../core/ids.ts'
import type { MailQueue } from '../../core/mail/outbox.ts'
import type { Tx } from '../../database/tenant.ts'
import type { Attempt } from './attempt.ts'
import { pauseAfter } from './schedule.ts'
import {
  type DueDelivery,
  type DueWebhook,
  disableWebhook,
  type Fate,
  insertAttempt,
  noteHealth,
  settleDelivery,
} from './sender-queries.ts'

/** What became of one attempt, as the metric calls it. */
export type Outcome = 'delivered' | 'retried' | 'failed'

/** A webhook that took nothing for so long is switched off when a delivery to it is given up. */
const mostFailingMs = 5 * 86_400_000

const GONE = 410

export const outcomeOf = ({ state }: Fate): Outcome => (state === 'pending' ? 'retried' : state)

/** What is to become of a delivery after an attempt. */
export function fateOf(made: Attempt, tries: number, pauses: readonly number[]): Fate {
  const { status } = made
  if (status !== null && status >= 200 && status < 300) return { state: 'delivered' }
  const pauseMs = status === GONE ? undefined : pauseAfter(tries, made.retryAfterMs, { pauses })
  return pauseMs === undefined ? { state: 'failed' } : { state: 'pending', pauseMs }
}

/** Records an attempt and what follows from it, in one transaction. */
export async function record(
  tx: Tx,
  mail: MailQueue,
  webhook: DueWebhook,
  { delivery, made, fate }: { readonly delivery: DueDelivery; readonly made: Attempt; readonly fate: Fate },
): Promise<void> {
  const { tenant_id: tenantId, webhook_id: id } = webhook
  if (!(await settleDelivery(tx, tenantId, delivery, fate))) return
  await insertAttempt(tx, {
    ...{ tenant_id: tenantId, delivery_id: delivery.id, number: delivery.attempts },
    ...{ at: made.at, duration_ms: made.durationMs, status: made.status, error: made.error },
  })
  await noteHealth(tx, tenantId, id, fate.state === 'delivered')
  if (fate.state === 'failed') await disable(tx, mail, webhook, made.status === GONE)
}

/** Switches a webhook off that wants nothing more, or took nothing for days; tells the log and the owners. */
async function disable(tx: Tx, mail: MailQueue, webhook: DueWebhook, isGone: boolean): Promise<void> {
  const { tenant_id: tenantId, webhook_id: id } = webhook
  const reason = isGone ? 'gone' : 'failing'
  const disabled = await disableWebhook(tx, tenantId, id, reason, isGone ? 0 : mostFailingMs)
  if (disabled === undefined) return
  // The rest of the address often is a secret.
  const { host } = new URL(disabled.url)
  for (const userId of await lockOwners(tx, tenantId)) {
    await mail.queueMail(tx, { template: 'webhook-disabled', to: { userId }, data: { host, reason } })
  }
  const source = {
    tenant: { id: tenantId },
    actor: { kind: 'system', id: 'webhooks' },
    requestId: createId(),
    audit: { ring: undefined, address: undefined, userAgent: undefined },
  } as const
  await appendAudit(tx, source, {
    action: 'webhook.disabled',
    resource: { type: 'webhook', id },
    changes: { reason, host },
  })
}
