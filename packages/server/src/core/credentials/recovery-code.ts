import { createHash, randomBytes } from 'node:crypto'

/** A recovery code as it is shown once, and what is stored of it. */
export interface NewRecoveryCode {
  /** Such as `7Q2KD-0X9MA-…`: 23 letters in groups of five. */
  readonly code: string
  /** SHA-256 of the 23 letters: 32 bytes. At 115 bits a slow hash would add nothing but a way to tire the server. */
  readonly hash: Buffer
}

/** Crockford's base 32: no I, L, O, U. */
const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const letters = 23
const groupOf = 5
/** Room for separators; nobody types more. */
const longestInput = 64
const canonical = new RegExp(`^[${alphabet}]{${letters}}$`)
/** White space, and the hyphens and dashes that telephones make of a hyphen. */
const separators = /[\s\p{Pd}\u2212]/gu

/** Ten codes of 115 random bits each, all different. */
export function createRecoveryCodes(count = 10): NewRecoveryCode[] {
  return Array.from({ length: count }, () => {
    // 256 is a multiple of 32, so the low five bits of a random byte favour no letter.
    const text = Array.from(randomBytes(letters), (byte) => alphabet.charAt(byte % 32)).join('')
    return { code: grouped(text), hash: hashOf(text) }
  })
}

/**
 * The hash of a code as a person types it: either case, with or without separators, O for 0, I and L for 1.
 *
 * @returns undefined when it is not 23 letters of the alphabet: nothing to look up.
 */
export function recoveryCodeHash(typed: string): Buffer | undefined {
  if (typed.length > longestInput) return undefined
  // Only ASCII letters change case: some others, such as ſ, have a capital that is an ASCII letter.
  const text = typed
    .replaceAll(separators, '')
    .replaceAll(/[a-z]/g, (letter) => letter.toUpperCase())
    .replaceAll('O', '0')
    .replaceAll(/[IL]/g, '1')
  return canonical.test(text) ? hashOf(text) : undefined
}

function grouped(text: string): string {
  return text.match(new RegExp(`.{1,${groupOf}}`, 'g'))?.join('-') ?? text
}

function hashOf(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
