import { describe, expect, it } from 'vitest'
import { STEP_UP_SECONDS } from '../../core/access/authorise.ts'
import { inTenant } from '../../database/tenant.ts'
import { bearer, createPerson, nextAddress, signInOver, type TestPerson } from '../../testing/people.ts'
import { enrolOver } from '../../testing/second-factors.ts'
import { stageWithMail } from '../../testing/stage.ts'

const { database, server, sink, sender } = await stageWithMail()

const post = (url: string, payload: object, headers: Record<string, string> = {}) =>
  server.app.inject({ method: 'POST', url: `/api/v1${url}`, payload, remoteAddress: nextAddress(), headers })
const login = (email: string, password: string) => post('/auth/login', { email, password })
const me = (token: string) => server.app.inject({ url: '/api/v1/auth/me', headers: bearer(token) })

async function mailTo(address: string) {
  await sender.look()
  return sink.received.filter(({ recipients }) => recipients.includes(address))
}
/** The token of the newest link of a kind in the mails to an address; empty when there is none. */
async function linkIn(address: string, page: string): Promise<string> {
  const texts = (await mailTo(address)).map(({ parsed }) => parsed.text ?? '')
  const links = texts.flatMap((text) => new RegExp(`/account/${page}#token=([\\w-]+)`).exec(text)?.[1] ?? [])
  return links.at(-1) ?? ''
}

let sequence = 0
const freshAddress = (): string => {
  sequence += 1
  return `moved-${process.pid}-${sequence}@example.net`
}

/** Asks for another address, as somebody who has just signed in. */
async function ask(person: TestPerson, email: string, headers: Record<string, string> = {}) {
  const { accessToken } = await signInOver(server, person)
  return post('/users/me/email', { email }, { ...bearer(accessToken), ...headers })
}
const confirm = (token: string) => post('/users/me/email/confirm', { token })
const giveBack = (token: string) => post('/users/me/email/return', { token })

async function moved(): Promise<{ person: TestPerson; email: string }> {
  const person = await createPerson(server)
  const email = freshAddress()
  expect((await ask(person, email)).statusCode).toBe(202)
  expect((await confirm(await linkIn(email, 'change-email'))).statusCode).toBe(204)
  return { person, email }
}

