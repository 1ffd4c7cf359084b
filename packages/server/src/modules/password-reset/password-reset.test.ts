import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { inTenant } from '../../database/tenant.ts'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { carrierTo, startTestSender, type TestSender } from '../../testing/mail.ts'
import { bearer, createPerson, nextAddress, signInOver, type TestPerson } from '../../testing/people.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'
import { type SmtpSink, startSmtpSink } from '../../testing/smtp-sink.ts'

let database: TestDatabase
let server: TestServer
let sink: SmtpSink
let sender: TestSender
beforeAll(async () => {
  database = await createTestDatabase()
  server = await startTestServer(database)
  sink = await startSmtpSink()
  sender = startTestSender(database, { carrier: carrierTo(sink.port) })
})
afterAll(async () => {
  await sender.stop()
  await sink.close()
  await server.close()
  await database.close()
})

const post = (url: string, payload: object, headers: Record<string, string> = {}) =>
  server.app.inject({ method: 'POST', url: `/api/v1${url}`, payload, remoteAddress: nextAddress(), headers })
const get = (url: string, headers: Record<string, string> = {}) =>
  server.app.inject({ method: 'GET', url: `/api/v1${url}`, remoteAddress: nextAddress(), headers })
const login = ({ email, password }: Pick<TestPerson, 'email' | 'password'>) => post('/auth/login', { email, password })

/** What was sent to an address, once everything that is due has gone. */
async function mailTo(address: string) {
  await sender.look()
  return sink.received.filter(({ recipients }) => recipients.includes(address))
}

async function tokenFor(person: Pick<TestPerson, 'email'>, email = person.email): Promise<string> {
  await post('/password-reset/request', { email })
  const mails = await mailTo(person.email)
  return /#token=(rmp_rst_[\w-]{43})/.exec(mails.at(-1)?.parsed.text ?? '')?.[1] ?? ''
}

const next = 'another fine password 1789'
const confirm = (token: string, password = next) => post('/password-reset/confirm', { token, password })

