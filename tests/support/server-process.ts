import { type ChildProcess, spawn } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { hashOf } from '../../packages/server/src/database/embedded-socket.ts'
import { childrenOf, isRunning, send, until, workingIn } from './processes.ts'

/**
 * The real server, `rempart start`, in a process of its own: on a free port, with an embedded PostgreSQL in a temporary
 * data directory. A test kills it, starts it again on the same directory and port, and reads what it logged.
 *
 * ```ts
 * const server = await startServerProcess({ policies: { 'leads.submit': { rules: { burst: 'off' } } } })
 * onTestFinished(server.remove) // or afterAll
 * ```
 */
export interface ServerProcess {
  /** `http://127.0.0.1:<port>`: the same over every restart. */
  readonly url: string
  readonly dataDir: string
  /** Of the Node process started last. */
  readonly pid: number
  /** Every log line, over all starts. The server redacts what a log must not hold. */
  readonly logs: readonly LogLine[]
  /** What it wrote for people, over all starts. */
  stderr(): string
  /** Starts it again after its end. Resolves, as the first start, when it is ready, with the milliseconds that took. */
  start(): Promise<number>
  /** Resolves when `/health/ready` answers 200, with the milliseconds that took. Fails when the process ends before. */
  untilReady(limitMs?: number): Promise<number>
  /** Sends a signal to the Node process, and to nothing else. */
  signal(signal: NodeJS.Signals): void
  /** Waits for the end of the Node process. */
  ended(limitMs?: number): Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>
  /** The pid of the postmaster that PostgreSQL's own file names, when it runs. */
  postmaster(): number | undefined
  /** Every process of PostgreSQL, the postmaster first; on Linux also those whose postmaster is dead. */
  postgresProcesses(): number[]
  /** Settings for node-postgres: one role, over the private socket. Works while PostgreSQL runs. */
  connection(role: 'rempart_owner' | 'rempart_app' | 'rempart_worker' | 'rempart_lock'): {
    readonly host: string
    readonly port: number
    readonly user: string
    readonly database: string
  }
  /** Kills what runs and removes every trace, also outside the data directory. Safe to repeat, and without `this`. */
  readonly remove: () => Promise<void>
}

/** One line of the server's log. */
export interface LogLine {
  readonly level: string
  readonly time: string
  readonly msg: string
  readonly [field: string]: unknown
}

export interface ServerProcessOptions {
  /** Settings, `REMPART_*`. Nothing of the environment of the tests reaches the server. */
  readonly env?: Readonly<Record<string, string>>
  /** What `REMPART_PUBLIC_URL` is at a port, for what depends on the address that a browser is at. */
  readonly publicUrl?: (port: number) => string
  /** The `policies` of a policy file, made and named to the server. */
  readonly policies?: Readonly<Record<string, unknown>>
  /** A directory of the test's own, such as a mounted one, which `remove` leaves in its place. */
  readonly dataDir?: string
}

/** Starts the server and waits until it is ready. When that fails nothing stays behind. */
export async function startServerProcess(options: ServerProcessOptions = {}): Promise<ServerProcess> {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'rempart-system-')))
  // PostgreSQL, which refuses to be root, runs as another user and has to pass through here.
  chmodSync(directory, 0o755)
  const server = handle(directory, options, await freePort())
  try {
    await server.start()
    return server
  } catch (error) {
    await server.remove()
    throw error
  }
}

const MAIN = join(import.meta.dirname, '../../packages/cli/src/main.ts')
const READY_WITHIN_MS = 30_000

