import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { until } from './processes.ts'

const run = promisify(execFile)

/** A PostgreSQL server of the machine's own, as an administrator would run it: with passwords, over TCP. */
export interface ExternalPostgres {
  /** As in `15.18`. */
  readonly version: string
  readonly superuserUrl: string
  /** The URL of a login on the database `rempart`. */
  url(user: string, password: string): string
  /** Settings for node-postgres of a login on the database `rempart`. */
  login(
    user: string,
    password: string,
  ): { host: string; port: number; user: string; password: string; database: string }
  /** Runs a script with psql, as the superuser on the database `postgres`, and answers what it printed. */
  psql(script: string, database?: string): Promise<string>
  /** Stops at once, as a crash does, and starts again on the same port. */
  crashAndRestart(): Promise<void>
  remove(): Promise<void>
}

const oldestMajor = 15

/** Where the oldest usable server binaries are: the floor is what has to be proven. Undefined: there are none. */
export function findPostgres(): string | undefined {
  const root = '/usr/lib/postgresql'
  const majors = existsSync(root) ? readdirSync(root).map(Number) : []
  const usable = majors.filter((major) => major >= oldestMajor).sort((a, b) => a - b)
  return usable.map((major) => join(root, String(major), 'bin')).find((bin) => existsSync(join(bin, 'initdb')))
}

/** Makes and starts a server with a password for everybody, in a directory that `remove` takes away. */
export async function startExternalPostgres(bin: string): Promise<ExternalPostgres> {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'rempart-postgres-')))
  const data = join(directory, 'data')
  const password = 'superuser password'
  const identity = await unprivileged(directory)
  writeFileSync(join(directory, 'password'), password, { mode: 0o644 })
  await run(
    join(bin, 'initdb'),
    [
      '-D',
      data,
      '-U',
      'postgres',
      '-A',
      'scram-sha-256',
      `--pwfile=${join(directory, 'password')}`,
      '-E',
      'UTF8',
      '-N',
    ],
    { ...identity, cwd: directory },
  )
  const port = await freePort()
  const options = ['-D', data, '-p', String(port), '-k', directory, '-c', 'listen_addresses=127.0.0.1']
  let server: ChildProcess | undefined

  const psql: ExternalPostgres['psql'] = async (script, database = 'postgres') => {
    const running = run(
      join(bin, 'psql'),
      [
        '-X',
        '-A',
        '-t',
        '-v',
        'ON_ERROR_STOP=1',
        '-h',
        '127.0.0.1',
        '-p',
        String(port),
        '-U',
        'postgres',
        '-d',
        database,
      ],
      { env: { PGPASSWORD: password, PATH: '/usr/bin:/bin' } },
    )
    running.child.stdin?.end(script)
    return (await running).stdout.trim()
  }
  const start = async (): Promise<void> => {
    server = spawn(join(bin, 'postgres'), options, { ...identity, cwd: directory, stdio: 'ignore' })
    await until(async () => (await psql('select 1').catch(() => '')) === '1', 30_000)
  }
  const stop = async (signal: NodeJS.Signals): Promise<void> => {
    if (server === undefined || server.exitCode !== null || server.signalCode !== null) return
    const ended = once(server, 'exit')
    server.kill(signal)
    await ended
  }
  const remove = async (): Promise<void> => {
    await stop('SIGQUIT')
    rmSync(directory, { recursive: true, force: true })
  }
  try {
    await start()
    return {
      version: await psql('show server_version_num').then((number) => `${Math.floor(Number(number) / 10_000)}`),
      superuserUrl: urlOf('postgres', password, port),
      url: (user, userPassword) => urlOf(user, userPassword, port),
      login: (user, userPassword) => ({ host: '127.0.0.1', port, user, password: userPassword, database: 'rempart' }),
      psql,
      crashAndRestart: async () => {
        await stop('SIGQUIT')
        await start()
      },
      remove,
    }
  } catch (error) {
    await remove()
    throw error
  }
}

const urlOf = (user: string, password: string, port: number): string =>
  `postgres://${user}:${encodeURIComponent(password)}@127.0.0.1:${port}/rempart`

/** PostgreSQL refuses to be root: then it runs as nobody, to whom the directory is given. */
async function unprivileged(directory: string): Promise<{ uid?: number; gid?: number }> {
  chmodSync(directory, 0o755)
  if (process.getuid?.() !== 0) return {}
  const id = async (flag: string): Promise<number> => Number((await run('id', [flag, 'nobody'])).stdout)
  const identity = { uid: await id('-u'), gid: await id('-g') }
  chownSync(directory, identity.uid, identity.gid)
  return identity
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const address = probe.address()
  await new Promise((resolve) => probe.close(resolve))
  return typeof address === 'object' && address !== null ? address.port : 0
}
