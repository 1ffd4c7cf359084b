import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { type VerifyingKey, verifyingKeyOf } from '../credentials/master-signer.ts'
import { type KeyRing, seal, unseal } from '../credentials/sealing.ts'

/** The public part of a key as it is published. @see RFC 8037 §2 */
export interface PublicJwk extends VerifyingKey {
  readonly alg: 'EdDSA'
  readonly use: 'sig'
}

/** A key whose private part was made for one purpose and sealed; `kid` is the thumbprint of its public part. */
export interface SealedKey {
  readonly purpose: string
  readonly kid: string
  readonly sealedPrivate: Buffer
}

/** A new key, its private part sealed. */
export interface NewKey extends SealedKey {
  readonly publicJwk: PublicJwk
}

/** Both halves of a key that this installation made. */
export interface OpenKey {
  readonly publicKey: KeyObject
  readonly privateKey: KeyObject
  readonly publicJwk: PublicJwk
}

/** Makes an Ed25519 pair. */
export function makeKey(purpose: string, ring: KeyRing): NewKey {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const publicJwk = jwkOf(publicKey)
  const plain = privateKey.export({ format: 'der', type: 'pkcs8' })
  try {
    return {
      purpose,
      kid: publicJwk.kid,
      publicJwk,
      sealedPrivate: seal(ring, plain, signingKeyAad(purpose, publicJwk.kid)),
    }
  } finally {
    plain.fill(0)
  }
}

/**
 * Unseals a key. A row that somebody wrote into the table without the master secret does not open: what signs and
 * verifies comes from the private part alone, whatever the row says besides.
 *
 * @returns undefined when no key of the ring opens it, or it holds another key than its `kid` names.
 */
export function openKey({ purpose, kid, sealedPrivate }: SealedKey, ring: KeyRing): OpenKey | undefined {
  let plain: Buffer
  try {
    plain = unseal(ring, sealedPrivate, signingKeyAad(purpose, kid))
  } catch {
    return undefined
  }
  const privateKey = createPrivateKey({ key: plain, format: 'der', type: 'pkcs8' })
  plain.fill(0)
  const publicKey = createPublicKey(privateKey)
  const publicJwk = jwkOf(publicKey)
  return publicJwk.kid === kid ? { privateKey, publicKey, publicJwk } : undefined
}

/** A sealed key moved to another row, or to another purpose, does not open there. */
export const signingKeyAad = (purpose: string, kid: string): readonly string[] => ['signing-key', purpose, kid]

function jwkOf(publicKey: KeyObject): PublicJwk {
  const { x } = publicKey.export({ format: 'jwk' })
  if (x === undefined) throw new TypeError('not an Ed25519 key')
  return { ...verifyingKeyOf(x), alg: 'EdDSA', use: 'sig' }
}
