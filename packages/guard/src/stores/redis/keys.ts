import { createHmac, createSecretKey } from 'node:crypto'
import type { Counter, HeldLease, Take } from '../../store.ts'
import { canonicalKey } from '../canonical-key.ts'
import { type CounterCode, encodeCounter } from './counter.ts'
import { createKeyMemory, type KeyMemory } from './key-memory.ts'

/** Where a key lives in Redis, and what this process remembers of it. */
export interface RedisKey {
  /** `prefix{lane}hash`: the lane is the hash tag, so that a lane is one hash slot of a cluster. */
  readonly name: string
  /** 0 to 63. */
  readonly lane: number
  /** The batch it was last put in, and its place there. */
  batch: number
  place: number
  /** While its counter is known to refuse, until when and how; see `redis-blocked.ts`. */
  block: Block | undefined
  /** What was paid for it ahead; see `redis-prepaid.ts`. */
  prepaid: Prepaid | undefined
}

/** A refusal that only time ends. Times are the caller's clock. */
export interface Block {
  readonly counter: Counter
  readonly cost: number
  readonly used: number
  readonly cooling: boolean
  /** Before this the server would refuse, whoever asks. */
  readonly surelyUntilMs: number
  /** By then the server admits again, when nobody else comes. */
  readonly endsMs: number
  readonly freesAtMs: number
}

/** Units of a key that are charged in Redis and that this process may still spend. */
export interface Prepaid {
  counter: Counter
  units: number
  /** Until when they may be spent: the time that Redis has dated them by. The caller's clock, as all here. */
  untilMs: number
  /** Units in use by others and by this process, as last known. */
  used: number
  freesAtMs: number
  /** Requests since then, for the rate. */
  seen: number
  seenSinceMs: number
  perSecond: number
  askedAtMs: number
}

/** Names keys. */
export interface Keyring {
  /** The key of a take as it stands; remembered in the take. */
  ofTake(take: Take): RedisKey
  ofLease(lease: HeldLease): RedisKey
  ofMark(text: string): Pick<RedisKey, 'name' | 'lane'>
}

/** A counter, with the keys it was asked for lately. */
interface CodedCounter {
  readonly code: CounterCode
  readonly memory: KeyMemory<RedisKey>
}

/** What a take remembers between calls. */
interface TakeMemo {
  readonly keyring: Keyring
  readonly coded: CodedCounter
  readonly values: string[]
  key: RedisKey | undefined
}

/** Lanes that counters are spread over. */
export const LANES = 64
const LEAST_SECRET_BYTES = 16
/** 22 characters of 6 bits. */
const HASH_LENGTH = 22

/**
 * Names keys by a keyed hash of 132 bits, so that neither addresses nor account names stand in Redis,
 * and lays those of one subject in one lane: what a request takes is then mostly one call.
 *
 * @throws RangeError for a secret of less than 16 bytes, or a prefix with braces.
 */
export function createKeyring(secret: Uint8Array | string, prefix: string): Keyring {
  const bytes = Buffer.from(secret)
  if (bytes.length < LEAST_SECRET_BYTES) throw new RangeError('secret: at least 16 bytes')
  if (/[{}]/.test(prefix)) throw new RangeError('prefix: without braces, which name the hash slot')
  const derive = (purpose: string) =>
    createSecretKey(createHmac('sha256', bytes).update(`rempart redis ${purpose}`).digest())
  const counterKey = derive('counter')
  const markKey = derive('mark')
  const laneSeed = createHmac('sha256', bytes).update('rempart redis lane').digest().readInt32LE(0)
  const remember = createKeyMemory<RedisKey>()
  const codes = new WeakMap<Counter, CodedCounter>()

  const find = (counter: Counter, { code, memory }: CodedCounter, values: readonly string[]): RedisKey => {
    const [single = ''] = values
    // A text that comes again brings its hash along, where one that is put together has to be hashed each time.
    const name = values.length === 1 ? single : canonicalKey(counter, values)
    const found = memory.get(name)
    if (found !== undefined) return found
    const key = create(canonicalKey(counter, values), laneOf(values[code.laneBy] ?? '', laneSeed))
    memory.set(name, key)
    return key
  }
  const create = (text: string, lane: number): RedisKey => {
    const hash = createHmac('sha256', counterKey).update(text).digest('base64url').slice(0, HASH_LENGTH)
    return { name: `${prefix}{${lane}}${hash}`, lane, batch: -1, place: 0, block: undefined, prepaid: undefined }
  }
  const codeOf = (counter: Counter): CodedCounter => {
    let coded = codes.get(counter)
    if (coded === undefined) {
      coded = { code: encodeCounter(counter), memory: remember() }
      codes.set(counter, coded)
    }
    return coded
  }

  const keyring: Keyring = {
    ofTake(take) {
      const memo = memoOf(take)
      const { values } = take
      if (memo.key !== undefined && isSame(memo.values, values)) return memo.key
      for (let index = 0; index < values.length; index += 1) memo.values[index] = values[index] ?? ''
      memo.key = find(take.counter, memo.coded, values)
      return memo.key
    },
    ofLease: ({ counter, values }) => find(counter, codeOf(counter), values),
    ofMark(text) {
      const hash = createHmac('sha256', markKey).update(text).digest('base64url').slice(0, HASH_LENGTH)
      const lane = laneOf(hash, laneSeed)
      return { name: `${prefix}{${lane}}m${hash}`, lane }
    },
  }
  const memoOf = (take: Take): TakeMemo => {
    // Whatever another store has left there names another keyring.
    const memo = take.scratch as TakeMemo | undefined
    if (memo?.keyring === keyring) return memo
    const fresh = { keyring, coded: codeOf(take.counter), values: [], key: undefined }
    take.scratch = fresh
    return fresh
  }
  return keyring
}

/** What a take was bound to by the keyring that has just named it. */
export function codeOfTake(take: Take): CounterCode {
  return (take.scratch as TakeMemo).coded.code
}

function isSame(before: readonly string[], now: readonly string[]): boolean {
  for (let index = 0; index < now.length; index += 1) if (before[index] !== now[index]) return false
  return true
}

/** Spreads values evenly; the seed keeps outsiders from choosing values of one lane. */
function laneOf(value: string, seed: number): number {
  let hash = seed
  for (let index = 0; index < value.length; index += 1) {
    hash = Math.imul(hash ^ value.charCodeAt(index), 0x01000193)
    hash ^= hash >>> 15
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x45d9f3b)
  return ((hash ^ (hash >>> 16)) >>> 0) % LANES
}
