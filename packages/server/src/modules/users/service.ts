import { assertFreshProof } from '../../core/access/authorise.ts'
import { appendAudit } from '../../core/audit/append.ts'
import type { Context, Person } from '../../core/context.ts'
import { parseEmailAddress } from '../../core/credentials/email-address.ts'
import { accountAddress } from '../../core/identity/address.ts'
import { assertMayActOn } from '../../core/identity/holdings.ts'
import { INVITATION_DAYS, issueInvitationToken } from '../../core/identity/invitation-token.ts'
import { insertUser } from '../../core/identity/new-user.ts'
import type { MailQueue } from '../../core/mail/outbox.ts'
import { ProblemError } from '../../core/problem.ts'
import { type NumberedPage, numberedPageReply, pageRequest } from '../../core/shapes/pagination.ts'
import type { Tx } from '../../database/tenant.ts'
import * as queries from './queries.ts'
import type { MyChange, User, UserChange, UserInput, UserQuery } from './schema.ts'

export type UserRow = NonNullable<Awaited<ReturnType<typeof queries.findUser>>>

/** The profile of whoever is signed in. */
export function readMyProfile(context: Context): Promise<User> {
  return readUser(context, personOf(context).id)
}

/** @throws ProblemError `version-conflict` when another change was saved since the one that was read. */
export function changeMyProfile(context: Context, change: MyChange): Promise<User> {
  const { id } = personOf(context)
  return context.inTenant((tx) => writeChange(tx, context, id, change))
}

/** The people of the tenant, newest first. The deleted ones are shown only when they are asked for. */
export function listUsers(context: Context, query: UserQuery): Promise<NumberedPage<User>> {
  const { id: tenantId } = context.tenant
  const request = pageRequest(query)
  const filter = { emailNorm: query.email === undefined ? undefined : normOf(query.email), status: query.status }
  return context.inTenant(async (tx) => {
    const [rows, total] = await Promise.all([
      queries.listUsers(tx, tenantId, request, filter),
      queries.countUsers(tx, tenantId, filter),
    ])
    return numberedPageReply(rows, total, request, toUser)
  })
}

/** @throws ProblemError `user-not-found`, also for one of another tenant. */
export async function readUser(context: Context, id: string): Promise<User> {
  return toUser(await context.inTenant((tx) => requireUser(tx, context, id)))
}

/**
 * Makes an account without a password and mails a link to set one. Until it is used nobody can sign in to it.
 *
 * @throws ProblemError `email-taken`; `mail-capped` when the address gets no more of these mails for now;
 * `invalid-content` for an address that could pass for another.
 */
export function createUser(context: Context, mail: MailQueue, input: UserInput): Promise<User> {
  const { tenant, clock, locale } = context
  const address = accountAddress(input.email, locale)
  return context.inTenant(async (tx) => {
    const id = await insertUser(tx, {
      tenantId: tenant.id,
      email: address.display,
      name: input.name?.trim() ?? null,
      locale: input.locale ?? tenant.locale,
    })
    if (id === undefined) throw new ProblemError('email-taken')
    const { token } = await issueInvitationToken(tx, tenant.id, { purpose: 'invitation', userId: id }, clock.now())
    const invitedBy = await queries.findName(tx, tenant.id, personOf(context).id)
    const isSent = await mail.queueMail(tx, {
      template: 'invitation',
      to: { userId: id },
      data: { token, days: INVITATION_DAYS, ...(invitedBy !== undefined && { invitedBy }) },
    })
    if (!isSent) throw new ProblemError('mail-capped')
    const made = toUser(await requireUser(tx, context, id))
    await appendAudit(tx, context, {
      action: 'user.created',
      resource: { type: 'user', id },
      personal: { userId: id, values: { email: made.email, name: made.name } },
    })
    return made
  })
}

/**
 * Changes what is named and leaves the rest. Whoever lifts the duty to have a second factor has to have proved lately who
 * they are.
 *
 * @throws ProblemError `user-not-found`; `user-deleted`; `version-conflict`; `beyond-own-rights` for somebody who may do
 * more; `step-up-required`.
 */
export function changeUser(context: Context, id: string, change: UserChange): Promise<User> {
  const { actor } = context
  const prover = actor.kind === 'user' ? actor : actor.kind === 'operator' ? actor.grant : undefined
  if (change.mfaRequired === false && prover !== undefined) assertFreshProof(prover, context.clock.now())
  return context.inTenant(async (tx) => {
    await requireUser(tx, context, id)
    await assertMayActOn(tx, context, id)
    return writeChange(tx, context, id, change)
  })
}

async function writeChange(tx: Tx, context: Context, id: string, change: UserChange): Promise<User> {
  const before = await requireUser(tx, context, id)
  if (before.deleted_at !== null) throw new ProblemError('user-deleted')
  const fields = {
    ...(change.name !== undefined && { name: change.name?.trim() ?? null }),
    ...(change.locale !== undefined && { locale: change.locale }),
    ...(change.mfaRequired !== undefined && { mfa_required: change.mfaRequired }),
  }
  const when = { now: new Date(context.clock.now()), version: change.version }
  const row = await queries.updateUser(tx, context.tenant.id, id, fields, when)
  if (row === undefined) throw new ProblemError('version-conflict')
  const after = toUser(row)
  await appendAudit(tx, context, {
    action: 'user.changed',
    resource: { type: 'user', id },
    changes: { members: Object.keys(fields), locale: after.locale, mfaRequired: after.mfaRequired },
    ...(change.name !== undefined && { personal: { userId: id, values: { from: before.name, to: after.name } } }),
  })
  return after
}

/** @throws ProblemError `user-not-found`. */
export async function requireUser(tx: Tx, { tenant }: Context, id: string): Promise<UserRow> {
  const row = await queries.findUser(tx, tenant.id, id)
  if (row === undefined) throw new ProblemError('user-not-found')
  return row
}

function personOf({ actor }: Context): Person {
  if (actor.kind !== 'user') throw new ProblemError('session-required')
  return actor
}

/** What cannot be an address is nobody's. */
function normOf(email: string): string {
  const address = parseEmailAddress(email)
  return 'fault' in address ? '' : address.norm
}

export function toUser(row: UserRow): User {
  return {
    id: row.id,
    email: row.email,
    name: row.name,
    // The column has a check constraint with exactly these values.
    locale: row.locale as User['locale'],
    isActive: row.is_active,
    emailVerified: row.email_verified_at !== null,
    mfaRequired: row.mfa_required,
    lastLoginAt: row.last_login_at?.toISOString() ?? null,
    version: row.version,
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
    ...(row.deleted_at !== null && { deletedAt: row.deleted_at.toISOString() }),
  }
}
