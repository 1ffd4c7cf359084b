import type { Context, Person } from '../../core/context.ts'
import { recoveryCodeHash } from '../../core/credentials/recovery-code.ts'
import { type KeyRing, unseal } from '../../core/credentials/sealing.ts'
import { matchTotpStep } from '../../core/credentials/totp.ts'
import { cancelFactorReset } from '../../core/identity/factor-reset.ts'
import type { SessionKit } from '../../core/identity/session-kit.ts'
import type { MailQueue } from '../../core/mail/outbox.ts'
import { ProblemError } from '../../core/problem.ts'
import type { Tx } from '../../database/tenant.ts'
import { tellChange, tellFewLeft } from './notices.ts'
import * as queries from './queries.ts'

export interface FactorDependencies {
  readonly kit: SessionKit
  /** Seals the secrets of authenticator apps. */
  readonly totpRing: KeyRing
  readonly mail: MailQueue
}

/** What a person shows for their second factor. */
export type FactorProof = { readonly code: string } | { readonly recoveryCode: string }

/** How an assertion names a code that is good once, of the app or of the list (RFC 8176). */
export const OTP = 'otp'

/** Whose a sealed secret is, and what for. */
export const secretAad = (tenantId: string, userId: string): readonly string[] => [tenantId, userId, 'totp']

/**
 * Uses a code up. It is good once, wherever and by however many it is sent: call this in the transaction of what the code
 * opens. Of a recovery code that was used, its owner is told. A factor that is shown is not lost: its reset is called off.
 *
 * @returns whether it was right, unused, and of a factor that is confirmed.
 */
export async function useFactor(
  tx: Tx,
  { kit, totpRing, mail }: FactorDependencies,
  { tenantId, userId }: { readonly tenantId: string; readonly userId: string },
  proof: FactorProof,
): Promise<boolean> {
  const nowMs = kit.clock.now()
  const sealed = await queries.lockSecret(tx, tenantId, userId)
  if (sealed === undefined) return false
  if ('recoveryCode' in proof) {
    const hash = recoveryCodeHash(proof.recoveryCode)
    if (hash === undefined || !(await queries.useRecoveryCode(tx, tenantId, userId, hash))) return false
    await cancelFactorReset(tx, tenantId, userId)
    await tellChange(tx, mail, userId, 'recovery-code-used', nowMs)
    await tellFewLeft(tx, mail, userId, await queries.countRecoveryCodes(tx, tenantId, userId))
    return true
  }
  const step = matchTotpStep(unseal(totpRing, sealed, secretAad(tenantId, userId)), proof.code, nowMs)
  if (step === undefined || !(await queries.useStep(tx, tenantId, userId, sealed, step))) return false
  await cancelFactorReset(tx, tenantId, userId)
  return true
}

/**
 * The one code of a body that takes either kind.
 *
 * @throws ProblemError `invalid-content` for none, and for both.
 */
export function proofOf(
  { locale }: Pick<Context, 'locale'>,
  code: string | undefined,
  recoveryCode: string | undefined,
): FactorProof {
  if (code !== undefined && recoveryCode === undefined) return { code }
  if (recoveryCode !== undefined && code === undefined) return { recoveryCode }
  const message = oneOfTwo[locale]
  throw new ProblemError('invalid-content', { errors: [{ pointer: '/code', code: 'one-code', message }] })
}

const oneOfTwo = {
  en: 'send a code of the app or a recovery code, and not both',
  fr: 'envoyez un code de l’application ou un code de secours, et pas les deux',
}

/** The person of a call on a route that takes nobody else. @throws ProblemError `session-required`. */
export function personOf({ actor }: Context): Person {
  if (actor.kind !== 'user') throw new ProblemError('session-required')
  return actor
}
