import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { bearer, createPerson, signInOver, type TestPerson } from '../../testing/people.ts'
import { challengeOver, enrolOver, nextCode, postTo, type TestFactor, wrongCode } from '../../testing/second-factors.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'

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

const quarterHourMs = 15 * 60_000
const noCode = { recoveryCode: '00000-00000-00000-00000-000' }

async function enrolled(): Promise<{ person: TestPerson; factor: TestFactor }> {
  const person = await createPerson(server)
  return { person, factor: await enrolOver(server, person) }
}

/** Every way to try a code, each from an address of its own. */
function ways(person: TestPerson, { accessToken }: TestFactor) {
  const session = bearer(accessToken)
  return {
    login: async (code: string) =>
      postTo(server, '/auth/login/mfa', { mfa_session_token: await challengeOver(server, person), code }),
    loginByRecoveryCode: async () =>
      postTo(server, '/auth/login/mfa', {
        mfa_session_token: await challengeOver(server, person),
        recovery_code: noCode.recoveryCode,
      }),
    verify: (code: string) => postTo(server, '/mfa/verify', { code }, session),
    recovery: () => postTo(server, '/mfa/recovery/verify', noCode, session),
    disable: (code: string) => postTo(server, '/mfa/disable', { code }, session),
    enable: (code: string) => postTo(server, '/mfa/enable', { code }, session),
    stepUp: (code: string) => postTo(server, '/auth/step-up', { password: person.password, code }, session),
  }
}

