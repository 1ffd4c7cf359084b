import { randomBytes } from 'node:crypto'
import { createDeadline } from '../deadline.ts'
import type { RemoteStore, Take } from '../store.ts'
import { takeAcross } from './redis/across.ts'
import { addTake, type Batch } from './redis/batch.ts'
import { createBlockedKeys } from './redis/blocked.ts'
import { connectRedis, type RedisClient } from './redis/client.ts'
import { inspectRedis } from './redis/inspect.ts'
import { codeOfTake, createKeyring, LANES, type RedisKey } from './redis/keys.ts'
import { createLane, type Lane, RedisUnavailableError } from './redis/lane.ts'
import { answerLocally } from './redis/local.ts'
import { createRedisProgram, type RedisProgram } from './redis/lua.ts'
import { notePaid, unitsToAsk } from './redis/prepaid.ts'
import { createProgramCaller } from './redis/program.ts'

export type { IoredisClient, NodeRedisClient, NodeRedisCluster, RedisClient } from './redis/client.ts'

/** What a Redis store counts in, and how. */
export interface RedisStoreOptions {
  /**
   * A client of ioredis or node-redis, connected to a server, through Sentinel or to a cluster. The store
   * neither connects nor closes it.
   */
  readonly client: RedisClient
  /** Keys the hashes of subjects: at least 16 bytes, the same in every process. */
  readonly secret: Uint8Array | string
  /** What names begin with. @default 'rempart' */
  readonly prefix?: string
  /** How long a call may take before it counts as a miss; five in a row open the breaker. @default 25 */
  readonly deadlineMs?: number
  /**
   * `hot-keys` pays units of a key ahead from 50 requests a second on, and spends them without a call. The
   * limit is never exceeded; what is paid and not spent within a quarter of a second is lost to it.
   *
   * @default 'none'
   */
  readonly leases?: 'none' | 'hot-keys'
  /** Keys known to be refused that are answered without a call, for a second at most; 0 for none. @default 10,000 */
  readonly blockedKeys?: number
}

/** Where a Redis store stands, for metrics and health. */
export interface RedisStoreState {
  /** Whether every server answers as far as is known. */
  readonly isAvailable: boolean
  /** Lanes whose breaker is open, of all. */
  readonly openLanes: number
  readonly lanes: number
  /** Calls that failed or were late. Never falls. */
  readonly misses: number
  /** Requests answered without a call. Never falls. */
  readonly localAnswers: number
  readonly nodes: number
}

/** Counters in Redis 7 or Valkey, shared by every process that has the secret. */
export interface RedisStore extends RemoteStore {
  state(): RedisStoreState
  /** What of the server's configuration lets counters be forgotten, in words; empty when all is well. */
  inspect(): Promise<readonly string[]>
  /** Stops the heartbeat; the client stays its owner's. */
  close(): void
}

const DEFAULT_DEADLINE_MS = 25
const DEFAULT_BLOCKED_KEYS = 10_000
const HEARTBEAT_MS = 5_000
/** A process that has not been heard of for this long is gone. */
const LIVING_MS = 15_000

/**
 * Creates a store in Redis. All requests of one turn of the event loop travel in one call, or in one for each of
 * 64 lanes where keys are spread over a cluster; each is all or nothing.
 *
 * @throws RangeError for a secret that is too short or a prefix with braces.
 */
export function createRedisStore(options: RedisStoreOptions): RedisStore {
  return createRedisStoreWith(options, createRedisProgram())
}

