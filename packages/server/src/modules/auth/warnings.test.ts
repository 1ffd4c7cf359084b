import { type Challenge, solveChallenge } from 'altcha-lib'
import { deriveKey } from 'altcha-lib/algorithms/pbkdf2'
import { describe, expect, it, onTestFinished } from 'vitest'
import { inTenant } from '../../database/tenant.ts'
import { bearer, createPerson, nextAddress, signInOver } from '../../testing/people.ts'
import { challengeOver, enrolOver, postTo, wrongCode } from '../../testing/second-factors.ts'
import { startTestServer } from '../../testing/server.ts'
import { stageWithMail } from '../../testing/stage.ts'
import { asTenant } from '../../testing/tenant-rows.ts'

const minuteMs = 60_000
const { database, server, sink, sender } = await stageWithMail()

const login = (email: string, password: string, address?: string, headers: Record<string, string> = {}) =>
  postTo(server, '/auth/login', { email, password }, headers, address)

async function warningsTo(address: string) {
  await server.app.lockNotices.flush()
  await sender.look()
  return sink.received.filter(
    ({ recipients, parsed }) =>
      recipients.includes(address) && /protected for a while|is locked/.test(parsed.subject ?? ''),
  )
}

/** Tries one password, as a robot that solves every proof. */
async function attempt(email: string, solve: (challenge: unknown) => Promise<string>, password = 'wrong') {
  const address = nextAddress()
  const answer = await login(email, password, address)
  const { code, challenge } = answer.json()
  if (code !== 'captcha-required') return answer
  return login(email, password, address, { 'rempart-proof': await solve(challenge) })
}

/** Climbs the ladder of an account until it locks. */
async function lockOut(email: string, solve: (challenge: unknown) => Promise<string>): Promise<void> {
  for (let wrong = 0; wrong < 10; wrong += 1) {
    await attempt(email, solve)
    server.clock.nowMs += 20_000
  }
}

/** The locks that the audit log knows, of one account or all. */
async function told(userId: string | null = null) {
  await server.app.lockNotices.flush()
  return asTenant(
    server,
    `select actor_kind, actor_id, tenant_id, changes::jsonb from audit_event
     where action = 'account.locked' and resource_id = coalesce($1, resource_id) order by seq`,
    [userId],
  )
}

/** A webhook of the tenant, made by an owner. */
async function hookFor(event: string): Promise<string> {
  const { accessToken } = await signInOver(server, await createPerson(server, { roles: ['owner'] }))
  const body = { url: 'https://hooks.example.org/in', events: [event] }
  const made = await postTo(server, '/webhooks', body, bearer(accessToken))
  expect(made.statusCode, made.body).toBe(201)
  return made.json().webhook.id
}

describe('a lock', () => {
  it('is told to the owner of the account, once, with its end, and nobody else hears of it', async () => {
    const person = await createPerson(server)
    await lockOut(person.email, solved)
    const [mail, ...others] = await warningsTo(person.email)
    expect(others).toEqual([])
    expect(mail?.parsed.text).toContain('It is locked until')
    for (let more = 0; more < 3; more += 1) await login(person.email, person.password)
    expect(await warningsTo(person.email)).toHaveLength(1)
  })

  it('class 21: takes as much for an address that nobody has, and sends nothing', async () => {
    const lockedBefore = await told()
    const rows = async () =>
      Number((await database.worker.query('select count(*) as n from mail_outbox')).rows[0]?.n ?? 0)
    await lockOut('nobody-locks@example.org', solved)
    expect(await warningsTo('nobody-locks@example.org')).toEqual([])
    expect(await told()).toEqual(lockedBefore)
    expect(await rows()).toBe(0)
  })

  it('is in the audit log and told to webhooks once each time, and not for what it refuses', async () => {
    const person = await createPerson(server)
    const webhook = await hookFor('account.locked')
    const lockedBefore = await told(person.id)
    expect(lockedBefore).toEqual([])
    await lockOut(person.email, solved)
    // The last of the ten has moved the clock on by as much as nobody waits for.
    const until = new Date(server.clock.nowMs - 20_000 + 15 * minuteMs).toISOString()
    for (let more = 0; more < 3; more += 1) expect((await login(person.email, person.password)).statusCode).toBe(429)
    const changes = { factor: 'password', isKnownDevice: false, attempts: 10, until }
    const first = { actor_kind: 'system', actor_id: 'guard', tenant_id: server.tenant.id, changes }
    expect(await told(person.id)).toEqual([first])

    server.clock.nowMs += 15 * minuteMs
    await attempt(person.email, solved)
    server.clock.nowMs += minuteMs
    await attempt(person.email, solved)
    const longer = new Date(server.clock.nowMs + 29 * minuteMs).toISOString()
    const second = { ...first, changes: { ...changes, attempts: 11, until: longer } }
    expect(await told(person.id)).toEqual([first, second])
    const sent = await asTenant(server, 'select data from webhook_delivery where webhook_id = $1 order by id', [
      webhook,
    ])
    expect(sent).toMatchObject([
      { data: { resource: { type: 'user', id: person.id }, changes } },
      { data: { resource: { type: 'user', id: person.id }, changes: second.changes } },
    ])
    expect(JSON.stringify(sent)).not.toContain(person.email)
    expect(await warningsTo(person.email)).toHaveLength(1)
  })

  it('that the right password takes back at once is told to nobody', async () => {
    const person = await createPerson(server)
    for (let wrong = 0; wrong < 9; wrong += 1) {
      await attempt(person.email, solved)
      server.clock.nowMs += 20_000
    }
    const { statusCode } = await attempt(person.email, solved, person.password)
    expect(statusCode).toBe(200)
    expect(await warningsTo(person.email)).toEqual([])
    expect(await told(person.id)).toEqual([])
  })

  it('that a ladder in shadow would have made is told to nobody', async () => {
    const policyFile = { version: 1, policies: { 'mfa.verify': { mode: 'shadow' } } }
    const shadow = await startTestServer(database, { policyFile })
    onTestFinished(shadow.close)
    const person = await createPerson(shadow)
    const { secret } = await enrolOver(shadow, person)
    for (let wrong = 0; wrong < 12; wrong += 1) {
      const body = { mfa_session_token: await challengeOver(shadow, person), code: wrongCode(shadow, secret) }
      expect((await postTo(shadow, '/auth/login/mfa', body)).json().code).toBe('proof-refused')
    }
    await shadow.app.lockNotices.flush()
    expect(await warningsTo(person.email)).toEqual([])
  })

  it('of a second factor says that somebody knows the password', async () => {
    const person = await createPerson(server)
    const { secret } = await enrolOver(server, person)
    for (let wrong = 0; wrong < 10; wrong += 1) {
      const token = await challengeOver(server, person)
      await postTo(server, '/auth/login/mfa', { mfa_session_token: token, code: wrongCode(server, secret) })
    }
    const [mail, ...others] = await warningsTo(person.email)
    expect(others).toEqual([])
    expect(mail?.parsed.text).toContain('somebody else knows it')
    expect(await told(person.id)).toMatchObject([{ changes: { factor: 'second-factor', attempts: 10 } }])
  })
})

