import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { afterAll, onTestFinished } from 'vitest'
import { startEmbeddedDatabase } from '../../packages/server/src/database/embedded.ts'
import { removeEmbeddedDatabase } from '../../packages/server/src/database/embedded-remove.ts'
import type { Said } from './embedded-server.ts'

/** The user `nobody` of Linux and of most other systems. */
export const NOBODY = 65_534

export const isRoot = process.geteuid?.() === 0

/** A process with an embedded database, driven from a test. Killed, with its PostgreSQL, when the test ends. */
export interface TestServer {
  readonly child: ChildProcess
  readonly saids: readonly Said[]
  /** The first thing of this kind it says, or has said. Fails when it ends without saying it. */
  hear<K extends Said['said']>(kind: K): Promise<Extract<Said, { said: K }>>
  /** The rows PostgreSQL answers, or the code of the error. */
  query(sql: string): Promise<unknown[] | string>
  /** Repeats the query until it is answered with rows. */
  queryUntilAnswered(sql: string, limitMs: number): Promise<unknown[]>
  stop(): Promise<void>
  /** kill -9. */
  kill(): Promise<void>
}

/** A directory that is removed, with everything PostgreSQL keeps elsewhere for it, when the test ends. */
export function temporaryDirectory(options: { mode?: number; uid?: number } = {}): string {
  const directory = mkdtempSync(join(tmpdir(), 'rempart-test-'))
  chmodSync(directory, options.mode ?? 0o755)
  if (options.uid !== undefined) chownSync(directory, options.uid, options.uid)
  onTestFinished(() => remove(directory))
  return directory
}

/**
 * A data directory that has been served before, with a table `kept` of one row, 42. A copy: making the first one takes
 * ten times as long.
 */
export async function usedDirectory(): Promise<string> {
  template ??= makeTemplate()
  const directory = temporaryDirectory()
  execFileSync('cp', ['-a', join(await template, 'data'), directory])
  return join(directory, 'data')
}

let template: Promise<string> | undefined

afterAll(async () => {
  if (template !== undefined) await remove(await template)
})

async function makeTemplate(): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'rempart-test-'))
  chmodSync(directory, 0o755)
  const database = await startEmbeddedDatabase({ dataDir: join(directory, 'data'), log: () => {} })
  const client = new pg.Client(database.connection('rempart_owner'))
  await client.connect()
  await client.query('create table kept as select 42 as n')
  await client.end()
  await database.stop()
  return directory
}

/** Starts a process with the embedded database of `dataDir`; `via` is the program, and its arguments, to start it with. */
export function startServer(
  dataDir: string,
  options: { uid?: number; share?: boolean; via?: readonly string[] } = {},
): TestServer {
  const identity = options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }
  const command = [process.execPath, PROGRAM, dataDir, options.share === true ? 'share' : 'alone']
  const [program = '', ...args] = [...(options.via ?? []), ...command]
  const child = spawn(program, args, {
    ...identity,
    cwd: '/',
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  child.stdin.on('error', () => {})
  const saids: Said[] = []
  const listeners = new Set<() => void>()
  let hasEnded = false
  createInterface({ input: child.stdout }).on('line', (line) => {
    // The program at the other end writes nothing but `Said`.
    saids.push(JSON.parse(line) as Said)
    for (const listener of listeners) listener()
  })
  const ended = once(child, 'close').then(() => {
    hasEnded = true
    for (const listener of listeners) listener()
  })

  /** Waits for the first match at or after index `from`. */
  const hearFrom = <K extends Said['said']>(kind: K, from: number) =>
    new Promise<Extract<Said, { said: K }>>((resolve, reject) => {
      const look = () => {
        const found = saids.slice(from).find((said): said is Extract<Said, { said: K }> => said.said === kind)
        if (found === undefined && !hasEnded) return
        listeners.delete(look)
        if (found !== undefined) resolve(found)
        else reject(new Error(`ended without "${kind}": ${JSON.stringify(saids)}`))
      }
      listeners.add(look)
      look()
    })

  const query = async (sql: string) => {
    const from = saids.length
    child.stdin.write(`${sql}\n`)
    const { rows, error } = await hearFrom('answer', from)
    return rows ?? error ?? ''
  }
  const kill = async () => {
    child.kill('SIGKILL')
    await ended
  }
  onTestFinished(async () => {
    await kill()
    await endPostgres(dataDir)
  })
  return {
    child,
    saids,
    hear: (kind) => hearFrom(kind, 0),
    query,
    queryUntilAnswered: async (sql, limitMs) => {
      const startedMs = Date.now()
      for (;;) {
        const answer = await query(sql)
        if (typeof answer !== 'string') return answer
        if (Date.now() - startedMs > limitMs) throw new Error(`no answer within ${limitMs} ms: ${answer}`)
      }
    },
    stop: async () => {
      child.stdin.end('stop\n')
      await ended
    },
    kill,
  }
}

/** The process PostgreSQL itself names in its directory; absent when none is named. */
export function postmasterPid(dataDir: string): number | undefined {
  const path = join(dataDir, 'postgres', 'postmaster.pid')
  return existsSync(path) ? Number.parseInt(readFileSync(path, 'utf8'), 10) : undefined
}

/** The shell that shuts PostgreSQL down when the server dies. */
export async function killGuardOf(server: TestServer): Promise<void> {
  const children = readFileSync(`/proc/${server.child.pid}/task/${server.child.pid}/children`, 'utf8')
  for (const pid of children.trim().split(' ').map(Number)) {
    if (readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('rempart-guard')) process.kill(pid, 'SIGKILL')
  }
}

/** Whether this process may mount file systems and make namespaces. */
export function canMount(): boolean {
  if (!isRoot || process.platform !== 'linux') return false
  try {
    execFileSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'rempart-test', '/mnt'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** Whether a process exists that is not merely waiting to be collected. */
export function isRunning(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

/** Waits for a condition, looking every 10 ms. */
export async function until(condition: () => boolean, limitMs = 10_000): Promise<void> {
  const startedMs = Date.now()
  while (!condition()) {
    if (Date.now() - startedMs > limitMs) throw new Error(`not within ${limitMs} ms: ${condition}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

const PROGRAM = join(dirname(fileURLToPath(import.meta.url)), 'embedded-server.ts')

async function endPostgres(dataDir: string): Promise<void> {
  const pid = postmasterPid(dataDir)
  if (pid === undefined || !isRunning(pid)) return
  // A stale file may carry the number of a process that is none of ours.
  if (!readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('postgres')) return
  process.kill(pid, 'SIGQUIT')
  await until(() => !isRunning(pid))
}

async function remove(directory: string): Promise<void> {
  const dataDir = join(directory, 'data')
  if (existsSync(dataDir)) await removeEmbeddedDatabase(dataDir)
  rmSync(directory, { recursive: true, force: true, maxRetries: 20 })
}
