import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { bearer, createPerson, nextAddress, type TestPerson } from '../../testing/people.ts'
import { challengeOver, codeAt, enrolOver, nextCode, postTo, wrongCode } from '../../testing/second-factors.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'
import { asTenant } from '../../testing/tenant-rows.ts'

let database: TestDatabase
let server: TestServer
/** Another process on the same database. */
let twin: TestServer
beforeAll(async () => {
  database = await createTestDatabase()
  server = await startTestServer(database)
  twin = await startTestServer(database)
})
afterAll(async () => {
  await Promise.all([server.close(), twin.close()])
  await database.close()
})

const own = { origin: 'http://localhost:3000', 'x-rempart-csrf': '1', 'sec-fetch-site': 'same-origin' }
const complete = (body: object, headers: Record<string, string> = {}, at = server) =>
  postTo(at, '/auth/login/mfa', body, { 'x-tenant-id': server.tenant.slug, ...headers })
const sessionsOf = async ({ id }: TestPerson): Promise<number> =>
  (await asTenant(server, 'select id from session where user_id = $1 and revoked_at is null', [id])).length

async function enrolled() {
  const person = await createPerson(server)
  return { person, factor: await enrolOver(server, person) }
}

describe('a sign-in that waits for its second factor', () => {
  it('has given nothing that authenticates anything (class 7)', async () => {
    const { person } = await enrolled()
    const before = await sessionsOf(person)
    for (const transport of ['bearer', 'cookie']) {
      const { email, password } = person
      const answer = await postTo(
        server,
        '/auth/login',
        { email, password, transport },
        transport === 'cookie' ? own : {},
      )
      expect(answer.json()).toEqual({
        token_type: 'Bearer',
        expires_in: 300,
        mfa_required: true,
        mfa_session_token: expect.stringMatching(/^rmp_mfa_[\w-]{43}$/),
        captcha_required: false,
      })
      expect(answer.headers['set-cookie']).toBeUndefined()
      expect(answer.headers['cache-control']).toBe('no-store')
      const handed = [answer.json().mfa_session_token, ...Object.values(answer.headers).map(String)]
      for (const value of handed.filter((each) => /^[\x21-\x7e]+$/.test(each))) await opensNothing(value)
    }
    expect(await sessionsOf(person)).toBe(before)
  })

  it('opens one session with the second factor shown, under an id of its own, on a device that is then known', async () => {
    const { person, factor } = await enrolled()
    const mfa_session_token = await challengeOver(server, person)
    const answer = await complete({ mfa_session_token, code: nextCode(server, factor.secret) })
    expect(answer.statusCode).toBe(200)
    expect(answer.headers['cache-control']).toBe('no-store')
    expect(answer.json()).toMatchObject({ token_type: 'Bearer', expires_in: 900, mfa_required: false })
    const me = await meOf(answer.json().access_token)
    expect(me.session).toMatchObject({ aal: 2, amr: ['pwd', 'otp'], restriction: null })
    expect(me.session.id).not.toBe((await meOf(factor.accessToken)).session.id)
    expect(String(answer.headers['set-cookie'])).toMatch(/^__Host-rmp_device=/)
  })

  it('takes a recovery code in the place of a code, once', async () => {
    const { person, factor } = await enrolled()
    const recovery_code = factor.recoveryCodes[0] ?? ''
    const first = await complete({ mfa_session_token: await challengeOver(server, person), recovery_code })
    expect(first.statusCode).toBe(200)
    const again = await complete({ mfa_session_token: await challengeOver(server, person), recovery_code })
    expect(again.json().code).toBe('proof-refused')
  })

  it('takes one kind of code, and no other person’s', async () => {
    const [{ person, factor }, other] = [await enrolled(), await enrolled()]
    const mfa_session_token = await challengeOver(server, person)
    const code = nextCode(server, factor.secret)
    const recovery_code = other.factor.recoveryCodes[0] ?? ''
    expect((await complete({ mfa_session_token })).statusCode).toBe(422)
    expect((await complete({ mfa_session_token, code, recovery_code })).statusCode).toBe(422)
    expect((await complete({ mfa_session_token, recovery_code })).json().code).toBe('proof-refused')
    const foreign = codeAt(other.factor.secret, server.clock.nowMs)
    expect((await complete({ mfa_session_token, code: foreign })).json().code).toBe('proof-refused')
  })

  it('answers in the transport that it began in, and in cookies to a page of this origin alone', async () => {
    const { person, factor } = await enrolled()
    const { email, password } = person
    const first = await postTo(server, '/auth/login', { email, password, transport: 'cookie' }, own)
    const body = { mfa_session_token: first.json().mfa_session_token, code: nextCode(server, factor.secret) }
    for (const headers of [{}, { ...own, origin: 'https://evil.example' }]) {
      const refused = await complete(body, headers)
      expect(refused.json().code).toBe('csrf-refused')
      expect(refused.headers['set-cookie']).toBeUndefined()
    }
    const answer = await complete(body, own)
    expect(answer.json()).toEqual({
      token_type: 'Bearer',
      expires_in: 900,
      mfa_required: false,
      captcha_required: false,
    })
    const names = [answer.headers['set-cookie']].flat().map((cookie) => String(cookie).split('=')[0])
    expect(names).toEqual(['__Host-rmp_at', '__Host-rmp_rt', '__Host-rmp_device'])
  })
})