function handle(directory: string, options: ServerProcessOptions, port: number): ServerProcess {
  const dataDir = options.dataDir === undefined ? join(directory, 'data') : realpathSync(options.dataDir)
  const url = `http://127.0.0.1:${port}`
  const env = environment(directory, options, {
    REMPART_PORT: String(port),
    REMPART_DATA_DIR: dataDir,
    ...(options.publicUrl && { REMPART_PUBLIC_URL: options.publicUrl(port) }),
  })
  const logs: LogLine[] = []
  let errors = ''
  let child: ChildProcess | undefined

  const hasEnded = (): boolean => child === undefined || child.exitCode !== null || child.signalCode !== null
  const cluster = (): string => join(dataDir, 'postgres')
  const untilReady = async (limitMs = READY_WITHIN_MS): Promise<number> => {
    const startedMs = performance.now()
    const isReady = async (): Promise<boolean> => {
      if (hasEnded()) throw new Error(`the server ended before it was ready\n${errors}${tail(logs)}`)
      const probe = fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(limitMs) })
      return (await probe.catch(() => undefined))?.status === 200
    }
    await until(isReady, limitMs)
    return performance.now() - startedMs
  }
  const ended: ServerProcess['ended'] = async (limitMs = 30_000) => {
    await until(hasEnded, limitMs)
    return { code: child?.exitCode ?? null, signal: child?.signalCode ?? null }
  }

  return {
    url,
    dataDir,
    logs,
    ended,
    untilReady,
    get pid() {
      return child?.pid ?? 0
    },
    stderr: () => errors,
    async start() {
      if (!hasEnded()) throw new Error('the server runs')
      child = spawn(process.execPath, ['--conditions=rempart-source', MAIN, 'start'], {
        cwd: directory,
        env,
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      living.set(child, cluster)
      if (child.stdout) createInterface({ input: child.stdout }).on('line', (line) => logs.push(JSON.parse(line)))
      child.stderr?.on('data', (chunk: Buffer) => {
        errors += chunk.toString()
      })
      return await untilReady()
    },
    signal: (signal) => void child?.kill(signal),
    postmaster: () => runningPostmaster(cluster()),
    postgresProcesses: () => processesOf(cluster()),
    connection(role) {
      const { socketDir, port: socketPort } = pidFile(cluster()) ?? { socketDir: '', port: 0 }
      return {
        host: socketDir,
        port: socketPort,
        user: role,
        database: role === 'rempart_lock' ? 'postgres' : 'rempart',
      }
    },
    async remove() {
      child?.kill('SIGKILL')
      await ended()
      if (child !== undefined) living.delete(child)
      await endPostgres(cluster())
      removeElsewhere(dataDir)
      rmSync(directory, { recursive: true, force: true, maxRetries: 20 })
    },
  }
}

function environment(directory: string, options: ServerProcessOptions, own: Readonly<Record<string, string>>) {
  const policyFile = join(directory, 'rempart.policy.yaml')
  if (options.policies !== undefined) {
    // JSON is YAML.
    writeFileSync(policyFile, JSON.stringify({ version: 1, policies: options.policies }))
  }
  return {
    PATH: '/usr/local/bin:/usr/bin:/bin',
    ...own,
    ...(options.policies && { REMPART_POLICY_FILE: policyFile }),
    ...options.env,
  }
}

/**
 * A port nobody listens on, below those the system gives to outgoing connections: while the server is down, a client
 * that keeps trying could be given its very port, and would keep the server from having it back.
 */
async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000)
    const probe = createServer()
    const isFree = await new Promise<boolean>((resolve) => {
      probe.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true))
    })
    if (!isFree) continue
    await new Promise((resolve) => probe.close(resolve))
    return port
  }
}

interface PidFile {
  readonly pid: number
  readonly port: number
  readonly socketDir: string
}

/** What PostgreSQL wrote: pid, directory, start, port and socket directory, a line each. It stays after a kill. */
function pidFile(cluster: string): PidFile | undefined {
  const path = join(cluster, 'postmaster.pid')
  if (!existsSync(path)) return undefined
  const [pid, , , port, socketDir = ''] = readFileSync(path, 'utf8').split('\n')
  return { pid: Number(pid), port: Number(port), socketDir }
}

function runningPostmaster(cluster: string): number | undefined {
  const pid = pidFile(cluster)?.pid
  if (pid === undefined || !(pid > 0) || !isRunning(pid)) return undefined
  // A stale file may hold a number that belongs to somebody else by now, or the server's own.
  return process.platform !== 'linux' || workingIn(realpathSync(cluster)).includes(pid) ? pid : undefined
}

function processesOf(cluster: string): number[] {
  if (!existsSync(cluster)) return []
  const postmaster = runningPostmaster(cluster)
  const family = postmaster === undefined ? [] : [postmaster, ...childrenOf(postmaster)]
  return [...new Set([...family, ...workingIn(realpathSync(cluster))])]
}

async function endPostgres(cluster: string): Promise<void> {
  for (const signal of ['SIGQUIT', 'SIGKILL'] as const) {
    const left = processesOf(cluster)
    for (const pid of left) {
      send(pid, signal)
      // A frozen process hears of it when it goes on.
      send(pid, 'SIGCONT')
    }
    await until(() => !left.some(isRunning), 5_000).catch(() => {})
  }
}

/** Sockets are kept under /tmp, and the cluster of a directory that PostgreSQL's user cannot reach under /var/lib. */
function removeElsewhere(dataDir: string): void {
  rmSync(`/tmp/rempart-${hashOf(dataDir)}`, { recursive: true, force: true })
  try {
    rmSync(dirname(readlinkSync(join(dataDir, 'postgres'))), { recursive: true, force: true })
  } catch {
    // No link: the cluster goes with the directory.
  }
}

const tail = (logs: readonly LogLine[]): string =>
  logs
    .slice(-10)
    .map((line) => JSON.stringify(line))
    .join('\n')

/** Should the tests themselves be ended half-way, nothing of theirs stays. */
const living = new Map<ChildProcess, () => string>()
process.once('exit', () => {
  for (const [child, cluster] of living) {
    child.kill('SIGKILL')
    for (const pid of processesOf(cluster())) send(pid, 'SIGQUIT')
  }
})
