import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createId } from '../../core/ids.ts'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { changedDuring, livingSessions } from '../../testing/held-account.ts'
import { type ProviderAnswers, startTestProvider, type TestProvider } from '../../testing/identity-provider.ts'
import { bearer, createPerson, nextAddress, signInOver } from '../../testing/people.ts'
import { enrolOver, nextCode, postTo } from '../../testing/second-factors.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'
import { asTenant } from '../../testing/tenant-rows.ts'

let database: TestDatabase
let server: TestServer
let idp: TestProvider
let evil: TestProvider
let staff: string
let usual: ProviderAnswers
let sequence = 0

beforeAll(async () => {
  database = await createTestDatabase()
  ;[idp, evil] = await Promise.all([startTestProvider(), startTestProvider()])
  usual = { ...idp.answers }
  server = await startTestServer(database, {
    environment: {
      REMPART_ALLOW_PRIVATE_IDP: 'on',
      REMPART_GITHUB_URL: idp.issuer,
      REMPART_GITHUB_API_URL: idp.issuer,
    },
    tenant: { allowedOrigins: ['https://app.example.org'] },
  })
  staff = (await signInOver(server, await createPerson(server, { roles: ['owner'] }))).accessToken
  await addProvider('own', idp.issuer)
  await addProvider('evil', evil.issuer)
  expect((await addProvider('github', undefined)).statusCode).toBe(201)
})
afterEach(() => {
  Object.assign(idp.answers, usual)
  Object.assign(evil.answers, usual)
})
afterAll(async () => {
  await server.close()
  await Promise.all([idp.close(), evil.close(), database.close()])
})

const addProvider = (code: string, issuer: string | undefined) =>
  postTo(
    server,
    '/identity-providers',
    {
      ...{ code, name: code, clientId: 'client', clientSecret: 'a secret of the provider' },
      ...(issuer === undefined ? { kind: 'github' } : { kind: 'oidc', issuer }),
    },
    bearer(staff),
  )

/** A subject and an address that nobody has had. */
function newcomer(): { readonly sub: string; readonly email: string } {
  sequence += 1
  return { sub: String(1_000 + sequence), email: `newcomer-${sequence}@example.org` }
}

const get = (url: string, headers: Readonly<Record<string, string>> = {}) =>
  server.app.inject({ method: 'GET', url, remoteAddress: nextAddress(), headers: { ...headers } })

interface Flow {
  readonly cookie: string
  readonly authorizeUrl: string
}

async function start(path = 'own/authorize', headers: Readonly<Record<string, string>> = {}): Promise<Flow> {
  const answer = await get(`/api/v1/oauth/${path}`, headers)
  if (answer.statusCode !== 200) throw new Error(`the start answered ${answer.statusCode}: ${answer.body}`)
  const cookie = String(answer.headers['set-cookie']).split(';')[0] ?? ''
  return { cookie, authorizeUrl: answer.json().authorizeUrl }
}

const back = (url: URL, cookie: string) => get(url.pathname + url.search, { cookie })

async function signIn(provider = idp, path = 'own/authorize') {
  const flow = await start(path)
  return { flow, answer: await back(provider.authorize(flow.authorizeUrl), flow.cookie) }
}

/** Makes an account by a provider's word. */
async function register(who: { readonly sub: string; readonly email: string }, path = 'own/authorize') {
  Object.assign(idp.answers, who)
  const { flow, answer } = await signIn(idp, path)
  const { registration_token: token } = answer.json()
  const made = await postTo(server, '/oauth/complete-registration', { token, name: 'Ada' }, { cookie: flow.cookie })
  if (made.statusCode !== 201) throw new Error(`registration answered ${made.statusCode}: ${made.body}`)
  return { accessToken: String(made.json().access_token), token, cookie: flow.cookie }
}

async function me(accessToken: string) {
  return (await get('/api/v1/auth/me', bearer(accessToken))).json()
}

