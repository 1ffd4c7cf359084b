import { createHash } from 'node:crypto'
import { totalmem } from 'node:os'

/** The port in the name of the socket. No TCP port is opened. */
export const SOCKET_PORT = 5432

/** The configuration parameters the embedded PostgreSQL runs with, by name. */
export type Settings = Readonly<Record<string, string>>

/**
 * The settings for a machine with `memoryBytes`, given on the command line: a later release changes them without
 * touching a file in the data directory.
 *
 * @param release - Whatever else tells a PostgreSQL started by this release from one that has to be replaced.
 */
export function embeddedSettings(
  socketDirs: readonly string[],
  release: string,
  memoryBytes = availableMemoryBytes(),
): Settings {
  const settings = {
    ...CONNECTIONS,
    ...DURABILITY,
    ...SMALL_MACHINE,
    ...LOGGING,
    // A list to PostgreSQL: quoted, a comma in the path is only a comma.
    unix_socket_directories: socketDirs.map((path) => `"${path.replaceAll('"', '""')}"`).join(','),
    shared_buffers: `${sharedBuffersMegabytes(memoryBytes)}MB`,
  }
  return { ...settings, cluster_name: `rempart-${fingerprint(settings, release)}` }
}

/** `cluster_name`, which says of a running PostgreSQL whether it was started with these very settings. */
export function settingsSignature(settings: Settings): string {
  return settings['cluster_name'] ?? ''
}

const CONNECTIONS = {
  listen_addresses: '',
  port: String(SOCKET_PORT),
  unix_socket_permissions: '0700',
  max_connections: '100',
  // Kept for the role that holds the lock, so that a full pool cannot make the directory look unused.
  reserved_connections: '2',
  max_wal_senders: '0',
  max_logical_replication_workers: '0',
}

const DURABILITY = {
  fsync: 'on',
  full_page_writes: 'on',
  synchronous_commit: 'on',
  // After a crash: one call instead of one for each file, so that recovery takes milliseconds and not seconds.
  ...(process.platform === 'linux' ? { recovery_init_sync_method: 'syncfs' } : {}),
}

const SMALL_MACHINE = {
  jit: 'off',
  io_method: 'sync',
  max_parallel_workers_per_gather: '0',
  autovacuum_max_workers: '2',
  min_wal_size: '64MB',
  timezone: 'UTC',
}

/** Statements and row values stay out of the log: they are personal data, and the caller gets the error anyway. */
const LOGGING = {
  log_destination: 'stderr',
  logging_collector: 'off',
  log_min_messages: 'log',
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
  log_checkpoints: 'off',
  log_timezone: 'UTC',
}

/**
 * An eighth of the memory, where PostgreSQL's manual says a quarter for a machine of its own: it shares this one with Node. It
 * takes what it uses. A page that is not in there is copied in from the cache of the system: with thousands of tenants, the
 * first pages of whose lists are 400 MB together, that was half of what a list cost.
 */
function sharedBuffersMegabytes(memoryBytes: number): number {
  return Math.min(1_024, Math.max(32, Math.floor(memoryBytes / 8 / 1024 / 1024)))
}

function availableMemoryBytes(): number {
  const limit = process.constrainedMemory()
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem()
}

function fingerprint(settings: Settings, release: string): string {
  return createHash('sha256')
    .update(JSON.stringify([settings, release]))
    .digest('hex')
    .slice(0, 12)
}
