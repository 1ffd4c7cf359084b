import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Answer } from '../support/http-client.ts'
import { type Person, type Platform, startPlatform, type Tokens, tokensOf } from './platform.ts'

/*
 * S4, the platform's audit, §3.3 and 7.1: the second factor, and above all the fault that it calls critical, six digits that
 * could be guessed without end.
 */

let platform: Platform
beforeAll(async () => {
  platform = await startPlatform()
})
afterAll(() => platform?.close())

type Factor = Tokens & Awaited<ReturnType<Platform['enrol']>>

const named = ({ tenant }: Person): { readonly 'x-tenant-id': string } => ({ 'x-tenant-id': tenant.slug })
const post = (path: string, json: unknown, { access }: Pick<Tokens, 'access'>, from = platform.visitors.next()) =>
  platform.api('POST', path, { as: access, json, from })
const login = (who: Person): Promise<Answer> =>
  platform.api('POST', '/auth/login', { json: { email: who.email, password: who.password }, headers: named(who) })
/** The second step of signing in, with its own first. */
const second = async (who: Person, proof: object): Promise<Answer> => {
  const { mfa_session_token } = (await login(who)).json()
  return platform.api('POST', '/auth/login/mfa', { json: { mfa_session_token, ...proof }, headers: named(who) })
}
const enrolled = async (): Promise<{ readonly who: Person; readonly factor: Factor }> => {
  const who = await platform.person()
  return { who, factor: await platform.enrol(who) }
}

describe('FAILLE CRITIQUE "Aucun rate limiting sur /mfa/verify, /mfa/enable"', () => {
  it.each(['/mfa/verify', '/mfa/enable'])('%s: 5 in a minute from one address, then 429', async (path) => {
    const { factor } = await enrolled()
    const visitor = platform.visitors.next()
    const statuses: number[] = []
    for (let index = 0; index < 6; index += 1) {
      statuses.push((await post(path, { code: factor.app.wrong() }, factor, visitor)).status)
    }
    expect(statuses.slice(0, 5)).not.toContain(429)
    expect(statuses[5]).toBe(429)
  })

  it('every path that takes a code shares that count', async () => {
    const { who, factor } = await enrolled()
    const visitor = platform.visitors.next()
    const code = factor.app.wrong()
    const recoveryCode = 'AAAAA-AAAAA-AAAAA-AAAAA-AAA'
    const { mfa_session_token } = (await login(who)).json()
    const guesses = [
      ['/mfa/verify', { code }],
      ['/mfa/enable', { code }],
      ['/mfa/disable', { code }],
      ['/mfa/recovery/verify', { recoveryCode }],
      ['/auth/login/mfa', { mfa_session_token, code }],
      ['/mfa/verify', { code }],
    ] as const
    const statuses: number[] = []
    for (const [path, json] of guesses) statuses.push((await post(path, json, factor, visitor)).status)
    expect(statuses.map((status) => status === 429)).toEqual([false, false, false, false, false, true])
  })

  it('"lockout après 10 échecs consécutifs": from ten addresses, by code and recovery code, and then the right one too', async () => {
    const { who, factor } = await enrolled()
    for (let index = 0; index < 10; index += 1) {
      const guess =
        index % 2 === 0 ? { code: factor.app.wrong() } : { recovery_code: `AAAAA-AAAAA-AAAAA-AAAAA-AA${index}` }
      expect((await second(who, guess)).json()['code']).toBe('proof-refused')
    }
    const [recoveryCode] = factor.recoveryCodes
    const code = await factor.app.next()
    const refused = [
      await second(who, { code }),
      await second(who, { recovery_code: recoveryCode }),
      await post('/mfa/verify', { code }, factor),
      await post('/mfa/disable', { code }, factor),
    ]
    expect(refused.map(({ status }) => status)).toEqual([429, 429, 429, 429])
    // A quarter of an hour.
    expect(Number(refused[0]?.headers['retry-after'])).toBeGreaterThan(840)
    expect(Number(refused[0]?.headers['retry-after'])).toBeLessThanOrEqual(900)
  })

  it('locks nobody but the person whose factor is guessed', async () => {
    const { who, factor } = await enrolled()
    expect((await second(who, { code: await factor.app.next() })).status).toBe(200)
  })

  it('"Logger les tentatives échouées": a wrong code at sign-in is in the audit log, and the code is not', async () => {
    const tenant = await platform.makeTenant()
    const who = await platform.person({ tenant })
    const { app } = await platform.enrol(who)
    const code = app.wrong()
    await second(who, { code })
    const entries = await platform.audited(tenant, 'session.refused')
    expect(entries).toMatchObject([{ outcome: 'refused', changes: expect.stringContaining('wrong-code') }])
    expect(JSON.stringify(entries)).not.toContain(code)
  })
})

