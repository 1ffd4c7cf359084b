import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Platform, startPlatform, tokensOf } from './platform.ts'

/*
 * S4, the platform's audit, §7.3: "Créer suite de tests E2E". The three scenarios that it names, each from the first call to
 * the last as a person goes through it: over HTTP, with a database, and with the mails that a mail server was given.
 */

let platform: Platform
beforeAll(async () => {
  platform = await startPlatform()
})
afterAll(() => platform?.close())

const LAPTOP = 'Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0'
const PHONE = 'Mozilla/5.0 (iPhone; CPU iPhone OS 26_0 like Mac OS X) Version/26.0 Mobile/15E148 Safari/604.1'

const named = (): { readonly 'x-tenant-id': string } => ({ 'x-tenant-id': platform.tenant.slug })
const password = 'seven purple candles'

describe('§7.3 registration → sign-in → second factor → actions → sign-out', () => {
  it('is walked by one person from the first call to the last', async () => {
    const { api, mailed } = platform
    const email = 'ada.walks@example.org'
    const headers = named()
    const registration = await api('POST', '/auth/register', { json: { email, password, name: 'Ada' }, headers })
    expect([registration.status, registration.json()]).toEqual([202, { status: 'pending' }])
    const early = await api('POST', '/auth/login', { json: { email, password }, headers })
    expect([early.status, early.json()['code']]).toEqual([401, 'sign-in-refused'])
    const token = await mailed(email, /#token=(rmp_vrf_[\w-]{43})/)
    expect((await api('POST', '/auth/verify-email', { json: { token, password }, headers })).status).toBe(204)

    const first = tokensOf(await api('POST', '/auth/login', { json: { email, password }, headers }))
    const setup = (await api('POST', '/mfa/setup', { as: first.access })).json()
    expect(setup).toMatchObject({
      otpauthUrl: expect.stringMatching(/^otpauth:\/\/totp\//),
      qrDataUrl: expect.stringMatching(/^data:image\//),
    })
    const app = platform.authenticator(String(setup['secret']))
    const enabled = await api('POST', '/mfa/enable', { as: first.access, json: { code: await app.next() } })
    expect(enabled.status).toBe(200)
    const out = await api('POST', '/auth/logout', { as: tokensOf(enabled).access, json: {} })
    expect(out.status).toBe(204)

    const asked = (await api('POST', '/auth/login', { json: { email, password }, headers })).json()
    expect(asked).toMatchObject({ mfa_required: true, mfa_session_token: expect.stringMatching(/^rmp_mfa_/) })
    expect(asked).not.toHaveProperty('access_token')
    const { mfa_session_token } = asked
    const shown = await api('POST', '/auth/login/mfa', { json: { mfa_session_token, code: await app.next() }, headers })
    const session = tokensOf(shown)
    expect((await api('GET', '/auth/me', { as: session.access })).json()).toMatchObject({
      user: { email, name: 'Ada', emailVerified: true },
      session: { aal: 2, amr: expect.arrayContaining(['pwd', 'otp']), restriction: null },
    })

    expect((await api('GET', '/leads', { as: session.access })).json()['code']).toBe('permission-missing')
    await grant(email, 'editor')
    expect((await api('GET', '/leads', { as: session.access })).status).toBe(200)
    const made = await api('POST', '/resources', { as: session.access, json: { title: 'A mill' } })
    expect(made.status).toBe(201)
    const renamed = await api('PUT', '/users/me', { as: session.access, json: { name: 'Ada L.' } })
    expect(renamed.json()['name']).toBe('Ada L.')
    const renewed = tokensOf(await api('POST', '/auth/refresh', { json: { refresh_token: session.refresh }, headers }))

    expect((await api('POST', '/auth/logout', { as: renewed.access, json: {} })).status).toBe(204)
    for (const access of [first.access, session.access, renewed.access]) {
      expect((await api('GET', '/auth/me', { as: access })).status).toBe(401)
    }
    for (const { refresh } of [first, session, renewed]) {
      expect((await api('POST', '/auth/refresh', { json: { refresh_token: refresh }, headers })).status).toBe(401)
    }
  })

  it('leaves one entry in the audit log for each step that changes something, in a chain that is whole', async () => {
    const { api, person, signIn } = platform
    const owner = await person({ roles: ['owner'] })
    const { access } = await signIn(owner)
    const actions = (await api('GET', '/audit?pageSize=100', { as: access })).json()['items'] as { action: string }[]
    const seen = new Set(actions.map(({ action }) => action))
    for (const action of ['session.opened', 'mfa.enabled', 'role.granted', 'user.changed', 'session.ended']) {
      expect([action, seen.has(action)]).toEqual([action, true])
    }
    expect((await api('GET', '/audit/verify', { as: access })).json()).toMatchObject({ verdict: 'whole' })
  })
})

/** An owner gives somebody a role, as the console does. */
async function grant(email: string, code: string): Promise<void> {
  const { api, person, signIn } = platform
  const { access } = await signIn(await person({ roles: ['owner'] }))
  const [user] = (await api('GET', `/users?email=${email}`, { as: access })).json()['items'] as { id: string }[]
  const roles = (await api('GET', '/roles', { as: access })).json()['items'] as { id: string; code: string }[]
  const roleId = roles.find((role) => role.code === code)?.id
  const granted = await api('POST', `/users/${user?.id}/roles`, { as: access, json: { roleId } })
  if (granted.status !== 201) throw new Error(`the grant answered ${granted.status}: ${granted.text}`)
}

describe('§7.3 password reset, complete', () => {
  it('goes from the request over the mail to a new password, ends every session, and keeps the second factor', async () => {
    const { api, mailed, person, enrol, subjects } = platform
    const somebody = await person()
    const { email } = somebody
    const factor = await enrol(somebody)
    const headers = named()
    const asked = await api('POST', '/password-reset/request', { json: { email }, headers })
    expect([asked.status, asked.json()]).toEqual([202, { status: 'sent' }])
    const token = await mailed(email, /#token=(rmp_rst_[\w-]{43})/)
    expect((await api('GET', `/password-reset/validate/${token}`, { headers })).json()).toEqual({ valid: true })

    const weak = await api('POST', '/password-reset/confirm', { json: { token, password: 'password1234' }, headers })
    expect(weak.status).toBe(422)
    const next = 'eight green lanterns'
    const confirmed = await api('POST', '/password-reset/confirm', { json: { token, password: next }, headers })
    expect([confirmed.status, confirmed.headers['set-cookie']]).toEqual([204, undefined])
    expect((await api('GET', `/password-reset/validate/${token}`, { headers })).json()).toEqual({ valid: false })
    const again = await api('POST', '/password-reset/confirm', { json: { token, password: 'nine red kites' }, headers })
    expect(again.json()['code']).toBe('link-invalid')

    expect((await api('GET', '/auth/me', { as: factor.access })).status).toBe(401)
    const refreshed = await api('POST', '/auth/refresh', { json: { refresh_token: factor.refresh }, headers })
    expect(refreshed.status).toBe(401)
    const old = await api('POST', '/auth/login', { json: { email, password: somebody.password }, headers })
    expect(old.status).toBe(401)
    const { mfa_required, mfa_session_token } = (
      await api('POST', '/auth/login', { json: { email, password: next }, headers })
    ).json()
    expect(mfa_required).toBe(true)
    const code = await factor.app.next()
    const done = await api('POST', '/auth/login/mfa', { json: { mfa_session_token, code }, headers })
    expect((await api('GET', '/auth/me', { as: tokensOf(done).access })).status).toBe(200)
    await expect.poll(() => subjects(email), { timeout: 10_000 }).toContain('Your password was changed')
  })

  it('tells nobody whether an address has an account', async () => {
    const { api, person } = platform
    const { email } = await person()
    const answers = []
    for (const each of [email, 'nobody.at.all@example.org']) {
      const { status, text } = await api('POST', '/password-reset/request', { json: { email: each }, headers: named() })
      answers.push([status, text])
    }
    expect(answers[1]).toEqual(answers[0])
  })
})

describe('§7.3 several sessions on several devices', () => {
  const onDevice = async (somebody: Parameters<Platform['signIn']>[0], userAgent: string) => {
    const visitor = platform.visitors.next()
    const { email, password: typed } = somebody
    const headers = { ...named(), 'user-agent': userAgent }
    const answer = await platform.api('POST', '/auth/login', {
      json: { email, password: typed },
      headers,
      from: visitor,
    })
    return { ...tokensOf(answer), address: visitor.address }
  }
  const listed = async (access: string) =>
    (await platform.api('GET', '/sessions', { as: access })).json()['items'] as Record<string, unknown>[]

  it('are seen from each of them with device and address; ending one ends that one, at once', async () => {
    const { api, person } = platform
    const somebody = await person()
    const laptop = await onDevice(somebody, LAPTOP)
    const phone = await onDevice(somebody, PHONE)
    const items = await listed(laptop.access)
    expect(items).toMatchObject([
      { current: false, address: phone.address, userAgent: PHONE, device: 'Safari, iPhone' },
      { current: true, address: laptop.address, userAgent: LAPTOP, device: 'Firefox, Linux' },
    ])
    const [ofPhone] = items
    expect((await api('GET', `/sessions/${ofPhone?.['id']}`, { as: laptop.access })).json()).toEqual(ofPhone)
    expect((await api('DELETE', `/sessions/${ofPhone?.['id']}`, { as: laptop.access })).status).toBe(204)
    expect((await api('GET', '/auth/me', { as: phone.access })).status).toBe(401)
    const headers = named()
    const refreshed = await api('POST', '/auth/refresh', { json: { refresh_token: phone.refresh }, headers })
    expect(refreshed.status).toBe(401)
    expect((await listed(laptop.access)).map(({ address }) => address)).toEqual([laptop.address])
  })

  it('end all but the one that asks, or all', async () => {
    const { api, person } = platform
    const somebody = await person()
    const [laptop, phone, tablet] = [
      await onDevice(somebody, LAPTOP),
      await onDevice(somebody, PHONE),
      await onDevice(somebody, 'curl/8.10'),
    ]
    expect((await api('DELETE', '/sessions', { as: laptop.access })).json()).toEqual({ ended: 2 })
    for (const { access } of [phone, tablet]) expect((await api('GET', '/auth/me', { as: access })).status).toBe(401)
    expect((await api('DELETE', '/sessions?all=true', { as: laptop.access })).json()).toEqual({ ended: 1 })
    expect((await api('GET', '/auth/me', { as: laptop.access })).status).toBe(401)
  })

  it('of a refresh token that was stolen, end for thief and owner, whose mail says so', async () => {
    const { api, person, subjects } = platform
    const somebody = await person()
    const { refresh } = await onDevice(somebody, LAPTOP)
    const exchange = (token: string) =>
      api('POST', '/auth/refresh', { json: { refresh_token: token }, headers: named() })
    const owners = tokensOf(await exchange(refresh))
    const later = tokensOf(await exchange(owners.refresh))
    expect((await exchange(refresh)).status).toBe(401)
    expect((await exchange(later.refresh)).status).toBe(401)
    expect((await api('GET', '/auth/me', { as: later.access })).status).toBe(401)
    await expect.poll(() => subjects(somebody.email), { timeout: 10_000 }).toContain('A session was ended to be safe')
  })
})
