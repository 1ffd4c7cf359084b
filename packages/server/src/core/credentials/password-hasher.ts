import { type Argon2Parameters, argon2, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { verify as verifyBcrypt } from '@node-rs/bcrypt'
import { createHashQueue, defaultHashConcurrency, type HashQueue } from './hash-queue.ts'
import {
  type Argon2Cost,
  argon2CostFault,
  defaultArgon2Cost,
  formatArgon2,
  isPepperId,
  isSameCost,
  parseStoredPassword,
  type StoredArgon2,
} from './password-hash-format.ts'

/** A secret that the database does not hold: a stolen table alone cannot be guessed at. */
export interface Pepper {
  /** Stored beside each hash: 1 to 8 letters, digits, `_` or `-`. */
  readonly id: string
  /** At least 32 bytes. */
  readonly key: Buffer
}

/** One hash that was computed: for the metrics, and for tests of who pays what. */
export interface HashWork {
  readonly scheme: 'argon2id' | 'bcrypt'
  readonly durationMs: number
}

/** How passwords are hashed. */
export interface PasswordHasherOptions {
  /** What a hash costs from here on. Default 19456 KiB, 2 passes, 1 lane. */
  readonly parameters?: Argon2Cost
  /**
   * Costs of hashes that may still be stored. While one is named, every check pays it too, whoever is asked for: else
   * the time of an answer tells which accounts exist.
   */
  readonly previousParameters?: readonly Argon2Cost[]
  /** The pepper of new hashes. */
  readonly pepper?: Pepper
  /** Peppers of hashes that may still be stored. */
  readonly previousPeppers?: readonly Pepper[]
  /** Set while imported bcrypt hashes may be stored: their cost, 4 to 15. Every check then pays one bcrypt as well. */
  readonly legacyBcrypt?: { readonly cost: number }
  /** Checks at once. Default: the cores, one thread of the pool left free. */
  readonly concurrency?: number
  /** Checks that wait beyond those. Default 64. */
  readonly maxQueue?: number
  readonly observe?: (work: HashWork) => void
}

/** What checking a password found. */
export interface PasswordVerdict {
  readonly matches: boolean
  /** Whether the password, which matches, is to be hashed again with the current parameters and stored. */
  readonly needsRehash: boolean
  /** Why a stored hash could not be used at all: something for the operator's log, never for the person's answer. */
  readonly fault: 'unreadable-hash' | 'unknown-pepper' | 'bcrypt-not-allowed' | undefined
}

/** Hashes and checks passwords, a bounded number at once. */
export interface PasswordHasher {
  /**
   * The hash to store, as a PHC string with a fresh salt.
   *
   * @throws RangeError the password is no well-formed text or over 1024 UTF-16 units: the password rule comes first.
   * @throws HashQueueFullError
   */
  hash(password: string): Promise<string>
  /**
   * Checks a password at the same cost for everybody: one Argon2id with the current parameters, one for each previous
   * cost and one bcrypt while those are set, real where the stored hash is of that kind and dummy where not. Ask with
   * undefined for an unknown, locked or passwordless account, and never skip the call.
   *
   * @throws HashQueueFullError
   */
  verifyAlways(password: string, storedHash: string | undefined): Promise<PasswordVerdict>
  /** Whether a stored hash is of another scheme, cost or pepper than a new one would be. */
  needsRehash(storedHash: string): boolean
  /** Keeps a place for the next check by the hasher that the work is given. @throws HashQueueFullError */
  hold<Result>(work: (held: PasswordHasher) => Promise<Result>): Promise<Result>
  /** Waits for company where checks wait anyway; see {@link HashQueue}. */
  gather: HashQueue['gather']
  /** How many checks are at work and how many wait. */
  load: HashQueue['load']
}

const saltBytes = 16
const tagBytes = 32
/** Three times the longest password in UTF-16 units, for what NFC can add, and some. */
const longestPasswordUnits = 1024
const computeArgon2 = promisify((parameters: Argon2Parameters, done: (error: Error | null, tag: Buffer) => void) =>
  argon2('argon2id', parameters, done),
)

/**
 * Makes the hasher of the process.
 *
 * @throws RangeError a cost, a pepper or a bound is unusable.
 */
export function createPasswordHasher(options: PasswordHasherOptions = {}): PasswordHasher {
  const { parameters = defaultArgon2Cost, previousParameters = [], pepper, previousPeppers = [], observe } = options
  const costs = [parameters, ...previousParameters.filter((cost) => !isSameCost(cost, parameters))]
  const peppers = pepperTable(pepper === undefined ? previousPeppers : [pepper, ...previousPeppers])
  const dummyBcrypt = options.legacyBcrypt && bcryptOfNobody(options.legacyBcrypt.cost)
  for (const cost of costs) {
    const fault = argon2CostFault(cost)
    if (fault !== undefined) throw new RangeError(`Argon2id: ${fault}`)
  }
  const queue = createHashQueue({
    concurrency: options.concurrency ?? defaultHashConcurrency(),
    maxQueue: options.maxQueue ?? 64,
  })

  /** NFC here and nowhere else, so that both ways of writing é are one password. */
  async function argon2Of(password: string, shape: Omit<StoredArgon2, 'scheme' | 'tag'>, length: number) {
    const normalized = Buffer.from(password.normalize('NFC'))
    const key = shape.pepperId === undefined ? undefined : peppers.get(shape.pepperId)
    const startedMs = performance.now()
    const tag = await computeArgon2({
      message: key === undefined ? normalized : createHmac('sha256', key).update(normalized).digest(),
      nonce: shape.salt,
      parallelism: shape.cost.parallelism,
      tagLength: length,
      memory: shape.cost.memoryKib,
      passes: shape.cost.passes,
    })
    observe?.({ scheme: 'argon2id', durationMs: performance.now() - startedMs })
    return tag
  }

  async function bcryptMatches(password: string, encoded: string): Promise<boolean> {
    const startedMs = performance.now()
    const matches = await verifyBcrypt(Buffer.from(password), encoded)
    observe?.({ scheme: 'bcrypt', durationMs: performance.now() - startedMs })
    return matches
  }

  async function argon2Matches(password: string, stored: StoredArgon2): Promise<boolean> {
    return timingSafeEqual(await argon2Of(password, stored, stored.tag.length), stored.tag)
  }

  /** The kinds every check pays, then the stored one if its cost is none of those. */
  async function compare(password: string, stored: Usable['stored']): Promise<boolean> {
    const argon2 = stored?.scheme === 'argon2id' ? stored : undefined
    const results: boolean[] = []
    for (const cost of costs) results.push(await payArgon2(password, cost, argon2))
    if (dummyBcrypt !== undefined) {
      results.push(await payBcrypt(password, dummyBcrypt, stored?.scheme === 'bcrypt' ? stored.encoded : undefined))
    }
    // A cost nobody named: checked all the same, so that a setting forgotten locks nobody out.
    if (argon2 !== undefined && !costs.some((cost) => isSameCost(argon2.cost, cost))) {
      results.push(await argon2Matches(password, argon2))
    }
    return results.includes(true)
  }

  /** One Argon2id of this cost: against the stored hash if that is of it, else against nobody's. */
  async function payArgon2(password: string, cost: Argon2Cost, stored: StoredArgon2 | undefined): Promise<boolean> {
    const isReal = stored !== undefined && isSameCost(stored.cost, cost)
    const matches = await argon2Matches(password, isReal ? stored : argon2OfNobody(cost, pepper?.id))
    return isReal && matches
  }

  /** One bcrypt: against the stored hash if bcrypt reads the whole password, else against nobody's. */
  async function payBcrypt(password: string, dummy: string, stored: string | undefined): Promise<boolean> {
    const isReal = stored !== undefined && isWholeToBcrypt(password)
    const matches = await bcryptMatches(password, isReal ? stored : dummy)
    return isReal && matches
  }

  function usable(storedHash: string | undefined): Usable {
    if (storedHash === undefined) return { stored: undefined, fault: undefined }
    const stored = parseStoredPassword(storedHash)
    if (stored === undefined) return { stored, fault: 'unreadable-hash' }
    if (stored.scheme === 'bcrypt' && dummyBcrypt === undefined)
      return { stored: undefined, fault: 'bcrypt-not-allowed' }
    if (stored.scheme === 'argon2id' && stored.pepperId !== undefined && !peppers.has(stored.pepperId)) {
      return { stored: undefined, fault: 'unknown-pepper' }
    }
    return { stored, fault: undefined }
  }

  function isDated(stored: Usable['stored']): boolean {
    if (stored?.scheme !== 'argon2id') return true
    if (!isSameCost(stored.cost, parameters) || stored.pepperId !== pepper?.id) return true
    return stored.salt.length < saltBytes || stored.tag.length !== tagBytes
  }

  const hasherOn = (run: HashQueue['run']): PasswordHasher => ({
    async hash(password) {
      if (!isHashable(password)) throw new RangeError('the password is no well-formed text of at most 1024 units')
      const shape = { cost: parameters, pepperId: pepper?.id, salt: randomBytes(saltBytes) }
      return formatArgon2({ ...shape, tag: await queue.run(() => argon2Of(password, shape, tagBytes)) })
    },
    async verifyAlways(password, storedHash) {
      const { stored, fault } = usable(storedHash)
      const acceptable = isHashable(password)
      const matches = await run(() => compare(acceptable ? password : '', acceptable ? stored : undefined))
      return { matches, needsRehash: matches && isDated(stored), fault }
    },
    hold: (work) => queue.hold((runInPlace) => work(hasherOn(runInPlace))),
    needsRehash: (storedHash) => isDated(parseStoredPassword(storedHash)),
    gather: queue.gather,
    load: queue.load,
  })
  return hasherOn(queue.run)
}

interface Usable {
  readonly stored: ReturnType<typeof parseStoredPassword>
  readonly fault: PasswordVerdict['fault']
}

/** Lone surrogates all become the same bytes: a password that has one would be the same as many others. */
function isHashable(password: string): boolean {
  return password.length <= longestPasswordUnits && password.isWellFormed()
}

/**
 * Whether bcrypt reads the whole of it. It stops after 72 bytes and cannot tell 72 from more, and a NUL ends the text:
 * such a password is never let in by its beginning. Who has one resets it.
 */
function isWholeToBcrypt(password: string): boolean {
  const length = Buffer.byteLength(password)
  return length > 0 && length < 72 && !password.includes('\0')
}

function pepperTable(peppers: readonly Pepper[]): ReadonlyMap<string, Buffer> {
  const table = new Map<string, Buffer>()
  for (const { id, key } of peppers) {
    if (!isPepperId(id) || table.has(id)) throw new RangeError('a pepper id is 1 to 8 of A-Z a-z 0-9 _ - and unique')
    if (key.length < 32) throw new RangeError('a pepper has at least 32 bytes')
    table.set(id, key)
  }
  return table
}

/** A hash of no password: random, so nothing matches it but by a chance of one in 2^256. */
function argon2OfNobody(cost: Argon2Cost, pepperId: string | undefined): StoredArgon2 {
  return { scheme: 'argon2id', cost, pepperId, salt: randomBytes(saltBytes), tag: randomBytes(tagBytes) }
}

function bcryptOfNobody(cost: number): string {
  if (!Number.isInteger(cost) || cost < 4 || cost > 15) throw new RangeError('a bcrypt cost is 4 to 15')
  // 16 bytes of salt and 23 of hash in bcrypt's alphabet; `O` and `e` end each with their unused bits clear.
  const letters = () => randomBytes(30).toString('base64').replaceAll('+', '.')
  return `$2b$${String(cost).padStart(2, '0')}$${letters().slice(0, 21)}O${letters().slice(0, 30)}e`
}
