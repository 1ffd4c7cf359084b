import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestProvider, type TestProvider } from '../../packages/server/src/testing/identity-provider.ts'
import type { Answer } from '../support/http-client.ts'
import { type Person, type Platform, startPlatform, type Tokens, tokensOf } from './platform.ts'

/*
 * S4, the platform's audit, annex A: every endpoint of its lists, at its path, by a call that succeeds. What each does besides
 * is in the other files of S4.
 */

/** Of annex A, what the back office brings: not part of this. */
const notPartOfThis = { '/catalog': 3, '/analytics': 10, '/metro': 12 } as const

interface Cast {
  readonly owner: Person
  readonly session: string
}
type Walk = (cast: Cast) => Promise<Answer>
type Endpoint = readonly [method: string, path: string, status: number, walk: Walk]

let platform: Platform
let idp: TestProvider
let cast: Cast
beforeAll(async () => {
  idp = await startTestProvider()
  const env = { REMPART_ALLOW_PRIVATE_IDP: 'on', REMPART_GITHUB_URL: idp.issuer, REMPART_GITHUB_API_URL: idp.issuer }
  platform = await startPlatform({ env })
  const owner = await platform.person({ roles: ['owner'] })
  cast = { owner, session: (await platform.signIn(owner)).access }
  const provider = { clientId: 'client', clientSecret: 'a secret of the provider' }
  for (const json of [
    { ...provider, code: 'google', kind: 'oidc', name: 'Google', issuer: idp.issuer },
    { ...provider, code: 'github', kind: 'github', name: 'GitHub' },
  ]) {
    const made = await call('POST', '/identity-providers', json)
    if (made.status !== 201) throw new Error(made.text)
  }
})
afterAll(async () => {
  await platform?.close()
  await idp?.close()
})

const call = (method: string, path: string, json?: object, as: string | undefined = cast.session): Promise<Answer> =>
  platform.api(method, path, { as, ...(json !== undefined && { json }) })
/** As somebody who has not signed in. */
const open = (method: string, path: string, json?: object, cookie?: string): Promise<Answer> =>
  platform.api(method, path, {
    headers: { 'x-tenant-id': platform.tenant.slug, ...(cookie !== undefined && { cookie }) },
    ...(json !== undefined && { json }),
  })

const password = 'seven purple candles'
const member = async (): Promise<Person & Tokens> => {
  const person = await platform.person()
  return { ...person, ...(await platform.signIn(person)) }
}
const own = async (method: string, path: string, json?: object): Promise<Answer> =>
  call(method, path, json, (await member()).access)

const auth: readonly Endpoint[] = [
  [
    'POST',
    '/auth/login',
    200,
    ({ owner: { email, password: typed } }) => open('POST', '/auth/login', { email, password: typed }),
  ],
  [
    'POST',
    '/auth/login/mfa',
    200,
    async () => {
      const person = await platform.person()
      const { app } = await platform.enrol(person)
      const { email, password: typed } = person
      const { mfa_session_token } = (await open('POST', '/auth/login', { email, password: typed })).json()
      return open('POST', '/auth/login/mfa', { mfa_session_token, code: await app.next() })
    },
  ],
  ['POST', '/auth/register', 202, () => open('POST', '/auth/register', { email: 'new@example.org', password })],
  ['POST', '/auth/logout', 204, () => own('POST', '/auth/logout', {})],
  [
    'POST',
    '/auth/refresh',
    200,
    async () => open('POST', '/auth/refresh', { refresh_token: (await member()).refresh }),
  ],
  ['GET', '/auth/me', 200, () => call('GET', '/auth/me')],
  [
    'POST',
    '/auth/change-password',
    200,
    async () => {
      const { access, password: currentPassword } = await member()
      return call('POST', '/auth/change-password', { currentPassword, newPassword: password }, access)
    },
  ],
  ['POST', '/auth/verify-token', 200, ({ session }) => call('POST', '/auth/verify-token', { token: session })],
]

const withFactor = async (path: string, proof: 'code' | 'recoveryCode'): Promise<Answer> => {
  const { access, app, recoveryCodes } = await platform.enrol(await platform.person())
  const json = proof === 'code' ? { code: await app.next() } : { recoveryCode: recoveryCodes[0] }
  return call('POST', path, json, access)
}
const mfa: readonly Endpoint[] = [
  ['POST', '/mfa/setup', 200, () => own('POST', '/mfa/setup')],
  [
    'POST',
    '/mfa/enable',
    200,
    async () => {
      const { access } = await member()
      const { secret } = (await call('POST', '/mfa/setup', undefined, access)).json()
      return call('POST', '/mfa/enable', { code: await platform.authenticator(String(secret)).next() }, access)
    },
  ],
  ['POST', '/mfa/disable', 204, () => withFactor('/mfa/disable', 'code')],
  ['GET', '/mfa/status', 200, () => call('GET', '/mfa/status')],
  ['POST', '/mfa/verify', 200, () => withFactor('/mfa/verify', 'code')],
  ['POST', '/mfa/recovery/verify', 200, () => withFactor('/mfa/recovery/verify', 'recoveryCode')],
  [
    'POST',
    '/mfa/recovery/regenerate',
    200,
    async () => {
      const { access } = await platform.enrol(await platform.person())
      return call('POST', '/mfa/recovery/regenerate', undefined, access)
    },
  ],
]

