import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createPasswordHasher } from '../../packages/server/src/core/credentials/password-hasher.ts'
import { createKeyRing, seal } from '../../packages/server/src/core/credentials/sealing.ts'
import { insertUser } from '../../packages/server/src/core/identity/new-user.ts'
import { clientAad } from '../../packages/server/src/core/identity/session-kit.ts'
import { createId } from '../../packages/server/src/core/ids.ts'
import { keyLabels, mastersOf } from '../../packages/server/src/core/secrets.ts'
import { inTenant } from '../../packages/server/src/database/tenant.ts'
import { countFormerlySealed } from '../../packages/server/src/master-key/rewrap.ts'
import { createTenant } from '../../packages/server/src/modules/tenants/service.ts'
import { codeAt } from '../../packages/server/src/testing/second-factors.ts'
import { until } from '../support/processes.ts'
import { type ServerProcess, startServerProcess } from '../support/server-process.ts'
import { type SharedDatabase, startSharedDatabase } from '../support/shared-database.ts'

const MAIN = join(import.meta.dirname, '../../packages/cli/src/main.ts')
const former = 'k3Jd0pXv7sQmZr9LwTfYb2NcHg5aUe8iOx1RtVq4MnA='
const next = 'Qh8ZsW2nVx6TgLpK0yRbJm4DcFu9EoIa3XtM7vNqB1k='
const password = 'a fine password of everybody'

/** Two real servers on one database, whose secrets lie in files that are exchanged between restarts. */
let database: SharedDatabase
let directory: string
let tenantId: string
const servers: ServerProcess[] = []
/** Those that a load balancer would send requests to. */
const up: ServerProcess[] = []

const setSecrets = (current: string, previous: readonly string[]): void => {
  writeFileSync(join(directory, 'key'), current)
  writeFileSync(join(directory, 'previous'), previous.join('\n'))
}
const env = (): Record<string, string> => {
  const { REMPART_SECRET_KEY: _own, ...rest } = database.env
  return {
    ...rest,
    REMPART_SECRET_KEY_FILE: join(directory, 'key'),
    REMPART_SECRET_KEY_PREVIOUS_FILE: join(directory, 'previous'),
    REMPART_DEFAULT_TENANT: 'acme',
    REMPART_TRUSTED_PROXIES: '127.0.0.1/32',
    REMPART_PASSWORD_CHECK_HIBP: 'off',
  }
}

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'rempart-rotation-'))
  database = await startSharedDatabase()
  tenantId = await createTenant(database.worker, { slug: 'acme', name: 'Acme' })
  setSecrets(former, [])
  servers.push(...(await Promise.all([startServerProcess({ env: env() }), startServerProcess({ env: env() })])))
  up.push(...servers)
}, 60_000)
afterAll(async () => {
  await Promise.all(servers.map((server) => server.remove()))
  await database?.remove()
  rmSync(directory, { recursive: true, force: true })
})

let clients = 0
/** As a client that was never seen, at each server in turn. @param body - 'none': a POST without one. @throws Error for every answer but a success. */
async function call(path: string, body?: object | 'none', token?: string): Promise<Record<string, unknown>> {
  clients += 1
  const server = up[clients % up.length]
  const answer = await fetch(`${server?.url}/api/v1${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      'x-forwarded-for': `10.${clients >> 16}.${(clients >> 8) & 255}.${clients & 255}`,
      connection: 'close',
      ...(typeof body === 'object' && { 'content-type': 'application/json' }),
      ...(token && { authorization: `Bearer ${token}` }),
    },
    ...(typeof body === 'object' && { body: JSON.stringify(body) }),
  })
  const said = await answer.text()
  if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${said}`)
  return said === '' ? {} : JSON.parse(said)
}

async function person(email: string): Promise<void> {
  const passwordHash = await createPasswordHasher().hash(password)
  await inTenant(database.worker, tenantId, (tx) =>
    insertUser(tx, { tenantId, email, locale: 'en', passwordHash, emailVerifiedAt: new Date() }),
  )
}

const lastStep = new Map<string, number>()
/** A code that the app of the secret has not shown yet. */
function codeOf(secret: string): string {
  const step = Math.max(Math.floor(Date.now() / 30_000), (lastStep.get(secret) ?? 0) + 1)
  lastStep.set(secret, step)
  return codeAt(secret, step * 30_000)
}

async function enrol(email: string): Promise<string> {
  await person(email)
  const { access_token } = await call('/auth/login', { email, password })
  const { secret } = await call('/mfa/setup', 'none', String(access_token))
  await call('/mfa/enable', { code: codeOf(String(secret)) }, String(access_token))
  return String(secret)
}

