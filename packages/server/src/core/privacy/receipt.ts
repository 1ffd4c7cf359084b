import { frame } from '../audit/chain.ts'
import { createMasterSigner, isSignedBy, type MasterSigner, type VerifyingKey } from '../credentials/master-signer.ts'
import { keyLabels, type Masters } from '../secrets.ts'
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

/** What signs receipts. */
export interface ReceiptSigner extends Pick<MasterSigner, 'keys'> {
  sign(facts: ErasureFacts): ErasureReceipt
}

/** @throws RangeError a master is under 32 bytes. */
export function createReceiptSigner(masters: Masters): ReceiptSigner {
  const { keys, sign } = createMasterSigner(masters, keyLabels.erasureReceipts)
  return { keys, sign: (facts) => ({ ...facts, ...sign(messageOf(facts)) }) }
}

/** Whether one of the keys signed this receipt, and nothing of it was altered since. */
export const isSignedReceipt = (receipt: ErasureReceipt, keys: readonly VerifyingKey[]): boolean =>
  isSignedBy(keys, receipt, messageOf(receipt))

/** Each field behind its length, tables in their order: no two receipts are the same bytes. */
const messageOf = ({ id, tenantId, kind, userId, at, tables, auditKeyDestroyed }: ErasureFacts): Buffer =>
  frame([
    'rempart/erasure-receipt/v1',
    ...[id, tenantId, kind, userId, at, String(auditKeyDestroyed), String(tables.length)],
    ...tables.flatMap(({ table, deleted, anonymised }) => [table, String(deleted), String(anonymised)]),
  ])
