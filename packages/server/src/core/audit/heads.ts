import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import { deriveKey, keyLabels, type Masters } from '../secrets.ts'
import { frame } from './chain.ts'

/** How far a chain had come, before it is signed. */
export interface HeadFacts {
  readonly tenantId: string
  readonly seq: number
  /** Of the entry `seq`. Hexadecimal. */
  readonly hash: string
  /** Unix time in milliseconds. */
  readonly signedAtMs: number
}

export interface SignedHead extends HeadFacts {
  readonly kid: string
  /** Ed25519, base64url. */
  readonly signature: string
}

/** The public part of the key that signs heads. @see RFC 8037 §2; `kid` is the thumbprint of RFC 7638. */
export interface HeadKey {
  readonly kty: 'OKP'
  readonly crv: 'Ed25519'
  readonly x: string
  readonly kid: string
}

/** What signs heads: a key of its own, which comes from the master secret and is in no database. */
export interface HeadSigner {
  readonly key: HeadKey
  /** That key, and those of the former master secrets that are still configured: what is believed. */
  readonly keys: readonly HeadKey[]
  sign(facts: HeadFacts): SignedHead
}

// An Ed25519 private key in PKCS #8 is this, followed by its 32 bytes (RFC 8410 §7).
const pkcs8 = Buffer.from('302e020100300506032b657004220420', 'hex')

/** @throws RangeError a master is under 32 bytes. */
export function createHeadSigner({ current, previous }: Masters): HeadSigner {
  const privateKey = privateKeyOf(current)
  const key = publicPartOf(privateKey)
  return {
    key,
    keys: [key, ...previous.map((master) => publicPartOf(privateKeyOf(master)))],
    sign: (facts) => ({
      ...facts,
      kid: key.kid,
      signature: sign(null, messageOf(facts), privateKey).toString('base64url'),
    }),
  }
}

function privateKeyOf(master: Buffer): KeyObject {
  const der = Buffer.concat([pkcs8, deriveKey(master, keyLabels.auditHeads)])
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
}

const publicPartOf = (key: KeyObject): HeadKey => headKeyOf(createPublicKey(key).export({ format: 'jwk' }).x ?? '')

/** The key of which `x` is the public part, base64url. */
export function headKeyOf(x: string): HeadKey {
  const kid = createHash('sha256')
    .update(JSON.stringify({ crv: 'Ed25519', kty: 'OKP', x }))
    .digest('base64url')
  return { kty: 'OKP', crv: 'Ed25519', x, kid }
}

/** Whether one of the keys signed this head, and nothing of it was altered since. */
export function isSigned(head: SignedHead, keys: readonly HeadKey[]): boolean {
  const found = keys.find(({ kid }) => kid === head.kid)
  const key = found && publicKeyOf(found)
  return key !== undefined && verify(null, messageOf(head), key, Buffer.from(head.signature, 'base64url'))
}

function publicKeyOf({ x }: HeadKey): KeyObject | undefined {
  try {
    return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
  } catch {
    return undefined
  }
}

const messageOf = ({ tenantId, seq, hash, signedAtMs }: HeadFacts): Buffer =>
  frame(['rempart/audit-head/v1', tenantId, String(seq), hash, String(signedAtMs)])
