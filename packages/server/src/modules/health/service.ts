import type { RemoteStore, Store } from '@rempart/guard'
import type { Pool } from '../../database/connect.ts'
import { type SchemaState, schemaState } from '../../database/migrate.ts'

export interface HealthDependencies {
  readonly pool: Pool
  readonly store: Store | RemoteStore
  /** Asks the guard's Redis how it is, and takes no longer than `timeoutMs`; absent without one. */
  readonly redis?: () => Promise<RedisHealth>
  /** Names the policies in force. */
  readonly policyVersion: () => string
  readonly version: string
  /** True once a stop was asked for: load balancers then send nothing new. */
  readonly isStopping: () => boolean
  /** Longest wait for the database's answer. */
  readonly timeoutMs: number
}

type CheckState = 'ok' | 'degraded' | 'failed'

/**
 * `failed` until Redis has answered once. `degraded` when it has stopped answering: requests are served, each
 * rule as its `onStoreFailure` says, which is better than no process being ready at all.
 */
export type RedisHealth = 'ok' | 'degraded' | 'failed'

interface Readiness {
  readonly status: 'ready' | 'not-ready'
  readonly checks: Record<string, CheckState>
}

interface DatabaseHealth {
  readonly isReachable: boolean
  readonly latencyMs: number
  readonly state?: SchemaState
  readonly version?: string
}

export async function readReadiness(dependencies: HealthDependencies): Promise<Readiness> {
  const [database, redis] = await Promise.all([askDatabase(dependencies), dependencies.redis?.()])
  const checks: Record<string, CheckState> = {
    database: mark(database.isReachable),
    migrations: mark(database.state?.pending.length === 0),
    serving: mark(!dependencies.isStopping()),
    ...(redis && { redis }),
  }
  return { status: statusOf(Object.values(checks)), checks }
}

export async function readDeepHealth(dependencies: HealthDependencies) {
  const { pool, store } = dependencies
  const [database, redis] = await Promise.all([askDatabase(dependencies), dependencies.redis?.()])
  const memory = process.memoryUsage()
  return {
    status: statusOf([
      mark(database.isReachable),
      mark(database.state?.pending.length === 0),
      mark(!dependencies.isStopping()),
      redis ?? 'ok',
    ]),
    version: dependencies.version,
    node: process.version,
    uptimeSeconds: Math.round(process.uptime()),
    database: {
      status: mark(database.isReachable),
      latencyMs: database.latencyMs,
      ...(database.version !== undefined && { version: database.version }),
      ...(database.state && { migration: database.state.applied, pendingMigrations: [...database.state.pending] }),
      pool: { total: pool.totalCount, idle: pool.idleCount, waiting: pool.waitingCount },
    },
    guard: {
      ...describeStore(store),
      ...(redis && { redis }),
      policyVersion: dependencies.policyVersion(),
    },
    memory: { rssBytes: memory.rss, heapUsedBytes: memory.heapUsed },
  }
}

function describeStore(store: Store | RemoteStore) {
  if (store.remote) return { store: 'shared', processes: store.nodes() }
  const { entries, bytes } = store.stats()
  return { store: 'memory', entries, bytes }
}

const mark = (isGood: boolean): 'ok' | 'failed' => (isGood ? 'ok' : 'failed')

const statusOf = (checks: readonly CheckState[]): 'ready' | 'not-ready' =>
  checks.every((check) => check !== 'failed') ? 'ready' : 'not-ready'

async function askDatabase({ pool, timeoutMs }: HealthDependencies): Promise<DatabaseHealth> {
  const startedMs = performance.now()
  try {
    const answer = Promise.all([
      schemaState(pool),
      pool.query<{ version: string }>("select current_setting('server_version') as version"),
    ])
    const [state, version] = await withDeadline(answer, timeoutMs)
    return {
      isReachable: true,
      latencyMs: roundMs(performance.now() - startedMs),
      state,
      ...(version.rows[0] && { version: version.rows[0].version }),
    }
  } catch {
    return { isReachable: false, latencyMs: roundMs(performance.now() - startedMs) }
  }
}

const roundMs = (value: number): number => Math.round(value * 100) / 100

function withDeadline<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  work.catch(() => {})
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('no answer in time')), timeoutMs)
    work.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
