import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import { deriveKeys, type Masters } from '../secrets.ts'

/** The public part of a key that signs. @see RFC 8037 §2; `kid` is the thumbprint of RFC 7638. */
export interface VerifyingKey {
  readonly kty: 'OKP'
  readonly crv: 'Ed25519'
  readonly x: string
  readonly kid: string
}

/** Which key signed, and how. */
export interface Signature {
  readonly kid: string
  /** Ed25519, base64url. */
  readonly signature: string
}

/** Signs for one purpose, with a key of its own, which comes from the master secret and is in no database. */
export interface MasterSigner {
  readonly key: VerifyingKey
  /** That key, and those of the former master secrets that are still configured: what is believed. */
  readonly keys: readonly VerifyingKey[]
  sign(message: Buffer): Signature
}

// An Ed25519 private key in PKCS #8 is this, followed by its 32 bytes (RFC 8410 §7).
const pkcs8 = Buffer.from('302e020100300506032b657004220420', 'hex')

/**
 * @param label - Of `keyLabels`: names the purpose.
 * @throws RangeError a master is under 32 bytes.
 */
export function createMasterSigner(masters: Masters, label: string): MasterSigner {
  const [current, ...previous] = deriveKeys(masters, label)
  const privateKey = privateKeyOf(current)
  const key = publicPartOf(privateKey)
  return {
    key,
    keys: [key, ...previous.map((seed) => publicPartOf(privateKeyOf(seed)))],
    sign: (message) => ({ kid: key.kid, signature: sign(null, message, privateKey).toString('base64url') }),
  }
}

const privateKeyOf = (seed: Buffer): KeyObject =>
  createPrivateKey({ key: Buffer.concat([pkcs8, seed]), format: 'der', type: 'pkcs8' })

const publicPartOf = (key: KeyObject): VerifyingKey =>
  verifyingKeyOf(createPublicKey(key).export({ format: 'jwk' }).x ?? '')

/** The key of which `x` is the public part, base64url. @see RFC 7638 §3: the members of the thumbprint in their order. */
export function verifyingKeyOf(x: string): VerifyingKey {
  const kid = createHash('sha256')
    .update(JSON.stringify({ crv: 'Ed25519', kty: 'OKP', x }))
    .digest('base64url')
  return { kty: 'OKP', crv: 'Ed25519', x, kid }
}

/** Whether one of the keys signed this message. A key that is none has signed nothing. */
export function isSignedBy(keys: readonly VerifyingKey[], { kid, signature }: Signature, message: Buffer): boolean {
  const found = keys.find((key) => key.kid === kid)
  const key = found && publicKeyOf(found)
  return key !== undefined && verify(null, message, key, Buffer.from(signature, 'base64url'))
}

function publicKeyOf({ x }: VerifyingKey): KeyObject | undefined {
  try {
    return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
  } catch {
    return undefined
  }
}
