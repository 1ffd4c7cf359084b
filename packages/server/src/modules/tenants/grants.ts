import { appendAudit } from '../../core/audit/append.ts'
import type { Context } from '../../core/context.ts'
import { assertHoldsAll, grantorOf, holdingsOfActor } from '../../core/identity/holdings.ts'
import { createId } from '../../core/ids.ts'
import { ProblemError } from '../../core/problem.ts'
import { tenantScope } from '../../database/tenant.ts'
import * as queries from './grant-queries.ts'
import { inBothLogs, operatorSource, type PlatformDependencies, requireTenant } from './platform.ts'
import type { OperatorGrant, OperatorGrantInput } from './schema.ts'

type GrantDependencies = Pick<PlatformDependencies, 'pool' | 'onTenantChanged'>

/** The grants of a tenant, those that are over too. @throws ProblemError `tenant-not-found`. */
export async function listGrants({ pool }: GrantDependencies, tenantId: string): Promise<{ items: OperatorGrant[] }> {
  await requireTenant(pool, tenantId)
  return { items: (await tenantScope(pool, tenantId)((tx) => queries.listGrants(tx, tenantId))).map(toGrant) }
}

/**
 * Lets a person of the platform work in a tenant: with these permissions, for this reason, and until it ends by itself.
 * Nobody gives what they do not hold themselves, to themselves neither.
 *
 * @throws ProblemError `tenant-not-found`; `tenant-is-platform`; `operator-not-found`; `beyond-own-rights`.
 */
export async function grantOperator(
  context: Context,
  { pool }: GrantDependencies,
  tenantId: string,
  input: OperatorGrantInput,
): Promise<OperatorGrant> {
  if ((await requireTenant(pool, tenantId)).is_platform) throw new ProblemError('tenant-is-platform')
  const id = createId()
  const changes = { grant: id, operator: input.operatorId, permissions: input.permissions, minutes: input.minutes }
  await context.inTenant(async (tx) => {
    assertHoldsAll(await holdingsOfActor(tx, context), input.permissions, new Date(endOf(context, input)))
    if (!(await queries.hasActivePerson(tx, context.tenant.id, input.operatorId)))
      throw new ProblemError('operator-not-found')
    await appendAudit(tx, context, {
      action: 'operator.granted',
      resource: { type: 'tenant', id: tenantId },
      changes: { ...changes, reason: input.reason },
    })
  })
  return tenantScope(
    pool,
    tenantId,
  )(async (tx) => {
    await queries.insertGrant(tx, {
      id,
      tenantId,
      operatorTenantId: context.tenant.id,
      grantedBy: grantorOf(context),
      ...input,
      reason: input.reason.trim(),
    })
    const made = await queries.findGrant(tx, tenantId, id)
    if (made === undefined) throw new Error('the grant that was made is not there')
    await appendAudit(tx, operatorSource(context, tenantId), {
      action: 'operator.granted',
      resource: { type: 'operator-grant', id },
      changes: { ...changes, reason: input.reason },
    })
    return toGrant(made)
  })
}

/**
 * Takes a grant away. The next request under it is refused, in every process.
 *
 * @throws ProblemError `tenant-not-found`; `operator-grant-not-found`, also for one of another tenant or taken away before.
 */
export async function revokeGrant(
  context: Context,
  dependencies: GrantDependencies,
  tenantId: string,
  id: string,
): Promise<void> {
  await requireTenant(dependencies.pool, tenantId)
  const found = await tenantScope(dependencies.pool, tenantId)((tx) => queries.findGrant(tx, tenantId, id))
  if (found === undefined || found.revoked_at !== null) throw new ProblemError('operator-grant-not-found')
  await inBothLogs(
    context,
    dependencies,
    tenantId,
    { action: 'operator.revoked', changes: { grant: id } },
    async (inTenant) => {
      await inTenant((tx) => queries.revokeGrant(tx, tenantId, id))
    },
  )
}

const endOf = ({ clock }: Context, { minutes }: OperatorGrantInput): number => clock.now() + minutes * 60_000

function toGrant(row: Awaited<ReturnType<typeof queries.listGrants>>[number]): OperatorGrant {
  return {
    id: row.id,
    tenantId: row.tenant_id,
    operatorId: row.operator_id,
    permissions: row.permissions,
    reason: row.reason,
    grantedBy: row.granted_by,
    createdAt: row.created_at.toISOString(),
    expiresAt: row.expires_at.toISOString(),
    revokedAt: row.revoked_at?.toISOString() ?? null,
    isInForce: row.is_in_force,
  }
}
