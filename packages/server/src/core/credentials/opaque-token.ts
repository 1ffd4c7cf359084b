import { createHash, randomBytes } from 'node:crypto'

/** What an opaque token is for, and the letters that say so in its text. */
export const opaqueTokenPrefixes = {
  refresh: 'rt',
  mfaChallenge: 'mfa',
  passwordReset: 'rst',
  emailVerification: 'vrf',
  invitation: 'inv',
  oauthState: 'oas',
  oauthCompletion: 'oac',
  enrolment: 'eno',
  passkeyChallenge: 'pkc',
  emailChange: 'emc',
  emailReturn: 'emr',
  sessionsEnd: 'end',
  mfaReset: 'mfr',
  mfaResetWait: 'mfw',
} as const

/** One purpose of an opaque token. A token of one purpose is never accepted for another. */
export type OpaqueTokenPurpose = keyof typeof opaqueTokenPrefixes

/** A token in its parts. `token` is handed out once and kept nowhere. */
export interface NewOpaqueToken {
  readonly token: string
  /** SHA-256 of the whole text: 32 bytes. The token has 256 random bits, so a slow hash would add nothing. */
  readonly hash: Buffer
}

/** What a presented token says, when it has the right form. Whether it was ever issued is for the database. */
export interface ParsedOpaqueToken {
  readonly hash: Buffer
  /** The 32 random bytes. */
  readonly secret: Buffer
}

/** 43 base64url letters hold 258 bits: the two that are over must be clear, or four texts would be one token. */
const body = '[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]'
const shapes = new Map(
  Object.entries(opaqueTokenPrefixes).map(([purpose, prefix]) => [purpose, new RegExp(`^rmp_${prefix}_(${body})$`)]),
)

/** Makes a token `rmp_<prefix>_<43 base64url>` of 256 random bits. */
export function createOpaqueToken(purpose: OpaqueTokenPurpose): NewOpaqueToken {
  const token = opaqueTokenOf(purpose, randomBytes(32))
  return { token, hash: hashOf(token) }
}

/**
 * The text of a token whose 32 bytes are known.
 *
 * @throws RangeError there are not 32 bytes.
 */
export function opaqueTokenOf(purpose: OpaqueTokenPurpose, secret: Buffer): string {
  if (secret.length !== 32) throw new RangeError('an opaque token has 32 bytes')
  return `rmp_${opaqueTokenPrefixes[purpose]}_${secret.toString('base64url')}`
}

/**
 * Takes a token apart. Garbage and tokens of another purpose are refused without a question to the database.
 *
 * @returns undefined unless it is the one canonical text of a token of this purpose.
 */
export function parseOpaqueToken(purpose: OpaqueTokenPurpose, token: string): ParsedOpaqueToken | undefined {
  const [, secret] = shapes.get(purpose)?.exec(token) ?? []
  return secret === undefined ? undefined : { hash: hashOf(token), secret: Buffer.from(secret, 'base64url') }
}

/** The purpose's letters are part of what is hashed: equal bytes under two purposes are two hashes. */
function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}
