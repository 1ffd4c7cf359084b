import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { type ProviderAnswers, startTestProvider, type TestProvider } from '../../testing/identity-provider.ts'
import { bearer, createPerson, nextAddress, signInOver } from '../../testing/people.ts'
import { postTo } from '../../testing/second-factors.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'
import { asTenant } from '../../testing/tenant-rows.ts'

let database: TestDatabase
let server: TestServer
let idp: TestProvider
let staff: string
let usual: ProviderAnswers
let sequence = 0

beforeAll(async () => {
  database = await createTestDatabase()
  idp = await startTestProvider()
  usual = { ...idp.answers }
  server = await startTestServer(database, {
    environment: {
      REMPART_ALLOW_PRIVATE_IDP: 'on',
      REMPART_GITHUB_URL: idp.issuer,
      REMPART_GITHUB_API_URL: idp.issuer,
    },
  })
  staff = (await signInOver(server, await createPerson(server, { roles: ['owner'] }))).accessToken
})
afterEach(() => {
  Object.assign(idp.answers, usual)
})
afterAll(async () => {
  await server.close()
  await Promise.all([idp.close(), database.close()])
})

/** A provider whose metadata nobody has read before. @returns its name in addresses. */
async function provider(): Promise<string> {
  sequence += 1
  const code = `idp-${sequence}`
  const words = { code, name: code, clientId: 'client', clientSecret: 'a secret of the provider' }
  const answer = await postTo(
    server,
    '/identity-providers',
    { ...words, kind: 'oidc', issuer: idp.issuer },
    bearer(staff),
  )
  const { id } = answer.json()
  leaving.push(id)
  return code
}
const leaving: string[] = []
afterEach(async () => {
  for (const id of leaving.splice(0)) {
    await server.app.inject({ method: 'DELETE', url: `/api/v1/identity-providers/${id}`, headers: bearer(staff) })
  }
})

const get = (url: string, headers: Readonly<Record<string, string>> = {}) =>
  server.app.inject({ method: 'GET', url, remoteAddress: nextAddress(), headers: { ...headers } })

const start = (code: string) => get(`/api/v1/oauth/${code}/authorize`)
const cookieOf = (answer: Awaited<ReturnType<typeof start>>) => String(answer.headers['set-cookie']).split(';')[0] ?? ''

async function comeBack(code: string, change: (url: URL) => string = ({ pathname, search }) => pathname + search) {
  sequence += 1
  Object.assign(idp.answers, { sub: `s-${sequence}`, email: `s-${sequence}@example.org` })
  const started = await start(code)
  if (started.statusCode !== 200) throw new Error(started.body)
  return await get(change(idp.authorize(started.json().authorizeUrl)), { cookie: cookieOf(started) })
}

describe('class 39: what a provider writes of itself', () => {
  it.each<[string, unknown]>([
    ['nowhere', undefined],
    ['a script', 'javascript:alert(document.cookie)//'],
    ['a file', 'file:///etc/passwd'],
    ['data', 'data:text/html,hello'],
    ['no address', 'somewhere'],
    ['a number', 7],
  ])('sends no browser to %s', async (_, endpoint) => {
    idp.answers.metadata = { authorization_endpoint: endpoint }
    const answer = await start(await provider())
    expect(answer.json()).toMatchObject({ status: 503, code: 'oauth-provider-unavailable' })
  })

  it.each<[string, Readonly<Record<string, unknown>>]>([
    ['the token endpoint', { token_endpoint: 'http://169.254.169.254/latest/meta-data' }],
    ['the token endpoint, as no address', { token_endpoint: 'inside' }],
    ['its keys', { jwks_uri: 'https://10.0.0.1/jwks' }],
    ['its keys, as a file', { jwks_uri: 'file:///etc/passwd' }],
    ['none of its keys', { jwks_uri: undefined }],
    ['a database of the network', { token_endpoint: 'https://[::ffff:10.0.0.1]:5432/' }],
  ])('leads the server to nothing inside: %s', async (_, metadata) => {
    idp.answers.metadata = metadata
    const answer = await comeBack(await provider())
    expect(answer.json()).toMatchObject({ status: 401, code: 'oauth-refused' })
  })

  it('is read up to 256 KiB: what is kept of providers fits into memory', async () => {
    idp.answers.metadata = { padding: Array.from({ length: 90_000 }, () => ({})) }
    expect((await start(await provider())).json().code).toBe('oauth-provider-unavailable')
    idp.answers.metadata = { padding: Array.from({ length: 40_000 }, () => ({})) }
    expect((await start(await provider())).statusCode).toBe(200)
  })

  it('asks for no weaker signature', async () => {
    idp.answers.metadata = { id_token_signing_alg_values_supported: ['none', 'HS256', 'RS256'] }
    const code = await provider()
    for (const lie of [{ isKeyConfused: true }, { isUnsigned: true }]) {
      Object.assign(idp.answers, { ...usual, metadata: idp.answers.metadata }, lie)
      expect((await comeBack(code)).json(), JSON.stringify(lie)).toMatchObject({ status: 401, code: 'oauth-refused' })
    }
  })
})

