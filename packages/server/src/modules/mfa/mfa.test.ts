import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { bearer, createPerson, nextAddress, signInOver } from '../../testing/people.ts'
import { challengeOver, codeAt, enrolOver, nextCode, postTo, wrongCode } from '../../testing/second-factors.ts'
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

const get = (url: string, token: string) =>
  server.app.inject({ url: `/api/v1${url}`, headers: bearer(token), remoteAddress: nextAddress() })
const rows = (text: string, values: unknown[]) => asTenant(server, text, values)

describe('setting a second factor up', () => {
  it('gives what an app needs, and once a code was shown ten recovery codes and a session of its own', async () => {
    const person = await createPerson(server)
    const { accessToken } = await signInOver(server, person)
    const setup = await postTo(server, '/mfa/setup', undefined, bearer(accessToken))
    expect(setup.headers['cache-control']).toBe('no-store')
    const { secret, otpauthUrl, qrDataUrl } = setup.json()
    expect(secret).toMatch(/^[A-Z2-7]{32}$/)
    expect(otpauthUrl).toContain(`secret=${secret}`)
    expect(qrDataUrl).toMatch(/^data:image\/svg\+xml;base64,/)

    const before = (await get('/auth/me', accessToken)).json().session
    const code = codeAt(secret, server.clock.nowMs)
    const enabled = await postTo(server, '/mfa/enable', { code }, bearer(accessToken))
    expect(enabled.statusCode).toBe(200)
    expect(enabled.headers['cache-control']).toBe('no-store')
    expect(new Set(enabled.json().recovery_codes).size).toBe(10)
    const after = (await get('/auth/me', enabled.json().access_token)).json().session
    expect(after).toMatchObject({ aal: 2, amr: ['pwd', 'otp'], restriction: null })
    // Class 9: who knew the old session holds nothing of the new one.
    expect(after.id).not.toBe(before.id)
    expect((await get('/auth/me', accessToken)).statusCode).toBe(401)
    expect((await get('/mfa/status', enabled.json().access_token)).json()).toMatchObject({
      enabled: true,
      required: false,
      recoveryCodesLeft: 10,
    })
  })

  it('neither locks out nor counts when it is abandoned (class 20)', async () => {
    const person = await createPerson(server)
    const { accessToken } = await signInOver(server, person)
    const { secret } = (await postTo(server, '/mfa/setup', undefined, bearer(accessToken))).json()
    await postTo(server, '/mfa/enable', { code: wrongCode(server, secret) }, bearer(accessToken))
    const code = nextCode(server, secret)
    for (const url of ['/mfa/verify', '/mfa/disable']) {
      expect((await postTo(server, url, { code }, bearer(accessToken))).json().code, url).toBe('mfa-not-enrolled')
    }
    const again = await signInOver(server, person)
    expect((await get('/auth/me', again.accessToken)).json().session.aal).toBe(1)
    expect((await get('/mfa/status', again.accessToken)).json()).toMatchObject({ enabled: false, recoveryCodesLeft: 0 })
  })

  it('waits half an hour for the first code', async () => {
    const person = await createPerson(server)
    const { accessToken } = await signInOver(server, person)
    const { secret } = (await postTo(server, '/mfa/setup', undefined, bearer(accessToken))).json()
    await rows(`update mfa_secret set pending_since = now() - interval '31 minutes' where user_id = $1`, [person.id])
    const late = await postTo(server, '/mfa/enable', { code: nextCode(server, secret) }, bearer(accessToken))
    expect(late.json().code).toBe('mfa-not-pending')
  })

  it('is not for who found an old session open', async () => {
    const person = await createPerson(server)
    const { accessToken } = await signInOver(server, person)
    await rows(`update session set auth_time = now() - interval '11 minutes' where user_id = $1`, [person.id])
    const refused = await postTo(server, '/mfa/setup', undefined, bearer(accessToken))
    expect(refused.json().code).toBe('step-up-required')
  })

  it('leaves the app in use as it is until the new one has shown a code', async () => {
    const person = await createPerson(server)
    const factor = await enrolOver(server, person)
    const other = (await postTo(server, '/mfa/setup', undefined, bearer(factor.accessToken))).json().secret
    const completing = async (secret: string) =>
      postTo(server, '/auth/login/mfa', {
        mfa_session_token: await challengeOver(server, person),
        code: nextCode(server, secret),
      })
    expect((await completing(other)).json().code).toBe('proof-refused')
    const first = await completing(factor.secret)
    expect(first.statusCode).toBe(200)
    const code = nextCode(server, other)
    const enabled = await postTo(server, '/mfa/enable', { code }, bearer(factor.accessToken))
    expect(enabled.statusCode).toBe(200)
    expect((await completing(factor.secret)).json().code).toBe('proof-refused')
    expect((await completing(other)).statusCode).toBe(200)
    // The codes of the old list went with the old app.
    const old = { recoveryCode: factor.recoveryCodes[0] }
    expect((await postTo(server, '/mfa/recovery/verify', old, bearer(first.json().access_token))).statusCode).toBe(401)
  })

  it('makes one factor of the same code sent by several sessions at once', async () => {
    const person = await createPerson(server)
    const sessions = [
      await signInOver(server, person),
      await signInOver(server, person),
      await signInOver(server, person),
    ]
    const [first] = sessions
    const setup = await postTo(server, '/mfa/setup', undefined, bearer(first?.accessToken ?? ''))
    const code = nextCode(server, setup.json().secret)
    const answers = await Promise.all(
      [...sessions, ...sessions].map(({ accessToken }) => postTo(server, '/mfa/enable', { code }, bearer(accessToken))),
    )
    const [won, ...others] = answers.filter((answer) => answer.statusCode === 200)
    expect(others).toEqual([])
    expect((await get('/mfa/status', won?.json().access_token)).json().recoveryCodesLeft).toBe(10)
  })

  it('ends the other sessions when that is asked for, and not otherwise', async () => {
    for (const endOtherSessions of [false, true]) {
      const person = await createPerson(server)
      const elsewhere = await signInOver(server, person)
      const { accessToken } = await signInOver(server, person)
      const { secret } = (await postTo(server, '/mfa/setup', undefined, bearer(accessToken))).json()
      const body = { code: nextCode(server, secret), endOtherSessions }
      const enabled = await postTo(server, '/mfa/enable', body, bearer(accessToken))
      expect((await get('/auth/me', enabled.json().access_token)).statusCode).toBe(200)
      expect((await get('/auth/me', elsewhere.accessToken)).statusCode).toBe(endOtherSessions ? 401 : 200)
    }
  })

  it('stores no secret that can be read, nor one that opens for another person', async () => {
    const [owner, thief] = [await createPerson(server), await createPerson(server)]
    const { secret } = await enrolOver(server, owner)
    await enrolOver(server, thief)
    const [row] = await rows('select sealed_secret from mfa_secret where user_id = $1', [owner.id])
    expect(String(row?.['sealed_secret'])).not.toContain(secret)
    await rows(
      `update mfa_secret set sealed_secret = (select sealed_secret from mfa_secret where user_id = $1) where user_id = $2`,
      [thief.id, owner.id],
    )
    const mfa_session_token = await challengeOver(server, owner)
    const answer = await postTo(server, '/auth/login/mfa', { mfa_session_token, code: nextCode(server, secret) })
    expect(answer.statusCode).toBe(500)
    expect(server.logLines.join('')).not.toContain(secret)
  })
})