const sessionOf = async (access: string): Promise<string> => {
  const [session] = (await call('GET', '/sessions', undefined, access)).json()['items'] as { id: string }[]
  return session?.id ?? ''
}
const onOwnSession = async (method: string): Promise<Answer> => {
  const { access } = await member()
  return call(method, `/sessions/${await sessionOf(access)}`, undefined, access)
}
const sessions: readonly Endpoint[] = [
  ['GET', '/sessions', 200, () => call('GET', '/sessions')],
  ['GET', '/sessions/{id}', 200, () => onOwnSession('GET')],
  ['DELETE', '/sessions/{id}', 204, () => onOwnSession('DELETE')],
  ['DELETE', '/sessions', 200, () => own('DELETE', '/sessions')],
]

const onUser = async (method: string, below = '', json?: object): Promise<Answer> =>
  call(method, `/users/${(await platform.person()).id}${below}`, json)
const users: readonly Endpoint[] = [
  ['GET', '/users/me', 200, () => call('GET', '/users/me')],
  ['PUT', '/users/me', 200, () => own('PUT', '/users/me', { name: 'Ada' })],
  ['GET', '/users', 200, () => call('GET', '/users')],
  ['POST', '/users', 201, () => call('POST', '/users', { email: 'invited@example.org' })],
  ['GET', '/users/{id}', 200, () => onUser('GET')],
  ['PUT', '/users/{id}', 200, () => onUser('PUT', '', { name: 'Grace' })],
  ['DELETE', '/users/{id}', 204, () => onUser('DELETE')],
  ['POST', '/users/{id}/verify', 200, () => onUser('POST', '/verify')],
  ['POST', '/users/{id}/activate', 200, () => onUser('POST', '/activate')],
  ['POST', '/users/{id}/deactivate', 200, () => onUser('POST', '/deactivate')],
]

const newKey = { name: 'Site', scopes: ['leads:read'] }
const onKey = async (method: string): Promise<Answer> => {
  const { apiKey } = (await call('POST', '/api-keys', newKey)).json() as { apiKey: { id: string } }
  return call(method, `/api-keys/${apiKey.id}`)
}
const apiKeys: readonly Endpoint[] = [
  ['POST', '/api-keys', 201, () => call('POST', '/api-keys', newKey)],
  ['GET', '/api-keys', 200, () => call('GET', '/api-keys')],
  ['GET', '/api-keys/{id}', 200, () => onKey('GET')],
  ['DELETE', '/api-keys/{id}', 204, () => onKey('DELETE')],
]

/** Goes to a provider, where somebody signs in, and comes back. */
async function throughProvider(
  sub: string,
  path = '/oauth/google/authorize',
  as?: string,
  email = `provider-${sub}@example.org`,
) {
  Object.assign(idp.answers, { sub, email })
  const started = as === undefined ? await open('GET', path) : await call('GET', path, undefined, as)
  const cookie = String(started.headers['set-cookie']).split(';')[0] ?? ''
  const back = idp.authorize(String(started.json()['authorizeUrl']))
  return { cookie, answer: await open('GET', back.pathname.replace('/api/v1', '') + back.search, undefined, cookie) }
}
const completed = async (sub: string): Promise<Answer> => {
  const { cookie, answer } = await throughProvider(sub)
  const json = { token: answer.json()['registration_token'], name: 'Ada' }
  return open('POST', '/oauth/complete-registration', json, cookie)
}
const oauth: readonly Endpoint[] = [
  ['GET', '/oauth/providers', 200, () => open('GET', '/oauth/providers')],
  ['GET', '/oauth/{provider}/authorize', 200, () => open('GET', '/oauth/github/authorize')],
  ['GET', '/oauth/{provider}/callback', 200, async () => (await throughProvider('101')).answer],
  ['POST', '/oauth/complete-registration', 201, () => completed('102')],
  ['GET', '/oauth/accounts', 200, () => call('GET', '/oauth/accounts')],
  [
    'POST',
    '/oauth/unlink',
    204,
    async () => {
      const { access } = await member()
      await throughProvider('103', '/oauth/google/link', access)
      const [account] = (await call('GET', '/oauth/accounts', undefined, access)).json()['items'] as { id: string }[]
      return call('POST', '/oauth/unlink', { accountId: account?.id }, access)
    },
  ],
  ['GET', '/oauth/{provider}/link', 200, () => own('GET', '/oauth/github/link')],
]

