import { includesPermission } from '../../core/access/access.ts'
import { appendAudit } from '../../core/audit/append.ts'
import type { Context, Person } from '../../core/context.ts'
import { findAccountAt } from '../../core/identity/account-queries.ts'
import { accountAddress } from '../../core/identity/address.ts'
import { assertHoldsAll, holdingsOfActor } from '../../core/identity/holdings.ts'
import { INVITATION_DAYS, invitationEnd, issueInvitationToken } from '../../core/identity/invitation-token.ts'
import { createId } from '../../core/ids.ts'
import type { MailQueue } from '../../core/mail/outbox.ts'
import { ProblemError } from '../../core/problem.ts'
import { type NumberedPage, numberedPageReply, pageRequest } from '../../core/shapes/pagination.ts'
import * as queries from './queries.ts'
import type { Invitation, InvitationInput, InvitationQuery, InvitationStatus } from './schema.ts'

type InvitationRow = NonNullable<Awaited<ReturnType<typeof queries.findInvitation>>>

export function listInvitations(context: Context, query: InvitationQuery): Promise<NumberedPage<Invitation>> {
  const { id: tenantId } = context.tenant
  const request = pageRequest(query)
  return context.inTenant(async (tx) => {
    const [rows, total] = await Promise.all([
      queries.listInvitations(tx, tenantId, request, query.status),
      queries.countInvitations(tx, tenantId, query.status),
    ])
    return numberedPageReply(rows, total, request, toInvitation)
  })
}

/**
 * Asks somebody to join with a role, by mail alone: whoever invites never sees the link. An earlier invitation to the same
 * address ends. Inviting gives a role, so it takes what giving one takes.
 *
 * @throws ProblemError `permission-missing` without `roles:write`; `role-not-found`; `beyond-own-rights`; `email-taken` by
 * an account; `mail-capped`; `version-conflict` when somebody invites the same address at this moment.
 */
export function invite(context: Context, mail: MailQueue, input: InvitationInput): Promise<Invitation> {
  const { tenant, clock, locale } = context
  const person = personOf(context)
  if (!includesPermission(person.permissions, 'roles:write')) {
    throw new ProblemError('permission-missing', { parameters: { permission: 'roles:write' } })
  }
  const address = accountAddress(input.email, locale)
  return context.inTenant(async (tx) => {
    const role = await queries.keepRole(tx, tenant.id, input.roleId)
    if (role === undefined) throw new ProblemError('role-not-found')
    assertHoldsAll(await holdingsOfActor(tx, context), role.permissions, null)
    if ((await findAccountAt(tx, tenant.id, address.norm)) !== undefined) throw new ProblemError('email-taken')
    await queries.revokeOpen(tx, tenant.id, { emailNorm: address.norm })

    const id = createId()
    const target = { purpose: 'invitation', invitationId: id } as const
    const { token, hash } = await issueInvitationToken(tx, tenant.id, target, clock.now())
    const made = await queries.insertInvitation(tx, {
      tenant_id: tenant.id,
      id,
      email: address.display,
      email_norm: address.norm,
      role_id: role.id,
      locale: input.locale ?? tenant.locale,
      invited_by: person.id,
      token_hash: hash,
      expires_at: invitationEnd(clock.now()),
    })
    if (made === undefined) throw new ProblemError('version-conflict')
    const invitedBy = (await queries.findActing(tx, tenant.id, person.id))?.name ?? undefined
    const isSent = await mail.queueMail(tx, {
      template: 'invitation',
      to: { address: address.display },
      locale: input.locale ?? tenant.locale,
      data: { token, days: INVITATION_DAYS, ...(invitedBy !== undefined && { invitedBy }) },
    })
    // Rolled back: the link that arrived before stays good.
    if (!isSent) throw new ProblemError('mail-capped')
    const invitation = toInvitation(found(await queries.findInvitation(tx, tenant.id, id)))
    const resource = { type: 'invitation', id }
    await appendAudit(tx, context, { action: 'invitation.created', resource, changes: { role: role.code } })
    return invitation
  })
}

/** Ends an invitation at once; does nothing to one that has ended. @throws ProblemError `invitation-not-found`. */
export function revokeInvitation(context: Context, id: string): Promise<void> {
  const { tenant, inTenant } = context
  return inTenant(async (tx) => {
    found(await queries.findInvitation(tx, tenant.id, id))
    if ((await queries.revokeOpen(tx, tenant.id, { id })) === 0) return
    await appendAudit(tx, context, { action: 'invitation.revoked', resource: { type: 'invitation', id } })
  })
}

function personOf({ actor }: Context): Person {
  if (actor.kind !== 'user') throw new ProblemError('session-required')
  return actor
}

function found(row: InvitationRow | undefined): InvitationRow {
  if (row === undefined) throw new ProblemError('invitation-not-found')
  return row
}

function toInvitation(row: InvitationRow): Invitation {
  const { role_id: id, code, name } = row
  return {
    id: row.id,
    email: row.email,
    role: id === null || code === null || name === null ? null : { id, code, name },
    invitedBy: row.invited_by,
    status: statusOf(row),
    createdAt: row.created_at.toISOString(),
    expiresAt: row.expires_at.toISOString(),
    acceptedAt: row.accepted_at?.toISOString() ?? null,
    revokedAt: row.revoked_at?.toISOString() ?? null,
  }
}

function statusOf(row: InvitationRow): InvitationStatus {
  if (row.accepted_at !== null) return 'accepted'
  if (row.revoked_at !== null) return 'revoked'
  return row.is_over ? 'expired' : 'pending'
}
