import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { bearer, createPerson, nextAddress, signInOver, type TestPerson } from '../../testing/people.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'

let database: TestDatabase
let server: TestServer
beforeAll(async () => {
  database = await createTestDatabase()
  server = await startTestServer(database, {
    ownRoutes(api) {
      api.get(
        '/only-leads',
        { schema: { hide: true }, config: { access: 'leads:read', undocumented: 'test' } },
        () => ({}),
      )
      api.get(
        '/only-people',
        { schema: { hide: true }, config: { access: 'users:read', undocumented: 'test' } },
        () => ({}),
      )
      api.post(
        '/fresh',
        { schema: { hide: true }, config: { access: 'session', stepUp: true, undocumented: 'test' } },
        () => ({}),
      )
    },
  })
})
afterAll(async () => {
  await server.close()
  await database.close()
})

const post = (url: string, payload: object, options: { headers?: Record<string, string>; address?: string } = {}) =>
  server.app.inject({
    method: 'POST',
    url: `/api/v1${url}`,
    payload,
    remoteAddress: options.address ?? nextAddress(),
    headers: { ...options.headers },
  })
const get = (url: string, headers: Record<string, string> = {}) =>
  server.app.inject({ method: 'GET', url: `/api/v1${url}`, remoteAddress: nextAddress(), headers })
const login = ({ email, password }: Pick<TestPerson, 'email' | 'password'>, address?: string) =>
  post('/auth/login', { email, password }, address === undefined ? {} : { address })
const refresh = (token: string) => post('/auth/refresh', { refresh_token: token })

describe('signing in', () => {
  it('gives tokens to who knows the password, whatever the case of the address', async () => {
    const person = await createPerson(server)
    const answer = await login({ ...person, email: person.email.toUpperCase() })
    expect(answer.statusCode).toBe(200)
    expect(answer.headers['cache-control']).toBe('no-store')
    expect(answer.json()).toEqual({
      access_token: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]{86}$/),
      refresh_token: expect.stringMatching(/^rmp_rt_[\w-]{43}$/),
      token_type: 'Bearer',
      expires_in: 900,
      mfa_required: false,
      captcha_required: false,
    })
    const me = await get('/auth/me', bearer(answer.json().access_token))
    expect(me.json()).toMatchObject({
      user: { id: person.id, email: person.email, emailVerified: true },
      tenant: { id: server.tenant.id },
      roles: [],
      permissions: [],
      session: { aal: 1, amr: ['pwd'], restriction: null },
    })
  })

  it('answers a wrong password, an unknown address, a passwordless and a switched-off account alike', async () => {
    const person = await createPerson(server)
    const passwordless = await createPerson(server, { password: null })
    const off = await createPerson(server)
    const answers = []
    await switchOff(off.id)
    for (const each of [
      { email: person.email, password: 'not the password' },
      { email: 'nobody-at-all@example.org', password: 'not the password' },
      { email: passwordless.email, password: 'not the password' },
      { email: off.email, password: off.password },
    ]) {
      const answer = await login(each)
      const { instance, requestId, timestamp, ...body } = answer.json()
      const { 'x-request-id': _id, 'x-response-time': _time, date: _date, ...headers } = answer.headers
      answers.push({ status: answer.statusCode, body, headers })
    }
    expect(answers[0]).toMatchObject({ status: 401, body: { code: 'sign-in-refused' } })
    for (const answer of answers.slice(1)) expect(answer).toEqual(answers[0])
  })

  it('tells an unconfirmed address only to who knows its password', async () => {
    const person = await createPerson(server, { isVerified: false })
    expect((await login({ ...person, password: 'wrong' })).json().code).toBe('sign-in-refused')
    expect((await login(person)).json().code).toBe('email-unverified')
  })

  it('asks an account that was failed at three times for a proof, whether or not there is such an account', async () => {
    const person = await createPerson(server)
    for (const email of [person.email, 'never-made@example.org']) {
      const codes = []
      for (let attempt = 0; attempt < 4; attempt += 1) codes.push((await login({ email, password: 'wrong' })).json())
      expect(codes.map(({ code }) => code)).toEqual([
        'sign-in-refused',
        'sign-in-refused',
        'sign-in-refused',
        'captcha-required',
      ])
      expect(codes[3]).toMatchObject({ status: 401, captcha_required: true, challenge: expect.any(Object) })
    }
    // The right password alone does not pass either: it would tell which guess was right.
    expect((await login(person)).json().code).toBe('captcha-required')
  })

  it('verifies no more than the ladder lets through when a hundred guesses come at once', async () => {
    const person = await createPerson(server)
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, index) => login({ email: person.email, password: `guess ${index}` })),
    )
    const verified = answers.filter((answer) => answer.json().code === 'sign-in-refused')
    expect(verified.length).toBeLessThanOrEqual(3)
    expect(answers.every((answer) => answer.statusCode === 401 || answer.statusCode === 429)).toBe(true)
  })

  it('lets a device that has signed in before in while strangers have locked themselves out', async () => {
    const person = await createPerson(server)
    const first = await login(person)
    const device =
      String([first.headers['set-cookie']].flat().find((each) => String(each).includes('rmp_device'))).split(';')[0] ??
      ''
    for (let attempt = 0; attempt < 12; attempt += 1) await login({ email: person.email, password: 'wrong' })
    expect((await login(person)).statusCode).not.toBe(200)
    const { email, password } = person
    expect((await post('/auth/login', { email, password }, { headers: { cookie: device } })).statusCode).toBe(200)
    // The device of one account is nobody's for another.
    const other = await createPerson(server)
    for (let attempt = 0; attempt < 4; attempt += 1) await login({ email: other.email, password: 'wrong' })
    const refused = await post('/auth/login', other, { headers: { cookie: device } }).catch(() => undefined)
    expect(refused?.statusCode).not.toBe(200)
  })
})

