import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { createTenant } from '../../packages/server/src/modules/tenants/service.ts'
import { until } from '../support/processes.ts'
import { type ServerProcess, startServerProcess } from '../support/server-process.ts'
import { type SharedDatabase, startSharedDatabase } from '../support/shared-database.ts'

/** Two real servers whose guards count in one PostgreSQL, which is then frozen. */
let database: SharedDatabase
let servers: readonly ServerProcess[]

const limit = (onStoreFailure: string) => ({
  rules: { burst: { kind: 'rate-limit', by: 'ip', limit: 20, window: '1h', onStoreFailure } },
})
const policies = {
  open: { match: { path: '/open' }, ...limit('open') },
  closed: { match: { path: '/closed' }, ...limit('closed') },
  shared: { match: { path: '/shared' }, ...limit('local-share') },
}

beforeAll(async () => {
  database = await startSharedDatabase()
  await createTenant(database.worker, { slug: 'acme', name: 'Acme' })
  const env = {
    ...database.env,
    REMPART_DEFAULT_TENANT: 'acme',
    REMPART_TRUSTED_PROXIES: '127.0.0.1/32',
    REMPART_METRICS_TOKEN: 'a-token-of-enough-length',
  }
  servers = await Promise.all([startServerProcess({ env, policies }), startServerProcess({ env, policies })])
})
afterAll(async () => {
  await Promise.all(servers?.map((server) => server.remove()) ?? [])
  await database?.remove()
})
afterEach(() => database.thaw())

let clients = 0
const newClient = (): string => {
  clients += 1
  return `198.51.${Math.floor(clients / 250)}.${clients % 250}`
}
const ask = async (server: ServerProcess | undefined, path: string, client: string) => {
  const startedMs = performance.now()
  const reply = await fetch(`${server?.url}${path}`, { headers: { 'x-forwarded-for': client } })
  await reply.arrayBuffer()
  return {
    status: reply.status,
    remaining: reply.headers.get('x-ratelimit-remaining'),
    ms: performance.now() - startedMs,
  }
}
const figure = async (server: ServerProcess | undefined, name: string): Promise<number> => {
  const headers = { authorization: 'Bearer a-token-of-enough-length', 'x-forwarded-for': newClient() }
  const text = await (await fetch(`${server?.url}/metrics`, { headers })).text()
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1])
}

it('admits exactly the limit to one client who asks two processes at once', async () => {
  const client = newClient()
  const answers = []
  // Few at a time: a machine that is busy answers late, and late is open.
  for (let round = 0; round < 10; round += 1) {
    answers.push(
      ...(await Promise.all(Array.from({ length: 6 }, (_, index) => ask(servers[index % 2], '/open', client)))),
    )
  }
  expect(answers.filter(({ status }) => status === 404)).toHaveLength(20)
  expect(answers.filter(({ status }) => status === 429)).toHaveLength(40)
})

it('knows how many processes count together', async () => {
  for (const server of servers) await until(async () => (await figure(server, 'rempart_guard_store_processes')) === 2)
})

it('answers within the deadline, as each policy says, while PostgreSQL is frozen, and goes on without a restart', async () => {
  const [client, server] = [newClient(), servers[0]]
  for (let sent = 0; sent < 4; sent += 1) await ask(server, '/open', client)
  database.freeze()
  const frozen = []
  for (const path of ['/open', '/closed', '/shared', '/open', '/closed', '/shared', '/open', '/closed', '/shared']) {
    frozen.push({ path, ...(await ask(server, path, client)) })
  }
  expect(frozen.map(({ path, status }) => `${path} ${status}`)).toEqual(
    [1, 2, 3].flatMap(() => ['/open 404', '/closed 503', '/shared 404']),
  )
  // 25 ms for the store, and what a busy machine adds.
  expect(frozen.filter(({ ms }) => ms > 250)).toEqual([])
  // One of two processes has half of the limit to itself.
  for (let sent = 0; sent < 7; sent += 1) expect((await ask(server, '/shared', client)).status).toBe(404)
  expect((await ask(server, '/shared', client)).status).toBe(429)
  await until(async () => {
    await ask(server, '/open', client)
    return (await figure(server, 'rempart_guard_store_away')) === 1
  })
  const refusedAtOnce = []
  for (let sent = 0; sent < 20; sent += 1) refusedAtOnce.push((await ask(server, '/closed', client)).ms)
  expect(refusedAtOnce.sort((a, b) => a - b)[10]).toBeLessThan(20)

  database.thaw()
  await until(async () => (await ask(server, '/closed', client)).status === 404, 20_000)
  await until(async () => (await figure(server, 'rempart_guard_store_away')) === 0)
  // What was counted before is still there.
  expect(Number((await ask(server, '/open', client)).remaining)).toBeLessThan(16)
})
