import { appendAudit } from '../../core/audit/append.ts'
import type { Context } from '../../core/context.ts'
import { ProblemError } from '../../core/problem.ts'
import { announceChange } from '../../core/tenant/feed.ts'
import { claimable, isProven, newProof, proofRecord, type ReadTxt } from './domain-proof.ts'
import * as queries from './domain-queries.ts'
import type { TenantDomain } from './schema.ts'
import { invalid } from './settings.ts'

export interface DomainDependencies {
  readonly readTxt: ReadTxt
  /** Whether a host is the server's own, and so no tenant's. */
  readonly isOwnHost: (host: string) => boolean
  /** Forgets what this process remembers of a tenant. */
  readonly onTenantChanged: (tenantId: string) => void
}

const mostDomains = 20

export function listDomains({ tenant, inTenant }: Context): Promise<{ items: TenantDomain[] }> {
  return inTenant(async (tx) => ({ items: (await queries.listDomains(tx, tenant.id)).map(toDomain) }))
}

/**
 * Claims a domain. It answers nothing before it is proven, so that anybody may claim anything: the answer says nothing of
 * who else does. A claim that is there already is answered as it is.
 *
 * @throws ProblemError `invalid-content` for what is no domain, or the server's own; `too-many-domains`.
 */
export function claimDomain(context: Context, { isOwnHost }: DomainDependencies, text: string): Promise<TenantDomain> {
  const { tenant, locale } = context
  const domain = claimable(text)
  if (domain === undefined || isOwnHost(domain)) {
    throw invalid(locale, '/domain', {
      en: 'must be a domain of your own, such as www.example.org',
      fr: 'doit être un domaine à vous, tel que www.example.org',
    })
  }
  return context.inTenant(async (tx) => {
    const known = await queries.listDomains(tx, tenant.id)
    const before = known.find((each) => each.domain === domain)
    if (before !== undefined) return toDomain(before)
    const isNew = await queries.insertClaim(tx, tenant.id, domain, newProof())
    if (isNew) await appendAudit(tx, context, { action: 'domain.claimed', resource: { type: 'domain', id: domain } })
    // Whoever writes to the audit log waits for whoever did before: two at once cannot both be the last.
    const claims = await queries.listDomains(tx, tenant.id)
    if (isNew && claims.length > mostDomains) throw new ProblemError('too-many-domains')
    return toDomain(found(claims.find((each) => each.domain === domain)))
  })
}

/**
 * Looks whether the DNS proves a claim, and lets the domain name the tenant from then on, in every process.
 *
 * @throws ProblemError `domain-not-found`; `domain-unproven`; `domain-taken` when another tenant has proven it before.
 */
export async function verifyDomain(
  context: Context,
  { readTxt, onTenantChanged }: DomainDependencies,
  domain: string,
): Promise<TenantDomain> {
  const { tenant } = context
  const claim = found(await context.inTenant((tx) => queries.findDomain(tx, tenant.id, domain)))
  if (claim.verified_at !== null || claim.proof === null) return toDomain(claim)
  // No transaction is held while others are asked.
  if (!(await isProven(readTxt, domain, claim.proof))) {
    throw new ProblemError('domain-unproven', { parameters: { name: proofRecord(domain, claim.proof).name } })
  }
  const verified = await context
    .inTenant(async (tx) => {
      await queries.verifyDomain(tx, tenant.id, domain)
      const row = found(await queries.findDomain(tx, tenant.id, domain))
      await announceChange(tx, tenant.id, 'tenant')
      await appendAudit(tx, context, { action: 'domain.verified', resource: { type: 'domain', id: domain } })
      return toDomain(row)
    })
    .catch((error: unknown) => {
      throw isTaken(error) ? new ProblemError('domain-taken') : error
    })
  onTenantChanged(tenant.id)
  return verified
}

/** Gives a domain up: it names nobody from then on, in every process. @throws ProblemError `domain-not-found`. */
export async function removeDomain(
  context: Context,
  { onTenantChanged }: DomainDependencies,
  domain: string,
): Promise<void> {
  const { tenant } = context
  await context.inTenant(async (tx) => {
    if (!(await queries.deleteDomain(tx, tenant.id, domain))) throw new ProblemError('domain-not-found')
    await announceChange(tx, tenant.id, 'tenant')
    await appendAudit(tx, context, { action: 'domain.removed', resource: { type: 'domain', id: domain } })
  })
  onTenantChanged(tenant.id)
}

const isTaken = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === '23505'

function found<T>(row: T | undefined): T {
  if (row === undefined) throw new ProblemError('domain-not-found')
  return row
}

function toDomain(row: Awaited<ReturnType<typeof queries.listDomains>>[number]): TenantDomain {
  return {
    domain: row.domain,
    isVerified: row.verified_at !== null,
    proof: row.proof === null ? null : proofRecord(row.domain, row.proof),
    createdAt: row.created_at.toISOString(),
    verifiedAt: row.verified_at?.toISOString() ?? null,
  }
}
