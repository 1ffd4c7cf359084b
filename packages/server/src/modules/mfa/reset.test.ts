import { describe, expect, it } from 'vitest'
import { bearer, createPerson, signInOver, type TestPerson } from '../../testing/people.ts'
import { challengeOver, enrolOver, nextCode, postTo, type TestFactor, wrongCode } from '../../testing/second-factors.ts'
import { stageWithMail } from '../../testing/stage.ts'

const { server, sink, sender } = await stageWithMail()

const hourMs = 3_600_000
const post = (url: string, payload?: object, headers: Record<string, string> = {}) =>
  postTo(server, url, payload, headers)

async function mailsTo(address: string) {
  await sender.look()
  return sink.received.filter(({ recipients }) => recipients.includes(address))
}
async function linkIn(address: string, page: string): Promise<string> {
  const texts = (await mailsTo(address)).map(({ parsed }) => parsed.text ?? '')
  const links = texts.flatMap((text) => new RegExp(`/account/${page}#token=([\\w-]+)`).exec(text)?.[1] ?? [])
  return links.at(-1) ?? ''
}

async function enrolled(): Promise<{ person: TestPerson; factor: TestFactor }> {
  const person = await createPerson(server)
  return { person, factor: await enrolOver(server, person) }
}
const login = ({ email, password }: TestPerson) => post('/auth/login', { email, password })
const request = async (person: TestPerson) =>
  post('/mfa/reset/request', { mfa_session_token: await challengeOver(server, person) })

/** Asks for the reset of a lost factor, and starts its wait. */
async function startWait(person: TestPerson): Promise<void> {
  expect((await request(person)).statusCode).toBe(202)
  const started = await post('/mfa/reset/confirm', { token: await linkIn(person.email, 'reset-factor') })
  expect(started.statusCode).toBe(200)
  expect(Date.parse(started.json().until)).toBe(server.clock.nowMs + 24 * hourMs)
}

describe('a second factor that is lost', () => {
  it('goes a day after its owner has confirmed it by mail, at the next sign-in with the password', async () => {
    const { person, factor } = await enrolled()
    await startWait(person)
    server.clock.nowMs += 23 * hourMs
    expect((await login(person)).json()).toMatchObject({ mfa_required: true })
    server.clock.nowMs += hourMs + 1
    const signedIn = await login(person)
    expect(signedIn.json()).toMatchObject({ mfa_required: false, access_token: expect.any(String) })
    const refreshed = await post('/auth/refresh', { refresh_token: factor.refreshToken })
    expect(refreshed.statusCode).toBe(401)
    const subjects = (await mailsTo(person.email)).map(({ parsed }) => parsed.subject)
    expect(subjects).toContain('Your second factor is about to go')
    expect(subjects).toContain('The protection of your account has changed')
    expect((await enrolOver(server, person)).recoveryCodes).toHaveLength(10)
  })

  it.each([
    [
      'a code of it',
      async ({ secret }: TestFactor, person: TestPerson) => {
        const code = nextCode(server, secret)
        const shown = { mfa_session_token: await challengeOver(server, person), code }
        expect((await post('/auth/login/mfa', shown)).statusCode).toBe(200)
      },
    ],
    [
      'the link of the mail',
      async (_factor: TestFactor, { email }: TestPerson) => {
        const token = await linkIn(email, 'keep-factor')
        expect((await post('/mfa/reset/cancel', { token })).statusCode).toBe(204)
      },
    ],
    [
      'a new password',
      async (_factor: TestFactor, person: TestPerson) => {
        await post('/password-reset/request', { email: person.email })
        const token = await linkIn(person.email, 'reset')
        const confirmed = await post('/password-reset/confirm', { token, password: person.password })
        expect(confirmed.statusCode).toBe(204)
      },
    ],
  ])('stays when %s calls it off', async (_name, callOff) => {
    const { person, factor } = await enrolled()
    await startWait(person)
    server.clock.nowMs += 20 * hourMs
    await callOff(factor, person)
    server.clock.nowMs += 5 * hourMs
    expect((await login(person)).json()).toMatchObject({ mfa_required: true })
  })

  it('class 26: is asked for by who knows the password alone, and a new password is no way round it', async () => {
    const { person } = await enrolled()
    const forged = `rmp_mfa_${'A'.repeat(43)}`
    expect((await post('/mfa/reset/request', { mfa_session_token: forged })).json().code).toBe('mfa-challenge-invalid')
    const challenge = await challengeOver(server, person)
    await post('/password-reset/request', { email: person.email })
    const token = await linkIn(person.email, 'reset')
    await post('/password-reset/confirm', { token, password: 'another fine password 1789' })
    expect((await post('/mfa/reset/request', { mfa_session_token: challenge })).json().code).toBe(
      'mfa-challenge-invalid',
    )
    expect((await mailsTo(person.email)).map(({ parsed }) => parsed.subject)).not.toContain(
      'Give up your second factor',
    )
  })

  it('class 31: takes each link once, and none of another kind', async () => {
    const { person } = await enrolled()
    await request(person)
    const token = await linkIn(person.email, 'reset-factor')
    expect((await post('/mfa/reset/cancel', { token })).json().code).toBe('link-invalid')
    const answers = await Promise.all([1, 2, 3].map(() => post('/mfa/reset/confirm', { token })))
    expect(answers.map(({ statusCode }) => statusCode).sort()).toEqual([200, 400, 400])
  })

  it('opens no session by itself, and none without the password', async () => {
    const { person } = await enrolled()
    await startWait(person)
    server.clock.nowMs += 25 * hourMs
    expect((await post('/auth/login', { email: person.email, password: 'not the one' })).statusCode).toBe(401)
    expect((await login(person)).statusCode).toBe(200)
  })

  it('is as good as lost after thirty wrong codes, until it is given up', async () => {
    const { person, factor } = await enrolled()
    const guess = async () =>
      post('/auth/login/mfa', {
        mfa_session_token: await challengeOver(server, person),
        code: wrongCode(server, factor.secret),
      })
    for (let wrong = 0; wrong < 30; wrong += 1) {
      expect((await guess()).json().code, String(wrong)).toBe('proof-refused')
      server.clock.nowMs += 25 * hourMs
    }
    // A day later a right code is refused too, unlike after fewer.
    const right = {
      mfa_session_token: await challengeOver(server, person),
      code: nextCode(server, factor.secret),
    }
    expect((await post('/auth/login/mfa', right)).statusCode).toBe(429)
    await startWait(person)
    server.clock.nowMs += 25 * hourMs
    expect((await login(person)).json()).toMatchObject({ mfa_required: false })
    expect((await enrolOver(server, person)).recoveryCodes).toHaveLength(10)
  })
})