describe('a challenge', () => {
  it('opens one session for two right codes at once, in two processes (class 8)', async () => {
    for (const isTwin of [false, true]) {
      const { person, factor } = await enrolled()
      const mfa_session_token = await challengeOver(server, person)
      const code = nextCode(server, factor.secret)
      twin.clock.nowMs = server.clock.nowMs
      const before = await sessionsOf(person)
      const recovery_code = factor.recoveryCodes[0] ?? ''
      const answers = await Promise.all([
        complete({ mfa_session_token, code }),
        complete({ mfa_session_token, recovery_code }, {}, isTwin ? twin : server),
      ])
      expect(answers.map(({ statusCode }) => statusCode).toSorted()).toEqual([200, 401])
      expect((await sessionsOf(person)) - before).toBe(1)
    }
  })

  it('is good once: nothing opens with it again, nor with another right code', async () => {
    const { person, factor } = await enrolled()
    const mfa_session_token = await challengeOver(server, person)
    expect((await complete({ mfa_session_token, code: nextCode(server, factor.secret) })).statusCode).toBe(200)
    const again = await complete({ mfa_session_token, code: nextCode(server, factor.secret) })
    expect(again.json()).toMatchObject({ status: 401, code: 'mfa-challenge-invalid' })
  })

  it('is worth nothing once it has expired, with the right code (class 8)', async () => {
    const { person, factor } = await enrolled()
    const mfa_session_token = await challengeOver(server, person)
    await asTenant(server, `update one_time_token set expires_at = now() where user_id = $1`, [person.id])
    const late = await complete({ mfa_session_token, code: nextCode(server, factor.secret) })
    expect(late.json()).toMatchObject({ status: 401, code: 'mfa-challenge-invalid' })
  })

  it('takes five tries, also when they come at once', async () => {
    const { person, factor } = await enrolled()
    const mfa_session_token = await challengeOver(server, person)
    const wrong = wrongCode(server, factor.secret)
    const answers = await Promise.all(Array.from({ length: 8 }, () => complete({ mfa_session_token, code: wrong })))
    const codes = answers.map((answer) => answer.json().code)
    expect(codes.filter((code) => code === 'proof-refused')).toHaveLength(5)
    expect(codes.filter((code) => code === 'mfa-challenge-invalid')).toHaveLength(3)
    const right = await complete({ mfa_session_token, code: nextCode(server, factor.secret) })
    expect(right.json().code).toBe('mfa-challenge-invalid')
  })

  it('is of one tenant', async () => {
    const { person, factor } = await enrolled()
    const mfa_session_token = await challengeOver(server, person)
    const code = nextCode(server, factor.secret)
    const foreign = await complete({ mfa_session_token, code }, { 'x-tenant-id': twin.tenant.slug })
    expect(foreign.json().code).toBe('mfa-challenge-invalid')
    expect((await complete({ mfa_session_token, code })).statusCode).toBe(200)
  })

  it.each([
    ['switched off', 'update user_account set is_active = false where id = $1'],
    ['deleted', 'update user_account set deleted_at = now() where id = $1'],
    ['erased', 'update user_account set erased_at = now() where id = $1'],
    ['given another password', `update password_credential set changed_at = now() where user_id = $1`],
  ])('is dead when its person has been %s (class 6)', async (_, change) => {
    const { person, factor } = await enrolled()
    const mfa_session_token = await challengeOver(server, person)
    await asTenant(server, change, [person.id])
    const refused = await complete({ mfa_session_token, code: nextCode(server, factor.secret) })
    expect(refused.json()).toMatchObject({ status: 401, code: 'mfa-challenge-invalid' })
  })

  it('is no other kind of token (class 14)', async () => {
    const { factor } = await enrolled()
    const code = nextCode(server, factor.secret)
    for (const token of [factor.accessToken, factor.refreshToken, factor.recoveryCodes[0] ?? '', 'rmp_mfa_garbage']) {
      const body = { mfa_session_token: token.slice(0, 200), code }
      expect((await complete(body)).json().code).toBe('mfa-challenge-invalid')
    }
  })
})

async function meOf(token: string) {
  const answer = await server.app.inject({
    url: '/api/v1/auth/me',
    headers: bearer(token),
    remoteAddress: nextAddress(),
  })
  expect(answer.statusCode).toBe(200)
  return answer.json()
}

/** Presents a value everywhere a credential may stand. */
async function opensNothing(value: string): Promise<void> {
  const presented: Record<string, string>[] = [
    { authorization: `Bearer ${value}` },
    { 'x-api-key': value },
    ...['__Host-rmp_at', '__Host-rmp_rt', '__Host-rmp_device'].map((name) => ({ cookie: `${name}=${value}` })),
  ]
  for (const headers of presented) {
    const answer = await server.app.inject({ url: '/api/v1/auth/me', headers, remoteAddress: nextAddress() })
    expect(answer.statusCode, Object.keys(headers).join()).toBe(401)
  }
  expect((await postTo(server, '/auth/refresh', { refresh_token: value })).statusCode).toBe(401)
  expect((await postTo(server, '/auth/refresh', {}, { ...own, cookie: `__Host-rmp_rt=${value}` })).statusCode).toBe(401)
}