describe('recovery codes', () => {
  it('are good once each, in either case and without their hyphens', async () => {
    const { accessToken, recoveryCodes } = await enrolOver(server, await createPerson(server))
    const recoveryCode = recoveryCodes[0]?.toLowerCase().replaceAll('-', '')
    const used = await postTo(server, '/mfa/recovery/verify', { recoveryCode }, bearer(accessToken))
    expect(used.statusCode).toBe(200)
    const token = used.json().access_token
    const again = await postTo(server, '/mfa/recovery/verify', { recoveryCode }, bearer(token))
    expect(again.json().code).toBe('proof-refused')
    expect((await get('/mfa/status', token)).json().recoveryCodesLeft).toBe(9)
  })

  it('are worth nothing once there are others', async () => {
    const factor = await enrolOver(server, await createPerson(server))
    const made = await postTo(server, '/mfa/recovery/regenerate', undefined, bearer(factor.accessToken))
    expect(made.json().recoveryCodes).toHaveLength(10)
    const old = { recoveryCode: factor.recoveryCodes[3] }
    const refused = await postTo(server, '/mfa/recovery/verify', old, bearer(factor.accessToken))
    expect(refused.json().code).toBe('proof-refused')
    const fresh = { recoveryCode: made.json().recoveryCodes[3] }
    expect((await postTo(server, '/mfa/recovery/verify', fresh, bearer(factor.accessToken))).statusCode).toBe(200)
  })

  it('are ten, however many are asked for at once', async () => {
    const { accessToken } = await enrolOver(server, await createPerson(server))
    await Promise.all(
      Array.from({ length: 6 }, () => postTo(server, '/mfa/recovery/regenerate', undefined, bearer(accessToken))),
    )
    expect((await get('/mfa/status', accessToken)).json().recoveryCodesLeft).toBe(10)
  })

  it('are not given to who has shown the password alone, nor is another app', async () => {
    const person = await createPerson(server)
    const { accessToken } = await signInOver(server, person)
    await enrolOver(server, person)
    for (const url of ['/mfa/recovery/regenerate', '/mfa/setup']) {
      const refused = await postTo(server, url, undefined, bearer(accessToken))
      expect(refused.json().code, url).toBe('step-up-required')
      expect(refused.headers['www-authenticate']).toContain('acr_values="aal2"')
    }
  })
})

describe('giving the second factor up', () => {
  it('takes a right code, and ends the other sessions and the sign-ins under way', async () => {
    const person = await createPerson(server)
    const elsewhere = await signInOver(server, person)
    const factor = await enrolOver(server, person)
    const mfa_session_token = await challengeOver(server, person)
    const disable = (code: string) => postTo(server, '/mfa/disable', { code }, bearer(factor.accessToken))
    expect((await disable(wrongCode(server, factor.secret))).json().code).toBe('proof-refused')
    expect((await postTo(server, '/mfa/disable', {}, bearer(factor.accessToken))).statusCode).toBe(422)
    expect((await disable(nextCode(server, factor.secret))).statusCode).toBe(204)
    expect((await get('/auth/me', elsewhere.accessToken)).statusCode).toBe(401)
    const waiting = { mfa_session_token, code: nextCode(server, factor.secret) }
    expect((await postTo(server, '/auth/login/mfa', waiting)).json().code).toBe('mfa-challenge-invalid')
    const again = await signInOver(server, person)
    expect((await get('/mfa/status', again.accessToken)).json()).toMatchObject({ enabled: false, recoveryCodesLeft: 0 })
  })

  it('is refused to who has to have one', async () => {
    const person = await createPerson(server)
    const factor = await enrolOver(server, person)
    await rows('update user_account set mfa_required = true where id = $1', [person.id])
    const code = nextCode(server, factor.secret)
    const refused = await postTo(server, '/mfa/disable', { code }, bearer(factor.accessToken))
    expect(refused.json()).toMatchObject({ status: 409, code: 'mfa-mandatory' })
  })
})
