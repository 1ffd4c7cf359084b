import { sql } from 'kysely'
import type { Tx } from '../../database/tenant.ts'

const shown = [
  ...(['id', 'url', 'description', 'events', 'include_data', 'is_enabled', 'disabled_reason'] as const),
  ...(['failing_since', 'previous_until', 'created_at', 'updated_at'] as const),
] as const

export function listWebhooks(
  tx: Tx,
  tenantId: string,
  { offset, limit }: { readonly offset: number; readonly limit: number },
) {
  return tx
    .selectFrom('webhook')
    .select(shown)
    .where('tenant_id', '=', tenantId)
    .orderBy('id', 'desc')
    .offset(offset)
    .limit(limit)
    .execute()
}

export async function countWebhooks(tx: Tx, tenantId: string): Promise<number> {
  const row = await tx
    .selectFrom('webhook')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('tenant_id', '=', tenantId)
    .executeTakeFirstOrThrow()
  return row.count
}

export function findWebhook(tx: Tx, tenantId: string, id: string) {
  return tx
    .selectFrom('webhook')
    .select(shown)
    .where('tenant_id', '=', tenantId)
    .where('id', '=', id)
    .executeTakeFirst()
}

export function insertWebhook(
  tx: Tx,
  row: {
    readonly tenant_id: string
    readonly id: string
    readonly url: string
    readonly description: string | null
    readonly events: readonly string[]
    readonly include_data: boolean
    readonly sealed_secret: Buffer
  },
) {
  return tx
    .insertInto('webhook')
    .values({ ...row, events: [...row.events] })
    .returning(shown)
    .executeTakeFirstOrThrow()
}

/** What is to be changed; a member that is absent stays. */
export interface WebhookFields {
  readonly url?: string
  readonly description?: string | null
  readonly events?: string[]
  readonly include_data?: boolean
  readonly is_enabled?: boolean
}

/** Changes a webhook. Switched on, it starts afresh: what it failed before counts no more. */
export function updateWebhook(tx: Tx, tenantId: string, id: string, fields: WebhookFields) {
  const { is_enabled: isEnabled } = fields
  const standing =
    isEnabled === undefined
      ? {}
      : isEnabled
        ? { disabled_reason: null, failing_since: null }
        : { disabled_reason: sql<string>`coalesce(disabled_reason, 'staff')` }
  return tx
    .updateTable('webhook')
    .set({ ...fields, ...standing, updated_at: sql<Date>`now()` })
    .where('tenant_id', '=', tenantId)
    .where('id', '=', id)
    .returning(shown)
    .executeTakeFirst()
}

/** Puts a new secret in the place of the one there is, which signs too until `until`. */
export function replaceSecret(
  tx: Tx,
  tenantId: string,
  id: string,
  { sealed, until }: { sealed: Buffer; until: Date },
) {
  return tx
    .updateTable('webhook')
    .set((eb) => ({
      sealed_secret: sealed,
      previous_sealed_secret: eb.ref('sealed_secret'),
      previous_until: until,
      updated_at: sql<Date>`now()`,
    }))
    .where('tenant_id', '=', tenantId)
    .where('id', '=', id)
    .returning(shown)
    .executeTakeFirst()
}

/** Deletes a webhook with its deliveries. @returns its address; undefined when there was none. */
export function deleteWebhook(tx: Tx, tenantId: string, id: string) {
  return tx
    .deleteFrom('webhook')
    .where('tenant_id', '=', tenantId)
    .where('id', '=', id)
    .returning('url')
    .executeTakeFirst()
}
