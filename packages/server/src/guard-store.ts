import { createMemoryStore, type RemoteStore, type Store } from '@rempart/guard'
import { createPostgresStore } from '@rempart/guard/postgres'
import type { Logger } from 'pino'
import type { Config } from './config.ts'
import type { Metrics } from './core/metrics/metrics.ts'
import { type ConnectionTarget, createPool, type Pool } from './database/connect.ts'
import type { RedisHealth } from './modules/health/service.ts'
import { openRedisGuardStore } from './redis-guard-store.ts'

/** Where the guard counts, and its end. */
export interface OpenGuardStore {
  readonly store: Store | RemoteStore
  readonly kind: 'memory' | 'postgres' | 'redis'
  /** Absent where Redis is not used. */
  readonly health?: () => Promise<RedisHealth>
  close(): Promise<void>
}

export interface GuardStoreDependencies {
  /** The database as rempart_app. */
  readonly target: ConnectionTarget
  /** 32 bytes, used for nothing else and the same in every process: names the counters. */
  readonly secret: Buffer
  readonly metrics: Pick<Metrics, 'watchGuardStore' | 'watchSharedStore' | 'watchPool'>
  readonly log: Logger
}

/**
 * Opens the store that the configuration names. Left to itself, it is one that all processes share wherever there can be
 * several: a limit that each process counts for itself is as many times the limit.
 */
export function openGuardStore(config: Config, dependencies: GuardStoreDependencies): Promise<OpenGuardStore> {
  const kind = kindOf(config)
  dependencies.log.info({ guardStore: kind }, 'the guard counts')
  switch (kind) {
    case 'memory':
      return Promise.resolve(openMemory(config, dependencies))
    case 'postgres':
      return openPostgres(config, dependencies)
    case 'redis':
      return openRedis(config, dependencies)
  }
}

function kindOf({ guardStore, embedded, redisUrl, workers }: Config): OpenGuardStore['kind'] {
  if (guardStore !== 'auto') return guardStore
  if (redisUrl !== undefined) return 'redis'
  // Without workers one process alone serves from an embedded database.
  return embedded && workers === 1 ? 'memory' : 'postgres'
}

function openMemory(config: Config, { metrics, log }: GuardStoreDependencies): OpenGuardStore {
  const store = createMemoryStore({ budgetBytes: config.guardMemoryBytes })
  metrics.watchGuardStore(() => store.stats())
  if (!config.embedded) log.warn('REMPART_GUARD_STORE is memory: each process counts for itself, whatever others admit')
  return { store, kind: 'memory', close: async () => {} }
}

function openRedis({ redisUrl }: Config, dependencies: GuardStoreDependencies): Promise<OpenGuardStore> {
  // The configuration is refused when Redis is asked for without it.
  if (redisUrl === undefined) return Promise.reject(new Error('REMPART_REDIS_URL is not set'))
  return openRedisGuardStore(redisUrl, dependencies)
}

/** Two calls travel at a time, and a heartbeat besides. */
const connections = 3
/** A call that is not answered within 25 ms is past its use; this ends the statement that it left behind. */
const statementTimeoutMs = 1_000

/** @throws The driver's own error when the database cannot be reached. */
async function openPostgres(config: Config, dependencies: GuardStoreDependencies): Promise<OpenGuardStore> {
  const { target, secret, metrics, log } = dependencies
  const state = { isClosing: false }
  const settings = {
    size: connections,
    connectTimeoutMs: statementTimeoutMs,
    statementTimeoutMs,
    // A request must not wait for a connection to be made.
    idleTimeoutMs: 0,
    maxLifetimeMs: config.databaseMaxLifetimeMs,
    name: 'rempart-guard',
  }
  const pool = createPool(target, settings, (error) => {
    if (!state.isClosing) log.warn({ reason: error.message }, 'an idle connection of the guard was lost')
  })
  await warm(pool)
  const store = createPostgresStore(pool, { secret })
  metrics.watchSharedStore(() => ({ nodes: store.nodes(), isOpen: store.isOpen() }))
  metrics.watchPool('guard', () => ({ total: pool.totalCount, idle: pool.idleCount, waiting: pool.waitingCount }))
  return {
    store,
    kind: 'postgres',
    async close() {
      state.isClosing = true
      store.close()
      await pool.end()
    },
  }
}

/** Makes the connections, and has each read the function that counts, before a request needs one within 25 ms. */
async function warm(pool: Pool): Promise<void> {
  const made = await Promise.all(Array.from({ length: connections }, () => pool.connect()))
  try {
    for (const connection of made) await connection.query(firstCount)
  } finally {
    for (const connection of made) connection.release()
  }
}

/** One unit under a key that no hash has, in a window of a millisecond. */
const firstCount = `select rempart_guard.take(
  array[0], array['\\x00'::bytea], array['window'], array[1], array[1], array[1000], array[0], array[0], array[1], array[1],
  array['{}'], array[1], array[false], array[false], array[false], array[''])`
