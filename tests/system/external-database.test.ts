import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { createPool, type Pool } from '../../packages/server/src/database/connect.ts'
import { roleScript } from '../../packages/server/src/database/roles.ts'
import { catalogueFaults } from '../../packages/server/src/isolation/catalogue.ts'
import { isolationMatrix } from '../../packages/server/src/isolation/table-matrix.ts'
import { type ExternalPostgres, findPostgres, startExternalPostgres } from '../support/external-postgres.ts'
import { until } from '../support/processes.ts'
import { type ServerProcess, startServerProcess } from '../support/server-process.ts'

const bin = findPostgres()
const MAIN = join(import.meta.dirname, '../../packages/cli/src/main.ts')

/** A password with characters that mean something in SQL, in a shell and in a URL. */
const password = (role: string): string => `${role}'s \\"p@ss:w/rd"? $1 100%`
const passwords = {
  rempart_owner: password('owner'),
  rempart_app: password('app'),
  rempart_worker: password('worker'),
}

/** One for all: what a database holds under one secret, no server with another can open. */
const secretKey = randomBytes(48).toString('base64')

let postgres: ExternalPostgres

/** Settings of a process, as the role it may log in as. */
const settings = (over: Readonly<Record<string, string>> = {}): Record<string, string> => ({
  REMPART_DATABASE_URL: postgres.url('rempart_app', passwords.rempart_app),
  REMPART_DATABASE_WORKER_URL: postgres.url('rempart_worker', passwords.rempart_worker),
  REMPART_DEFAULT_TENANT: 'acme',
  REMPART_SECRET_KEY: secretKey,
  ...over,
})

/** The server, removed when the test ends. Fails, with what it said, when it ends before it is ready. */
async function start(over: Readonly<Record<string, string>> = {}): Promise<ServerProcess> {
  const server = await startServerProcess({ env: settings(over) })
  onTestFinished(server.remove)
  return server
}

/** Runs the command line to its end. */
async function rempart(args: readonly string[], over: Readonly<Record<string, string>> = {}): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, ['--conditions=rempart-source', MAIN, ...args], {
    cwd: '/',
    env: { PATH: '/usr/bin:/bin', ...settings(over) },
  })
  return stdout
}

const send = (server: ServerProcess, name: string): Promise<Response> =>
  fetch(`${server.url}/api/v1/contact`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name, email: 'ada@example.org', message: 'Hello' }),
  })

const countOf = (name: string): Promise<string> =>
  postgres.psql(`select count(*) from contact_message where name = '${name}'`, 'rempart')

