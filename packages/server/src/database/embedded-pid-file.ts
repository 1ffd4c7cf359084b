import { execFileSync } from 'node:child_process'
import { readFile, readlink, realpath, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { systemCode } from './embedded-error.ts'
import type { Place } from './embedded-place.ts'
import { SOCKET_PORT } from './embedded-settings.ts'

/** The process named by `postmaster.pid`; absent without the file, as after a clean stop. */
export function pidInFile(cluster: string): Promise<number | undefined> {
  return pidIn(join(cluster, 'postmaster.pid'))
}

/**
 * Lets PostgreSQL start over lock files, `postmaster.pid` and those of its sockets, whose process number belongs to
 * somebody else by now, or to a dead process that nobody collects. PostgreSQL only asks whether a process of that number
 * exists, and would refuse for ever.
 *
 * The files stay, with the number of this process in them, which PostgreSQL passes over as its own parent: what else
 * `postmaster.pid` holds lets it find out whether a process of the dead server still uses the shared memory.
 *
 * @returns Whether any was stale.
 */
export async function disownStalePids({
  cluster,
  socketDirs,
}: Pick<Place, 'cluster' | 'socketDirs'>): Promise<boolean> {
  const sockets = socketDirs.map((directory) => join(directory, `.s.PGSQL.${SOCKET_PORT}.lock`))
  let isAnyStale = false
  for (const path of [join(cluster, 'postmaster.pid'), ...sockets]) {
    if (await disown(path, cluster)) isAnyStale = true
  }
  return isAnyStale
}

async function disown(path: string, cluster: string): Promise<boolean> {
  const pid = await pidIn(path)
  if (pid === undefined || pid === process.pid || (await mayServe(pid, cluster))) return false
  const [, ...rest] = (await readFile(path, 'utf8')).split('\n')
  await writeFile(path, [process.pid, ...rest].join('\n'), { flag: 'r+' })
  return true
}

async function pidIn(path: string): Promise<number | undefined> {
  try {
    const pid = Number.parseInt(await readFile(path, 'utf8'), 10)
    return Number.isInteger(pid) && pid > 0 ? pid : undefined
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}

/** Whether a live process of this number may be a PostgreSQL on `cluster`. In doubt, yes. */
async function mayServe(pid: number, cluster: string): Promise<boolean> {
  if (process.platform !== 'linux') return isNamedPostgres(pid)
  try {
    // Every process of PostgreSQL works in the cluster's directory. That of a dead one cannot be read.
    return (await readlink(`/proc/${pid}/cwd`)) === (await realpath(cluster))
  } catch (error) {
    return systemCode(error) === 'EACCES' && !(await isZombie(pid))
  }
}

async function isZombie(pid: number): Promise<boolean> {
  try {
    return /\) [ZX] /.test(await readFile(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return true
  }
}

function isNamedPostgres(pid: number): boolean {
  try {
    return execFileSync('ps', ['-p', String(pid), '-o', 'comm='], { encoding: 'utf8' }).includes('postgres')
  } catch {
    // ps ends with 1 when there is no such process.
    return false
  }
}
