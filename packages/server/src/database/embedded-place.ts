import { lchown, mkdir, readdir, readlink, realpath, stat, symlink } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { fromSystemError, notWritable, systemCode } from './embedded-error.ts'
import { closedParent, makePassable } from './embedded-reach.ts'
import { findSocketDirs, hashOf } from './embedded-socket.ts'
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
  /** Where PostgreSQL makes its sockets. The first is the one to connect to. */
  readonly socketDirs: readonly [string, ...string[]]
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
      socketDirs: await findSocketDirs(real, settled, self),
      logFile: join(real, 'postgres.log'),
      copies: self.uid === 0 ? SYSTEM_DIRECTORY : real,
    }
  } catch (error) {
    throw fromSystemError(error, wanted)
  }
}

/** Where the cluster of an existing data directory is, or would be made. Makes nothing. */
export async function findCluster(dataDir: string): Promise<Pick<Place, 'dataDir' | 'cluster'>> {
  const real = await realpath(dataDir)
  return { dataDir: real, cluster: await linkedCluster(real) }
}

/** Gives a directory and everything in it to a user. Symbolic links are changed, never followed. */
async function giveTo(path: string, user: OsUser): Promise<void> {
  await lchown(path, user.uid, user.gid)
  for (const entry of await readdir(path, { withFileTypes: true, recursive: true })) {
    await lchown(join(entry.parentPath, entry.name), user.uid, user.gid)
  }
}

interface Settled {
  readonly cluster: string
  readonly owner: OsUser
}

async function settleAsUser(dataDir: string, self: OsUser): Promise<Settled> {
  const cluster = await linkedCluster(dataDir)
  const existing = await statIfAny(cluster)
  if (existing !== undefined && existing.uid !== self.uid) {
    const name = userWithId(existing.uid)?.name ?? `uid ${existing.uid}`
    throw notWritable(cluster, undefined, `belongs to ${name}, and this process runs as ${self.name}`)
  }
  return { cluster, owner: self }
}

async function settleAsRoot(dataDir: string, say: Say): Promise<Settled> {
  const inPlace = join(dataDir, 'postgres')
  const found = await linkedCluster(dataDir)
  const owner = await ownerFor(dataDir, found)
  const existing = await statIfAny(found)
  if (found === inPlace && (await stat(dataDir)).uid === 0 && (await makePassable(dataDir))) {
    say('The data directory may be passed through, so that PostgreSQL, which refuses to run as root, reaches it.', {
      dataDir,
    })
  }

  const closed = await closedParent(found, owner)
  if (closed === undefined) {
    if (existing !== undefined && existing.uid !== owner.uid) await handOver(found, owner, say)
    return { cluster: found, owner }
  }
  if (existing === undefined && found === inPlace)
    return { cluster: await moveAway(dataDir, closed, owner, say), owner }
  throw notWritable(found, undefined, `cannot be reached by ${owner.name}, because ${closed} is closed to others`)
}

async function handOver(cluster: string, owner: OsUser, say: Say): Promise<void> {
  say(`The database is handed to ${owner.name}: PostgreSQL refuses to run as root.`, { cluster })
  await giveTo(cluster, owner)
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

async function moveAway(dataDir: string, closed: string, owner: OsUser, say: Say): Promise<string> {
  const home = join(SYSTEM_DIRECTORY, hashOf(dataDir))
  const cluster = join(home, 'postgres')
  await makePassable(SYSTEM_DIRECTORY)
  await makePassable(home)
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
