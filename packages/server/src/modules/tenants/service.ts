import { type AuditEvent, type AuditSource, appendAudit } from '../../core/audit/append.ts'
import { insertBuiltinRoles } from '../../core/identity/builtin-roles.ts'
import { createId } from '../../core/ids.ts'
import { isTimeZone } from '../../core/shapes/time-zone.ts'
import { announceChange } from '../../core/tenant/feed.ts'
import type { Tenant } from '../../core/tenant/resolver.ts'
import type { Pool } from '../../database/connect.ts'
import { inTenant, type Tx } from '../../database/tenant.ts'
import { claimable } from './domain-proof.ts'
import { deleteDomain, insertVerifiedDomain } from './domain-queries.ts'
import * as queries from './queries.ts'

export interface NewTenant {
  readonly slug: string
  readonly name: string
  readonly locale?: 'en' | 'fr'
  /** IANA name; UTC when absent. */
  readonly timeZone?: string
  readonly domains?: readonly string[]
  readonly allowedOrigins?: readonly string[]
  /** Leads per calendar month; null or absent: no limit. */
  readonly maxLeadsPerMonth?: number | null
  /** The tenant whose people keep the others. There is one at most. */
  readonly isPlatform?: boolean
}

/** What is kept of a tenant besides what requests see. */
export interface KeptTenant {
  readonly isActive: boolean
  /** null: no limit. */
  readonly maxLeadsPerMonth: number | null
}

/** A tenant cannot be made as asked; the message says what to change. */
export class TenantError extends Error {
  override readonly name = 'TenantError'
}

/** Every tenant. @param pool - as rempart_worker. */
export const listTenants = queries.listTenants

/**
 * A tenant by its slug or id, suspended or not.
 *
 * @param pool - as rempart_worker.
 * @returns undefined when there is none.
 */
export async function findTenant(pool: Pool, slugOrId: string): Promise<(Tenant & KeptTenant) | undefined> {
  const known = (await queries.listTenants(pool)).find((each) => each.slug === slugOrId || each.id === slugOrId)
  const row = known && (await inTenant(pool, known.id, (tx) => queries.readTenant(tx, known.id)))
  return row && toTenant(row)
}

/**
 * Makes a tenant with its built-in roles and its domains.
 *
 * @param pool - as rempart_worker; as rempart_app for a tenant that names nothing but itself.
 * @returns its id.
 * @throws TenantError when the slug or a domain is taken or malformed, or the time zone is unknown.
 */
export async function createTenant(pool: Pool, tenant: NewTenant): Promise<string> {
  const timeZone = tenant.timeZone ?? 'UTC'
  if (!isTimeZone(timeZone)) throw new TenantError(`"${timeZone}" is not an IANA time zone, such as Europe/Paris`)
  const id = createId()
  try {
    await inTenant(pool, id, async (tx) => {
      await queries.insertTenant(tx, {
        id,
        slug: tenant.slug,
        name: tenant.name,
        locale: tenant.locale ?? 'en',
        time_zone: timeZone,
        // What the serving role may not set is left to its default.
        ...(tenant.allowedOrigins && { allowed_origins: tenant.allowedOrigins }),
        ...(tenant.maxLeadsPerMonth !== undefined && { max_leads_per_month: tenant.maxLeadsPerMonth }),
        ...(tenant.isPlatform === true && { is_platform: true }),
      })
      await insertBuiltinRoles(tx, id)
      for (const domain of tenant.domains ?? []) await insertVerifiedDomain(tx, id, domain.toLowerCase())
    })
  } catch (error) {
    throw refusal(error, tenant)
  }
  return id
}