async function link(accessToken: string, provider = idp, code = 'own') {
  const flow = await start(`${code}/link`, bearer(accessToken))
  return await back(provider.authorize(flow.authorizeUrl), flow.cookie)
}

const codeOf = (answer: { json(): { code?: string } }): string | undefined => answer.json().code

describe('signing in with a provider', () => {
  it.each(['own', 'github'])('makes an account at %s once, and finds it the next time', async (code) => {
    const who = newcomer()
    const { accessToken } = await register(who, `${code}/authorize`)
    const first = await me(accessToken)
    expect(first.user).toMatchObject({ email: who.email, name: 'Ada', emailVerified: true })
    expect(first.session).toMatchObject({ aal: 1, amr: ['fed'] })
    const { answer } = await signIn(idp, `${code}/authorize`)
    expect(answer.statusCode).toBe(200)
    expect((await me(answer.json().access_token)).user.id).toBe(first.user.id)
  })

  it('asks with PKCE S256, a state and a nonce, and for the code alone', async () => {
    const asked = new URL((await start()).authorizeUrl).searchParams
    expect(asked.get('code_challenge_method')).toBe('S256')
    expect(asked.get('response_type')).toBe('code')
    expect(asked.get('state')).toMatch(/^rmp_oas_/)
    expect(asked.get('nonce')?.length).toBe(43)
    expect(asked.get('redirect_uri')).toBe('http://localhost:3000/api/v1/oauth/own/callback')
  })

  it('lists what is on, and no secret of it', async () => {
    const listed = await get('/api/v1/oauth/providers')
    expect(listed.json().items.map((item: { code: string }) => item.code)).toEqual(['evil', 'github', 'own'])
    const kept = await get('/api/v1/identity-providers', bearer(staff))
    expect(kept.body).not.toContain('a secret of the provider')
    // Among what else a tenant sets for itself.
    expect((await get('/api/v1/tenant/idp', bearer(staff))).json()).toEqual(kept.json())
  })

  it('in a browser answers with cookies and the address that was asked for', async () => {
    await register(newcomer())
    const flow = await start('own/authorize?next=https://app.example.org/home')
    const answer = await back(idp.authorize(flow.authorizeUrl), flow.cookie)
    expect(answer.statusCode).toBe(303)
    expect(answer.headers.location).toBe('https://app.example.org/home')
    expect(String(answer.headers['set-cookie'])).toContain('__Host-rmp_at=')
  })

  it('class 7: who has a second factor is asked for it, and nothing of the answer opens anything', async () => {
    const person = await createPerson(server)
    const factor = await enrolOver(server, person)
    Object.assign(idp.answers, newcomer())
    expect((await link(factor.accessToken)).json()).toEqual({ linked: true })
    const { answer } = await signIn()
    expect(answer.json()).toMatchObject({ mfa_required: true })
    expect(answer.headers['set-cookie']).toBeUndefined()
    const { mfa_session_token: token } = answer.json()
    expect((await get('/api/v1/auth/me', bearer(token))).statusCode).toBe(401)
    const done = await postTo(server, '/auth/login/mfa', {
      mfa_session_token: token,
      code: nextCode(server, factor.secret),
    })
    expect((await me(done.json().access_token)).session.amr).toEqual(['fed', 'otp'])
  })

  it('refuses somebody who was switched off', async () => {
    const { accessToken } = await register(newcomer())
    const { id } = (await me(accessToken)).user
    await asTenant(server, 'update user_account set is_active = false where id = $1', [id])
    const { answer } = await signIn()
    expect([answer.statusCode, codeOf(answer)]).toEqual([401, 'oauth-refused'])
  })
})

describe('class 6: an account that is switched off, or unlinked, while its person comes back from a provider', () => {
  it.each([
    ['switched off', 'update user_account set is_active = false where id = $1'],
    ['unlinked', 'delete from oauth_account where user_id = $1'],
  ])('is %s: nothing is opened', async (_, change) => {
    const who = newcomer()
    const { user } = await me((await register(who)).accessToken)
    const answer = await changedDuring(server, user.id, [change], async () => (await signIn()).answer)
    expect(codeOf(answer)).toBe('oauth-refused')
    expect(await livingSessions(server, user.id)).toBe(0)
  })
})

