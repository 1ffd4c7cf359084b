import { Buffer } from 'node:buffer'

/** What an access token says, before anything of it is believed. */
export interface TokenText {
  readonly kid: string
  readonly claims: Readonly<Record<string, unknown>>
}

// 86 characters are the 64 bytes of an Ed25519 signature.
const shape = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]{86})$/
/** The header as it is written here, to the letter: no other algorithm, type or member, and no other order. */
const header = /^\{"alg":"EdDSA","typ":"at\+jwt","kid":"([A-Za-z0-9_-]{43})"\}$/

/**
 * Reads a token by the one spelling that its issuer writes, so that two texts are never one token. The library that
 * verifies the signature sees nothing else.
 *
 * @param token - 4,096 characters at most.
 * @returns why not, as a word for the log, when it is no such text.
 * @see RFC 8725 §3.1, §3.11; RFC 7515 §2 (base64url without padding)
 */
export function parseTokenText(token: string): TokenText | string {
  const [, first = '', second = '', third = ''] = shape.exec(token) ?? []
  if (first === '') return 'token-malformed'
  const head = canonicalText(first)
  const body = canonicalText(second)
  if (head === undefined || body === undefined || canonicalBytes(third) === undefined) return 'token-not-canonical'
  const kid = header.exec(head)?.[1]
  if (kid === undefined) return 'token-header'
  const claims = canonicalObject(body)
  return claims === undefined ? 'token-payload' : { kid, claims }
}

/** Undefined when another text stands for the same bytes: trailing bits that are not zero, or a lone last character. */
function canonicalBytes(segment: string): Buffer | undefined {
  const bytes = Buffer.from(segment, 'base64url')
  return bytes.toString('base64url') === segment ? bytes : undefined
}

function canonicalText(segment: string): string | undefined {
  return canonicalBytes(segment)?.toString()
}

/** Undefined for members that stand twice, white space, and whatever else is not as `JSON.stringify` writes it. */
function canonicalObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
    // An object that is no array: whatever its members are, they are unknown.
    return JSON.stringify(value) === text ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}
