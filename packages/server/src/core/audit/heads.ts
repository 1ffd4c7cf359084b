import { createMasterSigner, isSignedBy, type MasterSigner, type VerifyingKey } from '../credentials/master-signer.ts'
import { keyLabels, type Masters } from '../secrets.ts'
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

/** What signs heads. */
export interface HeadSigner extends Pick<MasterSigner, 'key' | 'keys'> {
  sign(facts: HeadFacts): SignedHead
}

/** @throws RangeError a master is under 32 bytes. */
export function createHeadSigner(masters: Masters): HeadSigner {
  const { key, keys, sign } = createMasterSigner(masters, keyLabels.auditHeads)
  return { key, keys, sign: (facts) => ({ ...facts, ...sign(messageOf(facts)) }) }
}

/** Whether one of the keys signed this head, and nothing of it was altered since. */
export const isSigned = (head: SignedHead, keys: readonly VerifyingKey[]): boolean =>
  isSignedBy(keys, head, messageOf(head))

const messageOf = ({ tenantId, seq, hash, signedAtMs }: HeadFacts): Buffer =>
  frame(['rempart/audit-head/v1', tenantId, String(seq), hash, String(signedAtMs)])
