import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createAuthenticator, type Deviation } from '../../testing/authenticator.ts'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { challengeForSignIn, showPasskeyOver, withPasskey } from '../../testing/passkeys.ts'
import { bearer, createPerson, nextAddress, signInOver, type TestPerson } from '../../testing/people.ts'
import { challengeOver, nextCode, postTo } from '../../testing/second-factors.ts'
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

const meOf = async (token: string) =>
  (await server.app.inject({ url: '/api/v1/auth/me', headers: bearer(token), remoteAddress: nextAddress() })).json()
const sessionsOf = async ({ id }: TestPerson) =>
  (await asTenant(server, 'select id from session where user_id = $1', [id])).length
const show = (credential: object, headers = {}) => postTo(server, '/passkeys/authentication', { credential }, headers)
const growOld = ({ id }: TestPerson) =>
  asTenant(server, `update session set auth_time = now() - interval '11 minutes' where user_id = $1`, [id])

/** What an answer says, without what differs from one to the next. */
const withoutIds = (body: string) => body.replace(/"(?:requestId|timestamp|instance)":"[^"]+"/g, '')

describe('signing in with a passkey', () => {
  it('opens a session of the second level, without an address or a password', async () => {
    const person = await createPerson(server)
    const { authenticator } = await withPasskey(server, person)
    const answer = await showPasskeyOver(server, authenticator)
    expect(answer.statusCode).toBe(200)
    expect(answer.headers['cache-control']).toBe('no-store')
    const me = await meOf(answer.json().access_token)
    expect(me).toMatchObject({ user: { id: person.id }, session: { aal: 2, amr: ['hwk', 'user'], restriction: null } })
    expect(answer.json()).toMatchObject({ token_type: 'Bearer', mfa_required: false })
    const synced = await withPasskey(server, person, createAuthenticator({ isSynced: true, counts: false }))
    const token = (await showPasskeyOver(server, synced.authenticator)).json().access_token
    expect((await meOf(token)).session.amr).toEqual(['swk', 'user'])
  })

  it('signs in again and again with a passkey that never counts, as synced ones do', async () => {
    const person = await createPerson(server)
    const { authenticator } = await withPasskey(server, person, createAuthenticator({ isSynced: true, counts: false }))
    for (let time = 0; time < 3; time += 1) {
      expect((await showPasskeyOver(server, authenticator)).statusCode).toBe(200)
    }
  })

  it.each<[string, Deviation]>([
    ['whose device did not verify the person', { isUserVerified: false }],
    ['without the person present', { isUserPresent: false }],
    ['signed on a page of another origin', { origin: 'https://localhost.evil.example' }],
    ['signed in a frame of another origin', { crossOrigin: true }],
    ['signed for another host', { rpId: 'evil.example' }],
    ['signed by another key', { isForged: true }],
    ['that was made and not shown', { type: 'webauthn.create' }],
    ['that names somebody else', { userHandle: Buffer.alloc(16, 7).toString('base64url') }],
    ['that names nobody', { userHandle: undefined }],
    ['that has become one that is synced', { isBackupEligible: true }],
  ])('refuses one %s, as one that is unknown', async (_, deviation) => {
    const person = await createPerson(server)
    const { authenticator } = await withPasskey(server, person)
    const before = await sessionsOf(person)
    const refused = await showPasskeyOver(server, authenticator, deviation)
    const unknown = await showPasskeyOver(server, createAuthenticator(), {
      userHandle: Buffer.alloc(16).toString('base64url'),
    })
    expect(refused.json()).toMatchObject({ status: 401, code: 'passkey-refused' })
    expect(withoutIds(refused.body)).toBe(withoutIds(unknown.body))
    expect(refused.headers['set-cookie']).toBeUndefined()
    expect(await sessionsOf(person)).toBe(before)
    // Nothing was held against the passkey: its owner signs in.
    expect((await showPasskeyOver(server, authenticator)).statusCode).toBe(200)
  })

  it('opens one session for a challenge, however many answers there are at once', async () => {
    const person = await createPerson(server)
    const { authenticator } = await withPasskey(server, person, createAuthenticator({ counts: false }))
    const before = await sessionsOf(person)
    const options = await challengeForSignIn(server)
    const answers = await Promise.all(Array.from({ length: 8 }, () => show(authenticator.show(options))))
    expect(answers.map(({ statusCode }) => statusCode).sort()).toEqual([200, ...Array(7).fill(401)])
    expect(await sessionsOf(person)).toBe(before + 1)
    const replayed = await show(authenticator.show(options))
    expect(replayed.json().code).toBe('passkey-refused')
  })

  it('uses a challenge up with an answer that is wrong, and after five minutes', async () => {
    const person = await createPerson(server)
    const { authenticator } = await withPasskey(server, person)
    const options = await challengeForSignIn(server)
    expect((await show(authenticator.show(options, { isForged: true }))).statusCode).toBe(401)
    expect((await show(authenticator.show(options))).statusCode).toBe(401)
    const late = await challengeForSignIn(server)
    await asTenant(server, `update one_time_token set expires_at = now() where purpose = 'passkey-challenge'`)
    expect((await show(authenticator.show(late))).statusCode).toBe(401)
  })

  it('takes no challenge that was given out for something else, nor one of its answerer’s making', async () => {
    const person = await createPerson(server)
    const { authenticator, accessToken } = await withPasskey(server, person)
    const other = await postTo(server, '/passkeys/step-up/options', undefined, bearer(accessToken))
    expect((await show(authenticator.show(other.json()))).statusCode).toBe(401)
    const mfa = Buffer.from(`rmp_pkc_${'A'.repeat(43)}`).toString('base64url')
    expect((await show(authenticator.show({ challenge: mfa, rpId: 'localhost' }))).statusCode).toBe(401)
  })

  it('knows neither the challenges nor the passkeys of another tenant', async () => {
    const person = await createPerson(server)
    const { authenticator } = await withPasskey(server, person)
    const other = await server.createTenant()
    const headers = { 'x-tenant-id': other.slug }
    const unknown = await showPasskeyOver(server, authenticator, {}, headers)
    expect(unknown.json()).toMatchObject({ status: 401, code: 'passkey-refused' })
    const theirs = await challengeForSignIn(server, headers)
    expect((await show(authenticator.show(theirs))).json().code).toBe('passkey-refused')
    expect((await showPasskeyOver(server, authenticator)).statusCode).toBe(200)
  })

  it.each([
    ['switched off', 'is_active = false'],
    ['deleted', 'deleted_at = now()'],
    ['erased', 'erased_at = now()'],
    ['without a confirmed address', 'email_verified_at = null'],
  ])('refuses who is %s as unknown', async (_, change) => {
    const person = await createPerson(server)
    const { authenticator } = await withPasskey(server, person)
    await asTenant(server, `update user_account set ${change} where id = $1`, [person.id])
    expect((await showPasskeyOver(server, authenticator)).json().code).toBe('passkey-refused')
  })

  it('admits the owner of an account that strangers have locked at the password', async () => {
    const person = await createPerson(server)
    const { authenticator } = await withPasskey(server, person)
    const guess = () => postTo(server, '/auth/login', { email: person.email, password: 'not the password' })
    for (let time = 0; time < 6; time += 1) await guess()
    expect((await guess()).statusCode).not.toBe(200)
    expect((await postTo(server, '/auth/login', person)).statusCode).not.toBe(200)
    expect((await showPasskeyOver(server, authenticator)).statusCode).toBe(200)
  })

  it('tells the owner of a device that is new, and not of one that has signed in before', async () => {
    const person = await createPerson(server)
    const { authenticator } = await withPasskey(server, person)
    const mails = async () =>
      (await asTenant(server, `select 1 from mail_outbox where user_id = $1 and template = 'new-device'`, [person.id]))
        .length
    const first = await showPasskeyOver(server, authenticator, {}, { 'user-agent': 'Firefox/140.0 (X11; Linux)' })
    expect(await mails()).toBe(1)
    const cookie = String(first.headers['set-cookie']).split(';')[0] ?? ''
    expect(
      (await showPasskeyOver(server, authenticator, {}, { cookie, 'user-agent': 'Chrome/140.0 (Android)' })).statusCode,
    ).toBe(200)
    expect(await mails()).toBe(1)
  })

  it('calls off what was asked about a lost factor: it is not lost', async () => {
    const person = await createPerson(server)
    const { authenticator } = await withPasskey(server, person)
    await asTenant(
      server,
      `insert into one_time_token (tenant_id, token_hash, purpose, user_id, expires_at)
       values ($1, $2, 'reset-mfa-wait', $3, now() + interval '1 day')`,
      [server.tenant.id, createHash('sha256').update(person.id).digest(), person.id],
    )
    expect((await showPasskeyOver(server, authenticator)).statusCode).toBe(200)
    const left = await asTenant(
      server,
      `select 1 from one_time_token where user_id = $1 and purpose = 'reset-mfa-wait'`,
      [person.id],
    )
    expect(left).toEqual([])
  })

  it('is tried five times in a minute by one client', async () => {
    const credential = createAuthenticator().show(await challengeForSignIn(server), { userHandle: 'AAAA' })
    const address = nextAddress()
    const statuses: number[] = []
    for (let time = 0; time < 6; time += 1) {
      statuses.push((await postTo(server, '/passkeys/authentication', { credential }, {}, address)).statusCode)
    }
    expect(statuses).toEqual([401, 401, 401, 401, 401, 429])
  })
})

