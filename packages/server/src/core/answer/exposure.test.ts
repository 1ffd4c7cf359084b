import { randomUUID } from 'node:crypto'
import { setTimeout as later } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { bearer, createPerson, nextAddress, signInOver } from '../../testing/people.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'
import { asTenant } from '../../testing/tenant-rows.ts'

const secret = 'select hash from password_credential; key=rmp_live_verysecret at /srv/rempart/start.ts'

let database: TestDatabase
let server: TestServer
let secure: TestServer
beforeAll(async () => {
  database = await createTestDatabase()
  const broken = { schema: { hide: true }, config: { access: 'public', guard: 'none', undocumented: 'test' } } as const
  server = await startTestServer(database, {
    ownRoutes(api) {
      api.get('/broken/throws', broken, () => {
        throw new TypeError(secret)
      })
      api.get('/broken/rejects', broken, async () => {
        await later(1)
        throw Object.assign(new Error(secret, { cause: new Error(secret) }), { code: 'XX000', detail: secret })
      })
      api.get('/broken/with-a-status', broken, () => {
        throw Object.assign(new Error(secret), { statusCode: 418, headers: { 'x-secret': secret } })
      })
      api.get('/broken/text', broken, () => {
        throw secret
      })
    },
  })
  secure = await startTestServer(database, {
    environment: { REMPART_PUBLIC_URL: 'https://api.example.org', REMPART_TRUSTED_PROXIES: '192.0.2.1' },
  })
})
afterAll(async () => {
  await secure.close()
  await server.close()
  await database.close()
})

const get = (url: string, on = server, headers: Record<string, string> = {}) =>
  on.app.inject({ method: 'GET', url, headers, remoteAddress: nextAddress() })

describe('an error that nobody foresaw', () => {
  it.each(['throws', 'rejects', 'with-a-status', 'text'])(
    '%s: is told to the caller in the same words, and its cause to the log',
    async (how) => {
      const before = server.logLines.length
      const answer = await get(`/api/v1/broken/${how}`, server, { 'x-request-id': `exposure-${how}` })
      expect(answer.statusCode).toBe(500)
      expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8')
      expect(answer.json()).toMatchObject({ status: 500, requestId: `exposure-${how}` })
      expect(`${answer.body}${JSON.stringify(answer.headers)}`).not.toMatch(
        /secret|select|hash|srv|\.ts\b|at \/|TypeError/,
      )
      const lines = server.logLines.slice(before).map((line) => JSON.parse(line))
      expect(lines).toContainEqual(expect.objectContaining({ level: 'error', requestId: `exposure-${how}` }))
    },
  )
})

describe('the files of the machine', () => {
  const paths = [
    ...['/.git/HEAD', '/.git/config', '/.svn/entries', '/.env', '/.npmrc', '/package.json', '/package-lock.json'],
    ...['/src/index.ts', '/packages/server/package.json', '/node_modules/', '/server.key', '/backup.sql', '/debug'],
    ...[
      '/docs/../package.json',
      '/docs/%2e%2e/package.json',
      '/docs/..%2fpackage.json',
      '/assets/',
      '/f/',
      '/account/',
    ],
    ...['/api/v1/.git/HEAD', '/api/v1/../../package.json', '/debug/pprof', '/actuator', '/phpinfo.php', '/trace.axd'],
  ]
  it.each(paths)('are not served, listed or named: %s', async (path) => {
    const answer = await get(path)
    expect([400, 404]).toContain(answer.statusCode)
    expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8')
    expect(answer.body).not.toMatch(/Index of|"dependencies"|\/home\/|\/tmp\/|node_modules/)
  })
})

it('no answer to a credential is kept by a browser or a cache, lists, single things and refusals alike', async () => {
  const { accessToken } = await signInOver(server, await createPerson(server, { roles: ['owner'] }))
  const paths = ['/contact/messages', '/leads', '/users', '/sessions', '/users/me', `/leads/${randomUUID()}`, '/audit']
  for (const path of paths) {
    for (const headers of [bearer(accessToken), bearer(`${accessToken.slice(0, -2)}AA`)]) {
      const answer = await server.app.inject({ url: `/api/v1${path}`, headers, remoteAddress: nextAddress() })
      expect([path, answer.headers['cache-control']]).toEqual([path, 'no-store'])
    }
  }
})

