import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { crc32 } from 'node:zlib'

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const shape = /^rmp_live_([0-9A-Za-z]{10})_([0-9A-Za-z]{43})_([0-9A-Za-z]{6})$/

/** An API key in its parts. `token` is shown once and kept nowhere. */
export interface NewApiKey {
  readonly token: string
  readonly lookupId: string
  /** SHA-256 of the secret part: 32 bytes. The secret has 256 random bits, so a slow hash would add nothing. */
  readonly secretHash: Buffer
}

/** Makes a key `rmp_live_<10 look-up>_<43 secret>_<6 checksum>`, all base62. */
export function createApiKeyToken(): NewApiKey {
  const lookupId = randomBase62(10)
  const secret = randomBase62(43)
  return {
    token: `rmp_live_${lookupId}_${secret}_${checksum(lookupId + secret)}`,
    lookupId,
    secretHash: sha256(secret),
  }
}

/**
 * Takes a key apart. The checksum refuses garbage and typing errors without a question to the database, and lets
 * secret scanners tell a key from other text.
 *
 * @returns undefined when it is not a key.
 */
export function parseApiKeyToken(
  token: string,
): { readonly lookupId: string; readonly secretHash: Buffer } | undefined {
  const [, lookupId, secret, sum] = shape.exec(token) ?? []
  if (lookupId === undefined || secret === undefined || sum !== checksum(lookupId + secret)) return undefined
  return { lookupId, secretHash: sha256(secret) }
}

/** Whether a credential means to be an API key, well formed or not. */
export const isApiKeyToken = (token: string): boolean => token.startsWith('rmp_live_')

/** Compares two hashes in constant time. */
export function isSameHash(left: Buffer, right: Buffer): boolean {
  return left.length === right.length && timingSafeEqual(left, right)
}

const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest()

function checksum(text: string): string {
  let value = crc32(text)
  let out = ''
  for (let index = 0; index < 6; index += 1) {
    out = alphabet.charAt(value % 62) + out
    value = Math.floor(value / 62)
  }
  return out
}

// Bytes of 248 and above are thrown away: 256 is no multiple of 62, and keeping them would favour eight letters.
function randomBase62(length: number): string {
  let out = ''
  while (out.length < length) {
    for (const byte of randomBytes(length * 2)) {
      if (byte < 248 && out.length < length) out += alphabet.charAt(byte % 62)
    }
  }
  return out
}