describe('a passkey that was copied', () => {
  it('is good for nothing once its count goes back, whoever shows it, and its owner is told', async () => {
    const person = await createPerson(server)
    const { authenticator, id, accessToken } = await withPasskey(server, person)
    const copy = authenticator.copy()
    expect((await showPasskeyOver(server, authenticator)).statusCode).toBe(200)
    const before = await sessionsOf(person)
    const refused = await showPasskeyOver(server, copy)
    expect(refused.json()).toMatchObject({ status: 401, code: 'passkey-refused' })
    expect((await showPasskeyOver(server, authenticator)).statusCode).toBe(401)
    expect(await sessionsOf(person)).toBe(before)
    const entries = await asTenant(server, 'select action, outcome from audit_event where resource_id = $1', [id])
    expect(entries).toContainEqual({ action: 'passkey.suspected', outcome: 'refused' })
    const mails = await asTenant(server, 'select template from mail_outbox where user_id = $1 order by id', [person.id])
    expect(mails.map(({ template }) => template)).toEqual(['mfa-changed', 'mfa-changed'])
    const list = await server.app.inject({ url: '/api/v1/passkeys', headers: bearer(accessToken) })
    expect(list.json().items).toMatchObject([{ isSuspected: true }])
  })

  it('is noticed with two answers of the same count at once: one of them signs in at most', async () => {
    const person = await createPerson(server)
    const { authenticator } = await withPasskey(server, person)
    const options = await Promise.all([challengeForSignIn(server), challengeForSignIn(server)])
    const answers = await Promise.all(options.map((each) => show(authenticator.show(each, { signCount: 9 }))))
    expect(answers.map(({ statusCode }) => statusCode).sort()).toEqual([200, 401])
  })

  it('is not taken for one by a count that nobody signed: strangers make no passkey worthless', async () => {
    const person = await createPerson(server)
    const { authenticator } = await withPasskey(server, person)
    await showPasskeyOver(server, authenticator)
    expect((await showPasskeyOver(server, authenticator, { isForged: true, signCount: 1 })).statusCode).toBe(401)
    expect((await showPasskeyOver(server, authenticator)).statusCode).toBe(200)
  })

  it('is noticed when one that has counted stops counting', async () => {
    const person = await createPerson(server)
    const { authenticator } = await withPasskey(server, person)
    await showPasskeyOver(server, authenticator)
    expect((await showPasskeyOver(server, authenticator, { signCount: 0 })).statusCode).toBe(401)
    expect((await showPasskeyOver(server, authenticator)).statusCode).toBe(401)
  })
})