async function signInWithCode(email: string, secret: string): Promise<void> {
  const { mfa_session_token } = await call('/auth/login', { email, password })
  const signedIn = await call('/auth/login/mfa', { mfa_session_token, code: codeOf(secret) })
  expect(signedIn['access_token']).toBeDefined()
}

/** One server after the other leaves the load balancer, stops, starts, and comes back. */
async function rollingRestart(): Promise<void> {
  for (const server of servers) {
    up.splice(up.indexOf(server), 1)
    // What was on its way to it is answered before it ends: it stops gracefully.
    server.signal('SIGTERM')
    await server.ended()
    await server.start()
    up.push(server)
  }
}

function rewrapProcess() {
  return spawn(process.execPath, ['--conditions=rempart-source', MAIN, 'keys', 'rewrap'], {
    cwd: directory,
    env: { PATH: '/usr/bin:/bin', LANG: 'C', ...env() },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
}

const left = (): Promise<number> =>
  countFormerlySealed({ app: database.app, worker: database.worker, masters: mastersOf(next, [former]) })

/** So many that sealing them anew takes a while. */
async function seedSessions(count: number, email: string): Promise<void> {
  const ring = createKeyRing(mastersOf(former), keyLabels.sessionMetadata)
  const ids = Array.from({ length: count }, createId)
  const sealed = ids.map((id) => seal(ring, Buffer.from('{"address":"x","userAgent":null}'), clientAad(tenantId, id)))
  const connection = await database.worker.connect()
  await connection.query('begin')
  await connection.query("select set_config('rempart.tenant_id', $1, true)", [tenantId])
  await connection.query(
    `insert into session (tenant_id, id, user_id, aal, amr, auth_time, transport, client_sealed, idle_expires_at, absolute_expires_at)
     select $1, v.id, (select u.id from user_account u where u.email = $2), 1, '{pwd}', now(), 'bearer', v.sealed,
       now() + interval '1 day', now() + interval '1 day' from unnest($3::uuid[], $4::bytea[]) as v (id, sealed)`,
    [tenantId, email, ids, sealed],
  )
  await connection.query('commit')
  connection.release()
}

it('changes the master secret of two servers under traffic: nobody is signed out, and no request fails', async () => {
  const apps = {
    ada: await enrol('ada@example.org'),
    bob: await enrol('bob@example.org'),
    cyd: await enrol('cyd@example.org'),
  }
  await person('dan@example.org')
  await seedSessions(20_000, 'dan@example.org')

  const traffic = { isOver: false, requests: 0, failures: [] as string[] }
  const visitor = async (): Promise<void> => {
    let tokens = await call('/auth/login', { email: 'dan@example.org', password })
    while (!traffic.isOver) {
      try {
        for (let turn = 0; turn < 5; turn += 1) await call('/auth/me', undefined, String(tokens['access_token']))
        tokens = await call('/auth/refresh', { refresh_token: tokens['refresh_token'] })
        await call('/sessions', undefined, String(tokens['access_token']))
        traffic.requests += 7
      } catch (error) {
        traffic.failures.push(String(error))
        return
      }
      await delay(20)
    }
  }
  const visitors = [visitor(), visitor()]

  // Every process learns the coming secret before any seals with it.
  setSecrets(former, [next])
  await rollingRestart()
  setSecrets(next, [former])
  await rollingRestart()
  await signInWithCode('ada@example.org', apps.ada)

  const total = await left()
  expect(total).toBeGreaterThan(20_000)
  const killed = rewrapProcess()
  await until(async () => (await left()) < total - 1_000, 30_000)
  killed.kill('SIGKILL')
  await once(killed, 'exit')
  expect(await left()).toBeGreaterThan(0)
  await signInWithCode('bob@example.org', apps.bob)

  const resumed = rewrapProcess()
  const [said, [code]] = await Promise.all([text(resumed.stderr), once(resumed, 'exit')])
  expect([code, said]).toEqual([0, expect.stringContaining('No former master secret is needed')])
  expect(await left()).toBe(0)

  setSecrets(next, [])
  await rollingRestart()
  await signInWithCode('cyd@example.org', apps.cyd)
  traffic.isOver = true
  await Promise.all(visitors)
  expect(traffic.failures).toEqual([])
  expect(traffic.requests).toBeGreaterThan(100)

  // Who has the former secret and the database has nothing.
  setSecrets(former, [])
  await expect(startServerProcess({ env: env() })).rejects.toThrow(/sealed under another master secret/)
}, 180_000)