describe('class 28: an address that has an account', () => {
  it('is never a reason to enter it, confirmed or not', async () => {
    for (const isVerified of [true, false]) {
      const { email } = await createPerson(server, { isVerified })
      Object.assign(idp.answers, { ...newcomer(), email: email.toUpperCase() })
      const { answer } = await signIn()
      expect([answer.statusCode, codeOf(answer)]).toEqual([409, 'oauth-account-exists'])
    }
  })

  it.each([false, 'true', 1, undefined])('is told by nothing but email_verified true: %s', async (emailVerified) => {
    const { email } = await createPerson(server)
    for (const address of [email, newcomer().email]) {
      Object.assign(idp.answers, { ...newcomer(), email: address, emailVerified })
      const { answer } = await signIn()
      expect([answer.statusCode, codeOf(answer)]).toEqual([403, 'oauth-email-unverified'])
    }
  })

  it('without a word for the address links nothing either', async () => {
    const person = await createPerson(server)
    const { accessToken } = await signInOver(server, person)
    Object.assign(idp.answers, { ...newcomer(), emailVerified: false })
    expect(codeOf(await link(accessToken))).toBe('oauth-email-unverified')
    expect((await get('/api/v1/oauth/accounts', bearer(accessToken))).json().items).toEqual([])
  })

  it('comes from the provider: no body sets it', async () => {
    Object.assign(idp.answers, newcomer())
    const { flow, answer } = await signIn()
    const payload = { token: answer.json().registration_token, email: 'victim@example.org' }
    const made = await postTo(server, '/oauth/complete-registration', payload, { cookie: flow.cookie })
    expect(made.statusCode).toBe(422)
  })
})

describe('class 29: who an identity is', () => {
  it('is the issuer and the subject: the same subject of another issuer is somebody else', async () => {
    const who = newcomer()
    await register(who)
    Object.assign(evil.answers, { ...newcomer(), sub: who.sub })
    const { answer } = await signIn(evil, 'evil/authorize')
    expect(answer.json()).toMatchObject({ registration_required: true })
  })

  it('is not the provider: a second subject there is somebody else', async () => {
    await register(newcomer())
    Object.assign(idp.answers, newcomer())
    const { answer } = await signIn()
    expect(answer.json()).toMatchObject({ registration_required: true })
  })

  it.each([
    ['another issuer in the ID token', () => ({ iss: evil.issuer })],
    ['another subject at the UserInfo endpoint', () => ({ hasEmailInToken: false, userInfoSub: 'victim' })],
    ['another audience', () => ({ audience: 'another-client' })],
    ['a signature of another key', () => ({ isForged: true })],
    ['no signature', () => ({ isUnsigned: true })],
  ])('is refused with %s', async (_, lie) => {
    const who = newcomer()
    await register(who)
    Object.assign(idp.answers, lie())
    const { answer } = await signIn()
    expect([answer.statusCode, codeOf(answer)]).toEqual([401, 'oauth-refused'])
  })

  it.each([
    ['empty', ''],
    ['too long', 'x'.repeat(256)],
    ['of a character that no table holds', 'a\u0000b'],
    ['of half a character', 'a\ud800'],
  ])('is nobody when the subject is %s', async (_, sub) => {
    Object.assign(idp.answers, { ...newcomer(), sub })
    expect((await signIn()).answer.json()).toMatchObject({ status: 401, code: 'oauth-refused' })
  })

  it('linked to one person is not linked to another', async () => {
    await register(newcomer())
    const { accessToken } = await signInOver(server, await createPerson(server))
    expect(codeOf(await link(accessToken))).toBe('oauth-already-linked')
  })
})

