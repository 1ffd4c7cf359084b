import { createHash, pbkdf2, randomBytes } from 'node:crypto'
import type { AltchaParameters, AltchaPayloadV2 } from './altcha-payload.ts'
import { isSameText, type ProofKind, type ProofScope, type Seal, signed } from './proof-seal.ts'

/** The work of a challenge of the second format. */
export interface EffortV2 {
  readonly algorithm: 'PBKDF2/SHA-256' | 'SHA-256'
  /** PBKDF2: 1 to 200,000; SHA-256: 1 to 1,000. */
  readonly cost: number
  /** 1 to 6. */
  readonly digits: number
}

const KEY_BYTES = 32

/** Challenges to find a counter whose derived key begins with zeros. */
export function createV2(seal: Seal, effort: EffortV2): ProofKind {
  const { algorithm, cost } = effort
  const keyPrefix = '0'.repeat(effort.digits)
  const sign = (scope: ProofScope, parameters: AltchaParameters): string =>
    signed(seal, 'v2', scope, [
      parameters.algorithm,
      String(parameters.cost),
      String(parameters.expiresAt),
      String(parameters.keyLength),
      parameters.keyPrefix,
      parameters.nonce,
      parameters.salt,
    ])

  return {
    issue(scope, expiresAt) {
      const [nonce, salt] = [randomBytes(16).toString('hex'), randomBytes(16).toString('hex')]
      const parameters = { algorithm, cost, expiresAt, keyLength: KEY_BYTES, keyPrefix, nonce, salt }
      return { parameters, signature: sign(scope, parameters) }
    },
    open(payload, scope) {
      if (payload.format !== 2) return 'malformed'
      const { parameters } = payload
      if (!isSameText(sign(scope, parameters), payload.signature)) return 'signature'
      if (parameters.algorithm !== algorithm || parameters.keyLength !== KEY_BYTES) return 'too-easy'
      if (parameters.cost < cost || !parameters.keyPrefix.startsWith(keyPrefix)) return 'too-easy'
      return { expiresAt: parameters.expiresAt, nonce: parameters.nonce, isSolved: () => isSolvedV2(payload) }
    },
  }
}

async function isSolvedV2({ parameters, counter, derivedKey }: AltchaPayloadV2): Promise<boolean> {
  if (!derivedKey.startsWith(parameters.keyPrefix)) return false
  const password = Buffer.alloc(20)
  password.write(parameters.nonce, 'hex')
  password.writeUInt32BE(counter, 16)
  const salt = Buffer.from(parameters.salt, 'hex')
  const derive = parameters.algorithm === 'SHA-256' ? deriveSha256 : derivePbkdf2
  const key = await derive(password, salt, parameters.cost)
  return key !== undefined && isSameText(key.toString('hex'), derivedKey)
}

/** Off the event loop; undefined when the system refuses. */
function derivePbkdf2(password: Buffer, salt: Buffer, cost: number): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    pbkdf2(password, salt, cost, KEY_BYTES, 'sha256', (error, key) => resolve(error === null ? key : undefined))
  })
}

function deriveSha256(password: Buffer, salt: Buffer, cost: number): Buffer {
  let key = Buffer.concat([salt, password])
  for (let round = 0; round < cost; round += 1) key = createHash('sha256').update(key).digest()
  return key
}