describe('a server whose public URL is https', () => {
  it('sends the reader of a page to https, and nobody else', async () => {
    for (const path of ['/docs', '/f/demo?lang=fr', '/account/reset', '/.well-known/jwks.json']) {
      const answer = await get(path, secure)
      expect([answer.statusCode, answer.headers.location]).toEqual([308, `https://api.example.org${path}`])
      expect(answer.body).toBe('')
    }
    expect((await get('/api/v1/health', secure)).statusCode).toBe(200)
  })

  it.each(['/api/v1/auth/me', '/api/v1/resources/', '/api/v1/nothing', '/api/v2', '/api', '/api?x=1'])(
    'refuses a call of the API in the clear, so that who sent a key that way notices: %s',
    async (path) => {
      const authorization = `Bearer ${await secure.apiKey(['resources:read'])}`
      for (const [language, title] of [
        ['en', 'HTTPS required'],
        ['fr', 'HTTPS obligatoire'],
      ] as const) {
        const answer = await get(path, secure, { authorization, 'accept-language': language })
        expect([answer.statusCode, answer.headers.location]).toEqual([400, undefined])
        expect(answer.json()).toMatchObject({ code: 'https-required', title })
        expect(answer.body).not.toContain(authorization.slice(-12))
      }
    },
  )

  it('believes nobody but a trusted proxy that a request came over TLS', async () => {
    for (const headers of [{ 'x-forwarded-proto': 'https' }, { forwarded: 'proto=https' }]) {
      expect((await get('/docs', secure, headers)).statusCode).toBe(308)
      expect((await get('/api/v1/resources', secure, headers)).statusCode).toBe(400)
    }
  })
})

it('a refusal for want of a permission is in the log, with its reason', async () => {
  const key = await server.apiKey(['resources:read'])
  const before = server.logLines.length
  const answer = await get('/api/v1/leads', server, { authorization: `Bearer ${key}` })
  expect(answer.statusCode).toBe(403)
  const lines = server.logLines.slice(before).map((line) => JSON.parse(line))
  expect(lines).toContainEqual(
    expect.objectContaining({
      ...{ status: 403, problem: 'scope-missing', method: 'GET', route: '/api/v1/leads' },
      ...{ fpPrefix: expect.stringMatching(/^[0-9a-f]{8}$/), requestId: answer.headers['x-request-id'] },
    }),
  )
})