describe('a session', () => {
  it('is dead for its access token the moment it is signed out', async () => {
    const person = await createPerson(server)
    const { accessToken, refreshToken } = await signInOver(server, person)
    expect((await post('/auth/logout', {}, { headers: bearer(accessToken) })).statusCode).toBe(204)
    expect((await get('/auth/me', bearer(accessToken))).json().code).toBe('credential-invalid')
    expect((await refresh(refreshToken)).statusCode).toBe(401)
  })

  it('ends everywhere when its person signs out everywhere', async () => {
    const person = await createPerson(server)
    const sessions = [
      await signInOver(server, person),
      await signInOver(server, person),
      await signInOver(server, person),
    ]
    const [first] = sessions
    await post('/auth/logout', { all: true }, { headers: bearer(first?.accessToken ?? '') })
    for (const { accessToken, refreshToken } of sessions) {
      expect((await get('/auth/me', bearer(accessToken))).statusCode).toBe(401)
      expect((await refresh(refreshToken)).statusCode).toBe(401)
    }
  })

  it('is dead when its person is switched off', async () => {
    const person = await createPerson(server)
    const { accessToken, refreshToken } = await signInOver(server, person)
    await switchOff(person.id)
    expect((await get('/auth/me', bearer(accessToken))).statusCode).toBe(401)
    expect((await refresh(refreshToken)).statusCode).toBe(401)
  })

  it('opens what the roles of its person grant, and nothing else', async () => {
    const editor = await signInOver(server, await createPerson(server, { roles: ['viewer'] }))
    expect((await get('/only-leads', bearer(editor.accessToken))).statusCode).toBe(200)
    expect((await get('/only-people', bearer(editor.accessToken))).json()).toMatchObject({
      status: 403,
      code: 'permission-missing',
    })
    const nobody = await signInOver(server, await createPerson(server))
    expect((await get('/only-leads', bearer(nobody.accessToken))).statusCode).toBe(403)
    const owner = await signInOver(server, await createPerson(server, { roles: ['owner'] }))
    expect((await get('/only-people', bearer(owner.accessToken))).statusCode).toBe(200)
    const key = await server.apiKey(['leads:read'])
    expect((await get('/only-leads', bearer(key))).statusCode).toBe(200)
    expect((await get('/only-people', bearer(key))).json().code).toBe('session-required')
  })

  it('loses what an expired role granted to the second', async () => {
    const person = await createPerson(server, { roles: ['viewer'] })
    const { accessToken } = await signInOver(server, person)
    expect((await get('/only-leads', bearer(accessToken))).statusCode).toBe(200)
    await asTenant(`update role_assignment set expires_at = now() - interval '1 second' where user_id = $1`, [
      person.id,
    ])
    expect((await get('/only-leads', bearer(accessToken))).statusCode).toBe(403)
  })

  it('is of one tenant: named with another it is refused', async () => {
    const other = await server.createTenant()
    const { accessToken } = await signInOver(server, await createPerson(server))
    const answer = await get('/auth/me', { ...bearer(accessToken), 'x-tenant-id': other.slug })
    expect(answer.json()).toMatchObject({ status: 403, code: 'tenant-conflict' })
  })

  it('does not do what asks for a fresh proof once its own is ten minutes old', async () => {
    const person = await createPerson(server)
    const { accessToken } = await signInOver(server, person)
    const fresh = () =>
      server.app.inject({
        method: 'POST',
        url: '/api/v1/fresh',
        headers: bearer(accessToken),
        remoteAddress: nextAddress(),
      })
    expect((await fresh()).statusCode).toBe(200)
    await asTenant(`update session set auth_time = now() - interval '11 minutes' where user_id = $1`, [person.id])
    const answer = await fresh()
    expect(answer.json().code).toBe('step-up-required')
    expect(answer.headers['www-authenticate']).toBe(
      'Bearer error="insufficient_user_authentication", acr_values="aal1", max_age=600',
    )
  })
})

