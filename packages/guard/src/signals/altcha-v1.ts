import { createHash, randomBytes } from 'node:crypto'
import type { AltchaPayloadV1 } from './altcha-payload.ts'
import { isSameText, type ProofKind, type ProofScope, type Seal, signed } from './proof-seal.ts'

/** A salt of ours: random, when it ends, how hard it is. The last `&` keeps the number out of what stands before it. */
const saltV1 = /^([0-9a-f]{32})\?expires=(\d{1,12})&max=(\d{1,9})&$/

/** Challenges to find the number behind a hash. */
export function createV1(seal: Seal, maxNumber: number): ProofKind {
  const sign = (scope: ProofScope, salt: string, challenge: string): string =>
    signed(seal, 'v1', scope, ['SHA-256', salt, challenge])

  return {
    issue(scope, expiresAt) {
      const salt = `${randomBytes(16).toString('hex')}?expires=${expiresAt}&max=${maxNumber}&`
      const challenge = sha256(`${salt}${randomBelow(maxNumber)}`)
      return { algorithm: 'SHA-256', challenge, maxnumber: maxNumber, salt, signature: sign(scope, salt, challenge) }
    },
    open(payload, scope) {
      if (payload.format !== 1 || payload.algorithm !== 'SHA-256') return 'malformed'
      const [, nonce = '', expiresAt = '', most = ''] = saltV1.exec(payload.salt) ?? []
      if (nonce === '') return 'malformed'
      if (!isSameText(sign(scope, payload.salt, payload.challenge), payload.signature)) return 'signature'
      if (Number(most) < maxNumber) return 'too-easy'
      return { expiresAt: Number(expiresAt), nonce, isSolved: () => isSolvedV1(payload) }
    },
  }
}

function isSolvedV1({ salt, number, challenge }: AltchaPayloadV1): boolean {
  return isSameText(sha256(`${salt}${number}`), challenge)
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

/** Even enough: the remainder favours no number by more than one in a million. */
function randomBelow(limit: number): number {
  return randomBytes(6).readUIntBE(0, 6) % limit
}
