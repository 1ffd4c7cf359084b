import { type CommonPasswords, commonPasswords, foldPassword } from './common-passwords.ts'

/** What a tenant asks of a new password. Nothing of it expires, and nothing of it is asked when a person signs in. */
export interface PasswordPolicy {
  /** In code points, 8 to 64. Default 12. */
  readonly minLength: number
  /** Of lower case, upper case, digits and others, how many must occur: 0 to 4. Default 0. */
  readonly requiredClasses: number
}

/** The product's own rule: length, and no composition. */
export const defaultPasswordPolicy: PasswordPolicy = { minLength: 12, requiredClasses: 0 }

/** The most code points a password may have, whatever the tenant says. */
export const maxPasswordLength = 128

/** What an attacker who knows the person would try. Any of it may be unknown. */
export interface PasswordContext {
  readonly tenantName?: string | undefined
  readonly tenantSlug?: string | undefined
  readonly email?: string | undefined
  readonly personName?: string | undefined
}

/**
 * Why a password is refused.
 * - `malformed`: half characters or control characters, which not every keyboard or system repeats
 * - `too-short`, `too-long`: in code points
 * - `too-few-classes`: the tenant asks for more kinds of characters
 * - `contains-context`: without the person's name, e-mail address and organisation it is too short
 * - `common`: on the list of common passwords, alone, repeated, or with digits and signs around it
 * - `predictable`: one piece repeated, or mostly a run of neighbours
 */
export type PasswordFault =
  | 'malformed'
  | 'too-short'
  | 'too-long'
  | 'too-few-classes'
  | 'contains-context'
  | 'common'
  | 'predictable'

/** Shorter words are parts of too many others. */
const shortestContextWord = 4

/**
 * Everything that is wrong with a new password. It is judged as it was received: nothing is trimmed or cut.
 *
 * @param policy - The policy of the tenant of the person whose password it is.
 * @returns Empty when it may be used. Length is settled first: a password that is too short or too long has that fault
 *   only.
 * @throws RangeError the policy is out of bounds.
 */
export async function passwordFaults(
  password: string,
  context: PasswordContext = {},
  policy: PasswordPolicy = defaultPasswordPolicy,
): Promise<readonly PasswordFault[]> {
  assertPolicy(policy)
  const early = formFault(password, policy)
  if (early !== undefined) return [early]

  const list = await commonPasswords()
  const folded = foldPassword(password)
  return [
    ...(classesOf(password) < policy.requiredClasses ? (['too-few-classes'] as const) : []),
    ...(lengthOf(withoutContext(folded, context)) < policy.minLength ? (['contains-context'] as const) : []),
    ...(isCommon(folded, list) ? (['common'] as const) : []),
    ...(isPredictable(folded) ? (['predictable'] as const) : []),
  ]
}

function assertPolicy({ minLength, requiredClasses }: PasswordPolicy): void {
  if (!Number.isInteger(minLength) || minLength < 8 || minLength > 64) throw new RangeError('minLength is 8 to 64')
  if (!Number.isInteger(requiredClasses) || requiredClasses < 0 || requiredClasses > 4) {
    throw new RangeError('requiredClasses is 0 to 4')
  }
}

function formFault(password: string, { minLength }: PasswordPolicy): PasswordFault | undefined {
  // Before anything walks over it: a code point has two UTF-16 units at most, and NFC at most makes three of one.
  if (password.length > maxPasswordLength * 6) return 'too-long'
  if (!password.isWellFormed() || /\p{Cc}/u.test(password)) return 'malformed'
  const length = lengthOf(password.normalize('NFC'))
  if (length > maxPasswordLength) return 'too-long'
  return length < minLength ? 'too-short' : undefined
}

function lengthOf(text: string): number {
  return [...text].length
}

function classesOf(password: string): number {
  return [/\p{Ll}/u, /\p{Lu}/u, /\p{Nd}/u, /[^\p{Ll}\p{Lu}\p{Nd}]/u].filter((kind) => kind.test(password)).length
}

/** The folded password with every word of the context taken out, the longest words first. */
function withoutContext(folded: string, { tenantName, tenantSlug, email, personName }: PasswordContext): string {
  const local = email?.slice(0, email.lastIndexOf('@'))
  const words = [tenantName, tenantSlug, local, personName]
    .flatMap((text) => wordsOf(foldPassword(text ?? '')))
    .filter((word) => lengthOf(word) >= shortestContextWord)
    .sort((one, other) => other.length - one.length)
  return words.reduce((rest, word) => rest.replaceAll(word, ''), folded)
}

/** A name is tried whole, without its spaces and dots, and word by word. */
function wordsOf(text: string): string[] {
  const words = text.split(/[^\p{L}\p{M}\p{N}]+/u)
  return [text, words.join(''), ...words]
}

function isCommon(folded: string, list: CommonPasswords): boolean {
  const stem = folded.replace(/^[^\p{L}]+/u, '').replace(/[^\p{L}]+$/u, '')
  return [folded, stem, repeatedPiece(folded), repeatedPiece(stem)].some((text) => text !== undefined && list.has(text))
}

function isPredictable(folded: string): boolean {
  return repeatedPiece(folded) !== undefined || isRun(folded)
}

/** The piece that the whole is at least two full turns of, the last turn perhaps cut short. */
function repeatedPiece(text: string): string | undefined {
  for (let length = 1; length <= text.length / 2; length += 1) {
    const piece = text.slice(0, length)
    if (piece.repeat(Math.ceil(text.length / length)).startsWith(text)) return piece
  }
  return undefined
}

/** Whether more than two thirds of the characters only follow, precede or repeat the one before. */
function isRun(text: string): boolean {
  let steps = 0
  for (let index = 1; index < text.length; index += 1) {
    if (Math.abs(text.charCodeAt(index) - text.charCodeAt(index - 1)) <= 1) steps += 1
  }
  return steps * 3 > text.length * 2
}