describe('a client that public forms have refused again and again', () => {
  const send = (address: string) =>
    postTo(server, '/contact', { name: 'Ada', email: 'ada@example.org', message: 'Hello' }, {}, address)
  async function burst(address: string, refusals: number): Promise<void> {
    const answers = []
    for (let sent = 0; sent < 3 + refusals; sent += 1) answers.push(await send(address))
    expect(answers.filter(({ statusCode }) => statusCode === 429)).toHaveLength(refusals)
  }

  it('needs a proof of work for its first sign-in, for any account, and others do not', async () => {
    const [person, address] = [await createPerson(server), nextAddress()]
    await burst(address, 19)
    expect((await login('nobody-bursts@example.org', 'wrong', address)).json().code).toBe('sign-in-refused')
    for (const email of [person.email, 'nobody-bursts-2@example.org']) {
      const answer = await login(email, person.password, address)
      expect(answer.json()).toMatchObject({ status: 401, code: 'captcha-required', challenge: expect.any(Object) })
    }
    expect((await login(person.email, person.password)).statusCode).toBe(200)

    const { challenge } = (await login(person.email, person.password, address)).json()
    const proof = { 'rempart-proof': await solved(challenge) }
    expect((await login(person.email, person.password, address, proof)).statusCode).toBe(200)
    await server.app.eventWriter.flush()
    const events = await inTenant(database.worker, server.tenant.id, (tx) =>
      tx.selectFrom('security_event').select(['type', 'route']).where('policy_id', '=', 'auth.client').execute(),
    )
    expect(events.map(({ type }) => type)).toContain('alert')
  })

  it('is forgotten ten minutes later', async () => {
    const [person, address] = [await createPerson(server), nextAddress()]
    await burst(address, 25)
    expect((await login(person.email, person.password, address)).json().code).toBe('captcha-required')
    server.clock.nowMs += 600_001
    expect((await login(person.email, person.password, address)).statusCode).toBe(200)
  })

  it('asks one proof of who has failed at the account too', async () => {
    const [person, address] = [await createPerson(server), nextAddress()]
    for (let wrong = 0; wrong < 3; wrong += 1) await login(person.email, 'wrong')
    await burst(address, 25)
    const { challenge } = (await login(person.email, person.password, address)).json()
    const proof = { 'rempart-proof': await solved(challenge) }
    expect((await login(person.email, person.password, address, proof)).statusCode).toBe(200)
  })
})

it('asks a client for a proof of work that has failed at twenty accounts in ten minutes', async () => {
  const address = nextAddress()
  for (let wrong = 0; wrong < 20; wrong += 1) {
    expect((await login(`sprayed-${wrong}@example.org`, 'wrong', address)).json().code).toBe('sign-in-refused')
    server.clock.nowMs += 15_000
  }
  expect((await login('sprayed-20@example.org', 'wrong', address)).json().code).toBe('captcha-required')
})

/** Solves a challenge as the widget does. */
async function solved(challenge: unknown): Promise<string> {
  const typed = challenge as Challenge
  const solution = await solveChallenge({ challenge: typed, deriveKey })
  return btoa(JSON.stringify({ challenge: typed, solution }))
}
