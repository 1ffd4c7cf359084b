import { PolicyError } from '@rempart/guard'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { startTestServer, type TestServer, type TestServerOptions } from '../../testing/server.ts'
import { parseApiKeyToken } from '../access/api-key-token.ts'

let database: TestDatabase
let server: TestServer
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())
afterEach(() => server.close())

const file = (policies: object) => ({ version: 1, policies })

/** Serves under these policies, behind a proxy that says who the client is. */
async function start(policies: object, options: TestServerOptions = {}): Promise<void> {
  const environment = { REMPART_TRUSTED_PROXIES: '127.0.0.1/32', ...options.environment }
  server = await startTestServer(database, { ...options, environment, policyFile: file(policies) })
}

let clients = 0
const newClient = (): string => {
  clients += 1
  return `203.0.113.${clients}`
}

interface Call {
  readonly client?: string
  readonly headers?: Record<string, string>
  readonly payload?: unknown
}
const contact = ({ client = newClient(), headers = {}, payload }: Call = {}) =>
  server.app.inject({
    method: 'POST',
    url: '/api/v1/contact',
    headers: { 'x-forwarded-for': client, ...headers },
    payload: payload ?? { name: 'Ada Lovelace', email: 'ada@example.org', message: 'Hello' },
  })
const listLeads = (key: string, client = newClient()) =>
  server.app.inject({ url: '/api/v1/leads', headers: { authorization: `Bearer ${key}`, 'x-forwarded-for': client } })

const perTenant = (limit: number, more: object = {}) => ({
  volume: { kind: 'rate-limit', by: 'tenant', limit, window: '1h', ...more },
})

describe('a rule by tenant', () => {
  it('counts all clients of a tenant together, and no other tenant’s', async () => {
    await start({ 'contact.submit': { rules: perTenant(2) } })
    const other = await server.createTenant()
    expect([(await contact()).statusCode, (await contact()).statusCode]).toEqual([201, 201])
    const refused = await contact()
    expect(refused.statusCode).toBe(429)
    expect(refused.json()).toMatchObject({ code: 'rate-limited', 'violated-policies': ['contact.submit/volume'] })
    expect(refused.headers).toMatchObject({
      'x-ratelimit-limit': '2',
      'x-ratelimit-remaining': '0',
      'retry-after': '3600',
    })
    expect((await contact({ headers: { 'x-tenant-id': other.slug } })).statusCode).toBe(201)
  })

  it('tells on each answer the limit with the least left, of the client or of the tenant', async () => {
    await start({ 'contact.submit': { rules: perTenant(4) } })
    const client = newClient()
    const left = async (asking: string) => {
      const { headers } = await contact({ client: asking })
      return [headers['x-ratelimit-limit'], headers['x-ratelimit-remaining']]
    }
    expect(await left(client)).toEqual(['3', '2'])
    expect(await left(client)).toEqual(['3', '1'])
    expect(await left(newClient())).toEqual(['4', '1'])
  })

  it('refuses before the body is read, and spends the client’s own limit as an early rule does', async () => {
    await start({ 'contact.submit': { rules: perTenant(1) } })
    await contact()
    const client = newClient()
    for (const _time of [1, 2, 3]) {
      const refused = await contact({ client, payload: '{ this is no JSON' })
      expect(refused.json()).toMatchObject({ code: 'rate-limited', 'violated-policies': ['contact.submit/volume'] })
    }
    expect((await contact({ client })).json()).toMatchObject({ 'violated-policies': ['contact.submit/burst'] })
  })

  it('counts a request that names a tenant which does not exist for nobody', async () => {
    await start({ 'contact.submit': { rules: perTenant(1) } })
    expect((await contact({ headers: { 'x-tenant-id': 'nobody-there' } })).json().code).toBe('tenant-not-found')
    expect((await contact()).statusCode).toBe(201)
  })

  it('is counted once where a path is under several policies, and in its figures', async () => {
    await start({ 'contact.submit': { rules: perTenant(5, { mode: 'shadow' }) } })
    await contact()
    const text = await server.metrics.render()
    expect(text).toContain('rempart_guard_decisions_total{policy="contact.submit",rule="burst",outcome="allow"} 1')
    expect(text).toContain('rempart_guard_decisions_total{policy="contact.submit",rule="",outcome="allow"} 1')
  })
})

