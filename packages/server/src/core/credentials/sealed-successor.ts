import { keyLabels } from '../secrets.ts'
import { opaqueTokenOf, parseOpaqueToken } from './opaque-token.ts'
import { createKeyRing, type KeyRing, seal, unseal } from './sealing.ts'

/**
 * Locks the successor of a refresh token so that only the old token opens it: the row keeps its SHA-256 and this, and
 * whoever reads the row has neither. A client that lost the answer presents the old token again and gets the same
 * successor, not a second one.
 *
 * @param owner - Whose it is, such as tenant and session; unsealing needs the same list.
 * @returns 65 bytes to store beside the used token.
 * @throws RangeError one of the two is no refresh token.
 */
export function sealSuccessor(oldToken: string, successor: string, owner: readonly string[]): Buffer {
  const next = parseOpaqueToken('refresh', successor)
  const ring = ringOf(oldToken)
  if (next === undefined || ring === undefined) throw new RangeError('a refresh token is needed')
  return seal(ring, next.secret, owner)
}

/**
 * The successor that was sealed under a token.
 *
 * @throws UnsealError the token is not the one, or the row is another's or was altered.
 * @throws RangeError the text is no refresh token.
 */
export function unsealSuccessor(oldToken: string, sealed: Uint8Array, owner: readonly string[]): string {
  const ring = ringOf(oldToken)
  if (ring === undefined) throw new RangeError('a refresh token is needed')
  return opaqueTokenOf('refresh', unseal(ring, sealed, owner))
}

/** The token's 256 random bits are the master secret of a ring of one key. */
function ringOf(token: string): KeyRing | undefined {
  const parsed = parseOpaqueToken('refresh', token)
  return parsed && createKeyRing({ current: parsed.secret }, keyLabels.refreshSuccessor)
}
