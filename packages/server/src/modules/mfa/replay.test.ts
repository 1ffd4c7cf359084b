import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { bearer, createPerson, signInOver, type TestPerson } from '../../testing/people.ts'
import { challengeOver, codeAt, enrolOver, nextCode, postTo } from '../../testing/second-factors.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'

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

const login = async (person: TestPerson, code: string, at = server) => {
  const tenant = { 'x-tenant-id': server.tenant.slug }
  const mfa_session_token = await challengeOver(at, person, tenant)
  return () => postTo(at, '/auth/login/mfa', { mfa_session_token, code }, tenant)
}
const stepUp = (person: TestPerson, token: string, code: string, at = server) =>
  postTo(at, '/auth/step-up', { password: person.password, code }, bearer(token))

describe('a code of an authenticator app is good once (class 19)', () => {
  it('over two sign-ins', async () => {
    const person = await createPerson(server)
    const { secret } = await enrolOver(server, person)
    const code = nextCode(server, secret)
    const [first, second] = [await login(person, code), await login(person, code)]
    expect((await first()).statusCode).toBe(200)
    expect((await second()).json()).toMatchObject({ status: 401, code: 'proof-refused' })
  })

  it('over signing in and proving again', async () => {
    const person = await createPerson(server)
    const { secret, accessToken } = await enrolOver(server, person)
    const code = nextCode(server, secret)
    expect((await stepUp(person, accessToken, code)).statusCode).toBe(200)
    expect((await (await login(person, code))()).json().code).toBe('proof-refused')
  })

  it('over setting up and signing in', async () => {
    const person = await createPerson(server)
    const { secret } = await enrolOver(server, person)
    // The clock has not moved: it is the code that confirmed the app.
    const refused = await (await login(person, codeAt(secret, server.clock.nowMs)))()
    expect(refused.json().code).toBe('proof-refused')
  })

  it('with every code before it, also those that the clock’s drift would allow', async () => {
    const person = await createPerson(server)
    const { secret } = await enrolOver(server, person)
    const ahead = nextCode(server, secret)
    server.clock.nowMs -= 30_000
    expect((await (await login(person, ahead))()).statusCode).toBe(200)
    const earlier = codeAt(secret, server.clock.nowMs)
    expect((await (await login(person, earlier))()).json().code).toBe('proof-refused')
    server.clock.nowMs += 30_000
    expect((await (await login(person, ahead))()).json().code).toBe('proof-refused')
  })

  it('over two processes at once, whatever it is sent to', async () => {
    for (let round = 0; round < 4; round += 1) {
      const person = await createPerson(server)
      const { secret, accessToken } = await enrolOver(server, person)
      const code = nextCode(server, secret)
      twin.clock.nowMs = server.clock.nowMs
      const [here, there] = [await login(person, code), await login(person, code, twin)]
      const answers = await Promise.all([
        here(),
        there(),
        postTo(server, '/mfa/disable', { recoveryCode: '00000-00000-00000-00000-000' }, bearer(accessToken)),
        stepUp(person, accessToken, code, twin),
        postTo(server, '/mfa/verify', { code }, bearer(accessToken)),
        postTo(twin, '/mfa/disable', { code }, bearer(accessToken)),
      ])
      const right = answers.filter(({ statusCode }) => statusCode < 300)
      expect(right).toHaveLength(1)
      expect(answers.filter(({ statusCode }) => statusCode >= 500)).toEqual([])
    }
  })

  it('as a recovery code is, over two processes at once', async () => {
    const person = await createPerson(server)
    const { recoveryCodes } = await enrolOver(server, person)
    const ours = await challengeWithRecovery(person, recoveryCodes[0] ?? '', server)
    const twins = await challengeWithRecovery(person, recoveryCodes[0] ?? '', twin)
    const answers = await Promise.all([ours(), twins()])
    expect(answers.map(({ statusCode }) => statusCode).toSorted()).toEqual([200, 401])
  })

  it('when a password is proven again at the same time: one session takes the old one’s place', async () => {
    const person = await createPerson(server)
    const { accessToken } = await signInOver(server, person)
    twin.clock.nowMs = server.clock.nowMs
    const body = { password: person.password }
    const answers = await Promise.all(
      [server, twin].map((at) => postTo(at, '/auth/step-up', body, bearer(accessToken))),
    )
    expect(answers.map(({ statusCode }) => statusCode).toSorted()).toEqual([200, 401])
  })
})

async function challengeWithRecovery(person: TestPerson, recovery_code: string, at: TestServer) {
  const tenant = { 'x-tenant-id': server.tenant.slug }
  const mfa_session_token = await challengeOver(at, person, tenant)
  return () => postTo(at, '/auth/login/mfa', { mfa_session_token, recovery_code }, tenant)
}