describe('a password reset', () => {
  it('changes the password with the link of a mail, ends every session and starts none', async () => {
    const person = await createPerson(server)
    const sessions = [await signInOver(server, person), await signInOver(server, person)]
    const answer = await confirm(await tokenFor(person))
    expect(answer.statusCode).toBe(204)
    expect(answer.headers['set-cookie']).toBeUndefined()
    for (const { accessToken, refreshToken } of sessions) {
      expect((await get('/auth/me', bearer(accessToken))).statusCode).toBe(401)
      expect((await post('/auth/refresh', { refresh_token: refreshToken })).statusCode).toBe(401)
    }
    expect((await login(person)).json().code).toBe('sign-in-refused')
    expect((await login({ ...person, password: next })).statusCode).toBe(200)
    expect((await mailTo(person.email)).map(({ parsed }) => parsed.subject)).toContain('Your password was changed')
  })

  it('answers alike for an address that has an account, one that has none and one that never will', async () => {
    const person = await createPerson(server)
    const answers = []
    for (const email of [person.email, 'nobody-resets@example.org', 'ada@xn--a.example']) {
      const { statusCode, body, headers } = await post('/password-reset/request', { email })
      const { 'x-request-id': _id, 'x-response-time': _time, date: _date, ...rest } = headers
      answers.push({ statusCode, body, rest })
    }
    expect(answers[0]).toMatchObject({ statusCode: 202, body: '{"status":"sent"}' })
    for (const answer of answers.slice(1)) expect(answer).toEqual(answers[0])
    expect(await mailTo('nobody-resets@example.org')).toEqual([])
  })

  it('writes as many rows for an address that nobody has as for one of an account', async () => {
    const person = await createPerson(server)
    const count = () =>
      inTenant(database.worker, server.tenant.id, async (tx) => {
        const tables = ['one_time_token', 'mail_outbox'] as const
        return Promise.all(
          tables.map((table) =>
            tx
              .selectFrom(table)
              .select((eb) => eb.fn.countAll<string>().as('n'))
              .executeTakeFirst(),
          ),
        )
      })
    await sender.stop()
    const grown: unknown[] = []
    for (const email of [person.email, 'nobody-counts@example.org']) {
      const before = await count()
      await post('/password-reset/request', { email })
      const after = await count()
      grown.push(after.map((row, index) => Number(row?.n) - Number(before[index]?.n)))
    }
    expect(grown[1]).toEqual(grown[0])
    sender = startTestSender(database, { carrier: carrierTo(sink.port) })
  })

  it('is bound to its person: the newest link alone is good, once, and not after another change', async () => {
    const person = await createPerson(server)
    const older = await tokenFor(person)
    const newer = await tokenFor(person)
    expect((await confirm(older)).json().code).toBe('link-invalid')
    expect((await confirm(newer)).statusCode).toBe(204)
    expect((await confirm(newer)).json().code).toBe('link-invalid')
    const last = await tokenFor(person)
    const { accessToken } = await signInOver(server, { ...person, password: next })
    const changed = await post(
      '/auth/change-password',
      { currentPassword: next, newPassword: 'yet another fine one 1848' },
      bearer(accessToken),
    )
    expect(changed.statusCode).toBe(200)
    expect((await confirm(last)).json().code).toBe('link-invalid')
  })

  it('changes one password when a link is used twice at once', async () => {
    const person = await createPerson(server)
    const token = await tokenFor(person)
    const answers = await Promise.all(['first of the two 1', 'second of the two 2'].map((each) => confirm(token, each)))
    expect(answers.map(({ statusCode }) => statusCode).sort()).toEqual([204, 400])
  })

  it('sends links that start with the public URL, whatever the request calls its host', async () => {
    const person = await createPerson(server)
    const forged: Record<string, string>[] = [
      { 'x-forwarded-host': 'evil.example' },
      { 'x-forwarded-proto': 'http', forwarded: 'host=evil.example;proto=https' },
      { 'x-original-url': 'https://evil.example/', referer: 'https://evil.example/' },
    ]
    for (const headers of forged) await post('/password-reset/request', { email: person.email }, headers)
    const mails = await mailTo(person.email)
    expect(mails.length).toBeGreaterThan(0)
    for (const { raw, parsed } of mails) {
      expect(raw).not.toContain('evil.example')
      expect(parsed.text).toContain('https://app.example.org/account/reset#token=')
    }
  })

  it('goes to the stored address, never to the text that was submitted', async () => {
    const person = await createPerson(server, { email: `Case-${process.pid}@example.org` })
    await post('/password-reset/request', { email: person.email.toUpperCase() })
    expect(await mailTo(person.email)).toHaveLength(1)
    expect(await mailTo(person.email.toUpperCase())).toHaveLength(0)
  })

  it('gives no mailbox more than a few mails, and keeps the link that arrived good', async () => {
    const person = await createPerson(server)
    const first = await tokenFor(person)
    await Promise.all(Array.from({ length: 50 }, () => post('/password-reset/request', { email: person.email })))
    const mails = await mailTo(person.email)
    expect(mails.length).toBeLessThan(10)
    const last = /#token=(rmp_rst_[\w-]{43})/.exec(mails.at(-1)?.parsed.text ?? '')?.[1] ?? first
    expect((await confirm(last)).statusCode).toBe(204)
  })

  it('refuses a password that will not do and leaves the link good', async () => {
    const person = await createPerson(server)
    const token = await tokenFor(person)
    const refused = await post(
      '/password-reset/confirm',
      { token, password: 'password1234' },
      { 'accept-language': 'fr' },
    )
    expect(refused.json()).toMatchObject({
      status: 422,
      errors: [{ pointer: '/password', code: 'password-common', message: expect.stringContaining('plus employés') }],
    })
    expect((await confirm(token)).statusCode).toBe(204)
  })

  it('does nothing for a person who was switched off meanwhile', async () => {
    const person = await createPerson(server)
    const token = await tokenFor(person)
    await inTenant(database.worker, server.tenant.id, (tx) =>
      tx.updateTable('user_account').set({ is_active: false }).where('id', '=', person.id).execute(),
    )
    expect((await confirm(token)).json().code).toBe('link-invalid')
  })

  it('says of a link only whether it is good, keeps it from caches and referrers, and out of every log line', async () => {
    const person = await createPerson(server)
    const token = await tokenFor(person)
    for (const answer of [
      await get(`/password-reset/validate/${token}`),
      await post('/password-reset/validate', { token }),
    ]) {
      expect(answer.json()).toEqual({ valid: true })
      expect(answer.headers).toMatchObject({ 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' })
    }
    expect((await get('/password-reset/validate/nonsense')).json()).toEqual({ valid: false })
    // A refusal keeps the address to itself too.
    expect((await get(`/password-reset/validate/${token.repeat(9)}`)).headers['referrer-policy']).toBe('no-referrer')
    await confirm(token)
    expect((await get(`/password-reset/validate/${token}`)).json()).toEqual({ valid: false })
    expect(server.logLines.some((line) => line.includes(token) || line.includes(person.email))).toBe(false)
  })
})

describe('changing a password', () => {
  it('asks for the present one, ends the other sessions and goes on with another', async () => {
    const person = await createPerson(server)
    const other = await signInOver(server, person)
    const { accessToken, refreshToken } = await signInOver(server, person)
    const change = (currentPassword: string) =>
      post('/auth/change-password', { currentPassword, newPassword: next }, bearer(accessToken))
    expect((await change('not it')).json().code).toBe('sign-in-refused')
    const answer = await change(person.password)
    expect(answer.statusCode).toBe(200)
    for (const token of [other.accessToken, accessToken]) {
      expect((await get('/auth/me', bearer(token))).statusCode).toBe(401)
    }
    expect((await post('/auth/refresh', { refresh_token: refreshToken })).statusCode).toBe(401)
    expect((await get('/auth/me', bearer(answer.json().access_token))).statusCode).toBe(200)
    expect((await login({ ...person, password: next })).statusCode).toBe(200)
  })

  it('is no way to guess a password for who holds a stolen session', async () => {
    const person = await createPerson(server)
    const { accessToken } = await signInOver(server, person)
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, index) =>
        post('/auth/change-password', { currentPassword: `guess ${index}`, newPassword: next }, bearer(accessToken)),
      ),
    )
    const tried = answers.filter((answer) => answer.json().code === 'sign-in-refused')
    expect(tried.length).toBeLessThanOrEqual(5)
    expect(answers.filter((answer) => answer.statusCode === 429).length).toBe(40 - tried.length)
  })
})
