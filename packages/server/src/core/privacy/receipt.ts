import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import { frame } from '../audit/chain.ts'
import { type HeadKey, headKeyOf } from '../audit/heads.ts'
import { deriveKey, keyLabels, type Masters } from '../secrets.ts'
import type { ErasedTable, Erasure } from './erase.ts'

/** What an erasure did. It names nobody: an account by an id that leads nowhere any more, an address not at all. */
export interface ErasureFacts {
  readonly format: 'rempart-erasure/1'
  /** Of the request in the register of the tenant. */
  readonly id: string
  readonly tenantId: string
  readonly kind: Erasure
  /** Null for somebody without an account. */
  readonly userId: string | null
  /** RFC 3339, UTC. */
  readonly at: string
  readonly tables: readonly ErasedTable[]
  /** Whether there was a key of theirs in the audit log: what it sealed is unreadable now. */
  readonly auditKeyDestroyed: boolean
}

/** The facts, signed: Ed25519 over their canonical form. */
export interface ErasureReceipt extends ErasureFacts {
  readonly kid: string
  /** base64url. */
  readonly signature: string
}

/** What signs receipts: a key of its own, from the master secret. */
export interface ReceiptSigner {
  /** The current key, and those of former master secrets. */
  readonly keys: readonly HeadKey[]
  sign(facts: ErasureFacts): ErasureReceipt
}

// An Ed25519 private key in PKCS #8 is this, followed by its 32 bytes (RFC 8410 §7).
const pkcs8 = Buffer.from('302e020100300506032b657004220420', 'hex')

/** @throws RangeError a master is under 32 bytes. */
export function createReceiptSigner({ current, previous }: Masters): ReceiptSigner {
  const own = privateKeyOf(current)
  const key = publicPartOf(own)
  return {
    keys: [key, ...previous.map((master) => publicPartOf(privateKeyOf(master)))],
    sign: (facts) => ({ ...facts, kid: key.kid, signature: sign(null, messageOf(facts), own).toString('base64url') }),
  }
}

/** Whether one of the keys signed this receipt, and nothing of it was altered since. */
export function isSignedReceipt(receipt: ErasureReceipt, keys: readonly HeadKey[]): boolean {
  const key = keys.find(({ kid }) => kid === receipt.kid)
  if (key === undefined) return false
  const publicKey = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: key.x }, format: 'jwk' })
  return verify(null, messageOf(receipt), publicKey, Buffer.from(receipt.signature, 'base64url'))
}

function privateKeyOf(master: Buffer): KeyObject {
  const der = Buffer.concat([pkcs8, deriveKey(master, keyLabels.erasureReceipts)])
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
}

const publicPartOf = (key: KeyObject): HeadKey => headKeyOf(createPublicKey(key).export({ format: 'jwk' }).x ?? '')

/** Each field behind its length, tables in their order: no two receipts are the same bytes. */
const messageOf = ({ id, tenantId, kind, userId, at, tables, auditKeyDestroyed }: ErasureFacts): Buffer =>
  frame([
    'rempart/erasure-receipt/v1',
    ...[id, tenantId, kind, userId, at, String(auditKeyDestroyed), String(tables.length)],
    ...tables.flatMap(({ table, deleted, anonymised }) => [table, String(deleted), String(anonymised)]),
  ])