describe('class 30: a flow', () => {
  it('is the browser’s that started it', async () => {
    await register(newcomer())
    const [flow, other] = await Promise.all([start(), start()])
    for (const cookie of [other.cookie, '', `${flow.cookie}; ${other.cookie}`]) {
      const mine = await start()
      const answer = await back(idp.authorize(mine.authorizeUrl), cookie)
      expect([answer.statusCode, codeOf(answer)]).toEqual([400, 'oauth-state-invalid'])
    }
  })

  it('is the provider’s that it was started with', async () => {
    await register(newcomer())
    const before = idp.tokenCalls() + evil.tokenCalls()
    const flow = await start('own/authorize')
    const url = idp.authorize(flow.authorizeUrl)
    url.pathname = url.pathname.replace('/own/', '/evil/')
    expect(codeOf(await back(url, flow.cookie))).toBe('oauth-state-invalid')
    // The code was shown to neither.
    expect(idp.tokenCalls() + evil.tokenCalls()).toBe(before)
  })

  it('comes back once: a replayed answer, and a replayed code under another state, are refused', async () => {
    await register(newcomer())
    const [first, second] = [await start(), await start()]
    const url = idp.authorize(first.authorizeUrl)
    expect((await back(url, first.cookie)).statusCode).toBe(200)
    expect(codeOf(await back(url, first.cookie))).toBe('oauth-state-invalid')
    const other = idp.authorize(second.authorizeUrl)
    other.searchParams.set('code', url.searchParams.get('code') ?? '')
    expect(codeOf(await back(other, second.cookie))).toBe('oauth-refused')
  })

  it.each([
    ['without a nonce', () => ({ hasNonce: false })],
    ['with the nonce of another flow', () => ({ nonce: 'n'.repeat(43) })],
    ['with the issuer of another (RFC 9207)', () => ({ issParameter: evil.issuer })],
  ])('is refused %s', async (_, lie) => {
    await register(newcomer())
    Object.assign(idp.answers, lie())
    expect(codeOf((await signIn()).answer)).toBe('oauth-refused')
  })

  it('is refused without the issuer that its provider promises', async () => {
    await register(newcomer())
    const flow = await start()
    const url = idp.authorize(flow.authorizeUrl)
    url.searchParams.delete('iss')
    expect(codeOf(await back(url, flow.cookie))).toBe('oauth-refused')
  })

  it('is refused with a code of another flow, whose verifier it does not have', async () => {
    await register(newcomer())
    const [mine, theirs] = [await start(), await start()]
    const url = idp.authorize(mine.authorizeUrl)
    const stolen = idp.authorize(theirs.authorizeUrl).searchParams.get('code')
    url.searchParams.set('code', stolen ?? '')
    expect(codeOf(await back(url, mine.cookie))).toBe('oauth-refused')
  })

  it('for a link ends with the session that asked for it', async () => {
    const { accessToken } = await signInOver(server, await createPerson(server))
    Object.assign(idp.answers, newcomer())
    const flow = await start('own/link', bearer(accessToken))
    expect((await postTo(server, '/auth/logout', {}, bearer(accessToken))).statusCode).toBe(204)
    expect(codeOf(await back(idp.authorize(flow.authorizeUrl), flow.cookie))).toBe('oauth-state-invalid')
  })

  it('for a link is not started by going there', async () => {
    const { accessToken } = await signInOver(server, await createPerson(server))
    const answer = await get('/api/v1/oauth/own/link', { ...bearer(accessToken), 'sec-fetch-mode': 'navigate' })
    expect(codeOf(answer)).toBe('csrf-refused')
    expect((await get('/api/v1/oauth/own/link')).statusCode).toBe(401)
  })
})