describe('staff', () => {
  const resetBy = async (staff: TestPerson, id: string) => {
    const { accessToken } = await signInOver(server, staff)
    return post(`/users/${id}/mfa/reset`, undefined, bearer(accessToken))
  }

  it('take the second factor of somebody away, whose sessions end and who is told', async () => {
    const { person, factor } = await enrolled()
    const admin = await createPerson(server, { roles: ['admin'] })
    expect((await resetBy(admin, person.id)).statusCode).toBe(204)
    expect((await post('/auth/refresh', { refresh_token: factor.refreshToken })).statusCode).toBe(401)
    expect((await login(person)).json()).toMatchObject({ mfa_required: false })
    const texts = (await mailsTo(person.email)).map(({ parsed }) => parsed.text).join('\n')
    expect(texts).toContain('an administrator took the second factor away')
    expect((await resetBy(admin, person.id)).json().code).toBe('mfa-not-enrolled')
  })

  it('class 38: reach nobody who may do more, nobody of another tenant, and not themselves', async () => {
    const [admin, owner] = [
      await createPerson(server, { roles: ['admin'] }),
      await createPerson(server, { roles: ['owner'] }),
    ]
    await enrolOver(server, owner)
    expect((await resetBy(admin, owner.id)).json().code).toBe('beyond-own-rights')
    expect((await resetBy(admin, admin.id)).json().code).toBe('own-second-factor')
    expect((await resetBy(admin, admin.id.toUpperCase())).json().code).toBe('own-second-factor')
    expect((await login(owner)).json()).toMatchObject({ mfa_required: true })
    const elsewhere = await server.createTenant()
    const stranger = await createPerson(server, { tenantId: elsewhere.id })
    expect((await resetBy(admin, stranger.id)).json().code).toBe('user-not-found')
    const editor = await createPerson(server, { roles: ['editor'] })
    expect((await resetBy(editor, owner.id)).json().code).toBe('permission-missing')
  })
})