describe('a rule by API key', () => {
  it('counts each key for itself, whoever uses it from where', async () => {
    await start({
      general: { rules: { keys: { kind: 'rate-limit', by: 'api-key', limit: 2, window: '1h' } } },
    })
    const [first, second] = [await server.apiKey(['leads:read']), await server.apiKey(['leads:read'])]
    expect([(await listLeads(first)).statusCode, (await listLeads(first)).statusCode]).toEqual([200, 200])
    const refused = await listLeads(first)
    expect([refused.statusCode, refused.json()['violated-policies']]).toEqual([429, ['general/keys']])
    expect((await listLeads(second)).statusCode).toBe(200)
  })

  it('counts no credential that does not hold: nobody spends a key whose secret he does not have', async () => {
    await start({
      general: { rules: { keys: { kind: 'rate-limit', by: 'api-key', limit: 1, window: '1h' } } },
    })
    const key = await server.apiKey(['leads:read'])
    const forged = `${key.slice(0, -8)}${key.endsWith('AAAAAAAA') ? 'BBBBBBBB' : 'AAAAAAAA'}`
    for (const _time of [1, 2, 3]) expect((await listLeads(forged)).statusCode).toBe(401)
    expect((await listLeads(key)).statusCode).toBe(200)
  })

  it('lets a listed key past the limits behind the list', async () => {
    await start({})
    const key = await server.apiKey(['leads:read'])
    const id = await keyId(key)
    server.app.policies.replace(
      file({
        general: {
          rules: {
            trusted: { kind: 'access-list', by: 'api-key', allow: [id] },
            each: { kind: 'rate-limit', by: 'tenant', limit: 1, window: '1h' },
          },
        },
      }),
    )
    for (const _time of [1, 2, 3]) expect((await listLeads(key)).statusCode).toBe(200)
    const other = await server.apiKey(['leads:read'])
    expect([(await listLeads(other)).statusCode, (await listLeads(other)).statusCode]).toEqual([200, 429])
  })
})

async function keyId(token: string): Promise<string> {
  const { rows } = await database.app.query<{ id: string }>('select id from auth.find_api_keys($1)', [
    parseApiKeyToken(token)?.lookupId,
  ])
  return rows[0]?.id ?? ''
}

