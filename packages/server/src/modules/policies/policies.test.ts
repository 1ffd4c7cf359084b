import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { startTestServer, type TestServer, type TestServerOptions } from '../../testing/server.ts'

let database: TestDatabase
let server: TestServer
let key: string
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())
afterEach(() => server.close())

async function start(options: TestServerOptions = {}): Promise<void> {
  const environment = { REMPART_TRUSTED_PROXIES: '127.0.0.1/32', ...options.environment }
  server = await startTestServer(database, { ...options, environment })
  key = await server.apiKey(['policies:read', 'policies:write'])
}

const call = (method: 'GET' | 'PUT' | 'DELETE', path: string, payload?: object, token = key) =>
  server.app.inject({
    method,
    url: `/api/v1/policies${path}`,
    headers: { authorization: `Bearer ${token}` },
    ...(payload !== undefined && { payload }),
  })
const set = (rules: object, policy = 'contact.submit', token = key) => call('PUT', `/${policy}`, { rules }, token)

const contact = (client: string, headers: Record<string, string> = {}) =>
  server.app.inject({
    method: 'POST',
    url: '/api/v1/contact',
    headers: { 'x-forwarded-for': client, ...headers },
    payload: { name: 'Ada Lovelace', email: 'ada@example.org', message: 'Hello' },
  })
const limitOf = async (client: string, headers: Record<string, string> = {}) =>
  (await contact(client, headers)).headers['x-ratelimit-limit']

describe('a tenant’s own figure', () => {
  it('holds from the next request on, before the body is read, and for no other tenant', async () => {
    await start()
    const other = await server.createTenant()
    expect(await limitOf('203.0.113.1')).toBe('3')
    expect((await set({ burst: { limit: 2 } })).statusCode).toBe(200)
    expect(await limitOf('203.0.113.2')).toBe('2')
    const named = { 'x-tenant-id': server.tenant.slug }
    expect(await limitOf('203.0.113.3', named)).toBe('2')
    expect(await limitOf('203.0.113.4', { 'x-tenant-id': other.slug })).toBe('3')
    // What was spent before stays spent.
    expect((await contact('203.0.113.1')).statusCode).toBe(201)
    expect((await contact('203.0.113.1')).statusCode).toBe(429)
    expect((await call('DELETE', '/contact.submit')).statusCode).toBe(204)
    expect(await limitOf('203.0.113.5')).toBe('3')
    expect((await call('DELETE', '/contact.submit')).json().code).toBe('policy-not-found')
  })

  it('is one counter with the installation’s: naming another tenant does not begin anew', async () => {
    await start()
    const other = await server.createTenant()
    await set({ burst: { limit: 2 } })
    const elsewhere = { 'x-tenant-id': other.slug }
    for (let sent = 0; sent < 3; sent += 1) expect((await contact('203.0.113.1', elsewhere)).statusCode).toBe(201)
    expect((await contact('203.0.113.1')).statusCode).toBe(429)
  })

  it('of a late rule holds for the tenant of the credential', async () => {
    const general = { rules: { volume: { kind: 'rate-limit', by: 'tenant', limit: 9, window: '1h' } } }
    await start({ policyFile: { version: 1, policies: { general } } })
    const reader = await server.apiKey(['leads:read'])
    expect((await set({ volume: { limit: 3 } }, 'general')).statusCode).toBe(200)
    const list = () => server.app.inject({ url: '/api/v1/leads', headers: { authorization: `Bearer ${reader}` } })
    const statuses = []
    for (let sent = 0; sent < 4; sent += 1) statuses.push((await list()).statusCode)
    // The PUT itself was one of the three.
    expect(statuses).toEqual([200, 200, 429, 429])
  })

  it('does not hold for who merely names the tenant on a route that takes credentials', async () => {
    await start({ environment: { REMPART_TENANT_LIMIT_FACTOR: '10' } })
    expect((await set({ burst: { limit: 1_200 } }, 'general')).statusCode).toBe(200)
    const guess = await server.app.inject({
      url: '/api/v1/leads',
      headers: { 'x-tenant-id': server.tenant.slug, authorization: 'Bearer nothing' },
    })
    expect([guess.statusCode, guess.headers['x-ratelimit-limit']]).toEqual([401, '120'])
  })
})