describe('class 31: the registration token', () => {
  const complete = (token: string, cookie: string) =>
    postTo(server, '/oauth/complete-registration', { token }, { cookie })

  it('is good once', async () => {
    const { token, cookie } = await register(newcomer())
    expect(codeOf(await complete(token, cookie))).toBe('oauth-state-invalid')
  })

  it('of any number at once makes one account', async () => {
    Object.assign(idp.answers, newcomer())
    const { flow, answer } = await signIn()
    const { registration_token: token } = answer.json()
    const answers = await Promise.all(Array.from({ length: 5 }, () => complete(token, flow.cookie)))
    expect(answers.map(({ statusCode }) => statusCode).toSorted()).toEqual([201, 400, 400, 400, 400])
  })

  it('is no other browser’s', async () => {
    Object.assign(idp.answers, newcomer())
    const { flow, answer } = await signIn()
    const other = await start()
    const { registration_token: token } = answer.json()
    expect(codeOf(await complete(token, other.cookie))).toBe('oauth-state-invalid')
    expect(codeOf(await complete(token, flow.cookie))).toBe('oauth-state-invalid')
  })

  it('and the state expire', async () => {
    Object.assign(idp.answers, newcomer())
    const flow = await start()
    const { flow: mine, answer } = await signIn()
    await expire()
    expect(codeOf(await complete(answer.json().registration_token, mine.cookie))).toBe('oauth-state-invalid')
    expect(codeOf(await back(idp.authorize(flow.authorizeUrl), flow.cookie))).toBe('oauth-state-invalid')
  })
})

/** Lets every token of a flow be too old. */
const expire = () => asTenant(server, "update one_time_token set expires_at = now() where purpose like 'oauth-%'")

it('a provider whose metadata are of another issuer lets nobody in', async () => {
  const liar = await startTestProvider()
  try {
    liar.answers.metadataIssuer = idp.issuer
    await addProvider('liar', liar.issuer)
    const answer = await get('/api/v1/oauth/liar/authorize')
    expect([answer.statusCode, codeOf(answer)]).toEqual([503, 'oauth-provider-unavailable'])
  } finally {
    await liar.close()
  }
})

describe('a sign-in at a provider', () => {
  it('counts as one factor and as made now, whatever the provider says of it', async () => {
    await register(newcomer())
    const longAgo = Math.floor(server.clock.nowMs / 1_000) - 86_400
    idp.answers.more = { acr: 'aal3', amr: ['hwk', 'mfa'], auth_time: longAgo }
    const { session } = await me((await signIn()).answer.json().access_token)
    expect(session).toMatchObject({ aal: 1, amr: ['fed'] })
    expect(Math.abs(Date.parse(session.authTime) - server.clock.nowMs)).toBeLessThan(60_000)
  })

  it('is of a session that is no concern of the provider: it ends here alone, and goes on without one', async () => {
    const change = await swift('parted')
    await register(newcomer(), 'parted/authorize')
    const [first, second] = [await signIn(idp, 'parted/authorize'), await signIn(idp, 'parted/authorize')]
    const out = await postTo(server, '/auth/logout', {}, bearer(first.answer.json().access_token))
    expect(out.statusCode).toBe(204)
    // Signed out here, the provider lets them through again.
    expect((await signIn(idp, 'parted/authorize')).answer.statusCode).toBe(200)
    expect((await change(false)).statusCode).toBe(200)
    const renewed = await postTo(server, '/auth/refresh', { refresh_token: second.answer.json().refresh_token })
    expect(renewed.statusCode).toBe(200)
    const staffed = await postTo(server, '/auth/refresh', { refresh_token: renewed.json().refresh_token })
    expect((await me(staffed.json().access_token)).session.amr).toEqual(['fed'])
  })
})

async function swift(code: string) {
  const made = (await addProvider(code, idp.issuer)).json()
  const change = (isEnabled: boolean) =>
    server.app.inject({
      method: 'PUT',
      url: `/api/v1/identity-providers/${made.id}`,
      remoteAddress: nextAddress(),
      headers: bearer(staff),
      payload: { name: code, clientId: 'client', isEnabled },
    })
  return change
}