describe('§3.3 MFA/TOTP', () => {
  it('a secret has 160 bits, comes as text, link and QR code, and counts for nothing before a code of it was shown', async () => {
    const who = await platform.person()
    const session = await platform.signIn(who)
    const { secret, otpauthUrl, qrDataUrl } = (await post('/mfa/setup', undefined, session)).json()
    expect(secret).toMatch(/^[A-Z2-7]{32}$/)
    expect(new URL(String(otpauthUrl)).searchParams.get('secret')).toBe(secret)
    expect(qrDataUrl).toMatch(/^data:image\/(?:png|svg\+xml)/)
    expect((await platform.api('GET', '/mfa/status', { as: session.access })).json()).toMatchObject({ enabled: false })
    expect((await login(who)).json()).toMatchObject({ mfa_required: false })
  })

  it('what is kept of a secret is not the secret', async () => {
    const who = await platform.person()
    const session = await platform.signIn(who)
    const secret = String((await post('/mfa/setup', undefined, session)).json()['secret'])
    const rows = await platform.sql<{ kept: string }>(
      who.tenant,
      "select encode(pending_secret, 'hex') as kept from mfa_secret where user_id = $1",
      [who.id],
    )
    expect(rows).toHaveLength(1)
    expect(rows[0]?.kept).not.toContain(hexOf(secret))
    expect(rows[0]?.kept).not.toContain(Buffer.from(secret).toString('hex'))
  })

  it('"Anti-replay": a code is good once, wherever it is shown again', async () => {
    const { who, factor } = await enrolled()
    const code = await factor.app.next()
    const signedIn = await second(who, { code })
    expect(signedIn.status).toBe(200)
    const session = tokensOf(signedIn)
    expect((await second(who, { code })).json()['code']).toBe('proof-refused')
    expect((await post('/mfa/verify', { code }, session)).json()['code']).toBe('proof-refused')
  })

  it('"Usage unique": ten recovery codes, each good once; new ones end the old', async () => {
    const { who, factor } = await enrolled()
    expect(new Set(factor.recoveryCodes).size).toBe(10)
    const [first, other] = factor.recoveryCodes
    const session = tokensOf(await second(who, { recovery_code: first }))
    expect((await second(who, { recovery_code: first })).json()['code']).toBe('proof-refused')
    const left = async (): Promise<unknown> =>
      (await platform.api('GET', '/mfa/status', { as: session.access })).json()['recoveryCodesLeft']
    expect(await left()).toBe(9)
    const renewed = (await post('/mfa/recovery/regenerate', undefined, session)).json()['recoveryCodes'] as string[]
    expect([renewed.length, await left()]).toEqual([10, 10])
    expect((await post('/mfa/recovery/verify', { recoveryCode: other }, session)).json()['code']).toBe('proof-refused')
    expect((await post('/mfa/recovery/verify', { recoveryCode: renewed[0] }, session)).status).toBe(200)
  })

  it('"MFA disable: require password": it takes the factor itself, and no session that was merely left open', async () => {
    const { who, factor } = await enrolled()
    expect((await post('/mfa/disable', {}, factor)).status).toBe(422)
    expect((await post('/mfa/disable', { code: factor.app.wrong() }, factor)).json()['code']).toBe('proof-refused')
    const [recoveryCode] = factor.recoveryCodes
    expect((await post('/mfa/disable', { recoveryCode }, factor)).status).toBe(204)
    expect((await login(who)).json()).toMatchObject({ mfa_required: false })
  })

  it('the answer to the password alone opens nothing', async () => {
    const { who } = await enrolled()
    const answer = await login(who)
    expect(answer.json()).toMatchObject({ mfa_required: true })
    expect(answer.json()).not.toHaveProperty('access_token')
    expect(answer.headers['set-cookie']).toBeUndefined()
    const token = String(answer.json()['mfa_session_token'])
    for (const path of ['/auth/me', '/sessions', '/users/me', '/mfa/status']) {
      expect((await platform.api('GET', path, { as: token })).status).toBe(401)
    }
  })
})

describe('§6 "MFA enforce: flag par user, pas par tenant"', () => {
  it('an owner asks it of everybody: who has none can do nothing but set one up', async () => {
    const tenant = await platform.makeTenant()
    const owner = await platform.person({ tenant, roles: ['owner'] })
    const { access } = await platform.enrol(owner)
    const setting = await platform.api('PUT', '/tenant/settings/mfa', { as: access, json: { required: true } })
    expect(setting.json()).toEqual({ required: true })

    const member = await platform.person({ tenant, roles: ['viewer'] })
    const session = await platform.signIn(member)
    const closed = await platform.api('GET', '/leads', { as: session.access })
    expect(closed.json()).toMatchObject({ status: 403, code: 'mfa-enrolment-required' })
    const app = platform.authenticator(String((await post('/mfa/setup', undefined, session)).json()['secret']))
    const enabled = tokensOf(await post('/mfa/enable', { code: await app.next() }, session))
    expect((await platform.api('GET', '/leads', { as: enabled.access })).status).toBe(200)
    // It cannot be switched off again.
    const off = await post('/mfa/disable', { code: await app.next() }, enabled)
    expect(off.json()['code']).toBe('mfa-mandatory')
  })

  it('an administrator asks it of one', async () => {
    const tenant = await platform.makeTenant()
    const { access } = await platform.signIn(await platform.person({ tenant, roles: ['admin'] }))
    const member = await platform.person({ tenant })
    const json = { mfaRequired: true }
    expect((await platform.api('PUT', `/users/${member.id}`, { as: access, json })).json()).toMatchObject(json)
    const session = await platform.signIn(member)
    expect((await platform.api('GET', '/sessions', { as: session.access })).json()['code']).toBe(
      'mfa-enrolment-required',
    )
  })
})

/** The twenty bytes that 32 letters of base32 stand for. */
function hexOf(base32: string): string {
  const digits = [...base32].map((letter) => BigInt('ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter)))
  return digits
    .reduce((value, digit) => value * 32n + digit, 0n)
    .toString(16)
    .padStart(40, '0')
}