describe('a refresh token', () => {
  it('gives one successor to fifty at once, and they all get that one', async () => {
    const { refreshToken } = await signInOver(server, await createPerson(server))
    const answers = await Promise.all(Array.from({ length: 50 }, () => refresh(refreshToken)))
    expect(new Set(answers.map((answer) => answer.statusCode))).toEqual(new Set([200]))
    const successors = new Set(answers.map((answer) => answer.json().refresh_token))
    expect(successors.size).toBe(1)
    expect(successors.has(refreshToken)).toBe(false)
  })

  it('ends its session when it comes back after its successor was used', async () => {
    const { refreshToken } = await signInOver(server, await createPerson(server))
    const second = (await refresh(refreshToken)).json()
    const third = (await refresh(second.refresh_token)).json()
    expect((await refresh(refreshToken)).json().code).toBe('credential-invalid')
    expect((await refresh(third.refresh_token)).statusCode).toBe(401)
    expect((await get('/auth/me', bearer(third.access_token))).statusCode).toBe(401)
  })

  it('ends its session when it comes back later than ten seconds', async () => {
    const person = await createPerson(server)
    const { refreshToken } = await signInOver(server, person)
    const second = (await refresh(refreshToken)).json()
    await asTenant(`update refresh_token set used_at = now() - interval '11 seconds' where used_at is not null`)
    expect((await refresh(refreshToken)).statusCode).toBe(401)
    expect((await refresh(second.refresh_token)).statusCode).toBe(401)
  })

  it('is nothing but a refresh token', async () => {
    const { refreshToken, accessToken } = await signInOver(server, await createPerson(server))
    expect((await get('/auth/me', bearer(refreshToken))).statusCode).toBe(401)
    expect((await refresh(accessToken)).statusCode).toBe(401)
  })
})

