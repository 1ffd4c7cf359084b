import { createRedisStore, type RedisStore } from '@rempart/guard/redis'
import { Cluster, Redis } from 'ioredis'
import type { Logger } from 'pino'
import type { Metrics } from './core/metrics/metrics.ts'
import { createProbe } from './core/outbound/probe.ts'
import type { RedisHealth } from './modules/health/service.ts'
import type { RedisTarget } from './redis-url.ts'

/** The guard's counters in Redis, and what is known of it. */
export interface OpenRedisStore {
  readonly store: RedisStore
  readonly kind: 'redis'
  readonly health: () => Promise<RedisHealth>
  close(): Promise<void>
}

interface RedisStoreDependencies {
  /** 32 bytes, used for nothing else and the same in every process. */
  readonly secret: Buffer
  readonly metrics: Pick<Metrics, 'watchSharedStore'>
  readonly log: Logger
}

/** How long a start waits for a Redis that does not answer, before it serves without. */
const FIRST_ANSWER_MS = 3_000
const LONGEST_RETRY_MS = 1_000
/** How long a health check waits for Redis, and how long its answer holds. */
const HEALTH_ANSWER_MS = 250
const HEALTH_HOLDS_MS = 1_000

/**
 * Opens the store. A Redis that refuses this server's credentials stops the start; one that does not answer
 * does not: the process says that it is not ready until Redis has answered once, and each rule decides as its
 * `onStoreFailure` says whenever it does not.
 *
 * @throws Error when Redis refuses the credentials.
 */
export async function openRedisGuardStore(
  target: RedisTarget,
  { secret, metrics, log }: RedisStoreDependencies,
): Promise<OpenRedisStore> {
  const client = connect(target)
  // Each attempt to connect may fail anew: the log hears of the first, and of the end of it.
  const connection = { isLost: false, wasFound: false }
  client.on('error', (error: Error) => {
    if (!connection.isLost) log.warn({ reason: error.message }, 'Redis cannot be reached')
    connection.isLost = true
  })
  client.on('ready', () => {
    if (connection.isLost) log.info('Redis is reached again')
    connection.isLost = false
    connection.wasFound = true
  })
  const store = createRedisStore({ client, secret })
  // Without requests nothing else would notice for a while that it is gone or frozen.
  const answers = createProbe({ ask: () => ping(client), withinMs: HEALTH_ANSWER_MS, holdsMs: HEALTH_HOLDS_MS })
  const close = async (): Promise<void> => {
    store.close()
    client.disconnect()
  }
  try {
    await firstAnswer(client, store, log)
  } catch (error) {
    await close()
    throw error
  }
  metrics.watchSharedStore(() => {
    const { nodes, isAvailable, misses, localAnswers } = store.state()
    return { nodes, isOpen: !isAvailable, misses, localAnswers }
  })
  return {
    store,
    kind: 'redis',
    async health() {
      if (!connection.wasFound) return 'failed'
      return store.state().isAvailable && (await answers()) ? 'ok' : 'degraded'
    },
    close,
  }
}

/**
 * What of a Redis's settings lets counters be forgotten or keeps it from counting.
 *
 * @throws Error when it does not answer within three seconds, or refuses the credentials.
 */
export async function inspectRedisOf(target: RedisTarget): Promise<readonly string[]> {
  const client = connect(target)
  try {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('no answer in time')), FIRST_ANSWER_MS)
      client.once('ready', resolve).once('error', reject)
      client.once('ready', () => clearTimeout(timer)).once('error', () => clearTimeout(timer))
    })
    const store = createRedisStore({ client, secret: Buffer.alloc(32) })
    return await store.inspect().finally(() => store.close())
  } finally {
    client.on('error', () => {})
    client.disconnect()
  }
}

/**
 * Nothing waits in the client: a decision that Redis does not take within 25 ms is made without it, and what
 * was sent twice would be charged twice.
 */
function connect(target: RedisTarget): Redis | Cluster {
  const { hosts, username, password, isEncrypted } = target
  const options = {
    connectionName: 'rempart-guard',
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    connectTimeout: FIRST_ANSWER_MS,
    retryStrategy: waitBeforeRetry,
    // The server has become a replica: its name may lead to the new master by now.
    reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(isEncrypted && { tls: {} }),
  }
  switch (target.topology) {
    case 'server':
      return new Redis({ ...options, ...hosts[0], db: target.database })
    case 'sentinel':
      return new Redis({ ...options, sentinels: [...hosts], name: target.masterName })
    case 'cluster':
      return new Cluster([...hosts], {
        enableOfflineQueue: false,
        redisOptions: options,
        clusterRetryStrategy: waitBeforeRetry,
      })
  }
}

/** Of a cluster every master. */
async function ping(client: Redis | Cluster): Promise<void> {
  const servers = client instanceof Cluster ? client.nodes('master') : [client]
  await Promise.all(servers.map((server) => server.ping()))
}

function waitBeforeRetry(times: number): number {
  return Math.min(LONGEST_RETRY_MS, 50 * 2 ** Math.min(times, 10))
}

/** Waits until Redis answers, not for ever, and says what of its settings lets counters be forgotten. */
async function firstAnswer(client: Redis | Cluster, store: RedisStore, log: Logger): Promise<void> {
  const answer = await new Promise<'ready' | 'late' | Error>((resolve) => {
    const timer = setTimeout(() => resolve('late'), FIRST_ANSWER_MS)
    const end = (outcome: 'ready' | Error): void => {
      clearTimeout(timer)
      resolve(outcome)
    }
    client.once('ready', () => end('ready'))
    client.on('error', (error: Error) => {
      if (/^(?:WRONGPASS|NOAUTH|NOPERM|ERR invalid password)/.test(error.message)) end(error)
    })
  })
  if (answer instanceof Error) throw new Error(`Redis refuses the credentials of REMPART_REDIS_URL: ${answer.message}`)
  if (answer === 'late') {
    log.warn('Redis has not answered yet: the rules decide as their onStoreFailure says')
    return
  }
  const findings = await store.inspect().catch(() => [])
  for (const finding of findings) log.warn({ finding }, 'Redis may forget counters or fail to count')
}
