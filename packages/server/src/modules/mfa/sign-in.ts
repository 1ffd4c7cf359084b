import { type AuditEvent, appendAudit } from '../../core/audit/append.ts'
import type { Context } from '../../core/context.ts'
import { parseOpaqueToken } from '../../core/credentials/opaque-token.ts'
import { lockAccount } from '../../core/identity/account-lock.ts'
import { tellNewDevice } from '../../core/identity/new-device.ts'
import { consumeOneTimeToken } from '../../core/identity/one-time-tokens.ts'
import { type ClientFacts, type OpenedSession, openSession } from '../../core/identity/session-kit.ts'
import { ProblemError } from '../../core/problem.ts'
import { type FactorDependencies, type FactorProof, OTP, useFactor } from './factor.ts'
import * as queries from './queries.ts'

/** Tries at one challenge. The person's own count, over all of them, is the guard's. */
const MOST_TRIES = 5

/** A sign-in that waits for its second factor. */
export interface Challenge {
  readonly hash: Buffer
  readonly userId: string
  readonly transport: 'bearer' | 'cookie'
  /** What was shown in the first step (RFC 8176). */
  readonly amr: readonly string[]
}

/** @throws ProblemError `mfa-challenge-invalid` when it is unknown here, has expired, or was used up. */
export async function readChallenge(context: Context, token: string): Promise<Challenge> {
  const parsed = parseOpaqueToken('mfaChallenge', token)
  const tenantId = context.tenant.id
  const row = parsed && (await context.inTenant((tx) => queries.findChallenge(tx, tenantId, parsed.hash)))
  if (parsed === undefined || !row?.user_id) throw new ProblemError('mfa-challenge-invalid')
  return { hash: parsed.hash, userId: row.user_id, ...boundTo(row.data) }
}

/**
 * Completes a sign-in. The challenge, the code and the session are of one transaction: of any number of right codes at
 * once, one opens a session.
 *
 * @param isKnownDevice - whether the account of an address has been signed in to with this device before.
 * @returns the session, and what names the account on a device (see `emailNorm`).
 * @throws ProblemError `proof-refused`, `mfa-challenge-invalid`.
 */
export async function completeSignIn(
  context: Context,
  dependencies: FactorDependencies,
  challenge: Challenge,
  proof: FactorProof,
  client: ClientFacts,
  isKnownDevice: (emailNorm: string) => boolean,
): Promise<{ readonly session: OpenedSession; readonly emailNorm: string }> {
  const tenantId = context.tenant.id
  const { kit } = dependencies
  const { hash, userId, transport, amr } = challenge
  const outcome = await context.inTenant(async (tx) => {
    await lockAccount(tx, tenantId, userId)
    if (!(await queries.takeTry(tx, tenantId, hash, MOST_TRIES))) return 'mfa-challenge-invalid'
    const person = await queries.findChallenged(tx, tenantId, hash)
    if (person === undefined) return 'mfa-challenge-invalid'
    const remember = (event: AuditEvent) => appendAudit(tx, { ...context, actor: { kind: 'user', id: userId } }, event)
    if (!(await useFactor(tx, dependencies, { tenantId, userId }, proof))) {
      const refused = { action: 'session.refused', outcome: 'refused', changes: { reason: 'wrong-code' } } as const
      await remember({ ...refused, resource: { type: 'user', id: userId } })
      // Answered and not thrown: the try is to stay counted.
      return 'proof-refused'
    }
    await consumeOneTimeToken(tx, tenantId, hash, 'mfa-challenge')
    const nowMs = kit.clock.now()
    const { email_norm: emailNorm, last_login_at: lastLoginAt } = person
    const facts = { tenantId, userId, userAgent: client.userAgent, transport, lastLoginAt, nowMs }
    await tellNewDevice(tx, dependencies.mail, { ...facts, isKnownDevice: isKnownDevice(emailNorm) })
    const shown = [...amr, OTP]
    const signIn = { tenantId, userId, aal: 2, amr: shown, transport, client, isSignIn: true } as const
    const session = await openSession(tx, kit, signIn)
    const resource = { type: 'session', id: session.sessionId }
    await remember({ action: 'session.opened', resource, changes: { amr: shown } })
    return { session, emailNorm }
  })
  if (typeof outcome === 'string') throw new ProblemError(outcome)
  return outcome
}

/** As the first step wrote it; what it did not write opens nothing. */
function boundTo(data: unknown): Pick<Challenge, 'transport' | 'amr'> {
  const { transport, amr } = Object(data) as { readonly transport?: unknown; readonly amr?: unknown }
  if ((transport !== 'bearer' && transport !== 'cookie') || !Array.isArray(amr)) {
    throw new ProblemError('mfa-challenge-invalid', { reason: 'challenge-data' })
  }
  return { transport, amr: amr.map(String) }
}
