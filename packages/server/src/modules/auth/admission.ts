import { type AuditSource, appendAudit, sealClientAtHand } from '../../core/audit/append.ts'
import { personSubject } from '../../core/audit/subject-keys.ts'
import type { Context } from '../../core/context.ts'
import { createOpaqueToken } from '../../core/credentials/opaque-token.ts'
import { lockAccount } from '../../core/identity/account-lock.ts'
import { deviceLabel } from '../../core/identity/device-label.ts'
import { completeDueReset } from '../../core/identity/factor-reset.ts'
import { noveltyOf, tellNewDevice } from '../../core/identity/new-device.ts'
import { insertOneTimeToken } from '../../core/identity/one-time-tokens.ts'
import {
  type ClientFacts,
  type OpenedSession,
  openSession,
  type SessionKit,
  sealClient,
} from '../../core/identity/session-kit.ts'
import { readSignInFacts } from '../../core/identity/sign-in-facts.ts'
import { createId } from '../../core/ids.ts'
import type { MailQueue } from '../../core/mail/outbox.ts'
import { settingBounds } from '../../core/tenant/settings.ts'
import type { Tx } from '../../database/tenant.ts'
import * as queries from './queries.ts'

/** How long the second factor is waited for. */
export const MFA_CHALLENGE_SECONDS = 300

/** What receives somebody whose password was right. */
export interface Reception {
  readonly kit: SessionKit
  readonly mail: MailQueue
}

/** From where somebody signs in. */
export interface Visit {
  readonly transport: 'bearer' | 'cookie'
  readonly client: ClientFacts
  /** Whether the account has been signed in to with this device before. */
  readonly isKnownDevice: boolean
}

/** Somebody whose password was right. */
export interface Admitted {
  readonly userId: string
  /** The stored hash that it matches. */
  readonly hash: string
  /** Its hash as new ones are, when the stored one is not. */
  readonly rehashed: string | undefined
  readonly lastLoginAt: Date | null
  /** Of the audit log; null when there is none yet. */
  readonly sealedKey: Buffer | null
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

const amr = ['pwd'] as const

/**
 * Opens a session, or asks for the second factor. Nearly always there is nothing to it but the session, and then it is done
 * in one round trip; everything else is looked at in a transaction.
 *
 * @returns `changed` when the account is another by now than the password was checked against. Nothing was done then.
 */
export async function admit(
  context: Context,
  reception: Reception,
  admitted: Admitted,
  visit: Visit,
): Promise<SignedIn | 'changed'> {
  const session = await openAtOnce(context, reception.kit, admitted, visit)
  if (session !== undefined) return { outcome: 'session', session, isFactorReset: false }
  return context.inTenant((tx) => admitWithCare(tx, context, reception, admitted, visit))
}

/** @returns undefined when there may be more to it; nothing was done then. */
async function openAtOnce(
  context: Context,
  { clock, clientRing }: SessionKit,
  { userId, hash, rehashed, lastLoginAt, sealedKey }: Admitted,
  { transport, client, isKnownDevice }: Visit,
): Promise<OpenedSession | undefined> {
  if (rehashed !== undefined) return undefined
  const tenantId = context.tenant.id
  const nowMs = clock.now()
  const novelty = noveltyOf({ tenantId, userId, transport, isKnownDevice, lastLoginAt, nowMs })
  if (novelty === 'told') return undefined
  const sessionId = createId()
  const source = { ...context, actor: { kind: 'user', id: userId } } as const
  const resource = { type: 'session', id: sessionId }
  const auditClient = sealClientAtHand(source, { resource }, { [personSubject(userId)]: sealedKey })
  if (auditClient === undefined) return undefined
  const refresh = createOpaqueToken('refresh')
  const now = new Date(nowMs)
  const isOpen = await context.callInTenant((handle) =>
    queries.openPasswordSession(handle, {
      ...{ userId, hash, sessionId, transport, now, auditClient },
      deviceLabel: deviceLabel(client.userAgent),
      clientSealed: sealClient(clientRing, client, tenantId, sessionId),
      idleMinutes: settingBounds.sessionIdleMinutes.maximum,
      maxHours: settingBounds.sessionMaxHours.maximum,
      tokenHash: refresh.hash,
      mustBeSeen: novelty !== 'known',
      seenSince: novelty === 'known' ? now : novelty.unlessSeenSince,
      requestId: context.requestId,
      changes: JSON.stringify({ amr }),
    }),
  )
  if (!isOpen) return undefined
  return { tenantId, userId, sessionId, aal: 1, amr, authTimeMs: nowMs, refreshToken: refresh.token, transport }
}

async function admitWithCare(
  tx: Tx,
  context: Context,
  { kit, mail }: Reception,
  { userId, hash, rehashed, lastLoginAt }: Admitted,
  { isKnownDevice, ...visit }: Visit,
): Promise<SignedIn | 'changed'> {
  const tenantId = context.tenant.id
  const source: AuditSource = { ...context, actor: { kind: 'user', id: userId } }
  const nowMs = kit.clock.now()
  const { client, transport } = visit
  const place = { tenantId, userId, userAgent: client.userAgent, nowMs }
  await lockAccount(tx, tenantId, userId)
  const facts = await readSignInFacts(tx, place, hash)
  const { isUnchanged, isEnrolled, isMfaRequired, isResetAsked, isKindSeen, settings, auditKeys } = facts
  if (!isUnchanged) return 'changed'
  if (rehashed !== undefined) await queries.replaceHash(tx, tenantId, userId, { from: hash, to: rehashed })
  const isFactorReset = isResetAsked && (await completeDueReset(tx, { mail, clock: kit.clock }, source, userId))
  if (isEnrolled && !isFactorReset) {
    return { outcome: 'second-factor', token: await challengeSecondFactor(tx, context, userId, transport) }
  }
  await tellNewDevice(tx, mail, { ...place, transport, isKnownDevice, lastLoginAt, isKindSeen })
  const restriction = isMfaRequired ? 'enrol-mfa' : null
  const sessionId = createId()
  const resource = { type: 'session', id: sessionId }
  const opening = { tenantId, userId, sessionId, settings, aal: 1, amr, restriction, isSignIn: true } as const
  // Both travel at once; the entry, which holds the tenant's log up, is the last.
  const [session] = await Promise.all([
    openSession(tx, kit, { ...opening, ...visit }),
    appendAudit(tx, source, { action: 'session.opened', resource, changes: { amr } }, auditKeys),
  ])
  return { outcome: 'session', session, isFactorReset }
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
    data: { transport, amr },
    expiresAt: new Date(clock.now() + MFA_CHALLENGE_SECONDS * 1_000),
  })
  return challenge.token
}
