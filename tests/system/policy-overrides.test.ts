import { afterAll, beforeAll, expect, it } from 'vitest'
import { createApiKey } from '../../packages/server/src/modules/api-keys/service.ts'
import { createTenant } from '../../packages/server/src/modules/tenants/service.ts'
import { until } from '../support/processes.ts'
import { type ServerProcess, startServerProcess } from '../support/server-process.ts'
import { type SharedDatabase, startSharedDatabase } from '../support/shared-database.ts'

/** Two real servers on one database: what a tenant sets at one holds at the other. */
let database: SharedDatabase
let servers: readonly ServerProcess[]
let key: string

beforeAll(async () => {
  database = await startSharedDatabase()
  const tenantId = await createTenant(database.worker, { slug: 'acme', name: 'Acme' })
  key = (await createApiKey(database.worker, tenantId, { name: 'staff', scopes: ['policies:write'] })).token
  const env = { ...database.env, REMPART_DEFAULT_TENANT: 'acme', REMPART_TRUSTED_PROXIES: '127.0.0.1/32' }
  servers = await Promise.all([startServerProcess({ env }), startServerProcess({ env })])
})
afterAll(async () => {
  await Promise.all(servers?.map((server) => server.remove()) ?? [])
  await database?.remove()
})

let clients = 0
/** The limit that a client who has never been here is told at a server. */
const limitAt = async (server: ServerProcess | undefined): Promise<string | null> => {
  clients += 1
  const headers = { 'x-forwarded-for': `198.51.${Math.floor(clients / 250)}.${clients % 250}` }
  const reply = await fetch(`${server?.url}/api/v1/resources`, { headers })
  await reply.arrayBuffer()
  return reply.headers.get('x-ratelimit-limit')
}
const setLimit = (server: ServerProcess | undefined, limit: number) =>
  fetch(`${server?.url}/api/v1/policies/resources.list`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ rules: { burst: { limit } } }),
  })

const listeners = async (): Promise<readonly number[]> => {
  const { rows } = await database.app.query<{ pid: number }>(
    "select pid from pg_stat_activity where application_name = 'rempart-listen rempart_tenants'",
  )
  return rows.map(({ pid }) => pid)
}

it('holds at the other process at once, long before what is in memory would be read anew', async () => {
  const [first, second] = servers
  expect([await limitAt(first), await limitAt(second)]).toEqual(['60', '60'])
  for (const limit of [50, 40, 30]) {
    // Read just before, so that nothing of it is due to be read anew.
    await limitAt(second)
    const startedMs = performance.now()
    expect((await setLimit(first, limit)).status).toBe(200)
    expect(await limitAt(first)).toBe(String(limit))
    await until(async () => (await limitAt(second)) === String(limit), 2_000)
    expect(performance.now() - startedMs).toBeLessThan(2_000)
  }
})

it('holds there too when the connection that hears of it is cut, and it is made again', async () => {
  const [first, second] = servers
  const before = await listeners()
  expect(before).toHaveLength(2)
  await database.app.query('select pg_terminate_backend(pid) from unnest($1::int[]) as pid', [before])
  expect((await setLimit(first, 20)).status).toBe(200)
  await until(async () => (await limitAt(second)) === '20', 30_000)
  await until(async () => (await listeners()).length === 2)
  expect((await setLimit(second, 10)).status).toBe(200)
  await until(async () => (await limitAt(first)) === '10', 2_000)
})
