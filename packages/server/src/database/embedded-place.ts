import { createHash } from 'node:crypto'
import { chmod, lchown, lstat, mkdir, readdir, readlink, realpath, stat, symlink } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { fromSystemError, notWritable, systemCode } from './embedded-error.ts'
import { closedParent, grants, SEARCH } from './embedded-reach.ts'
import { currentUser, type OsUser, unprivilegedUser, userWithId } from './embedded-user.ts'

/** Where one embedded database lives, and who owns it. */
export interface Place {
  /** Absolute, symbolic links resolved. */
  readonly dataDir: string
  /** PostgreSQL's own directory: `<dataDir>/postgres`, or where that symbolic link leads. */
  readonly cluster: string
  /** Who runs PostgreSQL and owns `cluster`. Never root. */
  readonly owner: OsUser
  /** Who runs this process. */
  readonly self: OsUser
  /** Where PostgreSQL makes its socket. */
  readonly socketDir: string
  readonly logFile: string
  /** For copies of the PostgreSQL programs. */
  readonly copies: string
}

type Say = (msg: string, detail: Record<string, unknown>) => void

/** What root keeps for users who cannot reach a data directory. */
export const SYSTEM_DIRECTORY = '/var/lib/rempart'

/**
 * Finds, and makes where missing, the directories of the embedded database of `dataDir`.
 *
 * A normal user owns everything. Root hands the cluster to the owner of an existing one, else to the owner of
 * `dataDir`, else to `nobody`; where that user may not pass a directory above `dataDir`, the cluster goes to
 * {@link SYSTEM_DIRECTORY} and a symbolic link `<dataDir>/postgres` leads to it.
 *
 * @throws EmbeddedDatabaseError `data-dir-not-writable`, `disk-full`, `no-os-user`.
 */
export async function findPlace(dataDir: string, say: Say): Promise<Place> {
  const self = currentUser()
  const wanted = resolve(dataDir)
  try {
    await mkdir(wanted, { recursive: true, mode: self.uid === 0 ? 0o711 : 0o700 })
    const real = await realpath(wanted)
    const settled = self.uid === 0 ? await settleAsRoot(real, say) : await settleAsUser(real, self)
    return {
      ...settled,
      dataDir: real,
      self,
      logFile: join(real, 'postgres.log'),
      copies: self.uid === 0 ? SYSTEM_DIRECTORY : real,
    }
  } catch (error) {
    throw fromSystemError(error, wanted)
  }
}

/**
 * The private directory for the socket of `dataDir`, short enough for the 103 bytes that macOS allows a socket path.
 *
 * @throws EmbeddedDatabaseError `data-dir-not-writable` when another user made a directory of that name first.
 */
export async function prepareSocketDir(place: Pick<Place, 'socketDir' | 'owner' | 'self'>): Promise<void> {
  const { socketDir, owner, self } = place
  try {
    await mkdir(socketDir, { mode: 0o700 })
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw fromSystemError(error, socketDir)
  }
  const found = await lstat(socketDir)
  const isOurs = found.isDirectory() && (found.uid === owner.uid || found.uid === self.uid)
  // Whoever owns the directory can put a socket of his own there and be taken for the database.
  if (!isOurs || (found.mode & 0o077) !== 0) {
    throw notWritable(socketDir, undefined, 'is kept for the database socket but belongs to somebody else: remove it')
  }
  if (found.uid !== owner.uid) await lchown(socketDir, owner.uid, owner.gid)
}

/** Gives a directory and everything in it to a user. Symbolic links are changed, never followed. */
export async function giveTo(path: string, user: OsUser): Promise<void> {
  await lchown(path, user.uid, user.gid)
  for (const entry of await readdir(path, { withFileTypes: true, recursive: true })) {
    await lchown(join(entry.parentPath, entry.name), user.uid, user.gid)
  }
}

interface Settled {
  readonly cluster: string
  readonly owner: OsUser
  readonly socketDir: string
}

