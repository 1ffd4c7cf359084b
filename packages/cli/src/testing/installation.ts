import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll } from 'vitest'
import { removeEmbeddedDatabase } from '../../../server/src/database/embedded-remove.ts'

/** What a command came to. */
export interface Ended {
  readonly stdout: string
  readonly stderr: string
  /** Absent where a signal ended it. */
  readonly code: number | null
}

export interface RunOptions {
  /** Beside, and before, the clean environment. */
  readonly env?: Readonly<Record<string, string>>
  /** The whole of its standard input. */
  readonly input?: string | Uint8Array
}

/** The command `rempart`, in real processes which know nothing of the environment that the tests run in. */
export interface CommandLine {
  /** Where every command runs. Not there until it is wanted. */
  readonly directory: string
  /** What every command keeps its data in, inside `directory`. Not there until one of them makes it. */
  readonly dataDir: string
  /** The absolute path of a file in `directory`; it is written where its content is said. */
  file(name: string, content?: string | Uint8Array): string
  /** Starts a command, whose standard input is open. */
  launch(args: readonly string[], env?: RunOptions['env']): ChildProcessWithoutNullStreams
  /** Runs a command to its end. */
  run(args: readonly string[], options?: RunOptions): Promise<Ended>
}

/** A command line beside a server that runs. */
export interface Installation extends CommandLine {
  /** Known once the first test runs. */
  readonly server: {
    /** `http://127.0.0.1:<port>` */
    readonly url: string
    /** What it has written for people until now. */
    readonly said: string
  }
  /** Reads from its API, as who has this key or access token. @param path - after `/api/v1`. */
  api(path: string, token: string): Promise<Response>
}

const MAIN = join(import.meta.dirname, '../main.ts')

/** A command line for the tests of one file: its directory, and every database that was made in it, go with the file. */
export function commandLine(): CommandLine {
  const directory = join(tmpdir(), `rempart-cli-${randomUUID()}`)
  const dataDir = join(directory, 'data')
  // Once it is wanted: no hook runs after a file whose tests are all left out.
  const make = (): unknown => mkdirSync(directory, { recursive: true, mode: 0o700 })
  afterAll(() => removeAll(directory), 30_000)
  const launch: CommandLine['launch'] = (args, env) => {
    make()
    return spawn(process.execPath, ['--conditions=rempart-source', MAIN, ...args], {
      cwd: directory,
      env: { PATH: '/usr/bin:/bin', LANG: 'C.UTF-8', REMPART_DATA_DIR: dataDir, ...env },
    })
  }
  return {
    directory,
    dataDir,
    launch,
    file(name, content) {
      const path = join(directory, name)
      if (content === undefined) return path
      make()
      writeFileSync(path, content)
      return path
    },
    run: (args, { env, input = '' } = {}) => endOf(launch(args, env), input),
  }
}

/**
 * A command line and a server with the demo, `rempart start`, for the tests of one file. It starts before the first of
 * them and ends after the last. What a policy counts by address is counted anew for every file: five sign-ins a minute
 * are all that one installation gives its tests.
 */
export function installation(): Installation {
  const commands = commandLine()
  const server = { url: '', said: '' }
  let child: ChildProcessWithoutNullStreams | undefined
  const end = (): unknown => child?.kill('SIGTERM')
  beforeAll(async () => {
    child = commands.launch(['start'], { REMPART_PORT: '0' })
    // Should the tests themselves be ended half-way, neither it nor its PostgreSQL stays.
    process.once('exit', end)
    server.url = await addressOf(child, server)
  }, 60_000)
  afterAll(async () => {
    process.off('exit', end)
    if (child === undefined || hasEnded(child)) return
    end()
    await once(child, 'exit')
  }, 30_000)
  return {
    ...commands,
    server,
    api: (path, token) => fetch(`${server.url}/api/v1${path}`, { headers: { authorization: `Bearer ${token}` } }),
  }
}

/** Waits for a command that was started, of which nothing has been read. @param input - all that it is still given. */
export async function endOf(child: ChildProcessWithoutNullStreams, input: RunOptions['input'] = ''): Promise<Ended> {
  // A command that fails before it reads closes the pipe.
  child.stdin.on('error', () => undefined)
  child.stdin.end(input)
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  return { stdout, stderr, code }
}

const hasEnded = (child: ChildProcessWithoutNullStreams): boolean =>
  child.exitCode !== null || child.signalCode !== null

/** Reads what a server writes for people, to its end, and answers where it can be reached. */
function addressOf(child: ChildProcessWithoutNullStreams, heard: { said: string }): Promise<string> {
  child.stdout.resume()
  return new Promise((resolve, reject) => {
    child.once('exit', () => reject(new Error(`the server ended: ${heard.said}`)))
    child.stderr.on('data', (chunk) => {
      heard.said += String(chunk)
      const address = /answers at (http:\S+)/.exec(heard.said)?.[1]
      if (address !== undefined) resolve(address)
    })
  })
}

/** A database is not in its data directory alone. */
async function removeAll(directory: string): Promise<void> {
  if (!existsSync(directory)) return
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    if (entry.isDirectory()) await removeEmbeddedDatabase(join(directory, entry.name))
  }
  rmSync(directory, { recursive: true, force: true })
}
