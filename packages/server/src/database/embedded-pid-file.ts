import { execFileSync } from 'node:child_process'
import { readFile, readlink, realpath, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { systemCode } from './embedded-error.ts'

/** The process named by `postmaster.pid`; absent without the file, as after a clean stop. */
export async function pidInFile(cluster: string): Promise<number | undefined> {
  try {
    const pid = Number.parseInt(await readFile(join(cluster, 'postmaster.pid'), 'utf8'), 10)
    return Number.isInteger(pid) && pid > 0 ? pid : undefined
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}

/**
 * Lets PostgreSQL start over a `postmaster.pid` whose number belongs to somebody else by now, or to a dead process that
 * nobody collects. PostgreSQL only asks whether a process of that number exists, and would refuse for ever.
 *
 * The file stays, with the number of this process in it, which PostgreSQL passes over as its own parent: what else the
 * file holds lets it find out whether a process of the dead server still uses the shared memory.
 *
 * @returns Whether the file was stale.
 */
export async function disownStalePid(cluster: string): Promise<boolean> {
  const pid = await pidInFile(cluster)
  if (pid === undefined || pid === process.pid || (await mayServe(pid, cluster))) return false
  const path = join(cluster, 'postmaster.pid')
  const [, ...rest] = (await readFile(path, 'utf8')).split('\n')
  await writeFile(path, [process.pid, ...rest].join('\n'), { flag: 'r+' })
  return true
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