describe('a passkey and the duty to have a second factor', () => {
  it('fulfils it, and the password alone then opens nothing: no factor of a stranger can be set up beside it', async () => {
    const person = await createPerson(server)
    const { authenticator, accessToken } = await withPasskey(server, person)
    await asTenant(server, 'update user_account set mfa_required = true where id = $1', [person.id])
    expect(await challengeOver(server, person)).toMatch(/^rmp_mfa_/)
    // A session from before of the first level sets nothing up either.
    const setup = await postTo(server, '/mfa/setup', undefined, bearer(accessToken))
    expect(setup.json().code).toBe('step-up-required')
    const options = await postTo(server, '/passkeys/registration/options', undefined, bearer(accessToken))
    expect(options.json().code).toBe('step-up-required')
    const token = (await showPasskeyOver(server, authenticator)).json().access_token
    expect((await meOf(token)).session).toMatchObject({ aal: 2, restriction: null })
    const status = await server.app.inject({ url: '/api/v1/mfa/status', headers: bearer(token) })
    expect(status.json()).toMatchObject({ enabled: true, required: true, confirmedAt: null })
  })

  it('ends a setup that a stranger with the password has begun before', async () => {
    const person = await createPerson(server)
    await asTenant(server, 'update user_account set mfa_required = true where id = $1', [person.id])
    const stranger = await signInOver(server, person)
    const setup = await postTo(server, '/mfa/setup', undefined, bearer(stranger.accessToken))
    await withPasskey(server, person)
    const code = nextCode(server, setup.json().secret)
    const enabled = await postTo(server, '/mfa/enable', { code }, bearer(stranger.accessToken))
    expect(enabled.json()).toMatchObject({ status: 401, code: 'step-up-required' })
    expect((await meOf(stranger.accessToken)).session).toMatchObject({ aal: 1, restriction: 'enrol-mfa' })
  })

  it('is fulfilled from a session that is for that alone: adding one and showing it opens everything', async () => {
    const person = await createPerson(server)
    await asTenant(server, 'update user_account set mfa_required = true where id = $1', [person.id])
    const { accessToken, authenticator } = await withPasskey(server, person)
    expect((await meOf(accessToken)).session?.restriction ?? 'enrol-mfa').toBe('enrol-mfa')
    const options = await postTo(server, '/passkeys/step-up/options', undefined, bearer(accessToken))
    const credential = authenticator.show(options.json())
    const answer = await postTo(server, '/passkeys/step-up', { credential }, bearer(accessToken))
    expect((await meOf(answer.json().access_token)).session).toMatchObject({ aal: 2, restriction: null })
  })
})