describe('guesses at a second factor (class 18)', () => {
  it('are counted together over challenges, kinds of code, routes and addresses: after ten the factor is locked', async () => {
    const { person, factor } = await enrolled()
    const way = ways(person, factor)
    const wrong = wrongCode(server, factor.secret)
    const guesses = [
      () => way.login(wrong),
      () => way.login(wrong),
      () => way.loginByRecoveryCode(),
      () => way.loginByRecoveryCode(),
      () => way.verify(wrong),
      () => way.verify(wrong),
      () => way.recovery(),
      () => way.disable(wrong),
      () => way.stepUp(wrong),
      () => way.stepUp(wrong),
    ]
    for (const guess of guesses) expect((await guess()).json().code).toBe('proof-refused')
    const refused = await way.login(nextCode(server, factor.secret))
    expect(refused.json()).toMatchObject({ status: 429, code: 'rate-limited' })
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(800)
  })

  it('find no way round the lock on any path, with the right code (class 17)', async () => {
    const { person, factor } = await enrolled()
    await postTo(server, '/mfa/setup', undefined, bearer(factor.accessToken))
    const way = ways(person, factor)
    await lock(way)
    const code = nextCode(server, factor.secret)
    const recoveryCode = factor.recoveryCodes[0] ?? ''
    const session = bearer(factor.accessToken)
    const attempts = [
      await way.login(code),
      await way.verify(code),
      await way.disable(code),
      await way.enable(code),
      await way.stepUp(code),
      await postTo(server, '/mfa/recovery/verify', { recoveryCode }, session),
      await postTo(server, '/mfa/disable', { recoveryCode }, session),
      await postTo(server, '/auth/login/mfa', {
        mfa_session_token: await challengeOver(server, person),
        recovery_code: recoveryCode,
      }),
    ]
    expect(attempts.map(({ statusCode }) => statusCode)).toEqual(attempts.map(() => 429))
    server.clock.nowMs += quarterHourMs
    // The access tokens have expired with the quarter of an hour; the factor itself is open again.
    expect((await way.login(nextCode(server, factor.secret))).statusCode).toBe(200)
  })

  it('wait twice as long after the next one', async () => {
    const { person, factor } = await enrolled()
    const way = ways(person, factor)
    await lock(way)
    server.clock.nowMs += quarterHourMs
    expect((await way.login(wrongCode(server, factor.secret))).json().code).toBe('proof-refused')
    server.clock.nowMs += quarterHourMs
    expect((await way.login(nextCode(server, factor.secret))).statusCode).toBe(429)
    server.clock.nowMs += quarterHourMs
    expect((await way.login(nextCode(server, factor.secret))).statusCode).toBe(200)
  })

  it('are looked at ten times when forty come at once', async () => {
    const { person, factor } = await enrolled()
    const wrong = wrongCode(server, factor.secret)
    const challenges: string[] = []
    while (challenges.length < 8) challenges.push(await challengeOver(server, person))
    const answers = await Promise.all(
      challenges.flatMap((mfa_session_token) =>
        Array.from({ length: 5 }, () => postTo(server, '/auth/login/mfa', { mfa_session_token, code: wrong })),
      ),
    )
    const seen = answers.filter((answer) => answer.json().code === 'proof-refused')
    expect(seen).toHaveLength(10)
    expect(answers.filter(({ statusCode }) => statusCode === 429)).toHaveLength(30)
  })

  it('are not forgotten for a right password, and failures at the password cost none', async () => {
    const { person, factor } = await enrolled()
    const way = ways(person, factor)
    const wrong = wrongCode(server, factor.secret)
    for (let guess = 0; guess < 9; guess += 1) await way.verify(wrong)
    // Neither of these touches the count: one more guess is there.
    await challengeOver(server, person)
    const failed = { password: 'not the password', code: wrong }
    for (let failure = 0; failure < 3; failure += 1) {
      const refused = await postTo(server, '/auth/step-up', failed, bearer(factor.accessToken))
      expect(refused.json().code).toBe('proof-refused')
    }
    expect((await way.verify(wrong)).json().code).toBe('proof-refused')
    expect((await way.verify(wrong)).statusCode).toBe(429)
  })

  it('are forgotten once a code was right', async () => {
    const { person, factor } = await enrolled()
    const way = ways(person, factor)
    const wrong = wrongCode(server, factor.secret)
    for (let guess = 0; guess < 9; guess += 1) await way.login(wrong)
    expect((await way.login(nextCode(server, factor.secret))).statusCode).toBe(200)
    for (let guess = 0; guess < 9; guess += 1) expect((await way.login(wrong)).json().code).toBe('proof-refused')
  })

  it('of one person lock nobody else', async () => {
    const [one, other] = [await enrolled(), await enrolled()]
    await lock(ways(one.person, one.factor))
    const answer = await ways(other.person, other.factor).login(nextCode(server, other.factor.secret))
    expect(answer.statusCode).toBe(200)
  })

  it('from one address are five in a minute, over all routes that take a code', async () => {
    const { factor } = await enrolled()
    const code = wrongCode(server, factor.secret)
    const from = (url: string, body: object) => postTo(server, url, body, bearer(factor.accessToken), '203.0.113.9')
    const answers = []
    for (const url of ['/mfa/verify', '/mfa/enable', '/mfa/disable']) {
      answers.push(await from(url, { code }), await from(url, { code }))
    }
    expect(answers.map(({ statusCode }) => statusCode === 429)).toEqual([false, false, false, false, false, true])
  })
})

describe('guesses at the password of a session', () => {
  it('lock all that takes it, with the right password, and leave signing in alone (class 17)', async () => {
    const person = await createPerson(server)
    const { accessToken } = await signInOver(server, person)
    const stepUp = (password: string) => postTo(server, '/auth/step-up', { password }, bearer(accessToken))
    let guesses = 0
    while (guesses < 10) {
      if ((await stepUp('not the password')).statusCode === 401) guesses += 1
      else server.clock.nowMs += 1_000
    }
    const refused = await stepUp(person.password)
    expect(refused.json()).toMatchObject({ status: 429, code: 'rate-limited' })
    // One count for every route that takes the password of a session.
    const body = { currentPassword: person.password, newPassword: 'four hundred yellow kites' }
    const change = await postTo(server, '/auth/change-password', body, bearer(accessToken))
    expect(change.json()).toMatchObject({ status: 429, code: 'rate-limited' })
    expect((await signInOver(server, person)).accessToken).toBeTypeOf('string')
  })
})

async function lock(way: ReturnType<typeof ways>): Promise<void> {
  for (let guess = 0; guess < 10; guess += 1) await way.recovery()
  expect((await way.recovery()).statusCode).toBe(429)
}
