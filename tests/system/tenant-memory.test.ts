import { afterAll, beforeAll, expect, it } from 'vitest'
import { createApiKey } from '../../packages/server/src/modules/api-keys/service.ts'
import { changeTenant, createTenant } from '../../packages/server/src/modules/tenants/service.ts'
import { until } from '../support/processes.ts'
import { type ServerProcess, startServerProcess } from '../support/server-process.ts'
import { type SharedDatabase, startSharedDatabase } from '../support/shared-database.ts'

/** Two real servers on one database: what each remembers of tenants and forms, and when it sees what the other changed. */
let database: SharedDatabase
let servers: readonly [ServerProcess, ServerProcess]
let tenantId: string
let key: string

const METRICS_TOKEN = 'a-token-of-enough-length'
/** As a change comes when its message does; far below the minute for which memory is believed otherwise. */
const atOnceMs = 2_000

beforeAll(async () => {
  database = await startSharedDatabase()
  tenantId = await createTenant(database.worker, { slug: 'acme', name: 'Acme' })
  const scopes = ['forms:read', 'forms:write'] as const
  key = (await createApiKey(database.worker, tenantId, { name: 'staff', scopes: [...scopes] })).token
  const env = {
    ...database.env,
    REMPART_DEFAULT_TENANT: 'acme',
    REMPART_TRUSTED_PROXIES: '127.0.0.1/32',
    REMPART_METRICS_TOKEN: METRICS_TOKEN,
  }
  servers = await Promise.all([startServerProcess({ env }), startServerProcess({ env })])
})
afterAll(async () => {
  await Promise.all(servers?.map((server) => server.remove()) ?? [])
  await database?.remove()
})

let clients = 0
/** Asks as a client who has never been here. */
async function ask(server: ServerProcess, path: string, headers: Readonly<Record<string, string>> = {}) {
  clients += 1
  const from = `198.51.${Math.floor(clients / 250)}.${clients % 250}`
  const reply = await fetch(`${server.url}${path}`, { headers: { 'x-forwarded-for': from, ...headers } })
  return { status: reply.status, text: await reply.text() }
}

async function change(
  server: ServerProcess,
  path: string,
  method: string,
  body: object,
): Promise<Record<string, unknown>> {
  const reply = await fetch(`${server.url}/api/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  expect(reply.ok).toBe(true)
  return (await reply.json()) as Record<string, unknown>
}

const titled = (title: string) => ({
  title: { en: title },
  fields: [{ type: 'text', name: 'who', label: { en: 'Name' }, required: true }],
})

async function publish(server: ServerProcess, slug: string, title: string): Promise<string> {
  const { id } = await change(server, '/forms', 'POST', { slug, name: slug, definition: titled(title) })
  await change(server, `/forms/${id}/publish`, 'POST', {})
  return String(id)
}

const titleAt = async (server: ServerProcess, slug: string): Promise<unknown> => {
  const { status, text } = await ask(server, `/api/v1/forms/public/${slug}`)
  return status === 200 ? JSON.parse(text)['title'] : status
}

async function figure(server: ServerProcess, series: string): Promise<number> {
  const { text } = await ask(server, '/metrics', { authorization: `Bearer ${METRICS_TOKEN}` })
  const line = text.split('\n').find((each) => each.startsWith(`${series} `))
  return Number(line?.slice(series.length + 1) ?? Number.NaN)
}
const lookUps = (server: ServerProcess, cache: string, result: string) =>
  figure(server, `rempart_cache_lookups_total{cache="${cache}",result="${result}"}`)

it('a form in memory is believed for longer than two seconds, and answered without the database', async () => {
  const [first] = servers
  await publish(first, 'kept', 'Kept')
  expect(await titleAt(first, 'kept')).toBe('Kept')
  const misses = await lookUps(first, 'forms', 'miss')
  const hits = await lookUps(first, 'forms', 'hit')
  const startedMs = performance.now()
  await until(async () => {
    expect(await titleAt(first, 'kept')).toBe('Kept')
    return performance.now() - startedMs > 4_000
  })
  expect(await lookUps(first, 'forms', 'miss')).toBe(misses)
  expect(await lookUps(first, 'forms', 'hit')).toBeGreaterThan(hits)
})

it('a form that one process publishes, moves and archives is so at the other at once', async () => {
  const [first, second] = servers
  const id = await publish(first, 'shared', 'One')
  await until(async () => (await titleAt(second, 'shared')) === 'One')
  for (const title of ['Two', 'Three']) {
    // Read just before, so that nothing of it is due to be read anew.
    await titleAt(second, 'shared')
    await change(first, `/forms/${id}/versions`, 'POST', { definition: titled(title) })
    await change(first, `/forms/${id}/publish`, 'POST', {})
    expect(await titleAt(first, 'shared')).toBe(title)
    await until(async () => (await titleAt(second, 'shared')) === title, atOnceMs)
  }
  await change(first, `/forms/${id}`, 'PUT', { slug: 'moved' })
  await until(async () => (await titleAt(second, 'shared')) === 404, atOnceMs)
  expect(await titleAt(second, 'moved')).toBe('Three')
  await change(second, `/forms/${id}`, 'PUT', { archived: true })
  await until(async () => (await titleAt(first, 'moved')) === 404, atOnceMs)
})

it('a tenant that the command line suspends answers nowhere from then on', async () => {
  const [first, second] = servers
  const name = { 'x-tenant-id': 'beta' }
  const other = await createTenant(database.worker, { slug: 'beta', name: 'Beta' })
  const status = async (server: ServerProcess) => (await ask(server, '/api/v1/resources', name)).status
  expect([await status(first), await status(second)]).toEqual([200, 200])
  await changeTenant(database.worker, other, { isActive: false })
  for (const server of servers) await until(async () => (await status(server)) === 404, atOnceMs)
})

it('what changed while nothing was heard is seen within ten seconds all the same', async () => {
  const [first, second] = servers
  const id = await publish(first, 'unheard', 'Before')
  await until(async () => (await titleAt(second, 'unheard')) === 'Before')
  const { rows } = await database.app.query<{ pid: number }>(
    "select pid from pg_stat_activity where application_name = 'rempart-listen rempart_tenants'",
  )
  expect(rows).toHaveLength(2)
  await change(first, `/forms/${id}/versions`, 'POST', { definition: titled('After') })
  await database.app.query('select pg_terminate_backend(pid) from unnest($1::int[]) as pid', [
    rows.map(({ pid }) => pid),
  ])
  await change(first, `/forms/${id}/publish`, 'POST', {})
  const startedMs = performance.now()
  await until(async () => (await titleAt(second, 'unheard')) === 'After', 10_000)
  expect(performance.now() - startedMs).toBeLessThan(10_000)
})