describe('what a tenant may set', () => {
  it.each<[what: string, rules: object, pointer: string, said: string]>([
    ['more than the installation', { burst: { limit: 4 } }, '/rules/burst/limit', 'at most 3'],
    ['another window', { burst: { window: '1s' } }, '/rules/burst/window', 'operator’s to set'],
    ['another cooldown', { burst: { cooldown: '1s' } }, '/rules/burst/cooldown', 'operator’s to set'],
    ['a rule in shadow', { burst: { mode: 'shadow' } }, '/rules/burst/mode', 'must stay live'],
    ['another subject', { burst: { by: 'tenant' } }, '/rules/burst/by', 'cannot be overridden'],
    ['no such rule', { brust: { limit: 1 } }, '/rules/brust', 'did you mean "burst"'],
    ['no such field', { burst: { limt: 1 } }, '/rules/burst/limt', 'did you mean "limit"'],
    ['no such figure', { burst: { limit: 0 } }, '/rules/burst/limit', 'whole number'],
    ['a word for a figure', { burst: { limit: 'many' } }, '/rules/burst/limit', 'whole number'],
  ])('is not %s', async (_what, rules, pointer, said) => {
    await start()
    const refused = await set(rules)
    expect([refused.statusCode, refused.json().code]).toEqual([422, 'invalid-content'])
    expect(refused.json().errors).toContainEqual(
      expect.objectContaining({ pointer, message: expect.stringContaining(said) }),
    )
    expect(await limitOf('203.0.113.1')).toBe('3')
  })

  it('is more where the operator allows it, and no more than that', async () => {
    await start({ environment: { REMPART_TENANT_LIMIT_FACTOR: '4' } })
    expect((await set({ burst: { limit: 13 } })).statusCode).toBe(422)
    expect((await set({ burst: { limit: 12 } })).statusCode).toBe(200)
    expect(await limitOf('203.0.113.1')).toBe('12')
  })

  it('is judged again when the installation changes: what is allowed no more is not in force, and says so', async () => {
    await start()
    await set({ burst: { limit: 2 } })
    server.app.policies.replace({ version: 1, policies: { 'contact.submit': { rules: { burst: { limit: 1 } } } } })
    expect(await limitOf('203.0.113.1')).toBe('1')
    const shown = (await call('GET', '/contact.submit')).json()
    expect(shown).toMatchObject({ origin: 'installation', override: { version: 1, rules: { burst: { limit: 2 } } } })
    expect(shown.override.faults).toEqual([expect.objectContaining({ message: expect.stringContaining('at most 1') })])
    server.app.policies.replace(undefined)
    expect(await limitOf('203.0.113.2')).toBe('2')
  })
})

describe('the policies of a tenant', () => {
  it('are shown as they are in force, with who said what and a version that names them', async () => {
    await start({
      policyFile: { version: 1, policies: { 'contact.submit': { rules: { burst: { cooldown: '10m' } } } } },
    })
    const before = (await call('GET', '/contact.submit')).json()
    expect(before).toMatchObject({
      id: 'contact.submit',
      origin: 'installation',
      rules: [{ id: 'burst', limit: 3, cooldown: '10m' }],
      override: null,
    })
    expect(before.origins).toMatchObject({ 'rules.burst': 'code', 'rules.burst.cooldown': 'file' })
    await set({ burst: { limit: 2 } })
    const changed = (await set({ burst: { limit: 1 } })).json()
    expect(changed).toMatchObject({
      origin: 'tenant',
      rules: [{ id: 'burst', limit: 1, cooldown: '10m' }],
      override: { rules: { burst: { limit: 1 } }, version: 2, faults: [] },
    })
    expect(changed.origins).toMatchObject({ 'rules.burst.limit': 'tenant' })
    expect(changed.version).not.toBe(before.version)
    expect((await call('GET', '/contact.submit')).json()).toEqual(changed)
    const all = (await call('GET', '')).json()
    expect(all.items.map(({ id }: { id: string }) => id)).toContain('general')
    expect(all.items.find(({ id }: { id: string }) => id === 'contact.submit')).toEqual(changed)
  })

  it('ask for a key with their scope, and are each tenant’s own', async () => {
    await start()
    const reader = await server.apiKey(['policies:read'])
    expect((await set({ burst: { limit: 1 } }, 'contact.submit', reader)).json().code).toBe('scope-missing')
    expect((await server.app.inject({ url: '/api/v1/policies' })).statusCode).toBe(401)
    await set({ burst: { limit: 1 } })
    const other = await server.createTenant()
    const theirs = await server.apiKey(['policies:read', 'policies:write'], other.id)
    expect((await call('GET', '/contact.submit', undefined, theirs)).json()).toMatchObject({ override: null })
    expect((await call('DELETE', '/contact.submit', undefined, theirs)).statusCode).toBe(404)
    expect((await call('GET', '/nothing')).json().code).toBe('policy-not-found')
    expect((await set({ burst: { limit: 1 } }, 'nothing')).json().code).toBe('policy-not-found')
  })
})

describe('an event under a tenant’s own figures', () => {
  it('names their version, and says whether they still stand', async () => {
    await start()
    await set({ burst: { limit: 1 } })
    await contact('203.0.113.1')
    expect((await contact('203.0.113.1')).statusCode).toBe(429)
    await server.app.eventWriter.flush()
    const token = await server.apiKey(['security:read'])
    const ask = (path: string) =>
      server.app.inject({ url: `/api/v1/security-events${path}`, headers: { authorization: `Bearer ${token}` } })
    const [event] = (await ask('')).json().items
    expect(event.policyVersion).toBe((await call('GET', '/contact.submit')).json().version)
    expect((await ask(`/${event.id}`)).json().explanation).toMatchObject({ isPolicyInForce: true })
    await set({ burst: { limit: 2 } })
    expect((await ask(`/${event.id}`)).json().explanation).toMatchObject({ isPolicyInForce: false })
  })
})
