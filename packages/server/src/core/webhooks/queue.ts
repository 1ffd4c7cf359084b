import { sql } from 'kysely'
import type { Tx } from '../../database/tenant.ts'
import type { WebhookEvent } from './events.ts'

/** A member of what a receiver gets. */
type Fact = string | number | boolean | null | readonly Fact[] | { readonly [name: string]: Fact }

/** Something that happened. */
export interface NewWebhookEvent {
  readonly type: WebhookEvent
  /**
   * What it happened to, and few facts besides: ids, never a name, an address or an answer. Those are read when the event
   * is sent, and only for a webhook that asks for them.
   */
  readonly data: {
    readonly resource: { readonly type: string; readonly id: string } | null
    readonly [name: string]: Fact
  }
}

/**
 * Queues an event for every webhook of the transaction's tenant that wants it: it is sent once that commits, and never when
 * it does not. One statement, also where nobody wants it.
 */
export async function queueWebhook(tx: Tx, tenantId: string, { type, data }: NewWebhookEvent): Promise<void> {
  await sql`select queue_webhooks(${tenantId}, ${type}, array[${JSON.stringify(data)}]::jsonb[])`.execute(tx)
}
