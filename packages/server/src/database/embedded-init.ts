import { createHash, randomBytes } from 'node:crypto'
import { lchown, mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Binaries } from './embedded-binaries.ts'
import { EmbeddedDatabaseError, fromOutput, fromSystemError, systemCode } from './embedded-error.ts'
import type { Place } from './embedded-place.ts'
import { runProgram } from './embedded-program.ts'
import type { OsUser } from './embedded-user.ts'
import { databaseLimitStatements, databaseStatement, LOGIN_ROLES, roleStatements } from './roles.ts'

/** The role that holds the advisory lock of a data directory, and may do nothing else. */
export const LOCK_ROLE = 'rempart_lock'

/**
 * Makes the cluster of `place` with its roles and its database, unless there is one.
 *
 * The work is done beside the final directory and put in place by one rename: whoever finds a cluster finds a whole
 * one, and of two processes that race the second uses what the first made.
 *
 * @returns Whether this call made it.
 * @throws EmbeddedDatabaseError `disk-full`, `data-dir-not-writable`, `wrong-version`, `start-failed`.
 */
export async function ensureCluster(place: Place, binaries: Binaries, extra: readonly string[]): Promise<boolean> {
  const version = await readIfAny(join(place.cluster, 'PG_VERSION'))
  if (version === undefined) return await makeCluster(place, binaries, extra)
  checkMajor(place, binaries, version.trim())
  return false
}

/**
 * Brings the roles and the login files of a stopped cluster up to those of this release. Writes only what differs.
 *
 * PostgreSQL's single-user mode does it, so that no connection can ever sign in as a superuser.
 *
 * @returns False when the cluster is not free at the moment, because a PostgreSQL runs on it or has left its traces.
 */
export async function refreshCluster(place: Place, binaries: Binaries, extra: readonly string[]): Promise<boolean> {
  const { cluster, owner } = place
  try {
    await writeLoginFiles(cluster, place)
    if ((await readIfAny(join(cluster, SETUP_MARK))) === setupDigest(extra)) return true
    const { code, output } = await runSingleUser(cluster, place, binaries, setupStatements(extra))
    if (TRACES_OF_ANOTHER.test(output)) return false
    if (code !== 0) throw await fromOutput('postgres', output, cluster)
    await writeOwned(join(cluster, SETUP_MARK), setupDigest(extra), owner)
    return true
  } catch (error) {
    throw fromSystemError(error, cluster)
  }
}

/** How PostgreSQL says that its directory is in use, or was a moment ago. */
export const TRACES_OF_ANOTHER =
  /lock file ".*" (already exists|is empty)|pre-existing shared memory block|could not bind|could not create lock file ".*PGSQL.*": No such file/

/** Names the statements a cluster was last set up with. */
const SETUP_MARK = 'rempart-setup'
const SUPERUSER = 'rempart_superuser'
const UNFINISHED = 'postgres.init-'

async function makeCluster(place: Place, binaries: Binaries, extra: readonly string[]): Promise<boolean> {
  const { cluster, owner } = place
  const parent = dirname(cluster)
  await removeUnfinished(parent)
  const unfinished = join(parent, `${UNFINISHED}${process.pid}-${randomBytes(6).toString('hex')}`)
  try {
    await mkdir(unfinished, { mode: 0o700 })
    await lchown(unfinished, owner.uid, owner.gid)
    await check('initdb', runProgram(binaries.initdb, ['-D', unfinished, ...INITDB], place), place)
    await writeLoginFiles(unfinished, place)
    const statements = [...roleStatements(), databaseStatement(), ...setupStatements(extra)]
    await check('postgres', runSingleUser(unfinished, place, binaries, statements), place)
    await writeOwned(join(unfinished, SETUP_MARK), setupDigest(extra), owner)
    await check('initdb', runProgram(binaries.initdb, ['-D', unfinished, ...SYNC], place), place)
    return await putInPlace(unfinished, cluster)
  } catch (error) {
    throw fromSystemError(error, cluster)
  } finally {
    await rm(unfinished, { recursive: true, force: true })
  }
}

/** One call for the whole file system instead of one for each of a thousand files: 40 ms against 1 s. */
const SYNC: readonly string[] = [
  '--sync-only',
  process.platform === 'linux' ? '--sync-method=syncfs' : '--sync-method=fsync',
]

const INITDB: readonly string[] = [
  ...['-U', SUPERUSER, '-A', 'peer', '-E', 'UTF8'],
  ...['--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C'],
  ...['--no-instructions', '--no-sync'],
]