const resetToken = async (): Promise<string> => {
  const { email } = await platform.person()
  await open('POST', '/password-reset/request', { email })
  return platform.mailed(email, /#token=(rmp_rst_[\w-]{43})/)
}
const passwordReset: readonly Endpoint[] = [
  [
    'POST',
    '/password-reset/request',
    202,
    ({ owner: { email } }) => open('POST', '/password-reset/request', { email }),
  ],
  [
    'POST',
    '/password-reset/confirm',
    204,
    async () => open('POST', '/password-reset/confirm', { token: await resetToken(), password }),
  ],
  [
    'GET',
    '/password-reset/validate/{token}',
    200,
    async () => open('GET', `/password-reset/validate/${await resetToken()}`),
  ],
]

const gdpr: readonly Endpoint[] = [
  ['GET', '/gdpr/export', 200, () => own('GET', '/gdpr/export')],
  ['GET', '/gdpr/export/{userId}', 200, async () => call('GET', `/gdpr/export/${(await platform.person()).id}`)],
  ['DELETE', '/gdpr/delete', 200, () => own('DELETE', '/gdpr/delete')],
  ['POST', '/gdpr/anonymize', 200, () => own('POST', '/gdpr/anonymize', {})],
  ['GET', '/gdpr/inventory', 200, () => call('GET', '/gdpr/inventory')],
]

const areas = { auth, mfa, sessions, users, apiKeys, oauth, passwordReset, gdpr } as const
/** As S4 counts them. */
const counts = { auth: 8, mfa: 7, sessions: 4, users: 10, apiKeys: 4, oauth: 7, passwordReset: 3, gdpr: 5 } as const
const all = Object.values(areas).flat()
/** Open to who has not signed in, as their purpose is. */
const publicOnes =
  /^\/(?:auth\/(?:login|login\/mfa|register|refresh)|oauth\/(?:providers|\{provider\}\/(?:authorize|callback)|complete-registration)|password-reset\/.*)$/

describe('annex A, "Liste complète des endpoints"', () => {
  it('is covered: 48 of its 73 here, and the others are the back office’s', () => {
    for (const [area, endpoints] of Object.entries(areas)) {
      expect([area, endpoints.length]).toEqual([area, counts[area as keyof typeof counts]])
    }
    const others = Object.values(notPartOfThis).reduce<number>((sum, count) => sum + count, 0)
    expect(all.length + others).toBe(73)
  })

  it('is described, each endpoint with its method, in the OpenAPI document that the server hands out', async () => {
    const { paths } = (await platform.visitors.next()('/api/v1/openapi.json')).json() as {
      paths: Record<string, Record<string, unknown>>
    }
    const missing = all.filter(([method, path]) => paths[`/api/v1${path}`]?.[method.toLowerCase()] === undefined)
    expect(missing.map(([method, path]) => `${method} ${path}`)).toEqual([])
  })

  for (const [area, endpoints] of Object.entries(areas)) {
    it.each(endpoints)(`${area}: %s %s answers %i`, async (_method, _path, status, walk) => {
      const answer = await walk(cast)
      expect([answer.status, answer.status === status ? '' : answer.text]).toEqual([status, ''])
    })
  }

  it.each(all.filter(([, path]) => !publicOnes.test(path)))(
    '%s %s is nobody’s without a credential, and not an API key’s',
    async (method, path) => {
      const concrete = path.replaceAll(/\{\w+\}/g, (name) => (name === '{provider}' ? 'google' : cast.owner.id))
      const json = method === 'POST' || method === 'PUT' ? { json: {} } : {}
      const headers = { 'x-tenant-id': platform.tenant.slug }
      const nobody = await platform.api(method, concrete, { headers, ...json })
      expect(nobody.json()).toMatchObject({ status: 401, code: 'authentication-required' })
      const { key } = (await call('POST', '/api-keys', newKey)).json()
      const byKey = await platform.api(method, concrete, { as: String(key), ...json })
      expect(byKey.json()).toMatchObject({ status: 403, code: 'session-required' })
    },
  )
})

describe('§6 OAuth/SSO', () => {
  it.each(['google', 'github'])('%s: makes an account once and finds it the next time', async (code) => {
    const sub = code === 'google' ? '201' : '202'
    const first = await throughProvider(sub, `/oauth/${code}/authorize`)
    const json = { token: first.answer.json()['registration_token'], name: 'Ada' }
    const made = tokensOf(await open('POST', '/oauth/complete-registration', json, first.cookie))
    const again = tokensOf((await throughProvider(sub, `/oauth/${code}/authorize`)).answer)
    const idOf = async (access: string): Promise<unknown> =>
      ((await call('GET', '/auth/me', undefined, access)).json()['user'] as { id: string }).id
    expect(await idOf(again.access)).toBe(await idOf(made.access))
  })

  it('"Account linking, unlinking": an identity is linked by who is signed in, and not by an address that is alike', async () => {
    const person = await member()
    expect((await throughProvider('203', '/oauth/google/link', person.access)).answer.json()).toEqual({ linked: true })
    const signedIn = tokensOf((await throughProvider('203')).answer)
    expect((await call('GET', '/auth/me', undefined, signedIn.access)).json()['user']).toMatchObject({ id: person.id })
    const victim = await platform.person()
    const { answer } = await throughProvider('204', undefined, undefined, victim.email)
    expect(answer.json()).toMatchObject({ status: 409, code: 'oauth-account-exists' })
  })
})
