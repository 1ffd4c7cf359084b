import { includesPermission, isScope, permissions, platformPermissions } from '../../core/access/access.ts'
import { appendAudit } from '../../core/audit/append.ts'
import type { Context } from '../../core/context.ts'
import { assertHoldsAll, holdingsOfActor } from '../../core/identity/holdings.ts'
import { ProblemError } from '../../core/problem.ts'
import { type NumberedPage, numberedPageReply, pageRequest } from '../../core/shapes/pagination.ts'
import type { Tx } from '../../database/tenant.ts'
import * as queries from './queries.ts'
import type { PermissionList, Role, RoleChange, RoleInput, RoleQuery } from './schema.ts'

type RoleRow = NonNullable<Awaited<ReturnType<typeof queries.findRole>>>

/** Everything a role may be made of. */
export function listPermissions({ actor }: Context): PermissionList {
  const held = actor.kind === 'user' ? actor.permissions : []
  return {
    items: permissions.map((code) => ({ code, forKeys: isScope(code), isHeld: includesPermission(held, code) })),
  }
}

export function listRoles(context: Context, query: RoleQuery): Promise<NumberedPage<Role>> {
  const { id: tenantId } = context.tenant
  const request = pageRequest(query)
  return context.inTenant(async (tx) => {
    const [rows, total] = await Promise.all([
      queries.listRoles(tx, tenantId, request),
      queries.countRoles(tx, tenantId),
    ])
    return numberedPageReply(rows, total, request, toRole)
  })
}

/** @throws ProblemError `role-not-found`, also for one of another tenant. */
export async function readRole({ tenant, inTenant }: Context, id: string): Promise<Role> {
  return toRole(found(await inTenant((tx) => queries.findRole(tx, tenant.id, id))))
}

/** @throws ProblemError `role-code-taken`; `beyond-own-rights` for a permission that whoever makes it lacks. */
export function createRole(context: Context, input: RoleInput): Promise<Role> {
  return context.inTenant(async (tx) => {
    await assertHere(tx, context, input.permissions)
    assertHoldsAll(await holdingsOfActor(tx, context), input.permissions)
    const row = await queries.insertRole(tx, context.tenant.id, { ...input, name: input.name.trim() })
    if (row === undefined) throw new ProblemError('role-code-taken')
    const made = toRole(row)
    await appendAudit(tx, context, {
      action: 'role.created',
      resource: { type: 'role', id: made.id },
      changes: { code: made.code, permissions: made.permissions },
    })
    return made
  })
}

const ofPlatform: ReadonlySet<string> = new Set(platformPermissions)

/** What keeps all tenants is no permission of any tenant but the platform. @throws ProblemError `invalid-content`. */
async function assertHere(tx: Tx, { tenant, locale }: Context, asked: readonly string[]): Promise<void> {
  const index = asked.findIndex((each) => ofPlatform.has(each))
  if (index === -1 || (await queries.isPlatform(tx, tenant.id))) return
  const message = { en: 'is for roles of the platform alone', fr: 'est réservé aux rôles de la plateforme' }[locale]
  throw new ProblemError('invalid-content', { errors: [{ pointer: `/permissions/${index}`, code: 'enum', message }] })
}

/**
 * Changes a role, and with it at once what its holders may do. What is added must be held for good: else somebody whose
 * own right ends would give it to themselves beyond that. What is taken away must be held too.
 *
 * @throws ProblemError `role-not-found`; `role-builtin`; `version-conflict`; `beyond-own-rights`.
 */
export function changeRole(context: Context, id: string, change: RoleChange): Promise<Role> {
  return context.inTenant(async (tx) => {
    const role = await requireOwnRole(tx, context, id)
    if (change.version !== undefined && change.version !== role.version) throw new ProblemError('version-conflict')
    const holdings = await holdingsOfActor(tx, context)
    await assertHere(tx, context, change.permissions ?? [])
    const added = (change.permissions ?? []).filter((each) => !role.permissions.includes(each))
    assertHoldsAll(holdings, role.permissions)
    assertHoldsAll(holdings, added, null)
    const changes = {
      ...(change.name !== undefined && { name: change.name.trim() }),
      ...(change.permissions !== undefined && { permissions: change.permissions }),
    }
    const changed = toRole(await queries.updateRole(tx, context.tenant.id, id, changes, new Date(context.clock.now())))
    await appendAudit(tx, context, {
      action: 'role.changed',
      resource: { type: 'role', id },
      changes: { code: role.code, from: role.permissions, to: changed.permissions },
    })
    return changed
  })
}

/** @throws ProblemError `role-not-found`; `role-builtin`; `role-in-use` while somebody holds it; `beyond-own-rights`. */
export function deleteRole(context: Context, id: string): Promise<void> {
  return context.inTenant(async (tx) => {
    const role = await requireOwnRole(tx, context, id)
    assertHoldsAll(await holdingsOfActor(tx, context), role.permissions)
    if (await queries.isRoleInUse(tx, context.tenant.id, id)) throw new ProblemError('role-in-use')
    await queries.deleteRole(tx, context.tenant.id, id)
    await appendAudit(tx, context, {
      action: 'role.deleted',
      resource: { type: 'role', id },
      changes: { code: role.code },
    })
  })
}

/** A role that the tenant made itself, locked. */
async function requireOwnRole(tx: Tx, { tenant }: Context, id: string): Promise<RoleRow> {
  const role = found(await queries.lockRole(tx, tenant.id, id))
  if (role.is_system) throw new ProblemError('role-builtin')
  return role
}

export function found<T>(role: T | undefined): T {
  if (role === undefined) throw new ProblemError('role-not-found')
  return role
}

function toRole(row: RoleRow): Role {
  return {
    id: row.id,
    code: row.code,
    name: row.name,
    permissions: row.permissions,
    isSystem: row.is_system,
    version: row.version,
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
  }
}