/** Names what the roles of a cluster are made with, so that another release's cluster can be told from ours. */
export function setupDigest(extra: readonly string[]): string {
  return createHash('sha256').update(setupStatements(extra).join(';\n')).digest('hex')
}

function setupStatements(extra: readonly string[]): string[] {
  return [
    ...roleStatements(),
    ...databaseLimitStatements(),
    `do $$\nbegin\n  if not exists (select from pg_roles where rolname = '${LOCK_ROLE}') then\n    create role ${LOCK_ROLE} login;\n  end if;\nend\n$$`,
    `grant pg_use_reserved_connections to ${LOCK_ROLE}`,
    // The locks of a data directory live in this database, where nothing the application runs can meet them.
    'revoke all on database postgres from public',
    `grant connect on database postgres to ${LOCK_ROLE}`,
    ...extra,
  ]
}

function runSingleUser(directory: string, place: Place, binaries: Binaries, statements: readonly string[]) {
  const settings = ['-c', 'exit_on_error=on', '-c', 'log_min_messages=fatal', '-c', 'fsync=off']
  const input = `${statements.join(';\n\n')};\n\n`
  return runProgram(binaries.postgres, ['--single', '-j', ...settings, '-D', directory, 'postgres'], {
    ...place,
    input,
  })
}

async function check(program: string, run: Promise<{ code: number; output: string }>, place: Place): Promise<void> {
  const { code, output } = await run
  if (code !== 0) throw await fromOutput(program, output, dirname(place.cluster))
}

async function putInPlace(unfinished: string, cluster: string): Promise<boolean> {
  try {
    await rename(unfinished, cluster)
  } catch (error) {
    if (systemCode(error) !== 'ENOTEMPTY' && systemCode(error) !== 'EEXIST') throw error
    if ((await readIfAny(join(cluster, 'PG_VERSION'))) !== undefined) return false
    throw new EmbeddedDatabaseError(
      'start-failed',
      `${cluster} holds files, but no PostgreSQL database.`,
      'Move these files away, or name another directory with REMPART_DATA_DIR.',
    )
  }
  const parent = await open(dirname(cluster), 'r')
  await parent.sync().finally(() => parent.close())
  return true
}

/** Leftovers of processes that were killed while they made a cluster. */
async function removeUnfinished(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const pid = Number(/^postgres\.init-(\d+)-/.exec(name)?.[1])
    if (Number.isNaN(pid) || (pid !== process.pid && isAlive(pid))) continue
    // An initdb that outlived its starter may still be writing there: then a later start removes it.
    await rm(join(parent, name), { recursive: true, force: true }).catch(() => {})
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return systemCode(error) === 'EPERM'
  }
}

/** Peer authentication: the system vouches for the user at the other end of the socket, so there is no password. */
async function writeLoginFiles(directory: string, { owner, self }: Place): Promise<void> {
  // Root may be asked to serve what a normal user made, and to adopt a PostgreSQL that this user left running.
  const users = new Set(['root', owner.name, self.name])
  const roles = [...LOGIN_ROLES, LOCK_ROLE]
  const identities = [...users].flatMap((user) => roles.map((role) => `rempart ${quoted(user)} ${role}\n`))
  const header = '# Written by Rempart at each start.\n'
  await writeOwned(join(directory, 'pg_hba.conf'), `${header}local all ${roles.join(',')} peer map=rempart\n`, owner)
  await writeOwned(join(directory, 'pg_ident.conf'), header + identities.join(''), owner)
}

function quoted(user: string): string {
  return `"${user.replaceAll('"', '""')}"`
}

async function writeOwned(path: string, content: string, owner: OsUser): Promise<void> {
  if ((await readIfAny(path)) === content) return
  const unfinished = `${path}.${randomBytes(6).toString('hex')}`
  try {
    const file = await open(unfinished, 'wx', 0o600)
    try {
      await file.writeFile(content)
      await file.chown(owner.uid, owner.gid)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(unfinished, path)
  } finally {
    await rm(unfinished, { force: true })
  }
}

function checkMajor(place: Place, { major }: Binaries, found: string): void {
  if (major === found) return
  throw new EmbeddedDatabaseError(
    'wrong-version',
    `The database in ${place.cluster} is of PostgreSQL ${found}; this release of Rempart carries ${major}.`,
    'Start the release of Rempart that made it, move the data with pg_dump and pg_restore, or set REMPART_DATABASE_URL.',
  )
}

async function readIfAny(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}
