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
 * The private directories for the sockets of `dataDir`, made when they are missing; at least one, the first to be used.
 *
 * The first is under `/tmp`, for a socket's path may be 103 bytes long at most. The second is beside the cluster, where
 * its path is short enough: a process in another container that shares the data directory, and neither `/tmp` nor
 * process numbers, meets this PostgreSQL there, and does not start a second one over the same files.
 *
 * @throws EmbeddedDatabaseError `start-failed` when neither can be used.
 */
export async function findSocketDirs(
  dataDir: string,
  { cluster, owner }: { readonly cluster: string; readonly owner: OsUser },
  self: OsUser,
): Promise<readonly [string, ...string[]]> {
  // Not under TMPDIR: server and command line agree on it whatever their environments say.
  const short = `/tmp/rempart-${hashOf(dataDir)}`
  const beside = join(dirname(cluster), 'socket')
  const [first, ...others] = await privateOnes([short, beside], owner, self)
  if (first !== undefined) return [first, ...others]
  throw new EmbeddedDatabaseError(
    'start-failed',
    `No private directory for the database socket can be made: ${short}, ${beside}.`,
    `Make /tmp writable, and remove ${short} if it belongs to another user.`,
  )
}

async function privateOnes(candidates: readonly string[], owner: OsUser, self: OsUser): Promise<string[]> {
  const found: string[] = []
  for (const candidate of candidates) {
    if (Buffer.byteLength(candidate) > LONGEST_DIRECTORY_BYTES) continue
    if (await isPrivate(candidate, owner, self)) found.push(candidate)
  }
  return found
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
