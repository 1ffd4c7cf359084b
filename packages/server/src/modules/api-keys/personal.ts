import { includesPermission, type Scope } from '../../core/access/access.ts'
import { createApiKeyToken } from '../../core/access/api-key-token.ts'
import { canonicalNetwork } from '../../core/access/networks.ts'
import { appendAudit } from '../../core/audit/append.ts'
import type { Context, Person } from '../../core/context.ts'
import { tellAccess } from '../../core/identity/access-notice.ts'
import { createId } from '../../core/ids.ts'
import type { MailQueue } from '../../core/mail/outbox.ts'
import { ProblemError } from '../../core/problem.ts'
import { type NumberedPage, numberedPageReply, pageRequest } from '../../core/shapes/pagination.ts'
import type { Tx } from '../../database/tenant.ts'
import * as queries from './queries.ts'
import {
  type ApiKey,
  type ApiKeyInput,
  type ApiKeyQuery,
  type ApiKeyRotation,
  DEFAULT_DAYS,
  type NewApiKey,
} from './schema.ts'

const dayMs = 86_400_000
const hourMs = 3_600_000

/** The keys of the tenant, newest first, the ended ones too. */
export function pageApiKeys(context: Context, query: ApiKeyQuery): Promise<NumberedPage<ApiKey>> {
  const request = pageRequest(query)
  const { id: tenantId } = context.tenant
  return context.inTenant(async (tx) => {
    const [rows, total] = await Promise.all([
      queries.pageApiKeys(tx, tenantId, request),
      queries.countApiKeys(tx, tenantId),
    ])
    return numberedPageReply(rows, total, request, toApiKey)
  })
}

/** @throws ProblemError `api-key-not-found`, also for one of another tenant. */
export async function readApiKey(context: Context, id: string): Promise<ApiKey> {
  return toApiKey(await context.inTenant((tx) => requireKey(tx, context, id)))
}

/**
 * Makes a key that is bound to its maker, who is told: what they lose later, it loses.
 *
 * @throws ProblemError `permission-missing` for a scope that the person does not hold; `invalid-content` for a network that
 * is none.
 */
export function makeApiKey(context: Context, mail: MailQueue, input: ApiKeyInput): Promise<NewApiKey> {
  const person = personOf(context)
  assertHolds(person, input.scopes)
  const networks = (input.networks ?? []).map((text, index) => networkOf(text, index, context.locale))
  return context.inTenant((tx) =>
    insertKey(tx, context, mail, 'api-key.created', {
      name: input.name.trim(),
      scopes: input.scopes,
      networks: [...new Set(networks)],
      days: input.expiresInDays,
    }),
  )
}

/**
 * Makes a key in the place of another, which stays good for the overlap. Whoever does it sees the new secret, so it is
 * theirs: they have to hold every scope of it. Of several calls at once, one makes a key.
 *
 * @throws ProblemError `api-key-not-found`; `api-key-ended` for one that ended or was replaced; `permission-missing`.
 */
export function rotateApiKey(
  context: Context,
  mail: MailQueue,
  id: string,
  rotation: ApiKeyRotation,
): Promise<NewApiKey> {
  const person = personOf(context)
  const nowMs = context.clock.now()
  return context.inTenant(async (tx) => {
    const old = await requireKey(tx, context, id)
    assertHolds(person, old.scopes as Scope[])
    const graceMs = nowMs + (rotation.overlapHours ?? 24) * hourMs
    const until = new Date(Math.min(graceMs, old.expires_at?.getTime() ?? graceMs))
    if (!(await queries.markReplaced(tx, context.tenant.id, id, until))) {
      throw new ProblemError('api-key-ended')
    }
    const { name, scopes, networks } = old
    return insertKey(tx, context, mail, 'api-key.rotated', {
      name,
      scopes,
      networks,
      days: rotation.expiresInDays,
      rotatedFrom: old.id,
    })
  })
}