describe('class 32: a provider that is switched off', () => {
  it('lets nobody in who was on the way, nor with a link that was made before', async () => {
    const change = await swift('swift')
    await register(newcomer(), 'swift/authorize')
    const flow = await start('swift/authorize')
    expect((await change(false)).statusCode).toBe(200)
    expect(codeOf(await back(idp.authorize(flow.authorizeUrl), flow.cookie))).toBe('oauth-provider-not-found')
    expect(codeOf(await get('/api/v1/oauth/swift/authorize'))).toBe('oauth-provider-not-found')
  })

  it('while the code is being exchanged lets nobody in', async () => {
    const change = await swift('sudden')
    await register(newcomer(), 'sudden/authorize')
    idp.answers.beforeToken = async () => void (await change(false))
    expect(codeOf((await signIn(idp, 'sudden/authorize')).answer)).toBe('oauth-provider-not-found')
  })

  it('makes no account of what it said before', async () => {
    const change = await swift('late')
    Object.assign(idp.answers, newcomer())
    const { flow, answer } = await signIn(idp, 'late/authorize')
    await change(false)
    const { registration_token: token } = answer.json()
    const made = await postTo(server, '/oauth/complete-registration', { token }, { cookie: flow.cookie })
    expect(codeOf(made)).toBe('oauth-provider-not-found')
  })
})

describe('class 33: where the browser goes', () => {
  it.each([
    '//evil.example',
    '/\\evil.example',
    '\\\\evil.example',
    '/%2f%2fevil.example',
    '/%5cevil.example',
    'https://evil.example',
    'https://app.example.org.evil.example',
    'https://app.example.org@evil.example/',
    'https://user@app.example.org/',
    'https://app.example.org:8443/',
    'http://app.example.org/',
    'https:evil.example',
    'https:///evil.example',
    'javascript:alert(1)',
    'data:text/html,x',
    ' https://evil.example',
    '/\t/evil.example',
    'https://app.example%2eorg.evil.example/',
  ])('is no address but those listed: %s', async (next) => {
    const answer = await get(`/api/v1/oauth/own/authorize?next=${encodeURIComponent(next)}`)
    expect([answer.statusCode, codeOf(answer)]).toEqual([422, 'invalid-content'])
  })

  it.each(['/home', 'https://app.example.org/home?a=1', 'http://localhost:3000/home'])('may be %s', async (next) => {
    const answer = await get(`/api/v1/oauth/own/authorize?next=${encodeURIComponent(next)}`)
    expect(answer.statusCode).toBe(200)
  })

  it('is never somewhere with tokens in its address', async () => {
    const answer = await get('/api/v1/oauth/own/authorize?next=/home&transport=bearer')
    expect(answer.statusCode).toBe(422)
  })
})

