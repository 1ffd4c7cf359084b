import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { bearer, createPerson, nextAddress, signInOver, type TestPerson } from '../../testing/people.ts'
import { enrolOver, nextCode, postTo, wrongCode } from '../../testing/second-factors.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'
import { asTenant } from '../../testing/tenant-rows.ts'

let database: TestDatabase
let server: TestServer
beforeAll(async () => {
  database = await createTestDatabase()
  server = await startTestServer(database, {
    ownRoutes(api) {
      const config = { access: 'session', stepUp: true, undocumented: 'test' } as const
      api.post('/fresh', { schema: { hide: true }, config }, () => ({}))
    },
  })
})
afterAll(async () => {
  await server.close()
  await database.close()
})

const stepUp = (token: string, body: object) => postTo(server, '/auth/step-up', body, bearer(token))
const isFresh = async (token: string) => (await postTo(server, '/fresh', undefined, bearer(token))).statusCode === 200
const meOf = async (token: string) =>
  (await server.app.inject({ url: '/api/v1/auth/me', headers: bearer(token), remoteAddress: nextAddress() })).json()
const growOld = ({ id }: TestPerson) =>
  asTenant(server, `update session set auth_time = now() - interval '11 minutes' where user_id = $1`, [id])

describe('proving again who one is', () => {
  it('opens what asks for a fresh proof, in a session of its own that ends when the old one would have', async () => {
    const person = await createPerson(server)
    const { accessToken, refreshToken } = await signInOver(server, person)
    await growOld(person)
    const ends = () => asTenant(server, 'select absolute_expires_at from session where user_id = $1', [person.id])
    await asTenant(server, `update session set absolute_expires_at = now() + interval '3 days' where user_id = $1`, [
      person.id,
    ])
    expect(await isFresh(accessToken)).toBe(false)
    const before = (await meOf(accessToken)).session.id
    const answer = await stepUp(accessToken, { password: person.password })
    expect(answer.statusCode).toBe(200)
    expect(answer.headers['cache-control']).toBe('no-store')
    const token = answer.json().access_token
    expect(await isFresh(token)).toBe(true)
    // Class 9.
    expect((await meOf(token)).session.id).not.toBe(before)
    expect((await meOf(accessToken)).status).toBe(401)
    expect((await postTo(server, '/auth/refresh', { refresh_token: refreshToken })).statusCode).toBe(401)
    expect((await postTo(server, '/auth/refresh', { refresh_token: answer.json().refresh_token })).statusCode).toBe(200)
    const [old, fresh] = await ends()
    expect(fresh).toEqual(old)
  })

  it('leaves everything as it was when the password is wrong', async () => {
    const person = await createPerson(server)
    const { accessToken } = await signInOver(server, person)
    await growOld(person)
    const refused = await stepUp(accessToken, { password: 'not the password' })
    expect(refused.json()).toMatchObject({ status: 401, code: 'proof-refused' })
    expect(await isFresh(accessToken)).toBe(false)
    expect((await meOf(accessToken)).user.id).toBe(person.id)
  })

  it('takes the second factor too from who has one: neither proof does alone', async () => {
    const person = await createPerson(server)
    const old = await signInOver(server, person)
    const { secret } = await enrolOver(server, person)
    const { password } = person
    expect((await stepUp(old.accessToken, { password })).json()).toMatchObject({
      status: 422,
      errors: [{ pointer: '/code', code: 'required' }],
    })
    expect((await stepUp(old.accessToken, { code: nextCode(server, secret) })).json()).toMatchObject({
      errors: [{ pointer: '/password', code: 'required' }],
    })
    const code = nextCode(server, secret)
    const wrongs = [
      { password, code: wrongCode(server, secret) },
      { password: 'not the password', code },
    ]
    const refused = await Promise.all(wrongs.map((body) => stepUp(old.accessToken, body)))
    // Which of the two was wrong is not told.
    expect(refused.map((answer) => answer.json().code)).toEqual(['proof-refused', 'proof-refused'])
    const answer = await stepUp(old.accessToken, { password, code })
    expect((await meOf(answer.json().access_token)).session).toMatchObject({ aal: 2, amr: ['pwd', 'otp'] })
  })

  it('takes a code alone from who has no password, and nothing from who has neither', async () => {
    const person = await createPerson(server)
    const factor = await enrolOver(server, person)
    await asTenant(server, 'delete from password_credential where user_id = $1', [person.id])
    const answer = await stepUp(factor.accessToken, { code: nextCode(server, factor.secret) })
    expect(answer.statusCode).toBe(200)
    await asTenant(server, 'delete from mfa_secret where user_id = $1', [person.id])
    const refused = await stepUp(answer.json().access_token, { password: person.password })
    expect(refused.json()).toMatchObject({ status: 409, code: 'step-up-unavailable' })
  })

  it('is not for an API key, nor for nobody', async () => {
    const key = await server.apiKey(['leads:read'])
    expect((await stepUp(key, { password: 'x' })).json().code).toBe('session-required')
    expect((await postTo(server, '/auth/step-up', { password: 'x' })).statusCode).toBe(401)
  })
})

describe('showing the second factor again', () => {
  it('makes an old session a fresh one of the second level, under another id', async () => {
    const person = await createPerson(server)
    const { accessToken } = await signInOver(server, person)
    const { secret } = await enrolOver(server, person)
    await growOld(person)
    const answer = await postTo(server, '/mfa/verify', { code: nextCode(server, secret) }, bearer(accessToken))
    const token = answer.json().access_token
    expect(await isFresh(token)).toBe(true)
    expect((await meOf(token)).session).toMatchObject({ aal: 2, amr: ['pwd', 'otp'] })
    expect((await meOf(accessToken)).status).toBe(401)
  })
})