describe('a browser session', () => {
  const own = { origin: 'http://localhost:3000', 'x-rempart-csrf': '1', 'sec-fetch-site': 'same-origin' }
  const signIn = async (person: TestPerson) => {
    const { email, password } = person
    const answer = await post('/auth/login', { email, password, transport: 'cookie' }, { headers: own })
    const cookies = [answer.headers['set-cookie']].flat().map(String)
    const jar = (name: string) => cookies.find((each) => each.startsWith(name))?.split(';')[0] ?? ''
    return { answer, cookies, access: jar('__Host-rmp_at'), refresh: jar('__Host-rmp_rt') }
  }

  it('has its tokens in host cookies that no script reads, and not in the body', async () => {
    const { answer, cookies } = await signIn(await createPerson(server))
    expect(answer.json()).toEqual({
      token_type: 'Bearer',
      expires_in: 900,
      mfa_required: false,
      captcha_required: false,
    })
    expect(cookies.map((cookie) => cookie.split('=')[0]).sort()).toEqual([
      '__Host-rmp_at',
      '__Host-rmp_device',
      '__Host-rmp_rt',
    ])
    for (const name of ['__Host-rmp_at', '__Host-rmp_rt']) {
      expect(cookies.find((each) => each.startsWith(name))).toMatch(
        /; Path=\/; .*Secure; HttpOnly; SameSite=(Lax|Strict)$/,
      )
    }
  })

  it('changes nothing for a page of another origin', async () => {
    const { access } = await signIn(await createPerson(server))
    const foreign: Record<string, string>[] = [
      { ...own, origin: 'https://evil.example' },
      { 'x-rempart-csrf': '1' },
      { origin: own.origin },
      { ...own, 'sec-fetch-site': 'cross-site' },
      { ...own, 'sec-fetch-site': 'same-site' },
      { ...own, 'x-rempart-csrf': '0' },
    ]
    for (const headers of foreign) {
      const answer = await post('/auth/logout', {}, { headers: { ...headers, cookie: access } })
      expect(answer.json(), JSON.stringify(headers)).toMatchObject({ status: 403, code: 'csrf-refused' })
    }
    expect((await get('/auth/me', { cookie: access })).statusCode).toBe(200)
    expect((await post('/auth/logout', {}, { headers: { ...own, cookie: access } })).statusCode).toBe(204)
  })

  it('refuses to sign a visitor in from another page', async () => {
    const { email, password } = await createPerson(server)
    const answer = await post(
      '/auth/login',
      { email, password, transport: 'cookie' },
      { headers: { origin: 'https://evil.example' } },
    )
    expect(answer.json().code).toBe('csrf-refused')
    expect(answer.headers['set-cookie']).toBeUndefined()
  })

  it('holds only with its cookie: its token is no bearer token, and two credentials are one too many', async () => {
    const { access } = await signIn(await createPerson(server))
    const token = access.split('=')[1] ?? ''
    expect((await get('/auth/me', bearer(token))).statusCode).toBe(401)
    const answer = await get('/auth/me', { ...bearer(token), cookie: access })
    expect(answer.json().code).toBe('ambiguous-credentials')
    expect((await get('/auth/me', { cookie: `${access}; ${access}` })).statusCode).toBe(401)
  })
})

describe('verify-token', () => {
  it('says nothing of a token that does not hold, nor of another tenant’s', async () => {
    const asker = await signInOver(server, await createPerson(server))
    const person = await createPerson(server)
    const { accessToken } = await signInOver(server, person)
    const ask = async (token: string) =>
      (await post('/auth/verify-token', { token }, { headers: bearer(asker.accessToken) })).json()
    expect(await ask(accessToken)).toMatchObject({
      active: true,
      sub: person.id,
      tid: server.tenant.id,
      token_type: 'at+jwt',
    })
    await post('/auth/logout', {}, { headers: bearer(accessToken) })
    expect(await ask(accessToken)).toEqual({ active: false })
    expect(await ask('garbage')).toEqual({ active: false })
    const other = await server.createTenant()
    const stranger = await createPerson(server, { tenantId: other.id })
    const foreign = await signInOver(server, stranger, { headers: { 'x-tenant-id': other.slug } })
    expect(await ask(foreign.accessToken)).toEqual({ active: false })
    expect((await post('/auth/verify-token', { token: accessToken })).statusCode).toBe(401)
  })
})

async function asTenant(text: string, values: unknown[] = []): Promise<void> {
  const connection = await database.worker.connect()
  try {
    await connection.query('begin')
    await connection.query("select set_config('rempart.tenant_id', $1, true)", [server.tenant.id])
    await connection.query(text, values)
    await connection.query('commit')
  } finally {
    connection.release()
  }
}

const switchOff = (userId: string) => asTenant('update user_account set is_active = false where id = $1', [userId])