describe('taking a link away', () => {
  const unlink = (accessToken: string, accountId: string) =>
    postTo(server, '/oauth/unlink', { accountId }, bearer(accessToken))
  const accountsOf = async (accessToken: string) =>
    (await get('/api/v1/oauth/accounts', bearer(accessToken))).json().items as { id: string }[]

  it('is refused for the last way in, and for somebody else’s link as for one that does not exist', async () => {
    const { accessToken } = await register(newcomer())
    const [account] = await accountsOf(accessToken)
    const refused = await unlink(accessToken, account?.id ?? '')
    expect([refused.statusCode, codeOf(refused)]).toEqual([409, 'oauth-last-way-in'])
    const { accessToken: other } = await signInOver(server, await createPerson(server))
    expect(codeOf(await unlink(other, account?.id ?? ''))).toBe('oauth-account-not-found')
  })

  it('is told to the person by mail, as the link was', async () => {
    const person = await createPerson(server)
    const mails = async () =>
      (await asTenant(server, 'select template from mail_outbox where user_id = $1', [person.id])).map(
        ({ template }) => template,
      )
    const { accessToken } = await signInOver(server, person)
    Object.assign(idp.answers, newcomer())
    await link(accessToken)
    expect(await mails()).toEqual(['access-changed'])
    const [account] = await accountsOf(accessToken)
    await unlink(accessToken, createId())
    expect(await mails()).toEqual(['access-changed'])
    await unlink(accessToken, account?.id ?? '')
    expect(await mails()).toEqual(['access-changed', 'access-changed'])
  })

  it('ends signing in with it', async () => {
    const { accessToken } = await signInOver(server, await createPerson(server))
    Object.assign(idp.answers, newcomer())
    await link(accessToken)
    const [account] = await accountsOf(accessToken)
    expect((await unlink(accessToken, account?.id ?? '')).statusCode).toBe(204)
    expect((await signIn()).answer.json()).toMatchObject({ registration_required: true })
  })

  it('is in the audit log, and so are the link and the provider', async () => {
    const { accessToken } = await signInOver(server, await createPerson(server))
    Object.assign(idp.answers, newcomer())
    await link(accessToken)
    await signIn()
    const [account] = await accountsOf(accessToken)
    await unlink(accessToken, account?.id ?? '')
    const log = (await get('/api/v1/audit?pageSize=100', bearer(staff))).json().items as { action: string }[]
    const actions = new Set(log.map(({ action }) => action))
    expect([...actions]).toEqual(
      expect.arrayContaining(['identity-provider.added', 'oauth.linked', 'session.opened', 'oauth.unlinked']),
    )
  })

  it('twice at once leaves one of two', async () => {
    const { accessToken } = await register(newcomer())
    Object.assign(evil.answers, newcomer())
    expect((await link(accessToken, evil, 'evil')).json()).toEqual({ linked: true })
    const accounts = await accountsOf(accessToken)
    const answers = await Promise.all(accounts.map(({ id }) => unlink(accessToken, id)))
    expect(answers.map(({ statusCode }) => statusCode).toSorted()).toEqual([204, 409])
  })
})

describe('a refusal of the callback', () => {
  const forged = '/api/v1/oauth/own/callback?state=%3Cscript%3Ealert(1)%3C/script%3E&code=x'
  const browser = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'

  it('is a page for a browser, in its language, that repeats nothing of the address', async () => {
    for (const [language, title] of [
      ['fr-FR,fr', 'Recommencez'],
      ['en', 'Start again'],
    ] as const) {
      const answer = await get(forged, { accept: browser, 'accept-language': language })
      expect(answer.statusCode).toBe(400)
      expect(answer.headers).toMatchObject({
        'content-type': 'text/html; charset=utf-8',
        'cache-control': 'no-store',
        'content-security-policy': expect.stringContaining("frame-ancestors 'none'"),
      })
      expect(answer.headers['vary']).toContain('accept')
      expect(answer.body).toContain(`<h1>${title}</h1>`)
      expect(answer.body).not.toMatch(/<script|alert/)
    }
  })

  it.each(['application/json', '*/*', 'text/html;q=0', ''])('is problem+json for who accepts %j', async (accept) => {
    const answer = await get(forged, accept === '' ? {} : { accept })
    expect(answer.headers['content-type']).toContain('application/problem+json')
    expect(codeOf(answer)).toBe('oauth-state-invalid')
  })
})

describe('a tenant', () => {
  it('has twenty providers at most, however many are added at once', async () => {
    const { id: tenantId } = await server.createTenant()
    const headers = { 'x-tenant-id': tenantId }
    const owner = await createPerson(server, { tenantId, roles: ['owner'] })
    const { accessToken } = await signInOver(server, owner, { headers })
    const add = (index: number) => {
      const provider = {
        code: `p${index}`,
        kind: 'github',
        name: 'GitHub',
        clientId: 'client',
        clientSecret: 'x'.repeat(20),
      }
      return postTo(server, '/identity-providers', provider, { ...headers, ...bearer(accessToken) })
    }
    // At once, so that there are connections for all of them below.
    await Promise.all(Array.from({ length: 18 }, (_, index) => add(index)))
    const answers = await Promise.all(Array.from({ length: 8 }, (_, index) => add(100 + index)))
    expect(answers.filter(({ statusCode }) => statusCode === 201)).toHaveLength(2)
    expect(answers.filter((answer) => codeOf(answer) === 'provider-limit')).toHaveLength(6)
  })
})
