import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { changeTenant } from '../../modules/tenants/service.ts'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { startTestServer, type TestServer, type TestServerOptions } from '../../testing/server.ts'
import { createKnownOrigins } from './known-origins.ts'

let database: TestDatabase
let server: TestServer
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())
afterEach(() => server.close())

const shop = 'https://shop.example'
const operator = 'https://www.operator.example'
const other = 'https://other.example'

async function start(options: TestServerOptions = {}): Promise<void> {
  server = await startTestServer(database, {
    tenant: { allowedOrigins: [shop] },
    ...options,
    environment: { REMPART_ALLOWED_ORIGINS: operator, ...options.environment },
  })
}

const message = { name: 'Ada', email: 'ada@example.org', message: 'Hello' }
const send = (origin: string | undefined, headers: Record<string, string> = {}, payload: object = message) =>
  server.app.inject({
    method: 'POST',
    url: '/api/v1/contact',
    payload,
    headers: { ...(origin !== undefined && { origin }), ...headers },
  })
const preflight = (origin: string, headers: Record<string, string> = {}, url = '/api/v1/contact') =>
  server.app.inject({
    method: 'OPTIONS',
    url,
    headers: { origin, 'access-control-request-method': 'POST', ...headers },
  })
const allowed = (reply: { headers: Record<string, unknown> }): unknown => reply.headers['access-control-allow-origin']

describe('a request', () => {
  it('of an origin its tenant or the operator lists may be read by the page, and no other', async () => {
    await start()
    await server.createTenant({ allowedOrigins: [other] })
    expect(allowed(await send(shop))).toBe(shop)
    expect(allowed(await send(operator))).toBe(operator)
    expect(allowed(await send(other))).toBeUndefined()
    expect((await send(shop)).headers['access-control-allow-credentials']).toBeUndefined()
  })

  it('is judged by the tenant it names', async () => {
    await start()
    const { slug } = await server.createTenant({ allowedOrigins: [other] })
    expect(allowed(await send(other, { 'x-tenant-id': slug }))).toBe(other)
    server.clock.nowMs += 400_000
    expect(allowed(await send(shop, { 'x-tenant-id': slug }))).toBeUndefined()
  })

  it('is judged by the tenant of its API key', async () => {
    await start()
    const tenant = await server.createTenant({ allowedOrigins: [other] })
    const authorization = `Bearer ${await server.apiKey(['contact:read'], tenant.id)}`
    const list = (origin: string) =>
      server.app.inject({ url: '/api/v1/contact/messages', headers: { origin, authorization } })
    expect(allowed(await list(other))).toBe(other)
    expect(allowed(await list(shop))).toBeUndefined()
  })

  it('says which fields a page may read', async () => {
    await start()
    const names = String((await send(shop)).headers['access-control-expose-headers']).split(', ')
    expect(names).toEqual(
      expect.arrayContaining([
        'ratelimit',
        'ratelimit-policy',
        'x-ratelimit-limit',
        'x-ratelimit-remaining',
        'x-ratelimit-reset',
        'retry-after',
        'x-request-id',
        'idempotency-replayed',
        'x-response-time',
      ]),
    )
  })

  it('without an origin gets no such field, and a cache is told to tell the two apart', async () => {
    await start()
    const reply = await send(undefined)
    expect(Object.keys(reply.headers).filter((name) => name.startsWith('access-control'))).toEqual([])
    expect(reply.headers['vary']).toContain('origin')
    expect((await send(shop)).headers['vary']).toContain('origin')
    expect((await send('https://evil.example')).headers['vary']).toContain('origin')
  })

  it.each<[string, number, () => ReturnType<typeof send>]>([
    [
      'of the guard',
      429,
      async () => {
        for (let sent = 0; sent < 3; sent += 1) await send(undefined)
        return send(shop)
      },
    ],
    ['of an unknown path', 404, () => server.app.inject({ url: '/api/v1/nothing', headers: { origin: shop } })],
    [
      'of a method',
      405,
      () => server.app.inject({ method: 'DELETE', url: '/api/v1/contact', headers: { origin: shop } }),
    ],
    ['of a broken path', 400, () => server.app.inject({ url: '/api/v1/%zz', headers: { origin: shop } })],
    ['of a missing key', 401, () => server.app.inject({ url: '/api/v1/contact/messages', headers: { origin: shop } })],
    ['of a type', 415, () => send(shop, { 'content-type': 'text/plain' })],
    ['of the content', 422, () => send(shop, {}, { name: '' })],
    ['of a size', 413, () => send(shop, {}, { name: 'a'.repeat(1_100_000) })],
    ['of a tenant', 404, () => send(shop, { 'x-tenant-id': 'nobody' })],
    ['of a version', 400, () => send(shop, { 'api-version': '9' })],
  ])('that is refused because %s (%d) may be read by the page too', async (_name, status, ask) => {
    await start()
    const reply = await ask()
    expect(reply.statusCode).toBe(status)
    expect(allowed(reply)).toBe(shop)
  })

  it('that is refused shows nothing to an origin that nobody lists', async () => {
    await start()
    for (const url of ['/api/v1/nothing', '/api/v1/contact/messages', '/api/v1/health']) {
      expect(allowed(await server.app.inject({ url, headers: { origin: 'https://evil.example' } }))).toBeUndefined()
    }
  })
})

