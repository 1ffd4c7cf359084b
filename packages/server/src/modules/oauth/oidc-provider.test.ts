import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { bearer, createPerson, nextAddress, signInOver } from '../../testing/people.ts'
import { postTo } from '../../testing/second-factors.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'

/** What is used of the certified provider `oidc-provider`, which comes without types. */
interface Provider {
  callback(): (request: IncomingMessage, response: ServerResponse) => void
  interactionDetails(request: IncomingMessage, response: ServerResponse): Promise<Interaction>
  interactionFinished(request: IncomingMessage, response: ServerResponse, result: object): Promise<void>
  readonly Grant: new (of: object) => Grant
}

interface Interaction {
  readonly prompt: { readonly name: string }
  readonly params: { readonly client_id: string }
  readonly session?: { readonly accountId: string }
}

interface Grant {
  addOIDCScope(scope: string): void
  save(): Promise<string>
}

const account = { accountId: 'ada', email: 'ada@example.org' }

let database: TestDatabase
let server: TestServer
let provider: Provider
let listener: Server
let issuer: string

beforeAll(async () => {
  database = await createTestDatabase()
  server = await startTestServer(database, { environment: { REMPART_ALLOW_PRIVATE_IDP: 'on' } })
  listener = createServer((request, response) => {
    if (request.url?.startsWith('/interaction/') === true) void interact(request, response)
    else provider.callback()(request, response)
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  issuer = `http://127.0.0.1:${(listener.address() as AddressInfo).port}`
  provider = await createProvider()
})
afterAll(async () => {
  await server.close()
  await new Promise((resolve) => listener.close(resolve))
  await database.close()
})

async function createProvider(): Promise<Provider> {
  const name: string = 'oidc-provider'
  const { default: OidcProvider } = (await import(name)) as { default: new (issuer: string, of: object) => Provider }
  return new OidcProvider(issuer, {
    clients: [
      {
        client_id: 'rempart',
        client_secret: 'a secret of the provider',
        redirect_uris: ['http://localhost:3000/api/v1/oauth/real/callback'],
        application_type: 'native',
        token_endpoint_auth_method: 'client_secret_post',
      },
    ],
    cookies: { keys: ['a key of the test'] },
    features: { devInteractions: { enabled: false } },
    claims: { openid: ['sub'], email: ['email', 'email_verified'] },
    findAccount: (_: unknown, id: string) => ({
      accountId: id,
      claims: () => ({ sub: id, email: account.email, email_verified: true }),
    }),
    pkce: { required: () => true },
    interactions: { url: (_: unknown, { uid }: { uid: string }) => `/interaction/${uid}` },
  })
}

/** Says yes to whatever the provider asks of its user. */
async function interact(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { prompt, params, session } = await provider.interactionDetails(request, response)
  if (prompt.name === 'login') {
    await provider.interactionFinished(request, response, { login: { accountId: account.accountId } })
    return
  }
  const grant = new provider.Grant({ accountId: session?.accountId, clientId: params.client_id })
  grant.addOIDCScope('openid email')
  await provider.interactionFinished(request, response, { consent: { grantId: await grant.save() } })
}

/** Goes through the provider as a browser does. @returns where it sends the browser back to. */
async function walk(authorizeUrl: string): Promise<URL> {
  const jar = new Map<string, string>()
  let url = new URL(authorizeUrl)
  for (let steps = 0; steps < 10 && url.origin === issuer; steps += 1) {
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
    const answer = await fetch(url, { redirect: 'manual', headers: { cookie } })
    for (const set of answer.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(set) ?? []
      jar.set(name, value)
    }
    const location = answer.headers.get('location')
    if (location === null) throw new Error(`the provider answered ${answer.status}: ${await answer.text()}`)
    url = new URL(location, url)
  }
  return url
}

const get = (url: string, headers: Readonly<Record<string, string>> = {}) =>
  server.app.inject({ method: 'GET', url, remoteAddress: nextAddress(), headers: { ...headers } })

async function signIn() {
  const started = await get('/api/v1/oauth/real/authorize')
  const cookie = String(started.headers['set-cookie']).split(';')[0] ?? ''
  const url = await walk(started.json().authorizeUrl)
  return { cookie, answer: await get(url.pathname + url.search, { cookie }) }
}

describe('the certified provider oidc-provider', () => {
  it('makes an account, and signs its person in the next time', async () => {
    const owner = await signInOver(server, await createPerson(server, { roles: ['owner'] }))
    const added = await postTo(
      server,
      '/identity-providers',
      {
        ...{ code: 'real', kind: 'oidc', name: 'Real', issuer },
        ...{ clientId: 'rempart', clientSecret: 'a secret of the provider' },
      },
      bearer(owner.accessToken),
    )
    expect(added.json().redirectUri).toBe('http://localhost:3000/api/v1/oauth/real/callback')

    const first = await signIn()
    expect(first.answer.json()).toMatchObject({ registration_required: true })
    const payload = { token: first.answer.json().registration_token, name: 'Ada' }
    const made = await postTo(server, '/oauth/complete-registration', payload, { cookie: first.cookie })
    expect(made.statusCode).toBe(201)

    const { answer } = await signIn()
    const me = await get('/api/v1/auth/me', bearer(answer.json().access_token))
    expect(me.json().user).toMatchObject({ email: account.email, name: 'Ada', emailVerified: true })
  })

  it('leaves no code, state or token of it in a log line', async () => {
    const { answer } = await signIn()
    const log = server.logLines.join('\n')
    expect(log).not.toMatch(/rmp_(?:oas|oac|mfa|rt)_/)
    expect(log).not.toContain(answer.json().access_token)
    expect(log).not.toMatch(/code=|state=/)
    expect(log).not.toContain(account.email)
  })
})
