import { randomUUID } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { connect } from 'node:net'
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { changeTenant } from '../../modules/tenants/service.ts'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { startTestServer, type TestServer, type TestServerOptions } from '../../testing/server.ts'

vi.setConfig({ testTimeout: 20_000 })

let database: TestDatabase
let server: TestServer
let a: { readonly id: string; readonly slug: string; readonly domain: string }
let b: { readonly id: string; readonly slug: string; readonly domain: string }

// These tests ask more often than a person; the limits have tests of their own.
const unlimited = {
  version: 1,
  policies: {
    general: { rules: { burst: { limit: 1_000_000 } } },
    'contact.submit': { rules: { burst: { limit: 1_000_000 } } },
  },
}

async function newTenant(): Promise<typeof a> {
  const domain = `${randomUUID()}.example`
  return { ...(await server.createTenant({ domains: [domain] })), domain }
}

async function start(options: TestServerOptions = {}): Promise<TestServer> {
  return await startTestServer(database, { policyFile: unlimited, ...options })
}

beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())
beforeEach(async () => {
  server = await start()
  a = await newTenant()
  b = await newTenant()
})
afterEach(() => server.close())

interface Reply {
  readonly status: number
  readonly code: string | undefined
}

/** What a request for a public route is told, and which tenant its log line says it was for. */
async function ask(
  headers: Record<string, string | string[]> = {},
  query = '',
): Promise<Reply & { readonly tenantId: string | undefined }> {
  const from = server.logLines.length
  const reply = await server.app.inject({
    method: 'POST',
    url: `/api/v1/contact${query}`,
    headers,
    payload: { name: 'Ada', email: 'ada@example.org', message: 'Hello' },
  })
  const line = server.logLines
    .slice(from)
    .map((text) => JSON.parse(text))
    .find((each) => each.route !== undefined)
  return { status: reply.statusCode, code: reply.json().code, tenantId: line?.tenantId }
}

/** What the holder of a key is told by a staff route. */
async function askAsStaff(key: string, headers: Record<string, string> = {}, query = ''): Promise<Reply> {
  const reply = await server.app.inject({
    url: `/api/v1/contact/messages${query}`,
    headers: { authorization: `Bearer ${key}`, ...headers },
  })
  return { status: reply.statusCode, code: reply.json().code }
}