/** Ends a key at once, in every process; does nothing to one that has ended. @throws ProblemError `api-key-not-found`. */
export function endApiKey(context: Context, id: string): Promise<void> {
  return context.inTenant(async (tx) => {
    await requireKey(tx, context, id)
    if (!(await queries.revokeApiKey(tx, { id }))) return
    await appendAudit(tx, context, { action: 'api-key.revoked', resource: { type: 'api-key', id } })
  })
}

/** @throws ProblemError `api-key-not-found`. */
export async function requireKey(tx: Tx, { tenant }: Context, id: string): Promise<Row> {
  const row = await queries.findApiKey(tx, tenant.id, id)
  if (row === undefined) throw new ProblemError('api-key-not-found')
  return row
}

interface KeyFacts {
  readonly name: string
  readonly scopes: readonly string[]
  readonly networks: readonly string[]
  readonly days: number | undefined
  readonly rotatedFrom?: string
}

async function insertKey(
  tx: Tx,
  context: Context,
  mail: MailQueue,
  action: 'api-key.created' | 'api-key.rotated',
  facts: KeyFacts,
): Promise<NewApiKey> {
  const { id: userId } = personOf(context)
  const { token, lookupId, secretHash } = createApiKeyToken()
  const row = await queries.insertApiKey(tx, {
    tenant_id: context.tenant.id,
    id: createId(),
    lookup_id: lookupId,
    secret_hash: secretHash,
    name: facts.name,
    scopes: facts.scopes,
    networks: facts.networks,
    created_by: userId,
    expires_at: new Date(context.clock.now() + (facts.days ?? DEFAULT_DAYS) * dayMs),
    ...(facts.rotatedFrom !== undefined && { rotated_from: facts.rotatedFrom }),
  })
  const change = action === 'api-key.created' ? 'api-key-created' : 'api-key-rotated'
  await tellAccess(tx, mail, userId, change, context.clock.now())
  const { scopes, networks, rotatedFrom = null } = facts
  await appendAudit(tx, context, {
    action,
    resource: { type: 'api-key', id: row.id },
    changes: { scopes, networks, rotatedFrom, expiresAt: row.expires_at?.toISOString() ?? null },
  })
  return { apiKey: toApiKey(row), key: token }
}

function assertHolds(person: Person, scopes: readonly Scope[]): void {
  const lacking = scopes.find((scope) => !includesPermission(person.permissions, scope))
  if (lacking !== undefined) throw new ProblemError('permission-missing', { parameters: { permission: lacking } })
}

function networkOf(text: string, index: number, locale: Context['locale']): string {
  const network = canonicalNetwork(text)
  if (network !== undefined) return network
  throw new ProblemError('invalid-content', {
    errors: [{ pointer: `/networks/${index}`, code: 'network', message: notANetwork[locale] }],
    reason: 'network',
  })
}

const notANetwork: Readonly<Record<Context['locale'], string>> = {
  en: 'must be an address or a CIDR block',
  fr: 'doit être une adresse ou un bloc CIDR',
}

function personOf({ actor }: Context): Person {
  if (actor.kind !== 'user') throw new ProblemError('session-required')
  return actor
}

type Row = NonNullable<Awaited<ReturnType<typeof queries.findApiKey>>>

function toApiKey(row: Row): ApiKey {
  return {
    id: row.id,
    prefix: `rmp_live_${row.lookup_id}`,
    name: row.name,
    scopes: row.scopes,
    networks: row.networks,
    createdBy: row.created_by,
    createdAt: row.created_at.toISOString(),
    expiresAt: row.expires_at?.toISOString() ?? null,
    revokedAt: row.revoked_at?.toISOString() ?? null,
    lastUsedAt: row.last_used_at?.toISOString() ?? null,
    rotatedFrom: row.rotated_from,
    graceUntil: row.grace_until?.toISOString() ?? null,
  }
}