/** Suspends or resumes a tenant, or sets its monthly quota of leads. @param pool - as rempart_worker. */
export async function changeTenant(
  pool: Pool,
  tenantId: string,
  changes: { readonly isActive?: boolean; readonly maxLeadsPerMonth?: number | null },
): Promise<void> {
  await inTenant(pool, tenantId, async (tx) => {
    await queries.updateTenant(tx, tenantId, {
      ...(changes.isActive !== undefined && { is_active: changes.isActive }),
      ...(changes.maxLeadsPerMonth !== undefined && { max_leads_per_month: changes.maxLeadsPerMonth }),
    })
    await announceChange(tx, tenantId, 'tenant')
    const { isActive, maxLeadsPerMonth } = changes
    if (maxLeadsPerMonth !== undefined)
      await writeDown(tx, tenantId, { action: 'tenant.changed', changes: { maxLeadsPerMonth } })
    if (isActive !== undefined)
      await writeDown(tx, tenantId, { action: isActive ? 'tenant.reactivated' : 'tenant.suspended' })
  })
}

/** What an operator does at the command line is in the log of the tenant too. */
function writeDown(tx: Tx, tenantId: string, event: AuditEvent): Promise<void> {
  const source: AuditSource = {
    tenant: { id: tenantId },
    actor: { kind: 'operator', id: 'cli' },
    requestId: createId(),
    audit: { ring: undefined, address: undefined, userAgent: undefined },
  }
  return appendAudit(tx, source, { resource: { type: 'tenant', id: tenantId }, ...event })
}

/**
 * Gives a tenant a domain, which names it from then on: whoever runs the installation vouches for it.
 *
 * @param pool - as rempart_worker.
 * @throws TenantError when another tenant has it, or it is no host name.
 */
export async function addTenantDomain(pool: Pool, tenantId: string, text: string): Promise<string> {
  const domain = claimable(text)
  if (domain === undefined) throw new TenantError(`"${text}" is no domain, such as www.example.org`)
  try {
    await inTenant(pool, tenantId, async (tx) => {
      await deleteDomain(tx, tenantId, domain)
      await insertVerifiedDomain(tx, tenantId, domain)
      await announceChange(tx, tenantId, 'tenant')
      await writeDown(tx, tenantId, { action: 'domain.verified', resource: { type: 'domain', id: domain } })
    })
  } catch (error) {
    const isTaken = error instanceof Error && 'code' in error && error.code === '23505'
    throw isTaken ? new TenantError(`another tenant has the domain "${domain}"`) : error
  }
  return domain
}

/** Takes a domain or a claim from a tenant. @param pool - as rempart_worker. @returns false when it has none such. */
export function removeTenantDomain(pool: Pool, tenantId: string, domain: string): Promise<boolean> {
  return inTenant(pool, tenantId, async (tx) => {
    const isGone = await deleteDomain(tx, tenantId, domain.toLowerCase())
    if (!isGone) return false
    await announceChange(tx, tenantId, 'tenant')
    const resource = { type: 'domain', id: domain.toLowerCase() }
    await writeDown(tx, tenantId, { action: 'domain.removed', resource })
    return true
  })
}

function refusal(error: unknown, tenant: NewTenant): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === '23505') {
    const isPlatform = error instanceof Error && 'constraint' in error && error.constraint === 'tenant_platform'
    return new TenantError(
      isPlatform
        ? 'there is a platform already: one tenant at most keeps the others'
        : `the slug "${tenant.slug}" or one of the domains is taken`,
    )
  }
  if (code === '23514')
    return new TenantError('the slug has lower-case letters, digits and hyphens, 63 at most; domains are host names')
  return error
}

function toTenant(row: NonNullable<Awaited<ReturnType<typeof queries.readTenant>>>): Tenant & KeptTenant {
  return {
    id: row.id,
    slug: row.slug,
    name: row.name,
    // The column has a check constraint with exactly these values.
    locale: row.locale as Tenant['locale'],
    timeZone: row.time_zone,
    allowedOrigins: row.allowed_origins,
    isActive: row.is_active,
    maxLeadsPerMonth: row.max_leads_per_month,
  }
}