describe('a PostgreSQL of the operator’s own', () => {
  beforeAll(async () => {
    if (bin !== undefined) postgres = await startExternalPostgres(bin)
  })
  afterAll(() => postgres?.remove())
  beforeEach((test) =>
    test.skip(bin === undefined, 'no PostgreSQL 15 or later under /usr/lib/postgresql (apt-get install postgresql)'),
  )

  // In the order of an installation: each step finds what the one before left.

  it('gets its roles from the script of `rempart database init`, which may run twice', async () => {
    const script = await rempart(['database', 'init'])
    expect(script).toBe(`${roleScript()}\n`)
    await postgres.psql(script)
    await postgres.psql(roleScript({ passwords }))
    const roles = await postgres.psql(
      "select string_agg(rolname, ',' order by rolname) from pg_roles where rolname like 'rempart%'",
    )
    expect(roles).toBe('rempart_app,rempart_audit,rempart_auth,rempart_intake,rempart_owner,rempart_worker')
  })

  it('is not served from before it is migrated; the message names the command', async () => {
    await expect(start()).rejects.toThrow(/lacks \d+ migration.*npm run rempart -- migrate/s)
  })

  it('is migrated by the owner alone', async () => {
    await expect(rempart(['migrate'])).rejects.toThrow('REMPART_DATABASE_OWNER_URL')
    const asApp = { REMPART_DATABASE_OWNER_URL: postgres.url('rempart_app', passwords.rempart_app) }
    await expect(rempart(['migrate'], asApp)).rejects.toThrow('permission denied')
    const asOwner = { REMPART_DATABASE_OWNER_URL: postgres.url('rempart_owner', passwords.rempart_owner) }
    expect(await rempart(['migrate'], asOwner)).toContain('0001_tenants')
    expect(await rempart(['migrate'], asOwner)).not.toContain('0001_tenants')
  })

  it('holds every promise of isolation that the embedded one holds', async () => {
    const pool = (user: 'rempart_app' | 'rempart_worker'): Pool => {
      const limits = {
        connectTimeoutMs: 5_000,
        statementTimeoutMs: 15_000,
        idleTimeoutMs: 5_000,
        maxLifetimeMs: 60_000,
      }
      const made = createPool(postgres.login(user, passwords[user]), { size: 2, ...limits, name: 'matrix' }, () => {})
      onTestFinished(() => made.end())
      return made
    }
    const pools = { app: pool('rempart_app'), worker: pool('rempart_worker') }
    expect(await catalogueFaults(pools.worker)).toEqual([])
    expect((await isolationMatrix(pools)).filter((cell) => !cell.holds)).toEqual([])
  })

  it('stores what the public sends, for the tenant the operator made', async () => {
    await rempart(['tenant', 'create', 'acme', '--name', 'Acme'])
    const server = await start()
    expect((await send(server, 'Ada')).status).toBe(201)
    expect(await countOf('Ada')).toBe('1')
    const ready = await (await fetch(`${server.url}/health/ready`)).text()
    expect(ready).toContain('"status"')
  })

  it('may crash and come back under a server that runs, and nothing that was acknowledged is lost', async () => {
    const server = await start({ REMPART_DATABASE_CONNECT_TIMEOUT: '1s' })
    expect((await send(server, 'Before')).status).toBe(201)
    await postgres.crashAndRestart()
    expect(await countOf('Before')).toBe('1')
    await until(async () => (await fetch(`${server.url}/health/ready`)).status === 200, 20_000)
    expect((await send(server, 'After')).status).toBe(201)
    expect(await countOf('After')).toBe('1')
    server.signal('SIGTERM')
    expect(await server.ended()).toMatchObject({ code: 0 })
  })

  it.each([
    ['a superuser', () => postgres.superuserUrl, 'the role postgres is a superuser'],
    [
      'the owner',
      () => postgres.url('rempart_owner', passwords.rempart_owner),
      'the role rempart_owner owns the table',
    ],
  ])('is not served from as %s', async (_who, url, fault) => {
    await expect(start({ REMPART_DATABASE_URL: url() })).rejects.toThrow(fault)
    await expect(start({ REMPART_DATABASE_WORKER_URL: url() })).rejects.toThrow(fault)
  })

  it('is not served from with a wrong password, and the message does not repeat it', async () => {
    const failure = await start({ REMPART_DATABASE_URL: postgres.url('rempart_app', 'wrong-password') }).catch(String)
    expect(failure).toContain('password authentication failed')
    expect(failure).not.toContain('wrong-password')
  })

  it.each([
    [
      'commits do not wait for the disk',
      'alter role rempart_app set synchronous_commit = off',
      'alter role rempart_app reset all',
      'synchronous_commit is off',
    ],
    [
      'the app bypasses row-level security',
      'alter role rempart_app bypassrls',
      'alter role rempart_app nobypassrls',
      'has BYPASSRLS',
    ],
    [
      'a table is no longer under it',
      'alter table lead no force row level security',
      'alter table lead force row level security',
      'the table lead lacks forced row-level security',
    ],
    [
      'the app may truncate',
      'grant truncate on lead to rempart_app',
      'revoke truncate on lead from rempart_app',
      'may truncate the table lead',
    ],
  ])('is not served from when %s', async (_what, damage, repair, fault) => {
    await postgres.psql(damage, 'rempart')
    try {
      await expect(start()).rejects.toThrow(fault)
    } finally {
      await postgres.psql(repair, 'rempart')
    }
    await start()
  })

  it('is served from beside an extension that keeps its views in the same schema', async () => {
    await postgres.psql('create extension pg_stat_statements', 'rempart')
    expect(await postgres.psql("select relkind from pg_class where relname = 'pg_stat_statements'", 'rempart')).toBe(
      'v',
    )
    await start()
  })
})