describe('the line of a request', () => {
  const linesOf = async (path: string, headers: Record<string, string>) => {
    const before = server.logLines.length
    const { statusCode } = await get(path, server, headers)
    const lines = server.logLines.slice(before)
    return { statusCode, lines, line: JSON.parse(lines.find((each) => each.includes('"msg":"request"')) ?? '{}') }
  }

  it('says whose credential it was that may not: the id of a person, and nothing else of them', async () => {
    const person = await createPerson(server, { roles: [] })
    const { accessToken } = await signInOver(server, person)
    const { statusCode, line, lines } = await linesOf('/api/v1/leads', bearer(accessToken))
    expect(statusCode).toBe(403)
    expect(line).toMatchObject({ status: 403, problem: 'permission-missing', route: '/api/v1/leads' })
    expect([line.actorId, line.tenantId]).toEqual([person.id, server.tenant.id])
    expect(lines.join()).not.toContain(person.email)
    expect(lines.join()).not.toContain(accessToken.slice(-20))
  })

  it('says the same of a key, of a credential that was sent to another tenant, and of who was let in', async () => {
    const person = await createPerson(server, { roles: ['owner'] })
    const { accessToken } = await signInOver(server, person)
    const other = await server.createTenant()
    const elsewhere = await linesOf('/api/v1/leads', { ...bearer(accessToken), 'x-tenant-id': other.slug })
    expect(elsewhere.line).toMatchObject({ problem: 'tenant-conflict', actorId: person.id, tenantId: server.tenant.id })
    const admitted = await linesOf('/api/v1/leads', bearer(accessToken))
    expect(admitted.line).toMatchObject({ status: 200, actorId: person.id, tenantId: server.tenant.id })
    const key = await linesOf('/api/v1/leads', bearer(await server.apiKey(['resources:read'])))
    expect(key.line).toMatchObject({ problem: 'scope-missing', actorId: expect.stringMatching(/^[0-9a-f-]{36}$/) })
  })

  it('says whose a session or a key was that has ended, and answers as for any other that does not hold', async () => {
    const person = await createPerson(server, { roles: [] })
    const { accessToken } = await signInOver(server, person)
    const refused = async (credential: string) => {
      const { statusCode, line } = await linesOf('/api/v1/leads', bearer(credential))
      return [statusCode, line.problem, line.actorId, line.tenantId]
    }
    const whose = [401, 'credential-invalid', person.id, server.tenant.id]
    // Past its fifteen minutes, whether its signature is remembered or not.
    server.clock.nowMs += 1_000_000
    expect(await refused(accessToken)).toEqual(whose)
    expect(await refused(accessToken)).toEqual(whose)
    server.clock.nowMs -= 1_000_000
    await asTenant(server, 'update session set revoked_at = now() where user_id = $1', [person.id])
    expect(await refused(accessToken)).toEqual(whose)
    const key = await server.apiKey(['leads:read'])
    const [made] = await asTenant(server, 'update api_key set revoked_at = now() where lookup_id = $1 returning id', [
      key.split('_')[2],
    ])
    expect(await refused(key)).toEqual([401, 'credential-invalid', made?.['id'], server.tenant.id])
  })

  it('names nobody whose credential does not hold', async () => {
    const { accessToken } = await signInOver(server, await createPerson(server, { roles: [] }))
    const { statusCode, line } = await linesOf('/api/v1/leads', bearer(`${accessToken.slice(0, -4)}AAAA`))
    expect([statusCode, line.actorId]).toEqual([401, undefined])
  })
})

describe('every route there is, answering a stranger', () => {
  const proxy = '192.0.2.1'
  /** As it comes over TLS, through the proxy in front. */
  const overTls = (method: string, url: string) =>
    secure.app.inject({
      method: method as 'GET',
      url: url.replace(/:\w+/g, '019bd0a4-6c00-7abc-8def-0123456789ab'),
      headers: { host: 'api.example.org', 'x-forwarded-proto': 'https', 'x-forwarded-for': nextAddress() },
      remoteAddress: proxy,
      ...(method !== 'GET' && method !== 'HEAD' && method !== 'DELETE' && { payload: {} }),
    })

  it('protects browsers with every answer, pages, files and refusals alike', async () => {
    const routes = secure.app.routeTable.all
    expect(routes.length).toBeGreaterThan(100)
    for (const { method, url } of [...routes, { method: 'GET', url: '/nowhere' }, { method: 'PUT', url: '/docs' }]) {
      const { statusCode, headers } = await overTls(method, url)
      const told = `${method} ${url} → ${statusCode}`
      expect(statusCode, told).toBeLessThan(500)
      expect(statusCode, told).not.toBe(308)
      expect(headers['strict-transport-security'], told).toMatch(/^max-age=31536000; includeSubDomains/)
      expect(headers['x-content-type-options'], told).toBe('nosniff')
      expect(headers['referrer-policy'], told).toMatch(/^(?:no-referrer|same-origin|strict-origin-when-cross-origin)$/)
      const policy = String(headers['content-security-policy'])
      for (const each of ["default-src 'none'", "base-uri 'none'", 'frame-ancestors '])
        expect(policy, told).toContain(each)
      expect(policy, told).not.toMatch(/unsafe-|\*(?!\.)/)
    }
  })

  it('says of every body what it is, and in which alphabet', async () => {
    for (const { method, url } of secure.app.routeTable.all) {
      const { headers, rawPayload } = await overTls(method, url)
      if (rawPayload.length === 0) continue
      expect(headers['content-type'], `${method} ${url}`).toMatch(
        /^(?:[\w.+-]+\/[\w.+-]+; charset=utf-8|image\/[\w.+-]+)/,
      )
    }
  })
})