describe('a passkey as a fresh proof', () => {
  const stepUp = async (token: string, authenticator: ReturnType<typeof createAuthenticator>, deviation = {}) => {
    const options = await postTo(server, '/passkeys/step-up/options', undefined, bearer(token))
    const credential = authenticator.show(options.json(), deviation)
    return postTo(server, '/passkeys/step-up', { credential }, bearer(token))
  }

  it('puts a session of the second level in the place of the old one, also without a user handle', async () => {
    const person = await createPerson(server)
    const { authenticator, accessToken } = await withPasskey(server, person)
    await growOld(person)
    const ask = (token: string) => postTo(server, '/passkeys/registration/options', undefined, bearer(token))
    expect((await ask(accessToken)).statusCode).toBe(401)
    const answer = await stepUp(accessToken, authenticator, { userHandle: undefined })
    const token = answer.json().access_token
    expect((await ask(token)).statusCode).toBe(200)
    expect((await meOf(token)).session).toMatchObject({ aal: 2, amr: ['pwd', 'hwk', 'user'] })
    expect((await meOf(accessToken)).status).toBe(401)
  })

  it('takes no passkey of somebody else, none unverified, and no challenge of another session', async () => {
    const [person, thief] = [await createPerson(server), await createPerson(server)]
    const own = await withPasskey(server, person)
    const theirs = await withPasskey(server, thief)
    expect((await stepUp(own.accessToken, theirs.authenticator)).json().code).toBe('passkey-refused')
    expect((await stepUp(own.accessToken, own.authenticator, { isUserVerified: false })).statusCode).toBe(401)
    const second = await signInOver(server, person)
    const options = await postTo(server, '/passkeys/step-up/options', undefined, bearer(second.accessToken))
    const credential = own.authenticator.show(options.json())
    const crossed = await postTo(server, '/passkeys/step-up', { credential }, bearer(own.accessToken))
    expect(crossed.json().code).toBe('passkey-refused')
    expect((await meOf(own.accessToken)).user.id).toBe(person.id)
  })
})

describe('signing in with a passkey and cookies', () => {
  const page = { origin: 'http://localhost:3000', 'x-rempart-csrf': '1', 'sec-fetch-site': 'same-origin' }
  const begin = async (headers: Readonly<Record<string, string>> = page) =>
    postTo(server, '/passkeys/authentication/options', { transport: 'cookie' }, headers)
  const cookieOf = (answer: Awaited<ReturnType<typeof begin>>) =>
    String(answer.headers['set-cookie']).split(';')[0] ?? ''

  it('gives the session to the browser that asked and to no other', async () => {
    const person = await createPerson(server)
    const { authenticator } = await withPasskey(server, person)
    const [mine, theirs] = [await begin(), await begin()]
    const crossed = await show(authenticator.show(mine.json()), { ...page, cookie: cookieOf(theirs) })
    expect(crossed.json().code).toBe('passkey-refused')
    const again = await begin()
    const answer = await show(authenticator.show(again.json()), { ...page, cookie: cookieOf(again) })
    expect(answer.statusCode).toBe(200)
    expect(answer.json()).not.toHaveProperty('access_token')
    const names = [answer.headers['set-cookie']].flat().map((field) => String(field).split('=')[0])
    expect(names).toEqual(['__Host-rmp_at', '__Host-rmp_rt', '__Host-rmp_device'])
  })

  it('is begun and completed by a page of ours alone', async () => {
    const person = await createPerson(server)
    const { authenticator } = await withPasskey(server, person)
    const foreign = { ...page, origin: 'https://evil.example' }
    expect((await begin(foreign)).json().code).toBe('csrf-refused')
    const begun = await begin()
    const answer = await show(authenticator.show(begun.json()), { ...foreign, cookie: cookieOf(begun) })
    expect(answer.json().code).toBe('csrf-refused')
  })
})
