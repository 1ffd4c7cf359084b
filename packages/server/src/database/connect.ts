import type { Writable } from 'node:stream'
import pg from 'pg'

/** Where a pool connects: a URL, or the settings of the embedded database's private socket. */
export type ConnectionTarget =
  | { readonly connectionString: string }
  | { readonly host: string; readonly port: number; readonly user: string; readonly database: string }

export interface PoolSettings {
  readonly size: number
  readonly connectTimeoutMs: number
  readonly statementTimeoutMs: number
  readonly idleTimeoutMs: number
  readonly maxLifetimeMs: number
  /** Shown in pg_stat_activity. */
  readonly name: string
}

export type Pool = pg.Pool
export type Connection = pg.PoolClient

// Counts and sums come back as bigint text by default; every one of ours is far below 2^53.
pg.types.setTypeParser(pg.types.builtins.INT8, (text) => {
  const value = Number(text)
  return Number.isSafeInteger(value) ? value : BigInt(text)
})
// A date without time has no instant: it stays the text PostgreSQL wrote.
pg.types.setTypeParser(pg.types.builtins.DATE, (text) => text)

/**
 * A pool of pipelined connections: statements written in one turn of the event loop travel in one round trip.
 *
 * @param onIdleError - called when an idle connection breaks (the database went away); the pool replaces it.
 *   Without this listener Node ends the process on such an error.
 */
export function createPool(
  target: ConnectionTarget,
  settings: PoolSettings,
  onIdleError: (error: Error) => void,
): Pool {
  const pool = new pg.Pool({
    ...target,
    // Part of node-postgres since 8.23 and passed through to each client.
    ...{ pipeline: true },
    max: settings.size,
    connectionTimeoutMillis: settings.connectTimeoutMs,
    idleTimeoutMillis: settings.idleTimeoutMs,
    maxLifetimeSeconds: Math.ceil(settings.maxLifetimeMs / 1000),
    statement_timeout: settings.statementTimeoutMs,
    // A database that froze keeps no clock of its own: then the connection is given up from this side.
    query_timeout: settings.statementTimeoutMs + settings.connectTimeoutMs,
    idle_in_transaction_session_timeout: settings.statementTimeoutMs,
    application_name: settings.name,
    keepAlive: true,
  })
  pool.on('error', onIdleError)
  // The pool listens to idle connections only. One that breaks while it is lent out tells its borrower through the
  // statement that fails; without this listener it would also end the process.
  pool.on('connect', (client) => client.on('error', () => {}))
  return pool
}

/**
 * Holds back what is written to a connection until the end of this turn's promises, so that it leaves in one system call:
 * node-postgres makes one for each statement.
 */
export function writeTogether(connection: Connection): void {
  const { stream } = (connection as unknown as { readonly connection: { readonly stream: Writable } }).connection
  stream.cork()
  process.nextTick(() => stream.uncork())
}

/**
 * SQLSTATE codes and socket errors that say the database is away, stopping, full or busy, not that a statement is wrong:
 * the same may well succeed a moment later.
 */
export function isDatabaseUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  if (/^(08|53|57P0[123])/.test(code) || PASSING.has(code) || isOutdatedPlan(error)) return true
  if (/^(ECONNREFUSED|ECONNRESET|ENOENT|EPIPE|ETIMEDOUT|EAI_AGAIN|ENOTFOUND)$/.test(code)) return true
  return /Connection terminated|Query read timeout|timeout exceeded when trying to connect|Client has encountered a connection error|not queryable|Cannot use a pool after/i.test(
    error.message,
  )
}

/** Cancelled by a timeout, or by a conflict with another transaction; or sent to a standby, in the middle of a failover. */
const PASSING: ReadonlySet<string> = new Set(['57014', '55P03', '25P03', '25P04', '40001', '40P01', '25006'])

/**
 * Whether a statement was prepared on its connection before a migration gave one of its columns another type: PostgreSQL
 * refuses it there for good (0A000), as it does any other whose answer would change its shape. It was not run; the connection
 * is to be closed, and on another it succeeds.
 */
export function isOutdatedPlan(error: unknown): boolean {
  // By the place in PostgreSQL's source: the code says of much else that it is not supported, and the text is translated.
  return error instanceof Error && 'routine' in error && error.routine === 'RevalidateCachedQuery'
}

/** Whether an error is about the data of one row (SQLSTATE classes 22 and 23), so that other rows may still pass. */
export function isRowFault(error: unknown): boolean {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && /^2[23]/.test(error.code)
}

/** Whether a row was refused because whose it was to be has been erased meanwhile: SQLSTATE foreign_key_violation. */
export function isPersonGone(error: unknown): boolean {
  if (!(error instanceof Error && 'code' in error && 'constraint' in error)) return false
  return (
    error.code === '23503' && /_(user_id|session_id|author_id|created_by|invited_by)_fkey$/.test(`${error.constraint}`)
  )
}
