import { appendAudit } from '../../core/audit/append.ts'
import type { Context } from '../../core/context.ts'
import { createOpaqueToken, type OpaqueTokenPurpose, parseOpaqueToken } from '../../core/credentials/opaque-token.ts'
import { lockAccount } from '../../core/identity/account-lock.ts'
import { hasAccount } from '../../core/identity/account-queries.ts'
import { cancelFactorReset, deleteEveryFactor } from '../../core/identity/factor-reset.ts'
import { assertMayActOn } from '../../core/identity/holdings.ts'
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
import { personOf } from './factor.ts'
import { tellChange } from './notices.ts'
import * as queries from './queries.ts'
import { readChallenge } from './sign-in.ts'

/** How long the link of the mail is good for. */
const LINK_MINUTES = 30
/** How long the owner of the account has to say no. */
const WAIT_HOURS = 24
/** How long after that a sign-in goes without the factor. */
const OPEN_HOURS = 168
const hourMs = 3_600_000

export interface FactorResetDependencies {
  readonly pool: Pool
  readonly tenants: TenantResolver
  readonly mail: MailQueue
}

/**
 * Sends a link to somebody who has shown their password, as the challenge says, and has lost the factor. Nobody else can
 * ask: it tells nothing of addresses, and no stranger fills a mailbox with it.
 *
 * @throws ProblemError `mfa-challenge-invalid`.
 */
export async function requestFactorReset(
  context: Context,
  { mail }: FactorResetDependencies,
  challengeToken: string,
): Promise<void> {
  const { tenant, clock } = context
  const challenge = await readChallenge(context, challengeToken)
  const { token, hash } = createOpaqueToken('mfaReset')
  await context.inTenant(async (tx) => {
    const person = await queries.findChallenged(tx, tenant.id, challenge.hash)
    if (person === undefined) throw new ProblemError('mfa-challenge-invalid')
    await lockAccount(tx, tenant.id, person.id)
    const data = { token, minutes: LINK_MINUTES, hours: WAIT_HOURS }
    const isSent = await mail.queueMail(tx, { template: 'reset-factor', to: { userId: person.id }, data })
    // What arrived stays good when no more is sent.
    if (isSent) await withdrawOneTimeTokens(tx, tenant.id, person.id, ['reset-mfa'])
    await insertOneTimeToken(tx, {
      tenantId: tenant.id,
      hash,
      purpose: 'reset-mfa',
      userId: person.id,
      data: {},
      expiresAt: new Date(clock.now() + LINK_MINUTES * 60_000),
    })
    await record(tx, context, person.id, 'mfa.reset-requested')
  })
}

/**
 * Starts the wait, and tells the person how to call it off. Of several waits the first to end counts.
 *
 * @returns from when on a sign-in goes without the factor.
 * @throws ProblemError `link-invalid`.
 */
export function startFactorReset(
  context: Context,
  dependencies: FactorResetDependencies,
  token: string,
): Promise<{ readonly until: string }> {
  return useLink(dependencies, 'mfaReset', 'reset-mfa', token, async (tx, tenant, userId) => {
    const dueAt = context.clock.now() + WAIT_HOURS * hourMs
    const waiting = createOpaqueToken('mfaResetWait')
    const until = new Date(dueAt).toISOString()
    await insertOneTimeToken(tx, {
      tenantId: tenant.id,
      hash: waiting.hash,
      purpose: 'reset-mfa-wait',
      userId,
      data: { dueAt },
      expiresAt: new Date(dueAt + OPEN_HOURS * hourMs),
    })
    const data = { token: waiting.token, until }
    const isSent = await dependencies.mail.queueMail(tx, { template: 'factor-reset-waits', to: { userId }, data })
    // Nothing is taken away of which its owner was not told.
    if (!isSent) throw new ProblemError('mail-capped')
    await record(tx, { ...context, tenant }, userId, 'mfa.reset-started')
    return { until }
  })
}

/** Calls off every reset of a person's factor. @throws ProblemError `link-invalid`. */
export function keepFactor(context: Context, dependencies: FactorResetDependencies, token: string): Promise<void> {
  return useLink(dependencies, 'mfaResetWait', 'reset-mfa-wait', token, async (tx, tenant, userId) => {
    await cancelFactorReset(tx, tenant.id, userId)
    await record(tx, { ...context, tenant }, userId, 'mfa.reset-cancelled')
  })
}

/**
 * Takes the second factor of somebody away, passkeys with it, at once. Their sessions end, and who has to have a factor sets one up at the next
 * sign-in.
 *
 * @throws ProblemError `user-not-found`; `own-second-factor`; `beyond-own-rights` for somebody who may do more;
 * `mfa-not-enrolled`.
 */
export async function resetFactorOf(
  context: Context,
  { mail }: Pick<FactorResetDependencies, 'mail'>,
  userId: string,
): Promise<void> {
  const { tenant } = context
  // Giving up one's own takes a code of it.
  if (personOf(context).id === userId.toLowerCase()) throw new ProblemError('own-second-factor')
  await context.inTenant(async (tx) => {
    if (!(await hasAccount(tx, tenant.id, userId))) throw new ProblemError('user-not-found')
    await assertMayActOn(tx, context, userId)
    await lockAccount(tx, tenant.id, userId)
    await withdrawOneTimeTokens(tx, tenant.id, userId, ['mfa-challenge'])
    if (!(await deleteEveryFactor(tx, tenant.id, userId))) throw new ProblemError('mfa-not-enrolled')
    await cancelFactorReset(tx, tenant.id, userId)
    await revokeSessions(tx, tenant.id, { userId }, 'mfa-reset')
    await tellChange(tx, mail, userId, 'reset-by-staff', context.clock.now())
    const resource = { type: 'user', id: userId }
    await appendAudit(tx, context, { action: 'mfa.reset', resource, changes: { by: 'staff' } })
  })
}

/** Uses a link up, and does what it is for in the same transaction. */
async function useLink<Result>(
  dependencies: FactorResetDependencies,
  kind: OpaqueTokenPurpose,
  purpose: OneTimePurpose,
  token: string,
  act: (tx: Tx, tenant: Tenant, userId: string) => Promise<Result>,
): Promise<Result> {
  const parsed = parseOpaqueToken(kind, token)
  // The link names its tenant, whatever tenant the request names.
  const tenant = parsed && (await findTokenTenant(dependencies, parsed.hash, purpose))
  if (parsed === undefined || tenant === undefined) throw new ProblemError('link-invalid')
  return inTenant(dependencies.pool, tenant.id, async (tx) => {
    const peeked = await peekOneTimeToken(tx, tenant.id, parsed.hash, purpose)
    if (peeked?.userId) await lockAccount(tx, tenant.id, peeked.userId)
    const consumed = await consumeOneTimeToken(tx, tenant.id, parsed.hash, purpose)
    if (!consumed?.userId) throw new ProblemError('link-invalid')
    return act(tx, tenant, consumed.userId)
  })
}

function record(
  tx: Tx,
  context: Context,
  userId: string,
  action: 'mfa.reset-requested' | 'mfa.reset-started' | 'mfa.reset-cancelled',
): Promise<void> {
  return appendAudit(tx, context, { action, resource: { type: 'user', id: userId } })
}
