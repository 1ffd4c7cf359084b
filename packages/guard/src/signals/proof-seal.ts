import { createHmac, type KeyObject, timingSafeEqual } from 'node:crypto'
import type { AltchaParameters, AltchaPayload } from './altcha-payload.ts'

/** What a challenge is good for. It holds for exactly these, and they are never read from what a client sends. */
export interface ProofScope {
  /** The form or the group of routes, such as a form's id. */
  readonly form: string
  readonly tenant?: string | undefined
  /** The one client that may use it, such as its counted address; absent: whoever solves it. */
  readonly subject?: string | undefined
}

/** A challenge as the ALTCHA widget takes it, of the format that the effort names. */
export type ProofChallenge =
  | { readonly parameters: AltchaParameters; readonly signature: string }
  | {
      readonly algorithm: 'SHA-256'
      readonly challenge: string
      readonly maxnumber: number
      readonly salt: string
      readonly signature: string
    }

/**
 * Why a proof is refused: no payload of the widget's; not signed here for this scope (an altered parameter, another form,
 * tenant, subject or audience); too old; signed when less work was asked for; not solved; used before; or the store
 * that remembers used ones did not answer.
 */
export type ProofFault =
  | 'malformed'
  | 'signature'
  | 'expired'
  | 'too-easy'
  | 'wrong-answer'
  | 'replayed'
  | 'store-failure'

/** A challenge whose signature holds. */
export interface Claim {
  /** Unix seconds. */
  readonly expiresAt: number
  readonly nonce: string
  isSolved(): boolean | Promise<boolean>
}

/** One wire format: how its challenges are made, and what one that came back is worth. */
export interface ProofKind {
  issue(scope: ProofScope, expiresAt: number): ProofChallenge
  open(payload: AltchaPayload, scope: ProofScope): Claim | ProofFault
}

/** What signs, and for whom. */
export interface Seal {
  readonly key: KeyObject
  readonly audience: string
}

/** The signature over audience, scope and parameters: 64 hexadecimal digits. */
export function signed(seal: Seal, format: string, scope: ProofScope, parameters: readonly string[]): string {
  const parts = ['rempart/proof-of-work', format, seal.audience, scope.form, scope.tenant, scope.subject, ...parameters]
  // UTF-16, because in UTF-8 all lone surrogates are one text.
  return createHmac('sha256', seal.key).update(lengthened(parts), 'utf16le').digest('hex')
}

/** Each text behind its length; an absent one is told from an empty one. */
export function lengthened(parts: readonly (string | undefined)[]): string {
  return parts.map((part) => (part === undefined ? '-' : `${part.length}:${part}`)).join('')
}

/** Compares without telling by its time where two texts of one length differ. */
export function isSameText(expected: string, sent: string): boolean {
  return expected.length === sent.length && timingSafeEqual(Buffer.from(expected), Buffer.from(sent))
}
