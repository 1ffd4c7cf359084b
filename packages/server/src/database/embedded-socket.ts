import { createHash } from 'node:crypto'
import { lchown, lstat, mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { EmbeddedDatabaseError, systemCode } from './embedded-error.ts'
import type { OsUser } from './embedded-user.ts'

/** A data directory in 16 hexadecimal digits: the same for every process that names it. */
export function hashOf(dataDir: string): string {
  return createHash('sha256').update(dataDir).digest('hex').slice(0, 16)
}

/**
 * The private directory for the socket of `dataDir`, made when it is missing: under `/tmp`, for a socket's path may be
 * 103 bytes long at most; beside the cluster where `/tmp` cannot be written or somebody took the name.
 *
 * @throws EmbeddedDatabaseError `start-failed` when neither can be used.
 */
export async function findSocketDir(
  dataDir: string,
  { cluster, owner }: { readonly cluster: string; readonly owner: OsUser },
  self: OsUser,
): Promise<string> {
  // Not under TMPDIR: server and command line agree on it whatever their environments say.
  const short = `/tmp/rempart-${hashOf(dataDir)}`
  const beside = join(dirname(cluster), 'socket')
  const candidates = Buffer.byteLength(beside) <= LONGEST_DIRECTORY_BYTES ? [short, beside] : [short]
  for (const candidate of candidates) {
    if (await isPrivate(candidate, owner, self)) return candidate
  }
  throw new EmbeddedDatabaseError(
    'start-failed',
    `No private directory for the database socket can be made: ${candidates.join(', ')}.`,
    `Make /tmp writable, and remove ${short} if it belongs to another user.`,
  )
}

/** What is left of 103 bytes after `/.s.PGSQL.5432.lock`. */
const LONGEST_DIRECTORY_BYTES = 84

/** Whoever owns the directory could put a socket of his own there and be taken for the database. */
async function isPrivate(directory: string, owner: OsUser, self: OsUser): Promise<boolean> {
  try {
    await mkdir(directory, { mode: 0o700 })
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') return false
  }
  const found = await lstat(directory)
  const isOurs = found.isDirectory() && (found.uid === owner.uid || found.uid === self.uid)
  if (!isOurs || (found.mode & 0o077) !== 0) return false
  if (found.uid !== owner.uid) await lchown(directory, owner.uid, owner.gid)
  return true
}
