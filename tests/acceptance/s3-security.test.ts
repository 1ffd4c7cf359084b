import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadConfig } from '../../packages/server/src/config.ts'
import { inTenant } from '../../packages/server/src/database/tenant.ts'
import { faultsOf, production } from './configuration.ts'
import { APP_ORIGIN, type ImprovedBackend, message, startImprovedBackend } from './improved-backend.ts'
import { createPerson, login, type SignedIn, signedIn, signIn } from './people.ts'
import { atOnce, countOf, statuses, times } from './repeat.ts'
import type { PublicCall } from './visitors.ts'

/*
 * S3, the improvements of a back end, §1 "security", measure by measure. Where the product's own table settles a measure in
 * another way, the test follows the table and says so.
 */

let backend: ImprovedBackend
beforeAll(async () => {
  backend = await startImprovedBackend()
})
afterAll(() => backend?.close())

describe('1.1 rate limiting', () => {
  it('sign-in takes 5 tries a minute of one client, says when to come back, and spares the others', async () => {
    const visitor = backend.visitors.next()
    const guess = (index: number) =>
      login(visitor, { email: `nobody-${index}@people.example.net`, password: 'not the password' })
    const answers = await times(7, guess)
    expect(statuses(answers)).toEqual([401, 401, 401, 401, 401, 429, 429])
    const refused = answers.at(-1)
    expect(refused?.json()).toMatchObject({ code: 'rate-limited' })
    expect(Number(refused?.headers['retry-after'])).toBeGreaterThan(0)
    expect(Number(refused?.headers['retry-after'])).toBeLessThanOrEqual(60)
    expect((await login(backend.visitors.next(), { email: 'n@people.example.net', password: 'not it' })).status).toBe(
      401,
    )
  })

  it('every other route has a limit as well', async () => {
    const visitor = backend.visitors.next()
    const answers = await atOnce(125, () => visitor('/api/v1/openapi.json', { method: 'HEAD' }))
    expect([countOf(answers, 200), countOf(answers, 429)]).toEqual([120, 5])
  })
})

describe('1.2 refresh tokens', () => {
  const refresh = (token: string) => backend.visitors.next()('/api/v1/auth/refresh', { json: { refresh_token: token } })
  const me = (session: SignedIn) => session.call('/api/v1/auth/me')

  it('access tokens live for 15 minutes, refresh tokens for 7 days', async () => {
    const person = await createPerson(backend.database.worker, 'acme')
    expect((await login(backend.visitors.next(), person)).json()).toMatchObject({ expires_in: 900 })
    const rows = await inTenant(backend.database.worker, backend.tenantId, (tx) =>
      tx
        .selectFrom('refresh_token')
        .innerJoin('session', 'session.id', 'refresh_token.session_id')
        .select(['refresh_token.created_at', 'refresh_token.expires_at'])
        .where('session.user_id', '=', person.id)
        .execute(),
    )
    const days = rows.map((row) => (row.expires_at.getTime() - row.created_at.getTime()) / 86_400_000)
    expect(days).toEqual([expect.closeTo(7, 3)])
  })

  it('a refresh gives a new pair, and nothing but a hash of either is in the database', async () => {
    const session = await signIn(backend.visitors, await createPerson(backend.database.worker, 'acme'))
    const renewed = signedIn(backend.visitors, await refresh(session.refreshToken))
    expect(renewed.refreshToken).not.toBe(session.refreshToken)
    expect((await me(renewed)).status).toBe(200)
    const rows = await inTenant(backend.database.worker, backend.tenantId, (tx) =>
      tx.selectFrom('refresh_token').selectAll().execute(),
    )
    expect(rows.length).toBeGreaterThan(1)
    const stored = JSON.stringify(rows, (_, value) =>
      value?.type === 'Buffer' ? Buffer.from(value).toString('latin1') : value,
    )
    for (const { refreshToken } of [session, renewed]) {
      const [, random = ''] = /^rmp_rt_(.{43})$/.exec(refreshToken) ?? []
      for (const form of [refreshToken, random, Buffer.from(random, 'base64url').toString('latin1')]) {
        expect(stored).not.toContain(JSON.stringify(form).slice(1, -1))
      }
    }
  })

  it('a used one that comes back ends the session, for the thief and for the owner', async () => {
    const session = await signIn(backend.visitors, await createPerson(backend.database.worker, 'acme'))
    const second = signedIn(backend.visitors, await refresh(session.refreshToken))
    const third = signedIn(backend.visitors, await refresh(second.refreshToken))
    expect((await refresh(session.refreshToken)).status).toBe(401)
    expect([(await me(third)).status, (await refresh(third.refreshToken)).status]).toEqual([401, 401])
  })

  it('they are revoked with the session', async () => {
    const session = await signIn(backend.visitors, await createPerson(backend.database.worker, 'acme'))
    expect((await session.call('/api/v1/auth/logout', { json: {} })).status).toBe(204)
    expect((await refresh(session.refreshToken)).status).toBe(401)
  })
})

