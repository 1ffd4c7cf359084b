import { request } from 'node:http'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Answer } from '../support/http-client.ts'
import { startServerProcess } from '../support/server-process.ts'
import { lineOf } from './log-line.ts'
import { type Person, type Platform, startPlatform, tokensOf } from './platform.ts'

/*
 * S4, the platform's audit, §3.5, 5.3, 5.5, 6 "Monitoring", 7.1, 7.4, 7.6 and annex B: what every answer carries, how errors
 * read, and what the configuration says.
 */

let platform: Platform
const poolSize = 3
const site = 'https://www.example.org'
beforeAll(async () => {
  platform = await startPlatform({
    env: {
      REMPART_PUBLIC_URL: 'https://api.example.org',
      REMPART_TRUSTED_HOSTS: '127.0.0.1,api.example.org',
      REMPART_ALLOWED_ORIGINS: site,
      REMPART_DATABASE_POOL_SIZE: String(poolSize),
      REMPART_METRICS_TOKEN: 'Jw8vQm3xT1pLr6wYb9cN4hKd7sGf2aZe',
    },
  })
})
afterAll(() => platform?.close())

/** As the proxy passes on what came over TLS. */
const get = (path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> =>
  platform.visitors.next()(path, {
    method,
    headers: { host: 'api.example.org', 'x-forwarded-proto': 'https', ...headers },
  })

const signIn = async ({ tenant, email, password }: Person): Promise<{ readonly access: string }> => {
  const headers = { 'x-tenant-id': tenant.slug, host: 'api.example.org', 'x-forwarded-proto': 'https' }
  return tokensOf(await platform.api('POST', '/auth/login', { json: { email, password }, headers }))
}

describe('§3.5 and 7.1 "Content-Security-Policy: MANQUANT"', () => {
  it.each([
    ['an answer', 200, '/api/v1/health'],
    ['a page', 200, '/docs'],
    ['a hosted form', 200, '/f/demo'],
    ['a page of an account', 200, '/account/forgot'],
    ['an unknown path', 404, '/nothing/here'],
    ['a refused credential', 401, '/api/v1/auth/me'],
    ['a wrong method', 405, '/api/v1/auth/login'],
    ['an unreadable path', 400, '/api/v1/%ff'],
  ])('%s (%i) has all the headers', async (_kind, status, path) => {
    const { headers, status: answered } = await get(path)
    expect(answered).toBe(status)
    const policy = String(headers['content-security-policy'])
    expect(policy).toContain("default-src 'none'")
    expect(policy).not.toMatch(/unsafe-inline|unsafe-eval|\*/)
    expect(headers).toMatchObject({
      // §7.6: with preload.
      'strict-transport-security': 'max-age=31536000; includeSubDomains; preload',
      'x-content-type-options': 'nosniff',
      // Pages that are reached by a secret link, or by a link of another site, say less still.
      'referrer-policy': expect.stringMatching(/^(?:strict-origin-when-cross-origin|same-origin|no-referrer)$/),
    })
    // A form is shown in the frames that its tenant names, which the policy says.
    expect(headers['x-frame-options'] ?? policy).toMatch(/DENY|frame-ancestors/)
    // Deprecated, and a hole of its own in old browsers.
    expect(headers).not.toHaveProperty('x-xss-protection')
  })

  it('annex B "HTTPS redirect": a page that is asked for in the clear is sent to https, for good', async () => {
    const { status, headers } = await get('/docs', { 'x-forwarded-proto': 'http' })
    expect([status, headers['location']]).toEqual([308, 'https://api.example.org/docs'])
  })

  it('annex B, beyond it: a call of the API in the clear is refused, not sent on', async () => {
    const answer = await get('/api/v1/auth/me', { 'x-forwarded-proto': 'http' })
    expect([answer.status, answer.headers['location']]).toEqual([400, undefined])
  })
})

describe('§5.3 Gestion d’erreurs', () => {
  it.each([
    [401, 'GET', '/api/v1/users', undefined],
    [404, 'GET', '/api/v1/nothing', undefined],
    [405, 'PUT', '/api/v1/auth/login', undefined],
    [400, 'POST', '/api/v1/auth/login', '{'],
    [422, 'POST', '/api/v1/auth/login', '{}'],
    [415, 'POST', '/api/v1/auth/login', 'x'],
  ])('%i: %s %s is a problem that names the call and nothing of the inside', async (status, method, path, body) => {
    const headers = { host: 'api.example.org', 'x-forwarded-proto': 'https', 'accept-language': 'fr' }
    const type = body === 'x' ? { 'content-type': 'text/plain' } : {}
    const answer = await platform.visitors.next()(path, {
      method,
      headers: { ...headers, ...type },
      ...(body !== undefined && { body }),
    })
    expect(answer.status).toBe(status)
    expect(answer.headers['content-type']).toContain('application/problem+json')
    expect(answer.json()).toMatchObject({
      status,
      code: expect.stringMatching(/^[a-z-]+$/),
      error: expect.any(String),
      requestId: answer.headers['x-request-id'],
      timestamp: expect.stringMatching(/Z$/),
    })
    expect(answer.headers['content-language']).toBe('fr')
    expect(answer.text).not.toMatch(/at \/|node_modules|select |postgres/i)
  })
})

describe('annex B, "Middlewares actifs"', () => {
  it('1 TrustedHost: no tenant is found, and no credential is good, at a host that is not the server’s', async () => {
    const { access } = await signIn(await platform.person())
    expect((await get('/api/v1/auth/me', { authorization: `Bearer ${access}` })).status).toBe(200)
    const elsewhere = { host: 'evil.example' }
    for (const answer of [
      await get('/api/v1/resources', elsewhere),
      await get('/api/v1/oauth/providers', elsewhere),
      await get('/api/v1/auth/me', { ...elsewhere, authorization: `Bearer ${access}` }),
    ]) {
      expect(answer.json()).toMatchObject({ status: 400, code: 'untrusted-host' })
    }
  })

  it('2 CORS: an origin that is listed, to the letter, and no other', async () => {
    const asked = async (origin: string): Promise<unknown> => {
      const ask = { origin, 'access-control-request-method': 'POST' }
      return (await get('/api/v1/auth/login', ask, 'OPTIONS')).headers['access-control-allow-origin']
    }
    expect(await asked(site)).toBe(site)
    for (const origin of ['https://evil.example', 'null', `${site}.evil.example`, 'http://www.example.org']) {
      expect([origin, await asked(origin)]).toEqual([origin, undefined])
    }
  })

  it('6 GZip: a text of a thousand bytes and more comes compressed to who can read it', async () => {
    const bytes = await new Promise<Buffer>((resolve, reject) => {
      const headers = { host: 'api.example.org', 'x-forwarded-proto': 'https', 'accept-encoding': 'gzip' }
      const { port } = new URL(platform.server.url)
      const sent = request({ host: '127.0.0.1', port, path: '/api/v1/openapi.json', headers }, async (answer) => {
        const chunks: Buffer[] = []
        for await (const chunk of answer) chunks.push(chunk)
        resolve(Buffer.concat(chunks))
      })
      sent.once('error', reject).end()
    })
    expect(JSON.parse(gunzipSync(bytes).toString())).toMatchObject({ openapi: expect.stringMatching(/^3\.1/) })
    expect((await get('/api/v1/health')).headers['content-encoding']).toBeUndefined()
  })

  it('7 and 8 RequestID and Timing: an answer says both, and the log line of the call has the same', async () => {
    const answer = await get('/api/v1/auth/me')
    expect(answer.headers).toMatchObject({
      'x-request-id': expect.stringMatching(/^[\w-]{8,}$/),
      'x-response-time': expect.stringMatching(/\d/),
    })
    expect(await lineOf(platform.server, answer)).toMatchObject({ status: 401, durationMs: expect.any(Number) })
  })
})

describe('§6 Monitoring', () => {
  it('"/health, /ready, /health/deep": the last to who may read it', async () => {
    expect((await get('/health')).json()).toEqual({ status: 'ok' })
    expect((await get('/health/ready')).json()).toMatchObject({ status: 'ready' })
    expect((await get('/health/deep')).status).toBe(401)
  })

  it('"/metrics": to who has the token', async () => {
    expect((await get('/metrics')).status).toBe(401)
    const { status, text } = await get('/metrics', { authorization: 'Bearer Jw8vQm3xT1pLr6wYb9cN4hKd7sGf2aZe' })
    expect([status, text.includes('# TYPE ')]).toEqual([200, true])
  })
})

describe('§5.5 and 7.4 Configuration', () => {
  it('"Pool DB hardcodé (10/20)": no more connections than the setting says, however many call', async () => {
    const { access } = await signIn(await platform.person())
    let most = 0
    const count = async (): Promise<void> => {
      const [row] = await platform.sql<{ n: number }>(
        platform.tenant,
        "select count(*)::int as n from pg_stat_activity where usename = 'rempart_app' and application_name = 'rempart'",
      )
      most = Math.max(most, row?.n ?? 0)
    }
    const calls = Array.from({ length: 150 }, async () => {
      const answer = await get('/api/v1/sessions', { authorization: `Bearer ${access}` })
      return answer.status
    })
    for (let index = 0; index < 10; index += 1) await count()
    expect(new Set(await Promise.all(calls))).toEqual(new Set([200]))
    await count()
    expect(most).toBeGreaterThan(0)
    expect(most).toBeLessThanOrEqual(poolSize)
  })

  it.each([
    ['REMPART_SECRET_KEY', 'change-me-in-production-9f2a77c1e05b4d'],
    ['REMPART_METRICS_TOKEN', 'replace-me-with-something-long-9f2a'],
    ['REMPART_DATABASE_URL', 'postgres://user:password@localhost/massacorp'],
    ['REMPART_ALLOWED_ORIGINS', '*'],
    ['REMPART_PUBLIC_URL', 'http://api.example.org'],
  ])(
    'in production the server does not start with %s left as in an example, and says so without the value',
    async (name, value) => {
      const env = { NODE_ENV: 'production', REMPART_PUBLIC_URL: 'https://api.example.org', [name]: value }
      const started = startServerProcess({ env }).then(async (server) => {
        await server.remove()
        return 'it has started'
      })
      const message = await started.catch((error: Error) => error.message)
      expect(message).toMatch(new RegExp(`${name} must`))
      expect(value === '*' || !message.includes(value)).toBe(true)
    },
  )
})
