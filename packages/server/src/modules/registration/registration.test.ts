import { describe, expect, it } from 'vitest'
import { bearer, createPerson, nextAddress, signInOver } from '../../testing/people.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'
import { stageWithMail } from '../../testing/stage.ts'

const { database, server, sink, sender } = await stageWithMail()

const postTo = (to: TestServer, url: string, payload: object) =>
  to.app.inject({ method: 'POST', url: `/api/v1${url}`, payload, remoteAddress: nextAddress() })
const post = (url: string, payload: object) => postTo(server, url, payload)
const password = 'seven purple candles'

async function mailTo(address: string) {
  await sender.look()
  return sink.received.filter(({ recipients }) => recipients.includes(address))
}
async function tokenTo(address: string): Promise<string> {
  const mails = await mailTo(address)
  return /#token=(rmp_vrf_[\w-]{43})/.exec(mails.at(-1)?.parsed.text ?? '')?.[1] ?? ''
}
const login = (email: string, typed = password) => post('/auth/login', { email, password: typed })

let sequence = 0
const newAddress = (): string => {
  sequence += 1
  return `new-${process.pid}-${sequence}@example.org`
}

describe('a registration', () => {
  it('makes an account that may do nothing, once its address is confirmed and not before', async () => {
    const email = newAddress()
    const answer = await post('/auth/register', { email, password, name: 'Ada', locale: 'fr' })
    expect([answer.statusCode, answer.json()]).toEqual([202, { status: 'pending' }])
    expect((await login(email)).json().code).toBe('sign-in-refused')
    const [mail] = await mailTo(email)
    expect(mail?.parsed.subject).toBe('Confirmez votre adresse e-mail')
    expect((await post('/auth/verify-email', { token: await tokenTo(email), password })).statusCode).toBe(204)
    const tokens = (await login(email)).json()
    const me = await server.app.inject({ method: 'GET', url: '/api/v1/auth/me', headers: bearer(tokens.access_token) })
    expect(me.json()).toMatchObject({ user: { name: 'Ada', locale: 'fr' }, roles: [], permissions: [] })
    const owner = await signInOver(server, await createPerson(server, { roles: ['owner'] }))
    const { items } = (
      await server.app.inject({
        url: `/api/v1/audit?resourceId=${me.json().user.id}&action=user.created`,
        headers: bearer(owner.accessToken),
      })
    ).json()
    expect(items).toMatchObject([
      { actor: { kind: 'public' }, outcome: 'done', changes: { by: 'registration' }, personal: { email, name: 'Ada' } },
    ])
  })

  it('answers alike for a free address and one that has an account, whose owner is told', async () => {
    const person = await createPerson(server)
    const answers = []
    for (const email of [newAddress(), person.email, person.email.toUpperCase()]) {
      const { statusCode, body, headers } = await post('/auth/register', { email, password })
      const { 'x-request-id': _id, 'x-response-time': _time, date: _date, ...rest } = headers
      answers.push({ statusCode, body, rest })
    }
    for (const answer of answers.slice(1)) expect(answer).toEqual(answers[0])
    const [mail] = await mailTo(person.email)
    expect(mail?.parsed.subject).toBe('You already have an account')
    expect(mail?.raw).not.toContain('rmp_vrf_')
    expect((await login(person.email, person.password)).statusCode).toBe(200)
    expect((await login(person.email, password)).statusCode).toBe(401)
  })

  it('prepares no account for somebody else: whoever owns the mailbox does not know the password', async () => {
    const email = newAddress()
    await post('/auth/register', { email, password: 'the attacker knows this one' })
    const token = await tokenTo(email)
    for (let index = 0; index < 5; index += 1) {
      expect((await post('/auth/verify-email', { token, password: `guess ${index}` })).json().code).toBe(
        'sign-in-refused',
      )
    }
    // Five wrong ones, and the link is worth nothing.
    const late = await post('/auth/verify-email', { token, password: 'the attacker knows this one' })
    expect(late.json().code).toBe('link-invalid')
    await post('/auth/register', { email, password })
    expect((await post('/auth/verify-email', { token: await tokenTo(email), password })).statusCode).toBe(204)
    expect((await login(email, 'the attacker knows this one')).statusCode).toBe(401)
    expect((await login(email)).statusCode).toBe(200)
  })

  it('makes one account of two links to one mailbox that are opened at once', async () => {
    const email = newAddress()
    const tokens: string[] = []
    for (let index = 0; index < 2; index += 1) {
      await post('/auth/register', { email, password })
      tokens.push(await tokenTo(email))
    }
    const answers = await Promise.all(
      tokens.flatMap((token) => [token, token]).map((token) => post('/auth/verify-email', { token, password })),
    )
    expect(answers.filter(({ statusCode }) => statusCode === 204)).toHaveLength(1)
    expect(answers.every(({ statusCode }) => statusCode === 204 || statusCode === 400)).toBe(true)
  })

  it('takes nothing that it does not ask for', async () => {
    for (const extra of [
      { isActive: true },
      { roles: ['owner'] },
      { tenant_id: server.tenant.id },
      { email_verified: true },
    ]) {
      expect((await post('/auth/register', { email: newAddress(), password, ...extra })).statusCode).toBe(422)
    }
  })

  it('refuses an address that could pass for another, and a password that will not do', async () => {
    for (const email of [
      'ada＠example.org',
      'ad\u0131@example.org',
      'ada@\u212Aelvin.example',
      'a\u0301da@example.org',
    ]) {
      expect((await post('/auth/register', { email, password })).statusCode, email).toBe(422)
    }
    const email = newAddress()
    const judged = async (typed: string) =>
      (await post('/auth/register', { email, password: typed })).json().errors?.[0]?.code
    expect(await judged('short')).toBe('password-too-short')
    expect(await judged('qwertyuiop123')).toMatch(/^password-(common|predictable)$/)
    expect(await judged('a'.repeat(129))).toBe('password-too-long')
  })

  it('is not taken where registration is closed', async () => {
    const closed = await startTestServer(database, { environment: { REMPART_REGISTRATION: 'closed' } })
    const answer = await postTo(closed, '/auth/register', { email: newAddress(), password })
    expect(answer.json()).toMatchObject({ status: 403, code: 'registration-closed' })
    await closed.close()
  })

  it('keeps nothing readable of who asked until it is confirmed', async () => {
    const email = newAddress()
    await post('/auth/register', { email, password, name: 'Marker Name' })
    const connection = await database.worker.connect()
    await connection.query("select set_config('rempart.tenant_id', $1, false)", [server.tenant.id])
    const rows = await connection.query<{ data: unknown }>(
      "select data from one_time_token where purpose = 'verify-email'",
    )
    await connection.query("select set_config('rempart.tenant_id', '', false)")
    connection.release(true)
    expect(rows.rows.length).toBeGreaterThan(0)
    expect(JSON.stringify(rows.rows)).not.toContain(email)
    expect(JSON.stringify(rows.rows)).not.toContain('Marker')
  })
})