describe('a change of address', () => {
  it('counts once the new address has confirmed it, ends every session and tells the former one', async () => {
    const person = await createPerson(server)
    const { accessToken } = await signInOver(server, person)
    const email = freshAddress()
    const asked = await post('/users/me/email', { email }, bearer(accessToken))
    expect(asked.statusCode).toBe(202)
    expect(asked.body).toBe('{"status":"sent"}')
    expect((await mailTo(person.email)).map(({ parsed }) => parsed.subject)).toContain(
      'A change of your address was asked for',
    )
    expect((await me(accessToken)).json().user.email).toBe(person.email)

    expect((await confirm(await linkIn(email, 'change-email'))).statusCode).toBe(204)
    expect((await me(accessToken)).statusCode).toBe(401)
    expect((await login(person.email, person.password)).json().code).toBe('sign-in-refused')
    const { accessToken: after } = await signInOver(server, { email, password: person.password })
    expect((await me(after)).json().user).toMatchObject({ email, emailVerified: true })
    expect((await mailTo(person.email)).map(({ parsed }) => parsed.subject)).toContain(
      'The address of your account has changed',
    )
  })

  it('class 27: takes a fresh proof, and no other route writes an address', async () => {
    const person = await createPerson(server, { roles: ['owner'] })
    const { accessToken } = await signInOver(server, person)
    const put = (url: string, payload: object) =>
      server.app.inject({ method: 'PUT', url: `/api/v1${url}`, payload, headers: bearer(accessToken) })
    const other = await createPerson(server)
    for (const url of ['/users/me', `/users/${other.id}`]) {
      expect((await put(url, { email: freshAddress() })).statusCode).toBe(422)
    }
    server.clock.nowMs += (STEP_UP_SECONDS + 1) * 1_000
    const late = await post('/users/me/email', { email: freshAddress() }, bearer(accessToken))
    expect(late.json().code).toBe('step-up-required')
    server.clock.nowMs -= (STEP_UP_SECONDS + 1) * 1_000
  })

  it('class 21: answers alike for an address that somebody has, whose owner is told, and changes nothing', async () => {
    const [person, holder] = [await createPerson(server), await createPerson(server)]
    const free = freshAddress()
    const answers = []
    for (const email of [free, holder.email.toUpperCase()]) {
      const { statusCode, body, headers } = await ask(person, email)
      const { 'x-request-id': _id, 'x-response-time': _time, date: _date, ...rest } = headers
      answers.push({ statusCode, body, rest })
    }
    expect(answers[1]).toEqual(answers[0])
    const mails = await mailTo(holder.email)
    expect(mails.map(({ parsed }) => parsed.subject)).toEqual(['You already have an account'])
    expect(mails[0]?.raw).not.toContain('#token=')
    expect(mails[0]?.raw).not.toContain(person.email)
  })

  it('class 23: refuses an address that could pass for another', async () => {
    const person = await createPerson(server)
    for (const email of ['ada＠example.org', 'ıda@example.org', 'ad\u212a@example.org', 'ada@xn--a.example']) {
      expect((await ask(person, email)).statusCode, email).toBe(422)
    }
  })

  it('class 24: sends links that start with the public URL, whatever the request calls its host', async () => {
    const person = await createPerson(server)
    const email = freshAddress()
    await ask(person, email, {
      'x-forwarded-host': 'evil.example',
      forwarded: 'host=evil.example',
      referer: 'https://evil.example/',
    })
    for (const { raw, parsed } of [...(await mailTo(email)), ...(await mailTo(person.email))]) {
      expect(raw).not.toContain('evil.example')
      expect(parsed.text).toContain('https://app.example.org/account/')
    }
  })

  it('class 25: is bound to its person: the newest link alone is good, once, and not after a new password', async () => {
    const person = await createPerson(server)
    const [first, second, third] = [freshAddress(), freshAddress(), freshAddress()]
    await ask(person, first)
    const older = await linkIn(first, 'change-email')
    await ask(person, second)
    expect((await confirm(older)).json().code).toBe('link-invalid')
    const token = await linkIn(second, 'change-email')
    expect((await confirm(token)).statusCode).toBe(204)
    expect((await confirm(token)).json().code).toBe('link-invalid')

    const current = { ...person, email: second }
    await ask(current, third)
    const last = await linkIn(third, 'change-email')
    const { accessToken } = await signInOver(server, current)
    const passwords = { currentPassword: person.password, newPassword: 'yet another fine one 1848' }
    expect((await post('/auth/change-password', passwords, bearer(accessToken))).statusCode).toBe(200)
    expect((await confirm(last)).json().code).toBe('link-invalid')
  })

  it('gives an address that two people asked for to one of them', async () => {
    const email = freshAddress()
    const people = [await createPerson(server), await createPerson(server)]
    const tokens: string[] = []
    for (const person of people) {
      await ask(person, email)
      tokens.push(await linkIn(email, 'change-email'))
    }
    expect(new Set(tokens).size).toBe(2)
    const answers = await Promise.all(tokens.map(confirm))
    expect(answers.map(({ statusCode }) => statusCode).sort()).toEqual([204, 400])
    const winners = await Promise.all(people.map(({ password }) => login(email, password)))
    expect(winners.map(({ statusCode }) => statusCode).sort()).toEqual([200, 401])
  })

  it('may be asked for by two people at once, each for the address of the other', async () => {
    for (let pair = 0; pair < 6; pair += 1) {
      const [one, other] = [await createPerson(server), await createPerson(server)]
      const [mine, theirs] = [await signInOver(server, one), await signInOver(server, other)]
      const answers = await Promise.all([
        post('/users/me/email', { email: other.email }, bearer(mine.accessToken)),
        post('/users/me/email', { email: one.email }, bearer(theirs.accessToken)),
      ])
      expect(answers.map(({ statusCode }) => statusCode)).toEqual([202, 202])
    }
  })

  it('is called off by the link of the mail to the present address, which ends the session that asked', async () => {
    const person = await createPerson(server)
    const { accessToken } = await signInOver(server, person)
    const email = freshAddress()
    await post('/users/me/email', { email }, bearer(accessToken))
    const token = await linkIn(person.email, 'end-sessions')
    expect((await post('/sessions/end', { token })).statusCode).toBe(204)
    expect((await me(accessToken)).statusCode).toBe(401)
    expect((await confirm(await linkIn(email, 'change-email'))).json().code).toBe('link-invalid')
    expect((await post('/sessions/end', { token })).json().code).toBe('link-invalid')
  })
})