async function settleAsUser(dataDir: string, self: OsUser): Promise<Settled> {
  const cluster = await linkedCluster(dataDir)
  const existing = await statIfAny(cluster)
  if (existing !== undefined && existing.uid !== self.uid) {
    const name = userWithId(existing.uid)?.name ?? `uid ${existing.uid}`
    throw notWritable(cluster, undefined, `belongs to ${name}, and this process runs as ${self.name}`)
  }
  return { cluster, owner: self, socketDir: socketDirOf(dataDir) }
}

async function settleAsRoot(dataDir: string, say: Say): Promise<Settled> {
  const linked = await linkedCluster(dataDir)
  const owner = await ownerFor(dataDir, linked)
  const socketDir = socketDirOf(dataDir)

  if ((await statIfAny(linked)) === undefined && linked === join(dataDir, 'postgres')) {
    await openToSearch(dataDir, say)
    const closed = await closedParent(linked, owner)
    if (closed !== undefined) return { cluster: await moveAway(dataDir, closed, owner, say), owner, socketDir }
    return { cluster: linked, owner, socketDir }
  }

  await openToSearch(dirname(linked), say)
  const closed = await closedParent(linked, owner)
  if (closed !== undefined) {
    throw notWritable(linked, undefined, `cannot be reached by ${owner.name}, because ${closed} is closed to others`)
  }
  const existing = await statIfAny(linked)
  if (existing !== undefined && existing.uid !== owner.uid) await giveTo(linked, owner)
  return { cluster: linked, owner, socketDir }
}

/** PostgreSQL refuses to run as root, so what belongs to root is run, and owned, by `nobody`. */
async function ownerFor(dataDir: string, cluster: string): Promise<OsUser> {
  for (const path of [cluster, dataDir]) {
    const found = await statIfAny(path)
    const user = found === undefined || found.uid === 0 ? undefined : userWithId(found.uid)
    if (user !== undefined) return user
  }
  return unprivilegedUser()
}

/** The data directory is root's own: letting others pass, not list or read, exposes only what they know by name. */
async function openToSearch(directory: string, say: Say): Promise<void> {
  const { mode, uid } = await stat(directory)
  if (uid !== 0 || grants({ mode, uid, gid: 0 }, { uid: -1, gid: -1, name: '' }, SEARCH)) return
  await chmod(directory, (mode & 0o7777) | 0o011)
  say('The data directory is opened for passing through, so that PostgreSQL, which may not run as root, reaches it.', {
    directory,
  })
}

async function moveAway(dataDir: string, closed: string, owner: OsUser, say: Say): Promise<string> {
  const home = join(SYSTEM_DIRECTORY, hashOf(dataDir))
  const cluster = join(home, 'postgres')
  await mkdir(home, { recursive: true, mode: 0o711 })
  await symlink(cluster, join(dataDir, 'postgres')).catch((error: unknown) => {
    if (systemCode(error) !== 'EEXIST') throw error
  })
  say(`The database is kept in ${cluster}: ${owner.name}, who runs PostgreSQL for root, may not pass ${closed}.`, {
    cluster,
    closed,
  })
  return cluster
}

/** `<dataDir>/postgres`, or where it leads when it is a symbolic link, whether or not something is there yet. */
async function linkedCluster(dataDir: string): Promise<string> {
  const path = join(dataDir, 'postgres')
  try {
    const target = resolve(dataDir, await readlink(path))
    return await realpath(target).catch(() => target)
  } catch (error) {
    if (systemCode(error) === 'EINVAL' || systemCode(error) === 'ENOENT') return path
    throw error
  }
}

async function statIfAny(path: string): Promise<{ uid: number } | undefined> {
  try {
    return await stat(path)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}

/** Not under TMPDIR: server and command line must agree on it whatever their environment says. */
function socketDirOf(dataDir: string): string {
  return `/tmp/rempart-${hashOf(dataDir)}`
}

function hashOf(dataDir: string): string {
  return createHash('sha256').update(dataDir).digest('hex').slice(0, 16)
}
