/** The cost of one Argon2id hash. */
export interface Argon2Cost {
  /** Memory in KiB, at least 8 per lane, at most 262144 (256 MiB). */
  readonly memoryKib: number
  /** Passes over it, 1 to 16. */
  readonly passes: number
  /** Lanes, 1 to 8. */
  readonly parallelism: number
}

/** OWASP's second choice for Argon2id: 19 MiB, two passes, one lane. */
export const defaultArgon2Cost: Argon2Cost = { memoryKib: 19_456, passes: 2, parallelism: 1 }

/** A stored password, taken apart. */
export type StoredPassword = StoredArgon2 | StoredBcrypt

/** An Argon2id hash, version 1.3 of the algorithm. */
export interface StoredArgon2 {
  readonly scheme: 'argon2id'
  readonly cost: Argon2Cost
  /** Which pepper was used; undefined when none was. */
  readonly pepperId: string | undefined
  readonly salt: Buffer
  readonly tag: Buffer
}

/** A bcrypt hash that another system made; it is only ever verified. */
export interface StoredBcrypt {
  readonly scheme: 'bcrypt'
  /** Two to its power are the rounds: 4 to 15 here. */
  readonly cost: number
  readonly encoded: string
}

/** Memory times passes: about two seconds of one core. More can only have been written to stop the server. */
const mostWorkKib = 1_048_576
const mostBcryptCost = 15

const argon2Shape =
  /^\$argon2id\$v=19\$m=([1-9]\d{0,5}),t=([1-9]\d?),p=([1-8])(?:,keyid=([A-Za-z0-9+/]{2,11}))?\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{22,86})$/
const bcryptShape = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/
const pepperIdShape = /^[A-Za-z0-9_-]{1,8}$/

/**
 * Why a cost cannot be used, as the rule it breaks; undefined when it can. The same bounds hold for what is configured
 * and for what a stored hash asks for, so that a row somebody planted cannot buy gigabytes or minutes.
 */
export function argon2CostFault({ memoryKib, passes, parallelism }: Argon2Cost): string | undefined {
  if (!Number.isInteger(parallelism) || parallelism < 1 || parallelism > 8) return 'parallelism is 1 to 8'
  if (!Number.isInteger(passes) || passes < 1 || passes > 16) return 'passes are 1 to 16'
  if (!Number.isInteger(memoryKib) || memoryKib < 8 * parallelism || memoryKib > 262_144) {
    return 'memory is 8 KiB per lane to 262144 KiB'
  }
  return memoryKib * passes > mostWorkKib ? 'memory times passes is at most 1048576 KiB' : undefined
}

/** Whether two costs are the same. */
export function isSameCost(left: Argon2Cost, right: Argon2Cost): boolean {
  return left.memoryKib === right.memoryKib && left.passes === right.passes && left.parallelism === right.parallelism
}

/** Whether a name will do for a pepper: 1 to 8 letters, digits, `_` or `-`. PHC keeps eight bytes for it. */
export function isPepperId(id: string): boolean {
  return pepperIdShape.test(id)
}

/**
 * An Argon2id hash as a PHC string: `$argon2id$v=19$m=…,t=…,p=…[,keyid=…]$salt$tag`, base64 without padding. `keyid` is
 * the pepper's id, itself in base64 as the format asks.
 *
 * @see https://github.com/P-H-C/phc-string-format
 */
export function formatArgon2({ cost, pepperId, salt, tag }: Omit<StoredArgon2, 'scheme'>): string {
  const keyId = pepperId === undefined ? '' : `,keyid=${unpadded(Buffer.from(pepperId))}`
  const { memoryKib, passes, parallelism } = cost
  return `$argon2id$v=19$m=${memoryKib},t=${passes},p=${parallelism}${keyId}$${unpadded(salt)}$${unpadded(tag)}`
}

/**
 * Takes a stored hash apart: one spelling only, costs within bounds, salt 8 to 64 bytes, tag 16 to 64.
 *
 * @returns undefined for anything else.
 */
export function parseStoredPassword(text: string): StoredPassword | undefined {
  const [, bcryptCost] = bcryptShape.exec(text) ?? []
  return bcryptCost === undefined ? parseArgon2(text) : parseBcrypt(text, Number(bcryptCost))
}

function parseBcrypt(encoded: string, cost: number): StoredBcrypt | undefined {
  return cost >= 4 && cost <= mostBcryptCost ? { scheme: 'bcrypt', cost, encoded } : undefined
}

function parseArgon2(text: string): StoredArgon2 | undefined {
  const [, memory, passes, lanes, keyId, saltText = '', tagText = ''] = argon2Shape.exec(text) ?? []
  const cost = { memoryKib: Number(memory), passes: Number(passes), parallelism: Number(lanes) }
  if (argon2CostFault(cost) !== undefined) return undefined

  const salt = fromUnpadded(saltText)
  const tag = fromUnpadded(tagText)
  if (salt === undefined || tag === undefined) return undefined
  if (keyId === undefined) return { scheme: 'argon2id', cost, pepperId: undefined, salt, tag }

  const pepperId = fromUnpadded(keyId)?.toString('latin1')
  if (pepperId === undefined || !isPepperId(pepperId)) return undefined
  return { scheme: 'argon2id', cost, pepperId, salt, tag }
}

function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '')
}

/** Undefined unless encoding the bytes again gives the same text: trailing bits have one spelling. */
function fromUnpadded(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64')
  return unpadded(bytes) === text ? bytes : undefined
}