describe('1.3 instants', () => {
  it('are of UTC, and say so, on a server whose clock shows another time zone', async () => {
    const id = await backend.addResource('of an instant')
    const resource = (await backend.staff(`/api/v1/resources/${id}`)).json()
    const refusal = (await backend.visitors.next()('/api/v1/nothing')).json()
    const session = await signIn(backend.visitors, await createPerson(backend.database.worker, 'acme'))
    const authTime = Reflect.get(Object((await session.call('/api/v1/auth/me')).json()['session']), 'authTime')
    for (const instant of [resource['createdAt'], refusal['timestamp'], authTime, backend.server.logs.at(-1)?.time]) {
      expect(instant).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/)
      expect(Math.abs(Date.parse(String(instant)) - Date.now())).toBeLessThan(30_000)
    }
    const { exp } = JSON.parse(Buffer.from(session.accessToken.split('.')[1] ?? '', 'base64url').toString())
    expect(Math.abs(exp - Date.now() / 1_000 - 900)).toBeLessThan(30)
  })
})

describe('1.4 CORS', () => {
  it('a wildcard does not start in production, and no list means no other origin rather than all', () => {
    const wildcard = faultsOf({ ...production, REMPART_ALLOWED_ORIGINS: '*' })
    expect(wildcard).toEqual(['REMPART_ALLOWED_ORIGINS must not be a wildcard in production'])
    expect(faultsOf(production)).toEqual([])
    expect(loadConfig(production).allowedOrigins).toEqual([])
  })

  it('an origin that is listed may read answers; another may not, nor its preflight', async () => {
    const allowed = async (origin: string, call: PublicCall) => {
      const { headers } = await backend.visitors.next()('/api/v1/contact', {
        ...call,
        headers: { origin, ...call.headers },
      })
      return headers['access-control-allow-origin']
    }
    const preflight = { method: 'OPTIONS', headers: { 'access-control-request-method': 'POST' } }
    for (const call of [preflight, { json: message }, { json: {} }]) {
      expect(await allowed(APP_ORIGIN, call)).toBe(APP_ORIGIN)
      for (const origin of ['https://evil.example', `${APP_ORIGIN}.evil.example`, 'http://app.example.org', 'null']) {
        expect(await allowed(origin, call)).toBeUndefined()
      }
    }
  })
})

describe('1.5 strength of secrets', () => {
  const judged = (secret: string) => faultsOf({ ...production, REMPART_SECRET_KEY: secret })

  it('a secret of less than 32 bytes, or one that can be guessed, does not start, and is not repeated', () => {
    for (const secret of ['short', 'x'.repeat(31), 'a'.repeat(64), 'changeme'.repeat(5), '0123456789'.repeat(4)]) {
      const faults = judged(secret)
      expect(faults, secret).toEqual([expect.stringMatching(/^REMPART_SECRET_KEY /)])
      expect(faults.join(), secret).not.toContain(secret)
    }
    expect(judged(production.REMPART_SECRET_KEY)).toEqual([])
  })

  it('without a secret nothing is served from a database of one’s own', () => {
    const { REMPART_SECRET_KEY: _secret, ...without } = production
    const faults = faultsOf({ ...without, REMPART_DATABASE_URL: 'postgres://rempart_app@localhost/rempart' })
    expect(faults).toEqual([expect.stringMatching(/^REMPART_SECRET_KEY is required/)])
  })
})
