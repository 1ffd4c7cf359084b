import { appendAudit } from '../../core/audit/append.ts'
import type { Context } from '../../core/context.ts'
import { assertHoldsAll, grantorOf, holdingsOfActor } from '../../core/identity/holdings.ts'
import { assertOwnerRemains, OWNER } from '../../core/identity/owners.ts'
import { ProblemError } from '../../core/problem.ts'
import type { Tx } from '../../database/tenant.ts'
import * as queries from './assignment-queries.ts'
import { findRole, keepRole } from './queries.ts'
import type { GrantInput, RoleAssignment } from './schema.ts'
import { found } from './service.ts'

type AssignmentRow = NonNullable<Awaited<ReturnType<typeof queries.findAssignment>>>

/** The roles somebody was given, those that are over too. @throws ProblemError `user-not-found`. */
export function listAssignments(context: Context, userId: string): Promise<{ items: RoleAssignment[] }> {
  return context.inTenant(async (tx) => {
    await requireHolder(tx, context, userId)
    return { items: (await queries.listAssignments(tx, context.tenant.id, userId)).map(toAssignment) }
  })
}

/**
 * Gives somebody a role, or gives it anew on other terms. Nobody gives what they lack, nor for longer than they have it.
 *
 * @throws ProblemError `user-not-found`; `role-not-found`; `user-deleted`; `beyond-own-rights`; `last-owner` when the last
 * owner would be one for a time only; `invalid-content` for an end that is past.
 */
export function grantRole(context: Context, userId: string, input: GrantInput): Promise<RoleAssignment> {
  const { tenant, clock } = context
  const expiresAt = input.expiresAt ? new Date(input.expiresAt) : null
  if (expiresAt !== null && expiresAt.getTime() <= clock.now()) throw past(context)
  return context.inTenant(async (tx) => {
    const holder = await requireHolder(tx, context, userId)
    const role = found(await keepRole(tx, tenant.id, input.roleId))
    if (holder.deleted_at !== null) throw new ProblemError('user-deleted')
    assertHoldsAll(await holdingsOfActor(tx, context), role.permissions, expiresAt)
    if (role.code === OWNER && expiresAt !== null) await assertOwnerRemains(tx, tenant.id, userId)
    await queries.saveAssignment(tx, {
      tenantId: tenant.id,
      userId,
      roleId: role.id,
      grantedBy: grantorOf(context),
      reason: input.reason?.trim() ?? null,
      expiresAt,
    })
    const saved = toAssignment(assigned(await queries.findAssignment(tx, tenant.id, userId, role.id)))
    await appendAudit(tx, context, {
      action: 'role.granted',
      resource: { type: 'user', id: userId },
      changes: { role: role.code, roleId: role.id, expiresAt: saved.expiresAt },
    })
    return saved
  })
}

/**
 * Takes a role away. What it gave is gone with the next request, in every process.
 *
 * @throws ProblemError `user-not-found`; `role-not-found`; `role-not-assigned`; `beyond-own-rights`; `last-owner`.
 */
export function withdrawRole(context: Context, userId: string, roleId: string): Promise<void> {
  const { tenant } = context
  return context.inTenant(async (tx) => {
    await requireHolder(tx, context, userId)
    const role = found(await findRole(tx, tenant.id, roleId))
    assigned(await queries.findAssignment(tx, tenant.id, userId, roleId))
    assertHoldsAll(await holdingsOfActor(tx, context), role.permissions)
    if (role.code === OWNER) await assertOwnerRemains(tx, tenant.id, userId)
    await queries.deleteAssignment(tx, tenant.id, userId, roleId)
    await appendAudit(tx, context, {
      action: 'role.withdrawn',
      resource: { type: 'user', id: userId },
      changes: { role: role.code, roleId },
    })
  })
}

async function requireHolder(tx: Tx, { tenant }: Context, userId: string) {
  const holder = await queries.findHolder(tx, tenant.id, userId)
  if (holder === undefined) throw new ProblemError('user-not-found')
  return holder
}

function assigned(row: AssignmentRow | undefined): AssignmentRow {
  if (row === undefined) throw new ProblemError('role-not-assigned')
  return row
}

const past = ({ locale }: Context): ProblemError =>
  new ProblemError('invalid-content', {
    errors: [
      {
        pointer: '/expiresAt',
        code: 'past',
        message: locale === 'fr' ? 'doit être à venir' : 'must be in the future',
      },
    ],
  })

function toAssignment(row: AssignmentRow): RoleAssignment {
  return {
    id: row.id,
    role: { id: row.role_id, code: row.code, name: row.name },
    grantedBy: row.granted_by,
    reason: row.reason,
    expiresAt: row.expires_at?.toISOString() ?? null,
    isInForce: row.is_in_force,
    createdAt: row.created_at.toISOString(),
  }
}
