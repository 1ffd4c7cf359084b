import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { bearer, createPerson, nextAddress, signInOver } from '../../testing/people.ts'
import { enrolOver, postTo } from '../../testing/second-factors.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'
import { asTenant } from '../../testing/tenant-rows.ts'

let database: TestDatabase
let server: TestServer
beforeAll(async () => {
  database = await createTestDatabase()
  server = await startTestServer(database)
})
afterAll(async () => {
  await server.close()
  await database.close()
})

const json = { 'content-type': 'application/json' }
const own = { origin: 'http://localhost:3000', 'x-rempart-csrf': '1' }
const codeOf = (answer: { json(): { code?: string } }): string | undefined => answer.json().code
const signedIn = async () => bearer((await signInOver(server, await createPerson(server))).accessToken)
const meOf = (headers: Readonly<Record<string, string>>) =>
  server.app.inject({ url: '/api/v1/auth/me', headers, remoteAddress: nextAddress() })

describe('a call with nothing to say', () => {
  it.each<[string, object | undefined, Record<string, string>]>([
    ['without a body', undefined, {}],
    ['without a body, but with its type', undefined, json],
    ['with an empty object', {}, {}],
  ])('signs out %s', async (_, body, type) => {
    const who = await signedIn()
    expect((await postTo(server, '/auth/logout', body, { ...who, ...type })).statusCode).toBe(204)
    expect((await meOf(who)).statusCode).toBe(401)
  })

  it('takes an empty object where it declares no body, and nothing else', async () => {
    const who = await signedIn()
    for (const body of [undefined, {}]) {
      expect((await postTo(server, '/mfa/setup', body, { ...who, ...json })).statusCode).toBe(200)
    }
    for (const body of [{ code: '123456' }, [], ['x']]) {
      expect(codeOf(await postTo(server, '/mfa/setup', body, who))).toBe('unexpected-body')
    }
  })

  it('ends a session with the type that pages have to send', async () => {
    const who = await signedIn()
    const { session } = (await meOf(who)).json()
    const answer = await server.app.inject({
      ...{ method: 'DELETE', url: `/api/v1/sessions/${session.id}`, remoteAddress: nextAddress() },
      headers: { ...who, ...json },
    })
    expect(answer.statusCode).toBe(204)
  })

  it('refreshes with a cookie and no body', async () => {
    const { email, password } = await createPerson(server)
    const login = await postTo(server, '/auth/login', { email, password, transport: 'cookie' }, own)
    const cookie = [login.headers['set-cookie']].flat().map((each) => String(each).split(';')[0])
    const refresh = cookie.find((each) => each?.startsWith('__Host-rmp_rt')) ?? ''
    expect((await postTo(server, '/auth/refresh', undefined, { ...own, cookie: refresh })).statusCode).toBe(200)
  })

  it('is told of what it has to say where that is something', async () => {
    expect(codeOf(await postTo(server, '/auth/login', undefined, json))).toBe('invalid-json')
    expect(codeOf(await postTo(server, '/auth/login', undefined))).toBe('invalid-content')
  })
})

it('every 401 names a scheme (RFC 9110 §15.5.2)', async () => {
  const person = await createPerson(server)
  const answers = [
    await postTo(server, '/auth/login', { email: person.email, password: 'wrong' }),
    await postTo(server, '/auth/refresh', {}),
    await postTo(server, '/auth/refresh', { refresh_token: 'junk' }),
    await postTo(server, '/auth/login/mfa', { mfa_session_token: 'junk', code: '123456' }),
  ]
  expect(answers.map(({ statusCode, headers }) => [statusCode, headers['www-authenticate']])).toEqual([
    [401, 'Bearer'],
    [401, 'Bearer'],
    [401, 'Bearer error="invalid_token"'],
    [401, 'Bearer'],
  ])
})

describe('class 35: a refresh token', () => {
  it('is not exchanged for a tenant that the call names and the token is not of, and stays good', async () => {
    const other = await server.createTenant()
    const { refreshToken } = await signInOver(server, await createPerson(server))
    const refresh = (headers: Record<string, string>) =>
      postTo(server, '/auth/refresh', { refresh_token: refreshToken }, headers)
    const refused = await refresh({ 'x-tenant-id': other.slug })
    expect(refused.json()).toMatchObject({ status: 403, code: 'tenant-conflict' })
    const audited = await asTenant(server, `select from audit_event where action = 'credential.tenant-conflict'`)
    expect(audited.length).toBe(1)
    expect((await refresh({ 'x-tenant-id': server.tenant.slug })).statusCode).toBe(200)
  })

  it('of another tenant than the default is exchanged where the call names none', async () => {
    const other = await server.createTenant()
    const headers = { 'x-tenant-id': other.slug }
    const { refreshToken } = await signInOver(server, await createPerson(server, { tenantId: other.id }), { headers })
    expect((await postTo(server, '/auth/refresh', { refresh_token: refreshToken })).statusCode).toBe(200)
  })
})

describe('a refresh token that was used', () => {
  it.each([
    ['long after', `update refresh_token set expires_at = now() - interval '1 second' where used_at is not null`, {}],
    ['by another way', `select 1`, own],
  ])('ends its session when it is shown %s', async (_, statement, headers) => {
    const { refreshToken } = await signInOver(server, await createPerson(server))
    const next = (await postTo(server, '/auth/refresh', { refresh_token: refreshToken })).json()
    await asTenant(server, statement)
    const again =
      headers === own
        ? await postTo(server, '/auth/refresh', {}, { ...own, cookie: `__Host-rmp_rt=${refreshToken}` })
        : await postTo(server, '/auth/refresh', { refresh_token: refreshToken })
    expect(again.statusCode).toBe(401)
    expect((await meOf(bearer(next.access_token))).statusCode).toBe(401)
  })
})

describe('changing a password', () => {
  it('takes a fresh proof, with the second factor of who has one', async () => {
    const person = await createPerson(server)
    const { accessToken } = await enrolOver(server, person)
    await asTenant(server, `update session set auth_time = now() - interval '11 minutes' where user_id = $1`, [
      person.id,
    ])
    const passwords = { currentPassword: person.password, newPassword: 'nine green lanterns' }
    const answer = await postTo(server, '/auth/change-password', passwords, bearer(accessToken))
    expect(answer.json()).toMatchObject({ status: 401, code: 'step-up-required' })
    expect(answer.headers['www-authenticate']).toContain('acr_values="aal2"')
  })
})

it('whoever finds the server too busy to check a password has not failed at one', async () => {
  const person = await createPerson(server)
  let isOver = false
  const flood = Array.from({ length: 90 }, async (_, index) => {
    for (let turn = 0; !isOver; turn += 1) {
      await postTo(server, '/auth/login', { email: `nobody-${index}-${turn}@example.org`, password: 'x' })
    }
  })
  const { email, password } = person
  const login = () => postTo(server, '/auth/login', { email, password })
  await expect.poll(async () => codeOf(await login()), { timeout: 20_000, interval: 1 }).toBe('too-busy')
  const codes = []
  while (codes.length < 8) {
    const code = codeOf(await login())
    if (code !== undefined) codes.push(code)
  }
  isOver = true
  await Promise.all(flood)
  expect(new Set(codes)).toEqual(new Set(['too-busy']))
  expect((await login()).statusCode).toBe(200)
}, 60_000)
