import { statfs } from 'node:fs/promises'

/** Why the embedded PostgreSQL is not available. Stable: callers and documentation refer to these. */
export type EmbeddedDatabaseErrorCode =
  | 'data-dir-in-use'
  | 'data-dir-not-writable'
  | 'disk-full'
  | 'no-binaries'
  | 'unsupported-platform'
  | 'no-os-user'
  | 'wrong-version'
  | 'start-failed'

/** The embedded PostgreSQL could not be used. `message` says what is wrong, `hint` what to do about it. */
export class EmbeddedDatabaseError extends Error {
  override readonly name = 'EmbeddedDatabaseError'
  readonly code: EmbeddedDatabaseErrorCode
  readonly hint: string

  constructor(code: EmbeddedDatabaseErrorCode, message: string, hint: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.hint = hint
  }
}

const OTHER_DATABASE = 'set REMPART_DATABASE_URL to use a PostgreSQL of your own'
const SPACE_NEEDED_BYTES = 1024 * 1024

/** The error for a file-system call of ours that failed below `path`; an EmbeddedDatabaseError passes unchanged. */
export function fromSystemError(error: unknown, path: string): Error {
  if (error instanceof EmbeddedDatabaseError) return error
  const errno = systemCode(error)
  if (errno === 'ENOSPC' || errno === 'EDQUOT') return diskFull(path, error)
  if (NOT_WRITABLE.has(errno)) return notWritable(path, error)
  return error instanceof Error ? error : new Error(String(error))
}

/** The `code` of a Node system error (`ENOENT`), or the empty string. */
export function systemCode(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('code' in error)) return ''
  return typeof error.code === 'string' ? error.code : ''
}

/**
 * The error for `initdb` or `postgres` that ended without doing its work.
 *
 * @param output - What the program wrote. May be empty: on a full disk the log cannot be written either,
 * so the free space is looked at as well.
 */
export async function fromOutput(program: string, output: string, path: string): Promise<EmbeddedDatabaseError> {
  if (/No space left on device|Disk quota exceeded/i.test(output)) return diskFull(path)
  if (/initialized by PostgreSQL version|database files are incompatible/i.test(output)) {
    return new EmbeddedDatabaseError(
      'wrong-version',
      `The database in ${path} was made by another version of PostgreSQL: ${lastComplaint(output)}`,
      `Start the release of Rempart that made it, move the data with pg_dump and pg_restore, or ${OTHER_DATABASE}.`,
    )
  }
  if (/Permission denied|Read-only file system|Operation not permitted/i.test(output)) return notWritable(path, output)
  if ((await freeBytes(path)) < SPACE_NEEDED_BYTES) return diskFull(path)
  return new EmbeddedDatabaseError(
    'start-failed',
    `${program} failed in ${path}: ${lastComplaint(output)}`,
    `Look at postgres.log in the data directory, or ${OTHER_DATABASE}.`,
  )
}

/** The error for an operating system or processor that has no embedded PostgreSQL. */
export function unsupportedPlatform(reason: string): EmbeddedDatabaseError {
  return new EmbeddedDatabaseError(
    'unsupported-platform',
    `There is no embedded PostgreSQL for this machine: ${reason}.`,
    `Use Linux with glibc, macOS or WSL, or ${OTHER_DATABASE}.`,
  )
}

/** The error for a machine on which the package with the PostgreSQL programs is missing or cannot be run. */
export function noBinaries(reason: string, cause?: unknown): EmbeddedDatabaseError {
  return new EmbeddedDatabaseError(
    'no-binaries',
    `The PostgreSQL programs cannot be run: ${reason}.`,
    `Run "npm ci" without --omit=optional, or ${OTHER_DATABASE}.`,
    { cause },
  )
}

/** The error for a process whose user the system does not know. */
export function noOsUser(reason: string, cause?: unknown): EmbeddedDatabaseError {
  return new EmbeddedDatabaseError(
    'no-os-user',
    `PostgreSQL needs an operating system user with a name: ${reason}.`,
    `Run Rempart as a user that /etc/passwd lists (in a container: set USER to such a user), or ${OTHER_DATABASE}.`,
    { cause },
  )
}

/** The error for a data directory that another live process serves from. */
export function dataDirInUse(dataDir: string): EmbeddedDatabaseError {
  return new EmbeddedDatabaseError(
    'data-dir-in-use',
    `Another Rempart process is using the data directory ${dataDir}.`,
    'Stop that process first, or give this one a directory of its own with REMPART_DATA_DIR.',
  )
}

/** The error for a directory that the process, or the user PostgreSQL runs as, may not write or reach. */
export function notWritable(path: string, cause?: unknown, reason = 'is not writable'): EmbeddedDatabaseError {
  return new EmbeddedDatabaseError(
    'data-dir-not-writable',
    `The data directory ${path} ${reason}.`,
    'Give its user the right to write there (chown, chmod), or name another directory with REMPART_DATA_DIR.',
    { cause },
  )
}

function diskFull(path: string, cause?: unknown): EmbeddedDatabaseError {
  return new EmbeddedDatabaseError(
    'disk-full',
    `There is no space left on the disk that holds ${path}.`,
    'Free some space (a new database needs about 60 MB) and start again, or name another directory with REMPART_DATA_DIR.',
    { cause },
  )
}

const NOT_WRITABLE: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EEXIST'])

/** The line that says why: the last one PostgreSQL marks as an error, else the last one. */
function lastComplaint(output: string): string {
  const lines = output.split('\n').filter((line) => line.trim() !== '')
  const complaint = lines.findLast((line) => /FATAL|PANIC|error:/.test(line)) ?? lines.at(-1)
  return complaint?.replace(/^.*?(FATAL|PANIC|error):\s*/, '').trim() ?? 'it said nothing'
}

async function freeBytes(path: string): Promise<number> {
  try {
    const { bavail, bsize } = await statfs(path)
    return bavail * bsize
  } catch {
    return Number.POSITIVE_INFINITY
  }
}