describe('slots of a tenant', () => {
  it('are given back with the answer, also of a request that another late rule refuses', async () => {
    const slots = { slots: { kind: 'concurrency', by: 'tenant', slots: 1, lease: '10m' } }
    await start({ 'contact.submit': { rules: { ...slots, ...perTenant(2) } } })
    const statuses = []
    for (let sent = 0; sent < 5; sent += 1) statuses.push((await contact()).statusCode)
    expect(statuses).toEqual([201, 201, 429, 429, 429])
    server.clock.nowMs += 3_600_000
    expect((await contact()).statusCode).toBe(201)
  })

  it('hold one request while another of the tenant is under way', async () => {
    let finish = (): void => {}
    const finished = new Promise<void>((resolve) => {
      finish = resolve
    })
    await start(
      { general: { rules: { slots: { kind: 'concurrency', by: 'tenant', slots: 1, lease: '10m' } } } },
      {
        ownRoutes: (api) =>
          void api.get(
            '/slow',
            { schema: { operationId: 'slow', tags: ['test'], response: {} }, config: { access: 'public' } },
            async () => {
              await finished
              return { done: true }
            },
          ),
      },
    )
    await server.app.listen({ port: 0, host: '127.0.0.1' })
    const address = server.app.server.address()
    const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/api/v1/slow`
    const first = fetch(url)
    while ((await fetch(url, { signal: AbortSignal.timeout(300) }).catch(() => undefined))?.status !== 429) {
      // Until the first has its slot.
    }
    finish()
    expect((await first).status).toBe(200)
    expect((await fetch(url)).status).toBe(200)
  })
})

describe('a challenge of a late rule', () => {
  it('is asked for after a proof of an early one was used up, and is not satisfied by it twice', async () => {
    const steps = [{ after: 1, do: 'challenge' }]
    await start({ 'contact.submit': { rules: { ladder: { kind: 'escalation', by: 'tenant', window: '1h', steps } } } })
    expect((await contact()).statusCode).toBe(201)
    expect((await contact()).json()).toMatchObject({ code: 'challenge-required', challenge: expect.anything() })
  })
})

describe('a rule that could never count', () => {
  const rule = (fields: object) => ({ 'contact.submit': { rules: { odd: fields } } })
  it.each<[what: string, policies: object, place: string]>([
    ['by account', rule({ kind: 'lockout', by: 'account', attempts: 3, window: '1h', lock: '1h' }), '.by'],
    ['by account among others', rule({ kind: 'rate-limit', by: ['ip', 'account'], limit: 3, window: '1h' }), '.by'],
    [
      'by API key on a route that takes none',
      rule({ kind: 'rate-limit', by: 'api-key', limit: 3, window: '1h' }),
      '.by',
    ],
    ['a list of API keys on such a route', rule({ kind: 'access-list', by: 'api-key', deny: ['*'] }), '.by'],
    ['by country without the header', rule({ kind: 'access-list', by: 'country', deny: ['FR'] }), '.by'],
    ['a quota', rule({ kind: 'quota', by: 'tenant', limit: 5, period: 'month' }), ''],
    ['a filled trap', rule({ kind: 'signal', sources: ['honeypot'], deny: 50 }), '.sources[0]'],
    ['a render token', rule({ kind: 'signal', sources: ['userAgent', 'renderToken'], deny: 50 }), '.sources[1]'],
    ['a proof of work', rule({ kind: 'signal', sources: ['proofOfWork'], deny: 50 }), '.sources[0]'],
    ['a signal of one’s own', rule({ kind: 'signal', sources: ['custom:mine'], deny: 50 }), '.sources[0]'],
    ['a score of the country', rule({ kind: 'signal', sources: ['country'], deny: 50 }), '.sources[0]'],
    ['reputation without a list', rule({ kind: 'signal', sources: ['reputation'], deny: 50 }), '.sources[0]'],
    [
      'by tenant where there is none',
      {
        odd: {
          match: { path: '/nowhere' },
          rules: { odd: { kind: 'rate-limit', by: 'tenant', limit: 1, window: '1h' } },
        },
      },
      '.by',
    ],
  ])('is refused at the start and at a reload, with its place: %s', async (_what, policies, place) => {
    await start({})
    const before = server.app.policies.current().version
    const id = Object.keys(policies)[0]
    const refusals: readonly (() => unknown)[] = [
      () => server.app.policies.replace(file(policies)),
      () => startTestServer(database, { policyFile: file(policies) }),
    ]
    for (const attempt of refusals) {
      const error: unknown = await Promise.resolve()
        .then(attempt)
        .catch((thrown: unknown) => thrown)
      expect(error).toBeInstanceOf(PolicyError)
      expect(error instanceof PolicyError && error.faults.map(({ path }) => path)).toEqual([
        `policies.${id}.rules.odd${place}`,
      ])
    }
    expect(server.app.policies.current().version).toBe(before)
  })

  it('of a preset is left alone: it is for what other servers have', async () => {
    server = await startTestServer(database, { policyFile: { version: 1, extends: 'platform', policies: {} } })
    expect((await contact()).statusCode).toBe(201)
  })
})
