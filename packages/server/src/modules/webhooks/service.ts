import { appendAudit } from '../../core/audit/append.ts'
import type { Context } from '../../core/context.ts'
import type { KeyRing } from '../../core/credentials/sealing.ts'
import { createId } from '../../core/ids.ts'
import { ProblemError } from '../../core/problem.ts'
import { type NumberedPage, numberedPageReply, pageRequest } from '../../core/shapes/pagination.ts'
import { assertMayRead } from './personal-rights.ts'
import * as queries from './queries.ts'
import type { NewWebhook, Webhook, WebhookChange, WebhookInput, WebhookQuery } from './schema.ts'
import { createSecret, sealSecret } from './secret.ts'
import { targetFault } from './target.ts'

export interface WebhookDependencies {
  readonly webhookRing: KeyRing
  /** Whether one on this machine will do, over http as well; for development. */
  readonly allowsPrivateWebhooks: boolean
}

/** Webhooks of one tenant at most. */
const MOST_WEBHOOKS = 10
/** How long the secret before signs too, so that a receiver has time to take the new one. */
const OVERLAP_MS = 86_400_000

export function listWebhooks({ tenant, inTenant }: Context, query: WebhookQuery): Promise<NumberedPage<Webhook>> {
  const { page, pageSize } = pageRequest(query)
  return inTenant(async (tx) => {
    const rows = await queries.listWebhooks(tx, tenant.id, { offset: (page - 1) * pageSize, limit: pageSize })
    return numberedPageReply(rows, await queries.countWebhooks(tx, tenant.id), { page, pageSize }, toWebhook)
  })
}

/** @throws ProblemError `webhook-not-found`, also for one of another tenant. */
export async function readWebhook({ tenant, inTenant }: Context, id: string): Promise<Webhook> {
  return toWebhook(found(await inTenant((tx) => queries.findWebhook(tx, tenant.id, id))))
}

/**
 * Makes a webhook and the secret that it is sent with.
 *
 * @throws ProblemError `invalid-content` for an address that will not do; `beyond-own-rights` for personal data that whoever
 * makes it may not read; `webhook-limit`.
 */
export function createWebhook(
  context: Context,
  { webhookRing, allowsPrivateWebhooks }: WebhookDependencies,
  input: WebhookInput,
): Promise<NewWebhook> {
  const { tenant, inTenant } = context
  assertTarget(input.url, allowsPrivateWebhooks)
  const id = createId()
  const secret = createSecret()
  return inTenant(async (tx) => {
    if (input.includeData === true) await assertMayRead(tx, context, input.events)
    const row = await queries.insertWebhook(tx, {
      ...{ tenant_id: tenant.id, id, url: input.url, description: input.description ?? null, events: input.events },
      include_data: input.includeData ?? false,
      sealed_secret: sealSecret(webhookRing, secret, { tenantId: tenant.id, webhookId: id }),
    })
    await appendAudit(tx, context, {
      action: 'webhook.created',
      resource: { type: 'webhook', id },
      changes: { host: hostOf(row.url), events: row.events, includeData: row.include_data },
    })
    // Whoever writes to the audit log waits for whoever did before: two at once cannot both be the tenth.
    if ((await queries.countWebhooks(tx, tenant.id)) > MOST_WEBHOOKS) throw new ProblemError('webhook-limit')
    return { webhook: toWebhook(row), secret }
  })
}

/**
 * Changes what is named and leaves the rest.
 *
 * @throws ProblemError `invalid-content` for an address that will not do; `webhook-not-found`; `beyond-own-rights` for
 * personal data that whoever changes it may not read: switched off, or told nothing personal, it may be by anybody.
 */
export function changeWebhook(
  context: Context,
  { allowsPrivateWebhooks }: WebhookDependencies,
  id: string,
  { includeData, isEnabled, ...named }: WebhookChange,
): Promise<Webhook> {
  const { tenant, inTenant } = context
  if (named.url !== undefined) assertTarget(named.url, allowsPrivateWebhooks)
  return inTenant(async (tx) => {
    const row = found(
      await queries.updateWebhook(tx, tenant.id, id, {
        ...named,
        ...(includeData !== undefined && { include_data: includeData }),
        ...(isEnabled !== undefined && { is_enabled: isEnabled }),
      }),
    )
    const tellsMore =
      includeData === true || isEnabled === true || named.url !== undefined || named.events !== undefined
    if (row.include_data && tellsMore) await assertMayRead(tx, context, row.events)
    await appendAudit(tx, context, {
      action: 'webhook.changed',
      resource: { type: 'webhook', id },
      changes: {
        ...{ host: hostOf(row.url), hasNewUrl: named.url !== undefined, events: row.events },
        ...{ includeData: row.include_data, isEnabled: row.is_enabled },
      },
    })
    return toWebhook(row)
  })
}

/** Deletes a webhook with everything that was, or was to be, sent to it. @throws ProblemError `webhook-not-found`. */
export function deleteWebhook(context: Context, id: string): Promise<void> {
  return context.inTenant(async (tx) => {
    const { url } = found(await queries.deleteWebhook(tx, context.tenant.id, id))
    const resource = { type: 'webhook', id }
    await appendAudit(tx, context, { action: 'webhook.deleted', resource, changes: { host: hostOf(url) } })
  })
}

/** Makes a new secret. The one before signs too for a day. @throws ProblemError `webhook-not-found`. */
export function rotateSecret(context: Context, { webhookRing }: WebhookDependencies, id: string): Promise<NewWebhook> {
  const { tenant, inTenant, clock } = context
  const secret = createSecret()
  const sealed = sealSecret(webhookRing, secret, { tenantId: tenant.id, webhookId: id })
  const until = new Date(clock.now() + OVERLAP_MS)
  return inTenant(async (tx) => {
    const row = found(await queries.replaceSecret(tx, tenant.id, id, { sealed, until }))
    const resource = { type: 'webhook', id }
    await appendAudit(tx, context, { action: 'webhook.secret-rotated', resource })
    return { webhook: toWebhook(row), secret }
  })
}

/** The rest of the address often holds a secret of its receiver. */
const hostOf = (url: string): string => new URL(url).host

/** @throws ProblemError `webhook-not-found`. */
export function found<T>(row: T | undefined): T {
  if (row === undefined) throw new ProblemError('webhook-not-found')
  return row
}

function assertTarget(url: string, allowsLoopback: boolean): void {
  const message = targetFault(url, allowsLoopback)
  if (message === undefined) return
  throw new ProblemError('invalid-content', { errors: [{ pointer: '/url', code: 'url', message }] })
}

type Row = NonNullable<Awaited<ReturnType<typeof queries.findWebhook>>>

function toWebhook(row: Row): Webhook {
  return {
    id: row.id,
    url: row.url,
    description: row.description,
    events: row.events,
    includeData: row.include_data,
    isEnabled: row.is_enabled,
    // The column has a check constraint with exactly these values.
    disabledReason: row.disabled_reason as Webhook['disabledReason'],
    failingSince: row.failing_since?.toISOString() ?? null,
    previousSecretUntil: row.previous_until?.toISOString() ?? null,
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
  }
}
