import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ConfigError } from '../config.ts'
import { readConfig } from './read-config.ts'
import { optionalPackage, SecretStoreError } from './store.ts'

/** What no message, and no log, may hold. */
const key = 'k3Jd0pXv7sQmZr9LwTfYb2NcHg5aUe8iOx1RtVq4MnA='
const credential = 'hvs.CAESIJ-a-credential-of-the-store'
const settings = { REMPART_SECRET_KEY: key, REMPART_LOG_LEVEL: 'warn', OTHER_APPLICATION: 'its own' }

type Answer = (request: IncomingMessage, response: ServerResponse, body: string) => void
let server: Server | undefined
const requests: { readonly url: string; readonly headers: IncomingMessage['headers']; readonly body: string }[] = []
const printed: string[] = []

beforeEach(() => {
  requests.length = 0
  printed.length = 0
  for (const stream of [process.stdout, process.stderr]) {
    vi.spyOn(stream, 'write').mockImplementation((chunk) => {
      printed.push(String(chunk))
      return true
    })
  }
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIDEXAMPLE')
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', credential)
})
afterEach(() => {
  server?.closeAllConnections()
  server?.close()
})

/** A server that answers each request as the next of these does; the last goes on. */
async function serving(...answers: readonly Answer[]): Promise<string> {
  server = createServer(async (request, response) => {
    const body = await text(request)
    const answer = answers[Math.min(requests.length, answers.length - 1)]
    requests.push({ url: request.url ?? '', headers: request.headers, body })
    answer?.(request, response, body)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  return `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`
}

const json =
  (value: unknown, status = 200): Answer =>
  (_request, response) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
const raw =
  (body: string): Answer =>
  (_request, response) =>
    response.writeHead(200, { 'content-type': 'application/json' }).end(body)
const hang: Answer = () => {}

interface Kind {
  readonly name: string
  readonly place: string
  readonly environment: (url: string) => Record<string, string>
  /** What comes before the settings are asked for. */
  readonly before: readonly Answer[]
  readonly holding: (values: Readonly<Record<string, unknown>>) => Answer
  readonly refusing: (status: number) => Answer
  readonly credentialOf: (request: (typeof requests)[number]) => unknown
}

const kinds: readonly Kind[] = [
  {
    name: 'Vault',
    place: 'Vault at secret/team/rempart',
    environment: (url) => ({
      REMPART_SECRET_STORE: 'vault',
      REMPART_VAULT_URL: url,
      REMPART_VAULT_PATH: 'secret/team/rempart',
      REMPART_VAULT_TOKEN: credential,
    }),
    before: [],
    holding: (values) => json({ data: { data: values, metadata: { version: 3 } } }),
    refusing: (status) => json({ errors: [`no, ${credential}`] }, status),
    credentialOf: ({ headers }) => headers['x-vault-token'],
  },
  {
    name: 'AWS Secrets Manager',
    place: 'AWS Secrets Manager at rempart/production',
    environment: (url) => ({
      REMPART_SECRET_STORE: 'aws',
      REMPART_AWS_SECRET_ID: 'rempart/production',
      REMPART_AWS_REGION: 'eu-west-3',
      REMPART_AWS_ENDPOINT: url,
    }),
    before: [],
    holding: (values) => (request, response) =>
      request.headers['x-amz-target'] === 'secretsmanager.GetSecretValue'
        ? response
            .writeHead(200, { 'content-type': 'application/x-amz-json-1.1' })
            .end(JSON.stringify({ Name: 'rempart/production', SecretString: JSON.stringify(values) }))
        : response.writeHead(400).end(),
    refusing: (status) => (_request, response) => {
      const name = { 403: 'AccessDeniedException', 404: 'ResourceNotFoundException' }[status] ?? 'InternalServiceError'
      const sent = status < 500 ? 400 : status
      response
        .writeHead(sent, { 'content-type': 'application/x-amz-json-1.1', 'x-amzn-errortype': name })
        .end(JSON.stringify({ __type: name, message: `no, ${credential}` }))
    },
    credentialOf: ({ headers }) => headers.authorization,
  },
  {
    name: 'Infisical',
    place: 'Infisical at prod:/server',
    environment: (url) => ({
      REMPART_SECRET_STORE: 'infisical',
      REMPART_INFISICAL_URL: url,
      REMPART_INFISICAL_PROJECT: 'project-1',
      REMPART_INFISICAL_PATH: '/server',
      REMPART_INFISICAL_CLIENT_ID: 'machine',
      REMPART_INFISICAL_CLIENT_SECRET: credential,
    }),
    before: [
      json({ message: 'Ok' }),
      json({ accessToken: 'an access token', expiresIn: 7200, accessTokenMaxTTL: 7200, tokenType: 'Bearer' }),
    ],
    holding: (values) =>
      json({
        secrets: Object.entries(values).map(([secretKey, secretValue]) => ({ secretKey, secretValue })),
        imports: [],
      }),
    refusing: (status) => json({ statusCode: status, message: `no, ${credential}`, error: 'Refused' }, status),
    credentialOf: ({ headers }) => headers.authorization,
  },
]

const patience = { firstWaitMs: 20, timeoutMs: 600 }
/** Reads, and says what was thrown, as text, with everything that it carries. */
async function faultOf(environment: Readonly<Record<string, string>>): Promise<Error & { text: string }> {
  const error: unknown = await readConfig({ environment, patience }).then(
    () => new Error('it was read'),
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof Error)) throw error
  const { inspect } = await import('node:util')
  return Object.assign(error, { text: `${error.message} ${inspect(error, { depth: 10 })}` })
}

describe.each(kinds)('the settings in $name', (kind) => {
  it('are read by their names, with the store’s own credential', async () => {
    const url = await serving(...kind.before, kind.holding(settings))
    const config = await readConfig({ environment: kind.environment(url), patience })
    expect(config).toMatchObject({ secretKey: key, logLevel: 'warn' })
    const credentials = requests.map(kind.credentialOf)
    expect(credentials.at(-1)).toMatch(/hvs\.CAES|AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/|Bearer an access token/)
    if (kind.name === 'Infisical') {
      expect(requests[1]).toMatchObject({ url: '/api/v1/auth/universal-auth/login' })
      expect(requests[2]?.url).toMatch(/secretPath=%2Fserver/)
    }
  })

  it('are those that the environment lacks: what it says goes first', async () => {
    const url = await serving(...kind.before, kind.holding(settings))
    const environment = { ...kind.environment(url), REMPART_LOG_LEVEL: 'error' }
    expect(await readConfig({ environment, patience })).toMatchObject({ secretKey: key, logLevel: 'error' })
  })

  it('are refused with every fault by name, and no value', async () => {
    const url = await serving(...kind.before, kind.holding({ ...settings, REMPART_SECRET_KEY: 'changeme-and-weak' }))
    const weak = await faultOf(kind.environment(url))
    expect(weak).toBeInstanceOf(ConfigError)
    expect(weak.message).toContain('REMPART_SECRET_KEY must have at least 32 bytes')
    expect(weak.text).not.toContain('changeme')
    server?.close()
    requests.length = 0
    const other = await serving(
      ...kind.before,
      kind.holding({ REMPART_SECRETKEY: key, REMPART_VAULT_TOKEN: credential }),
    )
    const misplaced = await faultOf(kind.environment(other))
    expect(misplaced.message).toMatch(/REMPART_SECRETKEY, in the secret store, is not a setting/)
    expect(misplaced.message).toMatch(/REMPART_VAULT_TOKEN is in the secret store, and it takes it to find/)
    expect(misplaced.text).not.toContain(credential)
  })

  it.each([403, 404])('that may not be read, or are not there, stop the start at once (%i)', async (status) => {
    const url = await serving(...kind.before, kind.refusing(status))
    const fault = await faultOf(kind.environment(url))
    expect(fault).toBeInstanceOf(SecretStoreError)
    expect(fault.message).toContain(`REMPART_SECRET_STORE: ${kind.place}`)
    expect(requests).toHaveLength(kind.before.length + 1)
    for (const secret of [credential, key]) expect(`${fault.text}${printed.join('')}`).not.toContain(secret)
  })

  it('are asked for again when the store fails for a moment', async () => {
    const url = await serving(...kind.before, kind.refusing(503), ...kind.before, kind.holding(settings))
    expect(await readConfig({ environment: kind.environment(url), patience })).toMatchObject({ secretKey: key })
  })

  it('are given up after three tries, in time, when it never answers', async () => {
    const url = await serving(...kind.before, hang)
    const startedMs = performance.now()
    const fault = await faultOf(kind.environment(url))
    expect(fault.message).toMatch(/no answer in time/)
    expect(performance.now() - startedMs).toBeLessThan(5_000)
    expect(`${fault.text}${printed.join('')}`).not.toContain(credential)
  })

  it('that are no JSON, or no settings, are not repeated in the message', async () => {
    const url = await serving(...kind.before, raw(`<html>${key}</html>`))
    const broken = await faultOf(kind.environment(url))
    expect(broken).toBeInstanceOf(SecretStoreError)
    expect(`${broken.text}${printed.join('')}`).not.toContain(key)
    server?.close()
    requests.length = 0
    const other = await serving(...kind.before, kind.holding({ REMPART_SECRET_KEY: [key] }))
    const odd = await faultOf(kind.environment(other))
    expect(odd.message).toMatch(/whose value is no text/)
    expect(`${odd.text}${printed.join('')}`).not.toContain(key)
  })
})

describe('Vault', () => {
  const vaultAt = (url: string): Record<string, string> => kinds[0]?.environment(url) ?? {}
  it('is signed in to with an AppRole, in a namespace', async () => {
    const url = await serving(json({ auth: { client_token: 'hvs.given' } }), json({ data: { data: settings } }))
    const { REMPART_VAULT_TOKEN: _none, ...rest } = vaultAt(url)
    const environment = {
      ...rest,
      REMPART_VAULT_NAMESPACE: 'team-a',
      REMPART_VAULT_ROLE_ID: 'role',
      REMPART_VAULT_SECRET_ID: credential,
    }
    expect(await readConfig({ environment, patience })).toMatchObject({ secretKey: key })
    expect(requests[0]).toMatchObject({ url: '/v1/auth/approle/login' })
    expect(JSON.parse(requests[0]?.body ?? '')).toEqual({ role_id: 'role', secret_id: credential })
    expect(requests[1]).toMatchObject({ url: '/v1/secret/data/team/rempart' })
    expect(requests[1]?.headers).toMatchObject({ 'x-vault-token': 'hvs.given', 'x-vault-namespace': 'team-a' })
  })

  it('cannot send its token elsewhere: a redirect is not followed', async () => {
    const url = await serving((_request, response) => {
      response.writeHead(307, { location: '/elsewhere' }).end()
    })
    expect(await faultOf(vaultAt(url))).toBeInstanceOf(SecretStoreError)
    expect(requests.every(({ url: asked }) => asked !== '/elsewhere')).toBe(true)
  })
})

describe('Infisical', () => {
  it('cannot send its client secret elsewhere: where there is a redirect, nobody signs in', async () => {
    const url = await serving((_request, response) => {
      response.writeHead(307, { location: '/elsewhere' }).end()
    })
    const fault = await faultOf(kinds.find(({ name }) => name === 'Infisical')?.environment(url) ?? {})
    expect(fault.message).toMatch(/answered 307: set REMPART_INFISICAL_URL/)
    expect(requests.map((request) => [request.url, request.body])).toEqual([['/api/status', '']])
  })
})

describe('a secret store', () => {
  it('that is named without what it takes is one list of faults', async () => {
    const faults = async (store: string) => (await faultOf({ REMPART_SECRET_STORE: store })).message
    expect(await faults('vault')).toMatch(/VAULT_URL is required.*VAULT_PATH is required.*VAULT_TOKEN/s)
    expect(await faults('aws')).toContain('REMPART_AWS_SECRET_ID is required')
    expect(await faults('infisical')).toMatch(/PROJECT is required.*CLIENT_ID is required.*CLIENT_SECRET is required/s)
    expect(await faults('nowhere')).toContain('must be one of none, vault, aws, infisical')
  })

  it('that cannot be reached is told by its place and the reason', async () => {
    const url = await serving()
    server?.close()
    await once(server ?? process, 'close')
    const fault = await faultOf(kinds[0]?.environment(url) ?? {})
    expect(fault.message).toBe('REMPART_SECRET_STORE: Vault at secret/team/rempart cannot be reached (ECONNREFUSED)')
  })

  it('whose package is not installed says which command installs it', async () => {
    const absent = 'rempart-no-such-package'
    await expect(optionalPackage(absent, () => import(absent))).rejects.toThrow(`npm install ${absent}`)
  })

  it('must be asked over https in production', async () => {
    const environment = {
      NODE_ENV: 'production',
      REMPART_PUBLIC_URL: 'https://example.org',
      REMPART_VAULT_URL: 'http://vault:8200',
    }
    expect((await faultOf(environment)).message).toContain('REMPART_VAULT_URL must be https in production')
  })
})