describe('an address that is taken back', () => {
  it('is the account’s again, with the thief’s sessions and password worth nothing and a link for another', async () => {
    const { person, email } = await moved()
    const { accessToken } = await signInOver(server, { email, password: person.password })
    const token = await linkIn(person.email, 'return-email')
    expect((await giveBack(token)).statusCode).toBe(204)
    expect((await me(accessToken)).statusCode).toBe(401)
    for (const address of [email, person.email]) {
      expect((await login(address, person.password)).json().code).toBe('sign-in-refused')
    }
    const reset = { token: await linkIn(person.email, 'reset'), password: 'another fine password 1789' }
    expect((await post('/password-reset/confirm', reset)).statusCode).toBe(204)
    expect((await login(person.email, reset.password)).statusCode).toBe(200)
    expect((await giveBack(token)).json().code).toBe('link-invalid')
  })

  it('is not lost by moving the account on, and the later addresses cannot take it back', async () => {
    const { person, email } = await moved()
    const further = freshAddress()
    await ask({ ...person, email }, further)
    expect((await confirm(await linkIn(further, 'change-email'))).statusCode).toBe(204)
    expect((await giveBack(await linkIn(person.email, 'return-email'))).statusCode).toBe(204)
    expect((await giveBack(await linkIn(email, 'return-email'))).json().code).toBe('link-invalid')
    const rows = await inTenant(database.worker, server.tenant.id, (tx) =>
      tx.selectFrom('user_account').select('email').where('id', '=', person.id).execute(),
    )
    expect(rows).toEqual([{ email: person.email }])
  })

  it('leaves the thief no other way in: no authenticator app and no API key that was made meanwhile', async () => {
    const person = await createPerson(server, { roles: ['owner'] })
    const email = freshAddress()
    await ask(person, email)
    await confirm(await linkIn(email, 'change-email'))
    const { accessToken } = await enrolOver(server, { ...person, email })
    const made = await post('/api-keys', { name: 'back door', scopes: ['leads:read'] }, bearer(accessToken))
    expect(made.statusCode).toBe(201)
    const useKey = () => server.app.inject({ url: '/api/v1/leads', headers: { 'x-api-key': made.json().key } })
    expect((await useKey()).statusCode).toBe(200)
    expect((await giveBack(await linkIn(person.email, 'return-email'))).statusCode).toBe(204)
    expect((await useKey()).statusCode).toBe(401)
    const reset = { token: await linkIn(person.email, 'reset'), password: 'another fine password 1789' }
    await post('/password-reset/confirm', reset)
    expect((await login(person.email, reset.password)).json()).toMatchObject({ mfa_required: false })
  })

  it('class 25: gets its link for another password, however many a thief asked for in its name', async () => {
    const { person } = await moved()
    for (let index = 0; index < 6; index += 1) {
      expect((await post('/password-reset/request', { email: person.email })).statusCode).toBe(202)
    }
    expect((await giveBack(await linkIn(person.email, 'return-email'))).statusCode).toBe(204)
    const reset = { token: await linkIn(person.email, 'reset'), password: 'another fine password 1789' }
    expect((await post('/password-reset/confirm', reset)).statusCode).toBe(204)
  })

  it('is refused when somebody else has it by now', async () => {
    const { person } = await moved()
    await createPerson(server, { email: person.email })
    expect((await giveBack(await linkIn(person.email, 'return-email'))).json().code).toBe('link-invalid')
  })
})

it('class 14: takes no token of another kind', async () => {
  const { person } = await moved()
  const back = await linkIn(person.email, 'return-email')
  for (const url of ['/users/me/email/confirm', '/sessions/end', '/mfa/reset/confirm', '/mfa/reset/cancel']) {
    expect((await post(url, { token: back })).json().code, url).toBe('link-invalid')
  }
  expect((await giveBack(back)).statusCode).toBe(204)
})

it('writes no address and no token to a log line', () => {
  expect(server.logLines.some((line) => /example\.(net|org)|rmp_em/.test(line))).toBe(false)
})
