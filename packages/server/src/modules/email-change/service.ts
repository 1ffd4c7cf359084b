import { appendAudit } from '../../core/audit/append.ts'
import type { Context, Person } from '../../core/context.ts'
import { createOpaqueToken, type OpaqueTokenPurpose, parseOpaqueToken } from '../../core/credentials/opaque-token.ts'
import { accountAddress } from '../../core/identity/address.ts'
import { issueSessionsEnd } from '../../core/identity/end-sessions-link.ts'
import {
  consumeOneTimeToken,
  insertOneTimeToken,
  type OneTimePurpose,
  peekOneTimeToken,
  withdrawOneTimeTokens,
} from '../../core/identity/one-time-tokens.ts'
import { revokeSessions } from '../../core/identity/session-queries.ts'
import { findTokenTenant } from '../../core/identity/token-tenant.ts'
import type { MailQueue } from '../../core/mail/outbox.ts'
import { ProblemError } from '../../core/problem.ts'
import type { Tenant, TenantResolver } from '../../core/tenant/resolver.ts'
import type { Pool } from '../../database/connect.ts'
import { inTenant, type Tx } from '../../database/tenant.ts'
import * as queries from './queries.ts'

/** How long a new address waits to be confirmed. */
const LINK_HOURS = 24
/** How long the former one can be taken back. */
const RETURN_HOURS = 72
const RESET_MINUTES = 30
const hourMs = 3_600_000

export interface EmailChangeDependencies {
  readonly pool: Pool
  readonly tenants: TenantResolver
  readonly mail: MailQueue
}

/** Everything that was sent to an address that an account has no more. */
const sentBefore: readonly OneTimePurpose[] = [
  'change-email',
  'reset-password',
  'mfa-challenge',
  'reset-mfa',
  'reset-mfa-wait',
]

/**
 * Sends a link to the address that a person wants, and word of it to the one they have. Whether somebody else has it is
 * looked up after the answer, by whoever sends the mail: that person is told instead, and the link is nobody's.
 *
 * @throws ProblemError `invalid-content` for an address that could pass for another.
 */
export async function requestEmailChange(
  context: Context,
  { mail }: EmailChangeDependencies,
  email: string,
): Promise<void> {
  const { tenant, clock } = context
  const { id: userId } = personOf(context)
  const address = accountAddress(email, context.locale)
  const { token, hash } = createOpaqueToken('emailChange')
  await context.inTenant(async (tx) => {
    const own = await queries.lockAddress(tx, tenant.id, userId, false)
    if (own === undefined) throw new ProblemError('credential-invalid')
    await withdrawOneTimeTokens(tx, tenant.id, userId, ['change-email'])
    const to = { holderOf: address.display, besides: userId }
    await mail.queueMail(tx, { template: 'change-email', to, data: { token, present: own.email } })
    const end = await issueSessionsEnd(tx, tenant.id, userId, clock.now())
    const at = new Date(clock.now()).toISOString()
    const notice = { newAddress: address.display, at, token: end }
    await mail.queueMail(tx, { template: 'email-change-asked', to: { userId }, data: notice })
    // Where somebody else has the address the token is sent to no one.
    await insertOneTimeToken(tx, {
      tenantId: tenant.id,
      hash,
      purpose: 'change-email',
      userId,
      data: { email: address.display, norm: address.norm },
      expiresAt: new Date(clock.now() + LINK_HOURS * hourMs),
    })
    const resource = { type: 'user', id: userId }
    const values = { from: own.email, to: address.display }
    await appendAudit(tx, context, { action: 'email.change-requested', resource, personal: { userId, values } })
  })
}

/**
 * Gives an account the address whose owner has opened the link. Every session ends, whatever was sent to the former
 * address is worth nothing, and that one gets a link to take the account back.
 *
 * @throws ProblemError `link-invalid`, also when somebody else has the address by now.
 */
export async function confirmEmailChange(
  context: Context,
  dependencies: EmailChangeDependencies,
  token: string,
): Promise<void> {
  await useLink(dependencies, 'emailChange', 'change-email', token, async (tx, tenant, used) => {
    const { userId, from, to } = used
    const returning = createOpaqueToken('emailReturn')
    const nowMs = context.clock.now()
    const changed = { newAddress: to.display, at: new Date(nowMs).toISOString(), token: returning.token }
    await dependencies.mail.queueMail(tx, {
      template: 'email-changed',
      // While it is still the account's: the mail goes where the account was until now, in its person's language.
      to: { userId },
      data: { ...changed, hours: RETURN_HOURS },
    })
    await queries.changeAddress(tx, tenant.id, userId, to)
    await endAccess(tx, tenant.id, userId, 'email-changed')
    await insertOneTimeToken(tx, {
      tenantId: tenant.id,
      hash: returning.hash,
      purpose: 'return-email',
      userId,
      data: { email: from.email, norm: from.email_norm },
      expiresAt: new Date(nowMs + RETURN_HOURS * hourMs),
    })
    await auditChange(tx, { ...context, tenant }, 'email.changed', used)
  })
}

