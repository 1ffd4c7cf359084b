import pg from 'pg'
import { systemCode } from './embedded-error.ts'
import { LOCK_ROLE } from './embedded-init.ts'
import type { Place } from './embedded-place.ts'
import { SOCKET_PORT } from './embedded-settings.ts'

/** The connection whose advisory lock makes this process the one that serves a data directory. */
export interface Lock {
  /** `cluster_name` of the running PostgreSQL. */
  readonly signature: string
  /** As in `18.4`. */
  readonly version: string
  /** Resolves when the connection has ended, for whatever reason. */
  readonly lost: Promise<void>
  release(): Promise<void>
}

/** What one attempt to take the lock met. */
export type LockAttempt =
  | { readonly state: 'locked'; readonly lock: Lock }
  /** PostgreSQL runs, and another process has the lock. */
  | { readonly state: 'held'; readonly version: string }
  /** Nothing answers at the socket. */
  | { readonly state: 'absent' }
  /** PostgreSQL says that it is starting, stopping or recovering. */
  | { readonly state: 'busy' }
  /** Something took the connection, and gave no answer in time or broke it. */
  | { readonly state: 'silent' }
  /** PostgreSQL does not let this process in. */
  | { readonly state: 'refused'; readonly reason: string }

/** Connects to the PostgreSQL of `place`, if one runs there, and tries to take its lock. Never waits for the lock. */
export async function tryLock(place: Place): Promise<LockAttempt> {
  for (const directory of place.socketDirs) {
    const attempt = await tryLockAt(directory)
    if (attempt.state !== 'absent') return attempt
  }
  return { state: 'absent' }
}

interface LockRow {
  readonly locked: boolean
  readonly signature: string
  readonly version: string
}

const CONNECT_TIMEOUT_MS = 2_000
/** The SQLSTATE of a PostgreSQL between two states. */
const CANNOT_CONNECT_NOW = '57P03'
/** The bytes of "REMP". */
const LOCK_KEY = 0x52_45_4d_50

const TAKE_LOCK = `select pg_try_advisory_lock($1) as locked,
  current_setting('cluster_name') as signature, current_setting('server_version') as version`

async function tryLockAt(directory: string): Promise<LockAttempt> {
  const client = new pg.Client({
    host: directory,
    port: SOCKET_PORT,
    user: LOCK_ROLE,
    database: 'postgres',
    application_name: 'rempart lock',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: CONNECT_TIMEOUT_MS,
    ssl: false,
  })
  const lost = new Promise<void>((resolve) => {
    client.once('end', resolve)
    client.on('error', () => resolve())
  })
  try {
    await client.connect()
    const result = await client.query<LockRow>(TAKE_LOCK, [LOCK_KEY])
    const row = result.rows[0]
    if (row?.locked === true) {
      return { state: 'locked', lock: { ...row, lost, release: () => client.end() } }
    }
    await client.end()
    return { state: 'held', version: row?.version ?? '' }
  } catch (error) {
    // Not awaited: a connection that never came about may never report its end.
    client.end().catch(() => {})
    return failedAttempt(error)
  }
}

function failedAttempt(error: unknown): LockAttempt {
  const code = systemCode(error)
  if (code === 'ENOENT' || code === 'ECONNREFUSED') return { state: 'absent' }
  // 28: not let in. 3D, 42: a PostgreSQL that is not one of ours.
  if (/^(28|3D|42)/.test(code) || code === 'EACCES') {
    return { state: 'refused', reason: error instanceof Error ? error.message : code }
  }
  return { state: code === CANNOT_CONNECT_NOW ? 'busy' : 'silent' }
}