describe('the tenant of a public call', () => {
  it('is the default tenant when the call names none', async () => {
    expect(await ask()).toMatchObject({ status: 201, tenantId: server.tenant.id })
  })

  it('is the one whose domain the call came to', async () => {
    expect(await ask({ host: a.domain })).toMatchObject({ status: 201, tenantId: a.id })
    expect(await ask({ host: `${a.domain.toUpperCase()}:8443` })).toMatchObject({ status: 201, tenantId: a.id })
    expect(await ask({ host: `${a.domain}.` })).toMatchObject({ status: 201, tenantId: a.id })
  })

  it('is the one that X-Tenant-ID or ?tenant= names, by slug or by id', async () => {
    for (const name of [a.slug, a.id, a.id.toUpperCase()]) {
      expect(await ask({ 'x-tenant-id': name })).toMatchObject({ status: 201, tenantId: a.id })
      expect(await ask({}, `?tenant=${name}`)).toMatchObject({ status: 201, tenantId: a.id })
    }
  })

  it('is no default when the call names one, and no default at all when none is set', async () => {
    const bare = await start({ environment: { REMPART_DEFAULT_TENANT: '' } })
    onTestFinished(() => bare.close())
    const reply = await bare.app.inject({ method: 'POST', url: '/api/v1/contact', payload: {} })
    expect(reply.json()).toMatchObject({ status: 404, code: 'tenant-not-found' })
  })

  it('may be named in three ways that agree', async () => {
    const reply = await ask({ host: a.domain, 'x-tenant-id': a.slug }, `?tenant=${a.id}`)
    expect(reply).toMatchObject({ status: 201, tenantId: a.id })
  })

  it.each<[string, () => [Record<string, string>, string?]]>([
    ['domain and header', () => [{ host: a.domain, 'x-tenant-id': b.slug }]],
    ['domain and parameter', () => [{ host: a.domain }, `?tenant=${b.slug}`]],
    ['header and parameter', () => [{ 'x-tenant-id': a.slug }, `?tenant=${b.slug}`]],
    ['header and parameter, by id', () => [{ 'x-tenant-id': a.id }, `?tenant=${b.id}`]],
    ['two of three', () => [{ host: a.domain, 'x-tenant-id': a.slug }, `?tenant=${b.id}`]],
  ])('is refused when %s disagree', async (_which, request) => {
    expect(await ask(...request())).toMatchObject({ status: 403, code: 'tenant-conflict', tenantId: undefined })
  })

  it.each<[string, () => [Record<string, string | string[]>, string?], Reply]>([
    ['an unknown slug', () => [{ 'x-tenant-id': 'nobody' }], { status: 404, code: 'tenant-not-found' }],
    ['an unknown id', () => [{}, `?tenant=${randomUUID()}`], { status: 404, code: 'tenant-not-found' }],
    ['an empty header', () => [{ 'x-tenant-id': '' }], { status: 404, code: 'tenant-not-found' }],
    ['an empty parameter', () => [{}, '?tenant='], { status: 404, code: 'tenant-not-found' }],
    ['two parameters', () => [{}, `?tenant=${a.slug}&tenant=${a.slug}`], { status: 404, code: 'tenant-not-found' }],
    ['two headers', () => [{ 'x-tenant-id': [a.slug, b.slug] }], { status: 404, code: 'tenant-not-found' }],
    ['a slug in capitals', () => [{ 'x-tenant-id': a.slug.toUpperCase() }], { status: 404, code: 'tenant-not-found' }],
    ['a slug with a NUL', () => [{}, `?tenant=${a.slug}%00`], { status: 404, code: 'tenant-not-found' }],
    [
      'a slug that begins like one',
      () => [{}, `?tenant=${a.slug}${'x'.repeat(64)}`],
      { status: 404, code: 'tenant-not-found' },
    ],
    ['a property of objects', () => [{}, '?tenant=__proto__'], { status: 404, code: 'tenant-not-found' }],
    ['an unknown host', () => [{ host: 'evil.example' }], { status: 400, code: 'untrusted-host' }],
    ['a host below a domain', () => [{ host: `x.${a.domain}` }], { status: 400, code: 'untrusted-host' }],
    ['a host with user information', () => [{ host: `x@${a.domain}` }], { status: 400, code: 'untrusted-host' }],
    ['a port that is none', () => [{ host: `${a.domain}:99999` }], { status: 400, code: 'untrusted-host' }],
    ['a host with a path', () => [{ host: `${a.domain}/x` }], { status: 400, code: 'untrusted-host' }],
    [
      'an unknown host and a known slug',
      () => [{ host: 'evil.example', 'x-tenant-id': a.slug }],
      { status: 400, code: 'untrusted-host' },
    ],
  ])('is refused for %s', async (_what, request, refusal) => {
    expect(await ask(...request())).toMatchObject(refusal)
  })

  it('answers a suspended tenant as an unknown one, however it is named', async () => {
    await changeTenant(database.worker, a.id, { isActive: false })
    const asked = [
      [{ host: a.domain }, ''],
      [{ 'x-tenant-id': a.slug }, ''],
      [{}, `?tenant=${a.id}`],
    ] as const
    const strangers = [
      [{ host: 'nobody.example' }, ''],
      [{ 'x-tenant-id': 'nobody' }, ''],
      [{}, `?tenant=${randomUUID()}`],
    ] as const
    for (const [index, [headers, query]] of asked.entries()) {
      const stranger = strangers[index]
      expect(await ask(headers, query)).toEqual(await ask(stranger?.[0], stranger?.[1]))
    }
  })

  it('takes no heed of a key: a public call is for the tenant it names', async () => {
    const key = await server.apiKey(['contact:read'], b.id)
    const reply = await ask({ 'x-tenant-id': a.slug, authorization: `Bearer ${key}` })
    expect(reply).toMatchObject({ status: 201, tenantId: a.id })
  })

  it('never breaks the server, whatever the names are made of', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(fc.string({ unit: 'binary', maxLength: 80 }), fc.string({ unit: 'grapheme', maxLength: 20 })),
        fc.string({
          unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)),
          maxLength: 80,
        }),
        fc.string({
          unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)),
          maxLength: 300,
        }),
        async (parameter, header, host) => {
          const named = await ask({ 'x-tenant-id': header }, `?tenant=${encodeURIComponent(parameter.toWellFormed())}`)
          const hosted = await ask({ host })
          expect(named.status).toBeLessThan(500)
          expect(hosted.status).toBeLessThan(500)
        },
      ),
      { numRuns: 60 },
    )
  })
})