/** The same over another program, such as one that goes by a virtual clock. */
export function createRedisStoreWith(options: RedisStoreOptions, program: RedisProgram): RedisStore {
  const { client, secret, prefix = 'rempart', deadlineMs = DEFAULT_DEADLINE_MS } = options
  const connection = connectRedis(client)
  const call = createProgramCaller(connection, program)
  const deadline = createDeadline(deadlineMs)
  const keyring = createKeyring(secret, prefix)
  const blocked = createBlockedKeys(options.blockedKeys ?? DEFAULT_BLOCKED_KEYS)
  const paysAhead = options.leases === 'hot-keys'
  const processName = randomBytes(9).toString('base64url')
  let localAnswers = 0
  let nodes = 1

  const tell = (batch: Batch, take: Take, key: RedisKey, paid: number): void => {
    if (paysAhead && paid > 0) notePaid(batch, take, codeOfTake(take), key, paid)
    if (!take.fits || key.block !== undefined) blocked.note(batch, take, key)
  }
  const lanes = Array.from({ length: connection.sharded ? LANES : 1 }, (_, lane) =>
    createLane({
      connection,
      call,
      deadline,
      deadlineMs,
      processName,
      heartbeatKey: `${prefix}{${lane}}n`,
      livingMs: LIVING_MS,
      tell,
    }),
  )
  const [firstLane] = lanes
  if (firstLane === undefined) throw new RangeError('no lane')
  const laneOf = (key: RedisKey): Lane => lanes[key.lane] ?? firstLane

  const beat = (): void => {
    firstLane.beat().then(
      (living) => {
        nodes = Math.max(1, living)
      },
      () => undefined,
    )
  }
  beat()
  const heart = setInterval(beat, HEARTBEAT_MS).unref()

  const takeTogether = (lane: Lane, takes: readonly Take[], count: number, nowMs: number): Promise<void> => {
    if (lane.breaker.isOpen()) return refused
    const active = countActive(takes, count)
    const batch = lane.batch(active, nowMs)
    let added = 0
    for (let index = 0; index < count; index += 1) {
      const take = takes[index]
      if (!take?.active) continue
      const key = keyring.ofTake(take)
      const code = codeOfTake(take)
      added += 1
      const ahead = paysAhead ? unitsToAsk(take, code, key, nowMs) : 0
      addTake(batch, take, key, code, added === active, 'take', ahead, '')
    }
    lane.added()
    return batch.done.promise
  }
  const oneLane = (takes: readonly Take[], count: number): Lane | undefined => {
    let only: Lane | undefined
    for (let index = 0; index < count; index += 1) {
      const take = takes[index]
      if (!take?.active) continue
      const lane = laneOf(keyring.ofTake(take))
      if (only !== undefined && only !== lane) return undefined
      only = lane
    }
    return only ?? firstLane
  }

  return {
    remote: true,
    take(takes, count, nowMs) {
      if (answerLocally(takes, count, keyring, nowMs)) {
        localAnswers += 1
        return undefined
      }
      const lane = connection.sharded ? oneLane(takes, count) : firstLane
      return lane === undefined
        ? takeAcross(takes, count, nowMs, keyring, laneOf, processName)
        : takeTogether(lane, takes, count, nowMs)
    },
    async clear(takes, count) {
      const names = new Map<Lane, string[]>()
      for (const take of takes.slice(0, count)) {
        if (!take.active || take.counter.shape === 'leases') continue
        const key = keyring.ofTake(take)
        blocked.forget(key)
        names.set(laneOf(key), [...(names.get(laneOf(key)) ?? []), key.name])
      }
      await Promise.all([...names].map(([lane, own]) => lane.send(own[0] ?? '', 'DEL', own)))
    },
    async release(leases) {
      await Promise.all(
        leases.map((lease) => {
          const key = keyring.ofLease(lease)
          return laneOf(key).send(key.name, 'ZREM', [key.name, lease.leaseId])
        }),
      )
    },
    async mark(text, ttlMs) {
      const { name, lane } = keyring.ofMark(text)
      const reply = await (lanes[lane] ?? firstLane).send(name, 'SET', [
        name,
        '1',
        'PX',
        String(Math.ceil(ttlMs)),
        'NX',
      ])
      return reply === 'OK'
    },
    nodes: () => nodes,
    state() {
      const openLanes = lanes.filter(({ breaker }) => breaker.isOpen()).length
      return {
        isAvailable: openLanes === 0,
        openLanes,
        lanes: lanes.length,
        misses: lanes.reduce((sum, { breaker }) => sum + breaker.misses(), 0),
        localAnswers,
        nodes,
      }
    },
    inspect: () => inspectRedis(connection),
    close() {
      clearInterval(heart)
      for (const lane of lanes) lane.close()
    },
  }
}

function countActive(takes: readonly Take[], count: number): number {
  let active = 0
  for (let index = 0; index < count; index += 1) if (takes[index]?.active) active += 1
  return active
}

/** What every request gets while the breaker is open: at once, and at no cost. */
const refused: Promise<void> = Promise.reject(new RedisUnavailableError('Redis does not answer'))
refused.catch(() => undefined)