it('a provider whose secret was sealed under a key that is gone is unavailable', async () => {
  const code = await provider()
  await asTenant(server, 'update identity_provider set sealed_secret = $1 where code = $2', [Buffer.alloc(60, 1), code])
  expect((await start(code)).json()).toMatchObject({ status: 503, code: 'oauth-provider-unavailable' })
})

it('a flow whose memory was sealed under a key that is gone starts again', async () => {
  const started = await start(await provider())
  await asTenant(
    server,
    `update one_time_token set data = jsonb_set(data, '{sealed}', '"AAAA"') where purpose = 'oauth-state'`,
  )
  const { pathname, search } = idp.authorize(started.json().authorizeUrl)
  const answer = await get(pathname + search, { cookie: cookieOf(started) })
  expect(answer.json().code).toBe('oauth-state-invalid')
})

describe('an ID token', () => {
  it.each<[string, Partial<ProviderAnswers>]>([
    ['signed with the public key as a secret', { isKeyConfused: true }],
    ['of a key that is not published', { kid: 'other', isForged: true }],
    ['that has expired', { expiresIn: '-5m' }],
    ['that is not yet good', { more: { nbf: Math.floor(Date.now() / 1000) + 600 } }],
    ['for several, without saying for whom it was made', { audience: ['client', 'other'] }],
    ['for several, made for another', { audience: ['client', 'other'], more: { azp: 'other' } }],
    ['of a nonce of nobody', { nonce: '' }],
  ])('lets nobody in %s', async (_, lie) => {
    Object.assign(idp.answers, lie)
    expect((await comeBack(await provider())).json()).toMatchObject({ status: 401, code: 'oauth-refused' })
  })

  it('names unknown keys without having the keys asked for each time', async () => {
    const code = await provider()
    const before = idp.callsOf('/jwks')
    Object.assign(idp.answers, { kid: 'other', isForged: true })
    for (let time = 0; time < 4; time += 1) expect((await comeBack(code)).statusCode).toBe(401)
    expect(idp.callsOf('/jwks') - before).toBeLessThanOrEqual(2)
  })

  it.each([
    'ada@example.org\r\nbcc: eve@example.org',
    'ada',
    '',
    'a@b@c',
    `${'a'.repeat(400)}@example.org`,
    'ada\u0000@example.org',
  ])('vouches for no address like %j', async (email) => {
    const code = await provider()
    const started = await start(code)
    Object.assign(idp.answers, { sub: `odd-${sequence}`, email })
    const { pathname, search } = idp.authorize(started.json().authorizeUrl)
    const answer = await get(pathname + search, { cookie: cookieOf(started) })
    expect(answer.json().code).toBe('oauth-email-unverified')
  })
})

describe('the address that a browser comes back to', () => {
  it.each<[string, (url: URL) => string, number]>([
    ['two codes', ({ pathname, search }) => `${pathname}${search}&code=other`, 401],
    ['two states', ({ pathname, search }) => `${pathname}${search}&state=other`, 422],
    ['two issuers', ({ pathname, search }) => `${pathname}${search}&iss=https://evil.example`, 401],
    ['a refusal besides', ({ pathname, search }) => `${pathname}${search}&error=access_denied`, 401],
    ['no code', ({ pathname, searchParams }) => `${pathname}?state=${searchParams.get('state')}`, 401],
    [
      'a token in it',
      ({ pathname, searchParams }) => `${pathname}?state=${searchParams.get('state')}&id_token=x.y.z&access_token=x`,
      401,
    ],
    [
      'an answer in a token',
      ({ pathname, searchParams }) => `${pathname}?state=${searchParams.get('state')}&response=x.y.z`,
      401,
    ],
    ['no letters', ({ pathname, search }) => `${pathname}${search}&x=%ff%00%zz`, 200],
  ])('with %s', async (_, change, status) => {
    expect((await comeBack(await provider(), change)).statusCode).toBe(status)
  })
})
