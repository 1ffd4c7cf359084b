import { type AuditSource, appendAudit } from '../../core/audit/append.ts'
import { readKeyEvenly } from '../../core/audit/subject-keys.ts'
import type { Context } from '../../core/context.ts'
import { createOpaqueToken } from '../../core/credentials/opaque-token.ts'
import type { PasswordHasher } from '../../core/credentials/password-hasher.ts'
import { lockAccount } from '../../core/identity/account-lock.ts'
import { completeDueReset } from '../../core/identity/factor-reset.ts'
import { tellNewDevice } from '../../core/identity/new-device.ts'
import { insertOneTimeToken } from '../../core/identity/one-time-tokens.ts'
import { type ClientFacts, type OpenedSession, openSession, type SessionKit } from '../../core/identity/session-kit.ts'
import { readSignInFacts } from '../../core/identity/sign-in-facts.ts'
import { createId } from '../../core/ids.ts'
import type { MailQueue } from '../../core/mail/outbox.ts'
import { ProblemError } from '../../core/problem.ts'
import type { Tx } from '../../database/tenant.ts'
import * as queries from './queries.ts'

/** How long the second factor is waited for. */
export const MFA_CHALLENGE_SECONDS = 300

export interface SignInDependencies {
  readonly kit: SessionKit
  readonly hasher: PasswordHasher
  readonly mail: MailQueue
}

/** What a right password leads to. */
export type SignedIn =
  | {
      readonly outcome: 'session'
      readonly session: OpenedSession
      /** Whether a lost second factor was given up by this; its attempts are then to be forgiven. */
      readonly isFactorReset: boolean
    }
  | { readonly outcome: 'second-factor'; readonly token: string }

/**
 * Signs somebody in with a password. The same work is done for an address that nobody has, an account that is switched
 * off and one without a password, and the answer is the same.
 *
 * @param emailNorm - see `emailNorm`.
 * @throws ProblemError `sign-in-refused`, or `email-unverified` for who knows the password of an unconfirmed account.
 */
export async function signIn(
  context: Context,
  dependencies: SignInDependencies,
  credentials: { readonly emailNorm: string; readonly password: string },
  visit: {
    readonly transport: 'bearer' | 'cookie'
    readonly client: ClientFacts
    /** Whether the account has been signed in to with this device before. */
    readonly isKnownDevice: boolean
  },
): Promise<SignedIn> {
  const { kit, hasher, mail } = dependencies
  const { isKnownDevice, ...session } = visit
  const tenantId = context.tenant.id
  const found = await context.readInTenant((handle) => queries.findForSignIn(handle, tenantId, credentials.emailNorm))
  const verdict = await hasher.verifyAlways(credentials.password, found?.hash ?? undefined)
  if (verdict.fault !== undefined) context.log.error({ fault: verdict.fault }, 'a stored password hash cannot be used')
  const reason = refusalOf(found, verdict.matches)
  if (found === undefined || reason !== undefined) {
    await auditRefusal(context, found?.id, reason)
    throw new ProblemError(reason === 'email-unverified' ? 'email-unverified' : 'sign-in-refused')
  }
  const rehashed = verdict.needsRehash ? await hasher.hash(credentials.password) : undefined
  const { id: userId, hash } = found

  const signedIn = await context.inTenant(async (tx): Promise<SignedIn | undefined> => {
    const source: AuditSource = { ...context, actor: { kind: 'user', id: userId } }
    const nowMs = kit.clock.now()
    const { client, transport } = session
    const place = { tenantId, userId, userAgent: client.userAgent, nowMs }
    // What was verified a moment ago is looked at again under the lock: a new password, or switching the account off, ends
    // every session, and one that is opened after that would stay.
    const [isStanding, facts] = await Promise.all([
      hold(tx, { tenantId, userId, hash: hash ?? '', rehashed }),
      readSignInFacts(tx, place),
    ])
    if (!isStanding) return undefined
    const { isEnrolled, isRequired, isResetAsked, isKindSeen, settings, auditKeys } = facts
    const isFactorReset = isResetAsked && (await completeDueReset(tx, { mail, clock: kit.clock }, source, userId))
    if (isEnrolled && !isFactorReset) {
      return { outcome: 'second-factor', token: await challengeSecondFactor(tx, context, userId, session.transport) }
    }
    const mustEnrol = found.mfa_required || isRequired
    const arrival = { ...place, transport, isKnownDevice, lastLoginAt: found.last_login_at, isKindSeen }
    await tellNewDevice(tx, mail, arrival)
    const amr = ['pwd']
    const restriction = mustEnrol ? 'enrol-mfa' : null
    const sessionId = createId()
    const resource = { type: 'session', id: sessionId }
    const opening = { tenantId, userId, sessionId, settings, aal: 1, amr, restriction, isSignIn: true } as const
    // Both travel at once; the entry, which holds the tenant's log up, is the last.
    const [opened] = await Promise.all([
      openSession(tx, kit, { ...opening, ...session }),
      appendAudit(tx, source, { action: 'session.opened', resource, changes: { amr } }, auditKeys),
    ])
    return { outcome: 'session', session: opened, isFactorReset }
  })
  if (signedIn !== undefined) return signedIn
  await auditRefusal(context, userId, 'changed-meanwhile')
  throw new ProblemError('sign-in-refused')
}

/** Holds an account for a sign-in, if it is as it was found; stores the new hash of its password when there is one. */
async function hold(
  tx: Tx,
  account: {
    readonly tenantId: string
    readonly userId: string
    readonly hash: string
    readonly rehashed: string | undefined
  },
): Promise<boolean> {
  const { tenantId, userId, hash, rehashed } = account
  if (rehashed === undefined) return queries.holdStanding(tx, tenantId, userId, hash)
  await lockAccount(tx, tenantId, userId)
  await queries.replaceHash(tx, tenantId, userId, { from: hash, to: rehashed })
  return queries.holdStanding(tx, tenantId, userId, rehashed)
}

/** Why a sign-in is refused, for the tenant's audit log alone; undefined when it is not. */
function refusalOf(found: Awaited<ReturnType<typeof queries.findForSignIn>>, matches: boolean): string | undefined {
  if (found === undefined) return 'unknown-account'
  if (!matches) return 'wrong-password'
  if (!found.is_active) return 'inactive'
  return found.email_verified_at === null ? 'email-unverified' : undefined
}

/** One entry whatever the reason, by the same statements, so that the time it takes tells none of them. */
async function auditRefusal(context: Context, userId: string | undefined, reason = ''): Promise<void> {
  await context.inTenant(async (tx) => {
    const keys = await readKeyEvenly(tx, context.audit.ring, context.tenant.id, userId)
    const resource = userId === undefined ? {} : { resource: { type: 'user', id: userId } }
    const refused = { action: 'session.refused', outcome: 'refused', changes: { reason }, ...resource } as const
    await appendAudit(tx, context, refused, keys)
  })
}

/** What the second factor is to be sent with: bound to the person and the transport, good for five minutes. */
async function challengeSecondFactor(
  tx: Tx,
  { tenant, clock }: Context,
  userId: string,
  transport: 'bearer' | 'cookie',
): Promise<string> {
  const challenge = createOpaqueToken('mfaChallenge')
  await insertOneTimeToken(tx, {
    tenantId: tenant.id,
    hash: challenge.hash,
    purpose: 'mfa-challenge',
    userId,
    data: { transport, amr: ['pwd'] },
    expiresAt: new Date(clock.now() + MFA_CHALLENGE_SECONDS * 1_000),
  })
  return challenge.token
}