describe('the tenant of a call with a key', () => {
  it('is the key’s own, named or not', async () => {
    const key = await server.apiKey(['contact:read'], a.id)
    for (const [headers, query] of [
      [{}, ''],
      [{ 'x-tenant-id': a.id }, ''],
      [{ host: a.domain }, `?tenant=${a.slug}`],
    ] as const) {
      expect(await askAsStaff(key, headers, query)).toMatchObject({ status: 200 })
    }
  })

  it('refuses another tenant’s name exactly as one that nobody has', async () => {
    const key = await server.apiKey(['contact:read'], a.id)
    const refusal = { status: 403, code: 'tenant-conflict' }
    for (const name of [b.slug, b.id, 'nobody', randomUUID()]) {
      expect(await askAsStaff(key, { 'x-tenant-id': name })).toEqual(refusal)
      expect(await askAsStaff(key, {}, `?tenant=${name}`)).toEqual(refusal)
    }
    expect(await askAsStaff(key, { host: b.domain })).toEqual(refusal)
    expect(await askAsStaff(key, { host: a.domain, 'x-tenant-id': a.slug }, `?tenant=${b.slug}`)).toEqual(refusal)
  })

  it('refuses a tenant of another’s before it says whether the scope would do', async () => {
    const key = await server.apiKey(['leads:read'], a.id)
    expect(await askAsStaff(key, { 'x-tenant-id': b.slug })).toMatchObject({ code: 'tenant-conflict' })
    expect(await askAsStaff(key)).toMatchObject({ status: 403, code: 'scope-missing' })
  })

  it('holds at once when the tenant is suspended, though it was in memory', async () => {
    const key = await server.apiKey(['contact:read'], a.id)
    expect(await askAsStaff(key)).toMatchObject({ status: 200 })
    await changeTenant(database.worker, a.id, { isActive: false })
    expect(await askAsStaff(key)).toEqual({ status: 403, code: 'tenant-suspended' })
  })
})

/** Sends the lines of a request as they are, and answers the status and the problem's code. */
async function sendRaw(lines: readonly string[]): Promise<Reply> {
  if (!server.app.server.listening) await server.app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = server.app.server.address() as AddressInfo
  return await new Promise((resolve, reject) => {
    let text = ''
    const socket = connect(port, '127.0.0.1')
    socket.on('data', (chunk) => {
      text += chunk
    })
    socket.on('error', reject)
    socket.on('close', () => {
      resolve({ status: Number(text.slice(9, 12)), code: /"code":"([a-z-]+)"/.exec(text)?.[1] })
    })
    socket.write([...lines, 'Connection: close', '', ''].join('\r\n'))
  })
}

describe('a header that comes twice', () => {
  const get = 'GET /api/v1/contact/messages HTTP/1.1'
  const host = 'Host: localhost'

  it('is refused when it is the credential, the same twice or not', async () => {
    const [first, second] = [await server.apiKey(['contact:read'], a.id), await server.apiKey(['contact:read'], b.id)]
    const refusal = { status: 400, code: 'ambiguous-credentials' }
    for (const other of [first, second]) {
      expect(await sendRaw([get, host, `Authorization: Bearer ${first}`, `Authorization: Bearer ${other}`])).toEqual(
        refusal,
      )
      expect(await sendRaw([get, host, `X-API-Key: ${first}`, `X-API-Key: ${other}`])).toEqual(refusal)
      expect(await sendRaw([get, host, `X-API-Key: ${first}`, `Authorization: Bearer ${other}`])).toEqual(refusal)
    }
    expect(await sendRaw([get, host, `Authorization: Bearer ${first}`])).toMatchObject({ status: 200 })
    expect(await sendRaw([get, host, `X-API-Key: ${first}`])).toMatchObject({ status: 200 })
  })

  it('is refused when it is the host', async () => {
    const key = await server.apiKey(['contact:read'], a.id)
    const reply = await sendRaw([get, `Host: ${a.domain}`, `Host: ${b.domain}`, `Authorization: Bearer ${key}`])
    expect(reply.status).toBe(400)
  })

  it('is refused when it names the tenant', async () => {
    const key = await server.apiKey(['contact:read'], a.id)
    const lines = [get, host, `Authorization: Bearer ${key}`, `X-Tenant-ID: ${a.slug}`, `X-Tenant-ID: ${b.slug}`]
    expect(await sendRaw(lines)).toEqual({ status: 403, code: 'tenant-conflict' })
  })
})
