import { describe, expect, it } from 'vitest'
import { bearer, createPerson, nextAddress, signInOver, type TestPerson } from '../../testing/people.ts'
import { challengeOver, enrolOver, nextCode, postTo } from '../../testing/second-factors.ts'
import { stageWithMail } from '../../testing/stage.ts'

const { server, sink, sender } = await stageWithMail()

const post = (url: string, payload: object, headers: Record<string, string> = {}) =>
  postTo(server, url, payload, headers)

/** Signs in, and what the device is known by from then on. */
const firefox = 'Firefox/140.0 (X11; Linux)'
const app = 'Chrome/140.0 (Android)'
/** As a page of the server itself asks. */
const own = { origin: 'http://localhost:3000', 'x-rempart-csrf': '1' }

async function signIn({ email, password }: TestPerson, cookie?: string, transport = 'cookie'): Promise<string> {
  const answer = await post(
    '/auth/login',
    { email, password, transport },
    { 'user-agent': transport === 'cookie' ? firefox : app, ...own, ...(cookie && { cookie }) },
  )
  expect(answer.statusCode).toBe(200)
  return (
    [answer.headers['set-cookie']]
      .flat()
      .join(';')
      .match(/__Host-rmp_device=[^;]+/)?.[0] ?? ''
  )
}

async function warnings(address: string, subject = 'Sign-in from a new device') {
  await sender.look()
  return sink.received.filter(({ recipients, parsed }) => recipients.includes(address) && parsed.subject === subject)
}
const tokenOf = (text: string | undefined): string => /end-sessions#token=([\w-]+)/.exec(text ?? '')?.[1] ?? ''

describe('a sign-in from a new device', () => {
  it('is told to its owner, unless it is the first of all or the device is known', async () => {
    const person = await createPerson(server)
    const cookie = await signIn(person)
    expect(await warnings(person.email)).toEqual([])
    await signIn(person, cookie)
    expect(await warnings(person.email)).toEqual([])
    await signIn(person)
    const [mail, ...others] = await warnings(person.email)
    expect(others).toEqual([])
    expect(mail?.parsed.text).toContain('Firefox')
    // Of another account, the device is unknown there.
    const other = await createPerson(server)
    await signIn(other)
    await signIn(other, cookie)
    expect(await warnings(other.email)).toHaveLength(1)
  })

  it('is told of one with a second factor once the factor was shown, and not before', async () => {
    const person = await createPerson(server)
    const { secret } = await enrolOver(server, person)
    const token = await challengeOver(server, person)
    expect(await warnings(person.email)).toEqual([])
    const code = nextCode(server, secret)
    const answer = await post('/auth/login/mfa', { mfa_session_token: token, code }, { 'user-agent': firefox })
    expect(answer.statusCode).toBe(200)
    expect(await warnings(person.email)).toHaveLength(1)
  })

  it('is told of an application that keeps no cookies when it is of a kind that the account has not seen', async () => {
    const person = await createPerson(server)
    await signIn(person)
    for (let times = 0; times < 3; times += 1) await signIn(person, undefined, 'bearer')
    const mails = await warnings(person.email)
    expect(mails).toHaveLength(1)
    expect(mails[0]?.parsed.text).toContain('Android')
  })

  it('fills no mailbox', async () => {
    const person = await createPerson(server)
    for (let times = 0; times < 10; times += 1) await signIn(person)
    const told = (await warnings(person.email)).length
    expect(told).toBeGreaterThan(0)
    expect(told).toBeLessThanOrEqual(6)
  })

  it('is ended by the link of the mail with every other session, once, and signs nobody in', async () => {
    const person = await createPerson(server)
    const sessions = [await signInOver(server, person)]
    await signIn(person)
    sessions.push(await signInOver(server, person))
    const token = tokenOf((await warnings(person.email))[0]?.parsed.text)
    const ended = await post('/sessions/end', { token })
    expect(ended.statusCode).toBe(204)
    expect(ended.headers['set-cookie']).toBeUndefined()
    for (const { accessToken } of sessions) {
      expect((await server.app.inject({ url: '/api/v1/auth/me', headers: bearer(accessToken) })).statusCode).toBe(401)
    }
    expect((await post('/sessions/end', { token })).json().code).toBe('link-invalid')
  })
})

it('tells the owner of a session that ended because its token was used twice, once', async () => {
  const person = await createPerson(server)
  const { refreshToken } = await signInOver(server, person)
  const first = await post('/auth/refresh', { refresh_token: refreshToken })
  await post('/auth/refresh', { refresh_token: first.json().refresh_token })
  for (let times = 0; times < 3; times += 1) {
    expect((await post('/auth/refresh', { refresh_token: refreshToken })).statusCode).toBe(401)
  }
  const mails = await warnings(person.email, 'A session was ended to be safe')
  expect(mails).toHaveLength(1)
  expect((await post('/sessions/end', { token: tokenOf(mails[0]?.parsed.text) })).statusCode).toBe(204)
})

it('asks for a fresh proof before every session ends, wherever that is asked', async () => {
  const person = await createPerson(server)
  const { accessToken } = await signInOver(server, person)
  server.clock.nowMs += 601_000
  const remove = await server.app.inject({
    method: 'DELETE',
    url: '/api/v1/sessions?all=true',
    remoteAddress: nextAddress(),
    headers: bearer(accessToken),
  })
  const everywhere = await post('/auth/logout', { all: true }, bearer(accessToken))
  expect([remove, everywhere].map((answer) => answer.json().code)).toEqual(['step-up-required', 'step-up-required'])
  expect((await post('/auth/logout', {}, bearer(accessToken))).statusCode).toBe(204)
  server.clock.nowMs -= 601_000
})
