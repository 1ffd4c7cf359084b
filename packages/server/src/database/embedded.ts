import { type Acquisition, acquire } from './embedded-acquire.ts'
import { type Binaries, locateBinaries, prepareBinaries } from './embedded-binaries.ts'
import { dataDirInUse, fromSystemError } from './embedded-error.ts'
import { ensureCluster, refreshCluster, setupDigest } from './embedded-init.ts'
import { findPlace, type Place } from './embedded-place.ts'
import { launch } from './embedded-process.ts'
import { embeddedSettings, SOCKET_PORT, settingsSignature } from './embedded-settings.ts'
import { findSocketDirs } from './embedded-socket.ts'
import { supervise } from './embedded-supervisor.ts'
import { DATABASE_NAME, type LoginRole } from './roles.ts'

/** What happened, for the log of the server. */
export interface EmbeddedDatabaseEvent {
  readonly level: 'info' | 'warn' | 'error'
  readonly msg: string
  readonly [detail: string]: unknown
}

/** How {@link startEmbeddedDatabase} is to go about it. */
export interface EmbeddedDatabaseOptions {
  /** Made when it is missing. */
  readonly dataDir: string
  readonly log: (event: EmbeddedDatabaseEvent) => void
  /** Join as a guest when another process serves from `dataDir`, instead of failing. Default false. */
  readonly share?: boolean
  /** PostgreSQL had died, is back, and every connection has to be made anew. */
  readonly onRestart?: () => void
  /** SQL to run as superuser when the cluster is made, safe to repeat. Tests use it; a server has no need. */
  readonly extraSetup?: readonly string[]
}

/** A PostgreSQL that is kept running, reachable through a private socket only. */
export interface EmbeddedDatabase {
  /** Settings for node-postgres: one login role, on the database `rempart`. */
  connection(role: LoginRole): { host: string; port: number; user: string; database: string }
  /** `initialised`: the cluster was made. `adopted`: found running, its server dead. `shared`: another's. */
  readonly origin: 'initialised' | 'started' | 'adopted' | 'shared'
  /** As in `18.4`. */
  readonly version: string
  /** Shuts PostgreSQL down, and waits for it to be gone; `shared` leaves it alone. Safe to repeat. */
  stop(): Promise<void>
}

/**
 * Starts the embedded PostgreSQL of a data directory, making it on the first call, and keeps it running until `stop`.
 *
 * At most one process at a time has a data directory. What a killed process left, a running PostgreSQL or a dead
 * one's files, is taken over; a PostgreSQL that dies is started again.
 *
 * @throws EmbeddedDatabaseError with a stable `code`, and a `hint` that says what to do.
 */
export async function startEmbeddedDatabase(options: EmbeddedDatabaseOptions): Promise<EmbeddedDatabase> {
  const { dataDir, log, extraSetup = [] } = options
  const say: Acquisition['say'] = (msg, detail) => log({ level: 'info', msg, ...detail })
  const source = await locateBinaries()
  const place = await findPlace(dataDir, say)
  try {
    const binaries = await prepareBinaries({ source, user: place.owner, copies: place.copies, say })
    const isNew = await ensureCluster(place, binaries, extraSetup)
    const { settings, start } = starter(place, binaries, extraSetup, source.version)
    const patienceMs = options.share === true ? 0 : PATIENCE_MS
    const acquisition = { place, signature: settingsSignature(settings), patienceMs, start, say }

    const held = await acquire(acquisition)
    if (held.state === 'held-elsewhere') {
      if (options.share !== true) throw dataDirInUse(place.dataDir)
      return { ...access(place), origin: 'shared', version: held.version, stop: async () => {} }
    }
    const origin = isNew && held.origin === 'started' ? 'initialised' : held.origin
    const stop = supervise(held, acquisition, options)
    return { ...access(place), origin, version: held.lock.version, stop }
  } catch (error) {
    throw fromSystemError(error, place.dataDir)
  }
}

function access(place: Place): Pick<EmbeddedDatabase, 'connection'> {
  return {
    connection: (role) => ({ host: place.socketDirs[0], port: SOCKET_PORT, user: role, database: DATABASE_NAME }),
  }
}

/** The lock of a process that was killed a moment ago goes when PostgreSQL notices. */
const PATIENCE_MS = 1_000

function starter(place: Place, binaries: Binaries, extraSetup: readonly string[], version: string) {
  const settings = embeddedSettings(place.socketDirs, `${version} ${setupDigest(extraSetup)}`)
  const start = async () => {
    if (!(await refreshCluster(place, binaries, extraSetup))) return undefined
    // The process that stopped last took it away.
    await findSocketDirs(place.dataDir, place, place.self)
    return await launch(place, binaries, settings)
  }
  return { settings, start }
}