/**
 * Gives an account the address back that it had. Whoever changed it knew the password or has learnt it since: it is good no
 * more, the address gets a link for another one, every session ends, and every way in that was added meanwhile is gone.
 *
 * @throws ProblemError `link-invalid`, also when somebody else has the address by now.
 */
export async function returnEmail(
  context: Context,
  dependencies: EmailChangeDependencies,
  token: string,
): Promise<void> {
  await useLink(dependencies, 'emailReturn', 'return-email', token, async (tx, tenant, used) => {
    const { userId, to, since } = used
    await queries.changeAddress(tx, tenant.id, userId, to)
    await queries.deletePassword(tx, tenant.id, userId)
    await queries.deleteWaysInSince(tx, tenant.id, userId, since)
    await queries.deleteAppSince(tx, tenant.id, userId, since)
    await queries.withdrawLaterReturns(tx, tenant.id, userId, since)
    await endAccess(tx, tenant.id, userId, 'email-returned')
    const reset = createOpaqueToken('passwordReset')
    await insertOneTimeToken(tx, {
      tenantId: tenant.id,
      hash: reset.hash,
      purpose: 'reset-password',
      userId,
      data: {},
      expiresAt: new Date(context.clock.now() + RESET_MINUTES * 60_000),
    })
    const data = { token: reset.token, minutes: RESET_MINUTES }
    // Without it there would be no way in: the password is gone.
    await dependencies.mail.queueMail(tx, { template: 'reset-password', to: { userId }, data, isOwed: true })
    await auditChange(tx, { ...context, tenant }, 'email.returned', used)
  })
}

/** What a link was good for. */
interface UsedLink {
  readonly userId: string
  /** The address that the account has. */
  readonly from: { readonly email: string; readonly email_norm: string }
  /** The one it is to have. */
  readonly to: { readonly display: string; readonly norm: string }
  /** When the link was made: for one that leads back, when the account was given the present address. */
  readonly since: Date
}

/** Uses a link up, and does what it is for in the same transaction: of any number at once, one does. */
async function useLink(
  dependencies: EmailChangeDependencies,
  kind: OpaqueTokenPurpose,
  purpose: OneTimePurpose,
  token: string,
  act: (tx: Tx, tenant: Tenant, used: UsedLink) => Promise<void>,
): Promise<void> {
  const parsed = parseOpaqueToken(kind, token)
  // The link names its tenant, whatever tenant the request names.
  const tenant = parsed && (await findTokenTenant(dependencies, parsed.hash, purpose))
  if (parsed === undefined || tenant === undefined) throw new ProblemError('link-invalid')
  try {
    await inTenant(dependencies.pool, tenant.id, async (tx) => {
      // The account before its link, as everywhere.
      const peeked = await peekOneTimeToken(tx, tenant.id, parsed.hash, purpose)
      const from = peeked?.userId ? await queries.lockAddress(tx, tenant.id, peeked.userId, true) : undefined
      const consumed = await consumeOneTimeToken(tx, tenant.id, parsed.hash, purpose)
      if (!consumed?.userId || from === undefined) throw new ProblemError('link-invalid')
      const { email, norm } = consumed.data
      const to = { display: String(email), norm: String(norm) }
      await act(tx, tenant, { userId: consumed.userId, from, to, since: consumed.createdAt })
    })
  } catch (error) {
    // SQLSTATE unique_violation: somebody else was faster.
    const isTaken = error instanceof Error && 'code' in error && error.code === '23505'
    throw isTaken ? new ProblemError('link-invalid', { reason: 'email-taken' }) : error
  }
}

async function endAccess(tx: Tx, tenantId: string, userId: string, reason: string): Promise<void> {
  await revokeSessions(tx, tenantId, { userId }, reason)
  await withdrawOneTimeTokens(tx, tenantId, userId, sentBefore)
}

function auditChange(
  tx: Tx,
  context: Context,
  action: 'email.changed' | 'email.returned',
  { userId, from, to }: UsedLink,
): Promise<void> {
  const resource = { type: 'user', id: userId }
  const values = { from: from.email, to: to.display }
  return appendAudit(tx, context, { action, resource, personal: { userId, values } })
}

function personOf({ actor }: Context): Person {
  if (actor.kind !== 'user') throw new ProblemError('session-required')
  return actor
}
