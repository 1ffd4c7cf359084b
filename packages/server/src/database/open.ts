import { type ConnectionTarget, createPool, type Pool } from './connect.ts'
import { startEmbeddedDatabase } from './embedded.ts'
import { migrate, schemaState } from './migrate.ts'
import { checkDatabase } from './self-check.ts'

/** Which database it is, and how it is spoken to. */
export interface DatabaseSettings {
  /** Where the embedded database lies. */
  readonly dataDir: string
  /** An external database, as rempart_app. Absent: the embedded one. */
  readonly databaseUrl?: string | undefined
  /** The same as rempart_worker. Absent: `databaseUrl` does for both. */
  readonly databaseWorkerUrl?: string | undefined
  /** Connections as rempart_app. */
  readonly databasePoolSize: number
  readonly databaseConnectTimeoutMs: number
  readonly databaseStatementTimeoutMs: number
  readonly databaseIdleTimeoutMs: number
  readonly databaseMaxLifetimeMs: number
}

/** A checked, migrated database and its pools. */
export interface OpenDatabase {
  /** As rempart_app: serves. */
  readonly app: Pool
  /** As rempart_worker: jobs, seeds and the command line. */
  readonly worker: Pool
  /** Where a further pool as rempart_app connects. */
  readonly appTarget: ConnectionTarget
  /** The same as rempart_worker. */
  readonly workerTarget: ConnectionTarget
  /** What was found or made, for the start-up message. */
  readonly origin: 'initialised' | 'started' | 'adopted' | 'shared' | 'external'
  readonly version: string
  close(): Promise<void>
}

/** Where a database is that another process keeps. */
export interface JoinedTarget {
  /** As rempart_app. */
  readonly app: ConnectionTarget
  /** As rempart_worker. */
  readonly worker: ConnectionTarget
  readonly version: string
}

export interface OpenOptions {
  readonly log: (event: {
    readonly level: 'info' | 'warn' | 'error'
    readonly msg: string
    readonly [detail: string]: unknown
  }) => void
  /** Join a database that another process of this machine serves from. */
  readonly share?: boolean
  /** The embedded database that another process of this server keeps: nothing is started, migrated or ended. */
  readonly join?: JoinedTarget | undefined
  /** Open it even if it is not safe to serve from: for what says how unsafe it is. */
  readonly isUnchecked?: boolean
}

/** The schema is older than this release. The message says which command brings it up to date. */
export class SchemaBehindError extends Error {
  override readonly name = 'SchemaBehindError'
}

/**
 * Opens the database the configuration names: the embedded one (made, recovered and migrated as needed) or an external
 * one, which is only checked.
 *
 * @throws SchemaBehindError, DatabaseFaultError, EmbeddedDatabaseError, or the driver's own error.
 */
export function openDatabase(config: DatabaseSettings, options: OpenOptions): Promise<OpenDatabase> {
  if (options.join !== undefined) return openJoined(config, options.join, options)
  return config.databaseUrl === undefined
    ? openEmbedded(config, options)
    : openExternal(config, config.databaseUrl, options)
}

async function openEmbedded(config: DatabaseSettings, options: OpenOptions): Promise<OpenDatabase> {
  const embedded = await startEmbeddedDatabase({
    dataDir: config.dataDir,
    log: options.log,
    share: options.share ?? false,
  })
  const appTarget = embedded.connection('rempart_app')
  const workerTarget = embedded.connection('rempart_worker')
  const pools = createPools(config, appTarget, workerTarget, options)
  try {
    if (options.isUnchecked !== true || (await schemaState(pools.app)).pending.length > 0) {
      await migrate(embedded.connection('rempart_owner'), (name) =>
        options.log({ level: 'info', msg: 'migration applied', migration: name }),
      )
    }
    if (options.isUnchecked !== true) await Promise.all([checkDatabase(pools.app), checkDatabase(pools.worker)])
  } catch (error) {
    await closePools(pools)
    await embedded.stop()
    throw error
  }
  return {
    app: pools.app,
    worker: pools.worker,
    appTarget,
    workerTarget,
    origin: embedded.origin,
    version: embedded.version,
    async close() {
      await closePools(pools)
      await embedded.stop()
    },
  }
}

async function openJoined(config: DatabaseSettings, { app, worker, version }: JoinedTarget, options: OpenOptions) {
  const pools = createPools(config, app, worker, options)
  try {
    await Promise.all([checkDatabase(pools.app), checkDatabase(pools.worker)])
  } catch (error) {
    await closePools(pools)
    throw error
  }
  const { app: appPool, worker: workerPool } = pools
  return {
    app: appPool,
    worker: workerPool,
    appTarget: app,
    workerTarget: worker,
    origin: 'shared' as const,
    version,
    close: () => closePools(pools),
  }
}

async function openExternal(config: DatabaseSettings, url: string, options: OpenOptions): Promise<OpenDatabase> {
  const app: ConnectionTarget = { connectionString: url }
  const worker: ConnectionTarget = { connectionString: config.databaseWorkerUrl ?? url }
  const pools = createPools(config, app, worker, options)
  try {
    const version = await pools.app.query<{ version: string }>("select current_setting('server_version') as version")
    const state = await schemaState(pools.app)
    if (state.pending.length > 0) {
      throw new SchemaBehindError(
        `The database lacks ${state.pending.length} migration(s), from ${state.pending[0] ?? ''} on. Run: REMPART_DATABASE_OWNER_URL=postgres://rempart_owner:…@host/db npm run rempart -- migrate`,
      )
    }
    if (options.isUnchecked !== true) await Promise.all([checkDatabase(pools.app), checkDatabase(pools.worker)])
    return {
      app: pools.app,
      worker: pools.worker,
      appTarget: app,
      workerTarget: worker,
      origin: 'external',
      version: version.rows[0]?.version ?? '',
      close: () => closePools(pools),
    }
  } catch (error) {
    await closePools(pools)
    throw error
  }
}

interface Pools {
  readonly state: { isClosing: boolean }
  readonly app: Pool
  readonly worker: Pool
}

function createPools(
  config: DatabaseSettings,
  app: ConnectionTarget,
  worker: ConnectionTarget,
  { log }: OpenOptions,
): Pools {
  const settings = {
    connectTimeoutMs: config.databaseConnectTimeoutMs,
    statementTimeoutMs: config.databaseStatementTimeoutMs,
    idleTimeoutMs: config.databaseIdleTimeoutMs,
    maxLifetimeMs: config.databaseMaxLifetimeMs,
  }
  const state = { isClosing: false }
  const onIdleError = (error: Error): void => {
    // A stopping PostgreSQL says goodbye to connections that are just being closed.
    if (!state.isClosing) log({ level: 'warn', msg: 'an idle database connection was lost', reason: error.message })
  }
  return {
    state,
    app: createPool(app, { ...settings, size: config.databasePoolSize, name: 'rempart' }, onIdleError),
    worker: createPool(worker, { ...settings, size: 2, name: 'rempart-worker' }, onIdleError),
  }
}

async function closePools(pools: Pools): Promise<void> {
  pools.state.isClosing = true
  await Promise.all([pools.app.end(), pools.worker.end()])
}
