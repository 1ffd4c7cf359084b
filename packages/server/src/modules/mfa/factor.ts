import type { Context, Person } from '../../core/context.ts'
import { recoveryCodeHash } from '../../core/credentials/recovery-code.ts'
import { type KeyRing, unseal } from '../../core/credentials/sealing.ts'
import { matchTotpStep } from '../../core/credentials/totp.ts'
import { ProblemError } from '../../core/problem.ts'
import type { Tx } from '../../database/tenant.ts'
import * as queries from './queries.ts'

/** What a person shows for their second factor. */
export type FactorProof = { readonly code: string } | { readonly recoveryCode: string }

/** How an assertion names a code that is good once, of the app or of the list (RFC 8176). */
export const OTP = 'otp'

/** Whose a sealed secret is, and what for. */
export const secretAad = (tenantId: string, userId: string): readonly string[] => [tenantId, userId, 'totp']

/**
 * Uses a code up. It is good once, wherever and by however many it is sent: call this in the transaction of what the code
 * opens.
 *
 * @param nowMs - Unix time in milliseconds.
 * @returns whether it was right, unused, and of a factor that is confirmed.
 */
export async function useFactor(
  tx: Tx,
  ring: KeyRing,
  owner: { readonly tenantId: string; readonly userId: string },
  proof: FactorProof,
  nowMs: number,
): Promise<boolean> {
  const { tenantId, userId } = owner
  const sealed = await queries.findSecret(tx, tenantId, userId)
  if (sealed === undefined) return false
  if ('recoveryCode' in proof) {
    const hash = recoveryCodeHash(proof.recoveryCode)
    return hash !== undefined && queries.useRecoveryCode(tx, tenantId, userId, hash)
  }
  const step = matchTotpStep(unseal(ring, sealed, secretAad(tenantId, userId)), proof.code, nowMs)
  return step !== undefined && queries.useStep(tx, tenantId, userId, sealed, step)
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

/** Names a person's attempts at the second factor: their own, apart from those at the password. */
export const factorAccount = (tenantId: string, userId: string): string => `${tenantId}:${userId}:mfa`