const lookalikes = [
  'null',
  '*',
  '',
  'https://shop.example.evil.example',
  'https://evil-shop.example',
  'https://evilshop.example',
  'https://shop.example.',
  'https://shop.example:443',
  'https://shop.example:8443',
  'http://shop.example',
  'HTTPS://SHOP.EXAMPLE',
  'https://Shop.example',
  'https://shop.example/',
  'https://shop.example/path',
  'https://shop.example@evil.example',
  'https://shop.example, https://evil.example',
  'https://evil.example, https://shop.example',
  'https://shop.example https://evil.example',
  'https://shop.example%00.evil.example',
  'https://shop.example\\.evil.example',
  'shop.example',
  '//shop.example',
  'file://',
  ' https://shopxexample',
  `https://${'a'.repeat(8_000)}.example`,
]

describe.each(lookalikes)('the origin %j', (origin) => {
  it('is no listed one, for a request or a preflight', async () => {
    await start()
    expect(allowed(await send(origin))).toBeUndefined()
    expect(allowed(await preflight(origin))).toBeUndefined()
    expect(allowed(await preflight(origin, { 'access-control-request-headers': 'x-tenant-id' }))).toBeUndefined()
  })
})

describe('a preflight', () => {
  it('of a listed origin is answered 204 with what the request may carry', async () => {
    await start()
    const reply = await preflight(shop, { 'access-control-request-headers': 'content-type,idempotency-key' })
    expect(reply.statusCode).toBe(204)
    expect(reply.body).toBe('')
    expect(reply.headers).toMatchObject({
      'access-control-allow-origin': shop,
      'access-control-allow-methods': 'POST, OPTIONS',
      'access-control-max-age': '600',
      vary: expect.stringContaining('origin'),
      'x-content-type-options': 'nosniff',
    })
    const names = String(reply.headers['access-control-allow-headers']).split(', ')
    const needed =
      'content-type idempotency-key x-tenant-id api-version authorization x-request-id accept-language traceparent'
    expect(names).toEqual(expect.arrayContaining(needed.split(' ')))
    expect(reply.headers['access-control-allow-credentials']).toBeUndefined()
    expect(reply.headers['content-type']).toBeUndefined()
  })

  it('is not counted by the guard', async () => {
    await start()
    for (let sent = 0; sent < 150; sent += 1) expect((await preflight(shop)).statusCode).toBe(204)
    const reply = await send(shop)
    expect(reply.statusCode).toBe(201)
    expect(reply.headers['x-ratelimit-remaining']).toBe('2')
  })

  it('of another tenant’s origin passes only when the request may still name that tenant', async () => {
    await start()
    const { slug, id } = await server.createTenant({ allowedOrigins: [other], domains: ['forms.other.example'] })
    expect(allowed(await preflight(other))).toBeUndefined()
    for (const names of ['x-tenant-id', 'content-type, X-Tenant-ID', 'authorization']) {
      expect(allowed(await preflight(other, { 'access-control-request-headers': names }))).toBe(other)
    }
    expect(allowed(await preflight(other, { 'access-control-request-headers': 'x-tenant-idea' }))).toBeUndefined()
    for (const name of [slug, id]) {
      expect(allowed(await preflight(other, {}, `/api/v1/contact?tenant=${name}`))).toBe(other)
      expect(allowed(await preflight(shop, {}, `/api/v1/contact?tenant=${name}`))).toBeUndefined()
    }
    expect(allowed(await preflight(other, { host: 'forms.other.example' }))).toBe(other)
    expect(allowed(await preflight(shop, { host: 'forms.other.example' }))).toBeUndefined()
    expect(allowed(await preflight(shop, { host: 'nobody.example' }))).toBeUndefined()
  })

  it('of a suspended tenant’s origin does not pass', async () => {
    await start()
    const { id } = await server.createTenant({ allowedOrigins: ['https://gone.example'] })
    await changeTenant(database.worker, id, { isActive: false })
    const asked = { 'access-control-request-headers': 'x-tenant-id' }
    expect(allowed(await preflight('https://gone.example', asked))).toBeUndefined()
  })

  it('of a path with a parameter says its own methods', async () => {
    await start()
    const url = '/api/v1/contact/messages/01a1fb42-0000-7000-8000-000000000000/'
    const reply = await preflight(shop, { 'access-control-request-method': 'DELETE' }, url)
    expect(reply.headers['access-control-allow-methods']).toBe('GET, HEAD, DELETE, OPTIONS')
  })

  it('of an unknown path is answered 404', async () => {
    await start()
    expect((await preflight(shop, {}, '/api/v1/nothing')).statusCode).toBe(404)
  })

  it('that asks for nothing is an OPTIONS like any other', async () => {
    await start()
    const reply = await server.app.inject({ method: 'OPTIONS', url: '/api/v1/contact', headers: { origin: shop } })
    expect(reply.statusCode).toBe(204)
    expect(reply.headers['allow']).toBe('POST, OPTIONS')
    expect(allowed(reply)).toBeUndefined()
  })
})

