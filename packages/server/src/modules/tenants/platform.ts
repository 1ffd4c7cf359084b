import type { PlatformPermission } from '../../core/access/access.ts'
import { type AuditEvent, type AuditSource, appendAudit } from '../../core/audit/append.ts'
import type { Context } from '../../core/context.ts'
import { ProblemError } from '../../core/problem.ts'
import { type NumberedPage, numberedPageReply, pageRequest } from '../../core/shapes/pagination.ts'
import { announceChange } from '../../core/tenant/feed.ts'
import type { Pool } from '../../database/connect.ts'
import { type InTenant, tenantScope } from '../../database/tenant.ts'
import * as queries from './queries.ts'
import type { NewPlatformTenant, PlatformTenant, PlatformTenantQuery, TenantChange, TenantInput } from './schema.ts'
import { createTenant, TenantError } from './service.ts'
import { assertTimeZone } from './settings.ts'

export interface PlatformDependencies {
  /** As rempart_app: each transaction on it is of one tenant, the platform's or the one that is kept. */
  readonly pool: Pool
  /** Forgets what this process remembers of a tenant. */
  readonly onTenantChanged: (tenantId: string) => void
  /** Makes the link by which a new tenant gets its first owner. */
  readonly issueOwnerLink: (tenantId: string) => Promise<string>
}

/**
 * Lets through who keeps tenants: a person of the platform. In any other tenant the permission is worth nothing, and the
 * refusal is the one of a person who lacks it.
 *
 * @throws ProblemError `permission-missing`.
 */
export async function assertPlatform({ tenant, inTenant }: Context, permission: PlatformPermission): Promise<void> {
  const row = await inTenant((tx) => queries.readTenant(tx, tenant.id))
  if (row?.is_platform !== true) throw new ProblemError('permission-missing', { parameters: { permission } })
}

export async function listPlatformTenants(
  context: Context,
  query: PlatformTenantQuery,
): Promise<NumberedPage<PlatformTenant>> {
  const request = pageRequest(query)
  const { rows, total } = await context.inTenant((tx) => queries.listForPlatform(tx, request))
  return numberedPageReply(rows, total, request, toPlatformTenant)
}

/** @throws ProblemError `tenant-not-found`. */
export async function readPlatformTenant(
  { pool }: Pick<PlatformDependencies, 'pool'>,
  id: string,
): Promise<PlatformTenant> {
  return toPlatformTenant(await requireTenant(pool, id))
}

/**
 * Makes a tenant with its built-in roles, and the link for its first owner.
 *
 * @throws ProblemError `tenant-slug-taken`; `invalid-content` for a time zone nobody knows.
 */
export async function makeTenant(
  context: Context,
  dependencies: PlatformDependencies,
  { timeZone = 'UTC', locale = context.tenant.locale, ...input }: TenantInput,
): Promise<NewPlatformTenant> {
  assertTimeZone(timeZone, context.locale)
  const id = await createTenant(dependencies.pool, { ...input, name: input.name.trim(), locale, timeZone }).catch(
    (error: unknown) => {
      throw error instanceof TenantError ? new ProblemError('tenant-slug-taken') : error
    },
  )
  await inBothLogs(context, dependencies, id, { action: 'tenant.created', changes: { slug: input.slug } })
  return {
    tenant: await readPlatformTenant(dependencies, id),
    ownerLink: await dependencies.issueOwnerLink(id),
  }
}

/** @throws ProblemError `tenant-not-found`; `invalid-content` for a time zone nobody knows. */
export async function changePlatformTenant(
  context: Context,
  dependencies: PlatformDependencies,
  id: string,
  { name, locale, timeZone }: TenantChange,
): Promise<PlatformTenant> {
  assertTimeZone(timeZone, context.locale)
  await requireTenant(dependencies.pool, id)
  const changes = {
    ...(name !== undefined && { name: name.trim() }),
    ...(locale !== undefined && { locale }),
    ...(timeZone !== undefined && { time_zone: timeZone }),
  }
  await inBothLogs(context, dependencies, id, { action: 'tenant.changed', changes }, async (inTenant) => {
    await inTenant(async (tx) => {
      await queries.updateTenant(tx, id, changes)
      await announceChange(tx, id, 'tenant')
    })
  })
  return readPlatformTenant(dependencies, id)
}

/**
 * Suspends a tenant, or lets it answer again. Every session and key of it is refused with the next request, in every
 * process; none is ended, so that all hold again afterwards.
 *
 * @throws ProblemError `tenant-not-found`; `tenant-is-platform`.
 */
export async function setTenantActive(
  context: Context,
  dependencies: PlatformDependencies,
  id: string,
  isActive: boolean,
): Promise<PlatformTenant> {
  const tenant = await requireTenant(dependencies.pool, id)
  if (tenant.is_platform) throw new ProblemError('tenant-is-platform')
  if (tenant.is_active !== isActive) {
    const action = isActive ? 'tenant.reactivated' : 'tenant.suspended'
    await inBothLogs(context, dependencies, id, { action }, async (inTenant) => {
      await inTenant(async (tx) => {
        await queries.updateTenant(tx, id, { is_active: isActive })
        await announceChange(tx, id, 'tenant')
      })
    })
  }
  return readPlatformTenant(dependencies, id)
}

/** @throws ProblemError `tenant-not-found`. */
export async function requireTenant(pool: Pool, id: string) {
  const row = await tenantScope(pool, id)((tx) => queries.readTenant(tx, id))
  if (row === undefined) throw new ProblemError('tenant-not-found')
  return row
}

/**
 * Does something to a tenant and remembers it twice: in the log of the platform, as what its person did, and in the
 * tenant's own, as what an operator did to it. The platform's entry comes first: nothing is done that nobody has written
 * down.
 */
export async function inBothLogs(
  context: Context,
  { pool, onTenantChanged }: Pick<PlatformDependencies, 'pool' | 'onTenantChanged'>,
  tenantId: string,
  event: Omit<AuditEvent, 'resource'>,
  work: (inTenant: InTenant) => Promise<void> = async () => {},
): Promise<void> {
  const entry: AuditEvent = { ...event, resource: { type: 'tenant', id: tenantId } }
  await context.inTenant((tx) => appendAudit(tx, context, entry))
  const inTenant = tenantScope(pool, tenantId)
  await work(inTenant)
  await inTenant((tx) => appendAudit(tx, operatorSource(context, tenantId), entry))
  onTenantChanged(tenantId)
}

/** Who writes in the log of a tenant what a person of the platform did. */
export function operatorSource(context: Context, tenantId: string): AuditSource {
  const { actor } = context
  return {
    ...context,
    tenant: { id: tenantId },
    actor: actor.kind === 'user' ? { kind: 'operator', id: actor.id } : actor,
  }
}

function toPlatformTenant(row: queries.KnownTenant): PlatformTenant {
  return {
    id: row.id,
    slug: row.slug,
    name: row.name,
    // The column has a check constraint with exactly these values.
    locale: row.locale as 'en' | 'fr',
    timeZone: row.time_zone,
    isActive: row.is_active,
    isPlatform: row.is_platform,
    createdAt: row.created_at.toISOString(),
  }
}