describe('a wildcard', () => {
  it('opens the API to every origin outside production, without naming one', async () => {
    await start({ environment: { REMPART_ALLOWED_ORIGINS: '*' } })
    for (const reply of [await send('https://any.example'), await preflight('https://any.example')]) {
      expect(allowed(reply)).toBe('*')
      expect(reply.headers['access-control-allow-credentials']).toBeUndefined()
    }
    expect(allowed(await send('null'))).toBeUndefined()
  })

  it('does not start in production', async () => {
    await start()
    await expect(
      startTestServer(database, { environment: { REMPART_ALLOWED_ORIGINS: '*', NODE_ENV: 'production' } }),
    ).rejects.toThrow('wildcard')
  })

  it('of a tenant matches nothing', async () => {
    await start({ tenant: { allowedOrigins: ['*'] } })
    expect(allowed(await send('https://any.example'))).toBeUndefined()
    expect(allowed(await preflight('https://any.example'))).toBeUndefined()
  })
})

describe('known origins', () => {
  it('are asked for in one statement at a time, however many come', async () => {
    await start({ tenant: { allowedOrigins: ['https://flood.example'] } })
    let running = 0
    let most = 0
    let statements = 0
    const pool = {
      query: async (...input: Parameters<typeof database.app.query>) => {
        running += 1
        statements += 1
        most = Math.max(most, running)
        const rows = await database.app.query(...input)
        running -= 1
        return rows
      },
    } as unknown as Pick<typeof database.app, 'query'>
    const origins = createKnownOrigins(pool, () => 0)
    const asked = Array.from({ length: 2_000 }, (_, index) => origins.ask(`https://a${index}.example`))
    const answers = await Promise.all([origins.ask('https://flood.example'), ...asked])
    expect(answers.filter(Boolean)).toHaveLength(1)
    expect(most).toBe(1)
    expect(statements).toBeLessThanOrEqual(6)
  })

  it('keep their last answer when the database is away', async () => {
    await start()
    let nowMs = 0
    let isAway = false
    const pool = {
      query: async () => {
        if (isAway) throw new Error('away')
        return { rows: [{ origin: shop }] }
      },
    } as unknown as Pick<typeof database.app, 'query'>
    const origins = createKnownOrigins(pool, () => nowMs)
    expect(await origins.ask(shop)).toBe(true)
    nowMs += 60_000
    isAway = true
    expect(await origins.ask(shop)).toBe(true)
    expect(await origins.ask(other)).toBe(false)
  })
})
