import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import Ajv2020, { type ValidateFunction } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { scopes } from '../../packages/server/src/core/access/access.ts'
import { createPasswordHasher } from '../../packages/server/src/core/credentials/password-hasher.ts'
import { assignRole, insertUser } from '../../packages/server/src/core/identity/new-user.ts'
import { createId } from '../../packages/server/src/core/ids.ts'
import { canonicalEmail } from '../../packages/server/src/core/shapes/email.ts'
import type { Pool } from '../../packages/server/src/database/connect.ts'
import { inTenant } from '../../packages/server/src/database/tenant.ts'
import {
  type DescribedOperation,
  describedOperations,
  type MediaType,
  type OpenApi,
} from '../../packages/server/src/isolation/described-operations.ts'
import { createApiKey } from '../../packages/server/src/modules/api-keys/service.ts'
import { insertGate } from '../../packages/server/src/modules/gates/queries.ts'
import { exchange } from '../../packages/server/src/testing/raw-http.ts'
import { type ServerProcess, startServerProcess } from '../support/server-process.ts'
import { createTenantWithForm, publishForm, type TenantWithForm, workerPool } from '../support/tenant-with-form.ts'
import { brokenTexts, hostileField, hostileSegment, mutated } from './hostile.ts'
import { countRows } from './stored.ts'
import { openWire, type Wire, type WireAnswer, type WireRequest } from './wire.ts'

/**
 * Every operation of the OpenAPI document, attacked with what its own description makes possible: a route that is
 * added later is covered by being documented. The document is the one of the repository, which a check keeps in step.
 */
const document: OpenApi = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../docs/reference/openapi.json'), 'utf8'),
)
const operations = describedOperations(document)
const named = operations.map((each) => [`${each.method} ${each.path}`, each] as const)
const withBody = named.filter(([, { operation }]) => operation.requestBody !== undefined)

const metricsToken = 'metrics-token-of-a-test'

/** How long one operation is attacked in each way. */
const budgetMs = 450

let server: ServerProcess
let port: number
let pool: Pool
let tenant: TenantWithForm
/** The form that staff operations change, while visitors fill in the tenant's first one. */
let changing: TenantWithForm['form']
let key: string
/** The access token of an owner, for what no key may do. */
let session = ''
let wire: Wire
beforeAll(async () => {
  const policies = new Set(operations.map(({ operation }) => operation['x-guard']).filter((id) => id !== 'none'))
  server = await startServerProcess({
    env: {
      REMPART_METRICS_TOKEN: metricsToken,
      REMPART_REQUEST_TIMEOUT: '2s',
      REMPART_HEADERS_TIMEOUT: '1s',
      REMPART_PASSWORD_CHECK_HIBP: 'off',
    },
    // Decides, and refuses nobody: what is attacked here is behind the guard.
    policies: Object.fromEntries([...policies, 'auth.client'].map((id) => [id, { mode: 'shadow' }])),
  })
  port = Number(new URL(server.url).port)
  pool = workerPool(server)
  tenant = await createTenantWithForm(pool)
  changing = await publishForm(pool, tenant.id, 'changing')
  await openGates(['ask', 'gate125', 'changing', 'doomed'])
  key = (await createApiKey(pool, tenant.id, { name: 'attacker', scopes })).token
  wire = openWire(port)
  await makeOwner()
}, 60_000)
afterAll(async () => {
  wire.close()
  await pool.end()
  await server.remove()
})

const owner = { email: 'owner@example.org', password: 'nine amber anchors' }

async function makeOwner(): Promise<void> {
  const passwordHash = await createPasswordHasher().hash(owner.password)
  await inTenant(pool, tenant.id, async (tx) => {
    // Of the platform, so that its operations are reached as well.
    await tx.updateTable('tenant').set({ is_platform: true }).where('id', '=', tenant.id).execute()
    const made = { tenantId: tenant.id, email: owner.email, locale: 'en', emailVerifiedAt: new Date() } as const
    const userId = await insertUser(tx, { ...made, passwordHash })
    if (userId === undefined) throw new Error('the address is taken')
    await assignRole(tx, { tenantId: tenant.id, userId, roleCode: 'owner', grantedBy: 'operator:cli' })
  })
}

/** An attack may sign the owner out, or ask a second factor of everybody: the next one begins signed in again. */
beforeEach(async () => {
  // A session from before goes on then, and does nothing that asks for a proof.
  await inTenant(pool, tenant.id, (tx) =>
    tx.updateTable('tenant').set({ mfa_required: false }).where('id', '=', tenant.id).execute(),
  )
  const me = await wire.send({
    method: 'GET',
    target: '/api/v1/auth/me',
    fields: ['authorization', `Bearer ${session}`],
  })
  if (me.status === 200 && JSON.parse(me.text).session.restriction === null) return
  const signedIn = await wire.send({
    method: 'POST',
    target: '/api/v1/auth/login',
    fields: ['x-tenant-id', tenant.slug, 'content-type', 'application/json'],
    body: Buffer.from(JSON.stringify(owner)),
  })
  expect(signedIn.status, signedIn.text).toBe(200)
  session = JSON.parse(signedIn.text).access_token
})

/** Anybody may register at them, so that what is sent without a key gets as far as it can. */
async function openGates(slugs: readonly string[]): Promise<void> {
  await inTenant(pool, tenant.id, async (tx) => {
    for (const slug of slugs) {
      await insertGate(tx, { tenant_id: tenant.id, id: createId(), slug, name: slug, capacity: 5, is_public: true })
    }
  })
}

/** The operation's own example, with the names of things that exist. */
function baseline({ method, path, operation }: DescribedOperation, segment?: (name: string) => string): WireRequest {
  const target = path.replace(
    /\{(\w+)\}/g,
    (_whole, name: string) => segment?.(name) ?? parameterOf(path, name, method),
  )
  const [type, media] = Object.entries(operation.requestBody?.content ?? {})[0] ?? []
  const [scheme] = Object.keys(operation.security?.[0] ?? {})
  const secret = secretOf(scheme)
  const credential = scheme === undefined ? [] : ['authorization', `Bearer ${secret}`]
  const content = type === undefined ? [] : ['content-type', type]
  return {
    method,
    target,
    fields: ['x-tenant-id', tenant.slug, ...credential, ...content],
    body: media === undefined ? undefined : Buffer.from(JSON.stringify(exampleOf(media))),
  }
}

function secretOf(scheme: string | undefined): string {
  if (scheme === 'metricsToken') return metricsToken
  return scheme === 'accessToken' ? session : key
}

/** The example of a body. The answers of a form are those of the form that exists. */
function exampleOf({ example }: MediaType): unknown {
  const isAnswers = typeof example === 'object' && example !== null && 'data' in example
  return isAnswers ? { ...example, data: { who: 'Ada' } } : example
}

function parameterOf(path: string, name: string, method: string): string {
  if (path === '/api/v1/gates/{slug}') return method === 'DELETE' ? 'doomed' : 'changing'
  if (name === 'id' && path.startsWith('/api/v1/forms/')) return changing.id
  if (name === 'formId') return tenant.form.id
  if (name === 'provider') return 'example'
  if (name === 'slug') return tenant.form.slug
  return name === 'version' ? '1' : '019bd0a4-6c00-7abc-8def-0123456789ab'
}

/** Refusals that any request may meet, and that no operation lists for itself. */
const everywhere = [400, 404, 405, 408, 413, 414, 415, 417, 422, 431]

/** What every answer must be, whatever was sent. */
function judge(answer: WireAnswer, { operation }: DescribedOperation, sent: WireRequest): void {
  const told = `${sent.method} ${sent.target.slice(0, 200)} → ${answer.status} ${answer.text.slice(0, 300)}`
  expect(answer.status, told).toBeLessThan(500)
  const documented = Object.keys(operation.responses).map(Number)
  expect([...documented, ...everywhere], told).toContain(answer.status)
  expect(answer.headers['x-content-type-options'], told).toBe('nosniff')
  expect(answer.text, told).not.toMatch(
    /node_modules|\.ts:\d|\bat \w+ \(|syntax error at|rempart_(app|owner)|duplicate key value/,
  )
  if (answer.status < 400 || sent.method === 'HEAD') return
  expect(answer.type, told).toBe('application/problem+json; charset=utf-8')
  const problem = JSON.parse(answer.text)
  expect(problem, told).toMatchObject({
    status: answer.status,
    code: expect.any(String),
    requestId: expect.any(String),
  })
}

/** Fewest requests that an attack is made of, however slow the operation is that it meets. */
const fewestStrikes = 4

/** Sends what fast-check makes: as much as the time allows, and {@link fewestStrikes} whatever time they take. */
async function attack<T>(arbitrary: fc.Arbitrary<T>, strike: (value: T) => Promise<void>): Promise<void> {
  let strikes = 0
  const endsMs = performance.now() + budgetMs
  const property = fc.asyncProperty(arbitrary, async (value) => {
    if (strikes >= fewestStrikes && performance.now() >= endsMs) return
    strikes += 1
    await strike(value)
  })
  await fc.assert(property, { numRuns: 60, endOnFailure: true })
  expect(strikes).toBeGreaterThanOrEqual(fewestStrikes)
}

const stored = () => countRows(server, tenant.id)

/** What a document cannot give an example of: passwords, codes and tokens that hold. */
const withSecret: ReadonlySet<string> = new Set([
  'login',
  'refreshTokens',
  'changePassword',
  'verifyEmail',
  'confirmPasswordReset',
  'enableMfa',
  'disableMfa',
  'loginMfa',
  'stepUp',
  'acceptInvitation',
  'returnFromProvider',
  'completeOAuthRegistration',
  'endSessionsByLink',
  'requestMfaReset',
  'confirmMfaReset',
  'cancelMfaReset',
  'registerPasskey',
  'signInWithPasskey',
  'stepUpWithPasskey',
  'confirmEmailChange',
  'returnEmail',
])

it.each(named)('%s takes its own example', async (_name, described) => {
  const sent = baseline(described)
  const answer = await wire.send(sent)
  judge(answer, described, sent)
  // Of what the examples name, only forms and gates exist; and two of them take the same slug.
  const expected = withSecret.has(described.operation.operationId)
    ? [400, 401, 409, 422]
    : [200, 201, 202, 204, 404, 409]
  expect(expected, answer.text).toContain(answer.status)
})

describe.each(withBody)('the body of %s', (_name, described) => {
  const media = Object.values(described.operation.requestBody?.content ?? {})[0] ?? { schema: {} }

  it('that does not fit the schema is refused, and stores nothing', async () => {
    const fits = validatorOf(media.schema)
    const before = await stored()
    await attack(
      mutated(exampleOf(media)).filter((body) => body !== undefined && !fits(body)),
      async (body) => {
        const sent = { ...baseline(described), body: Buffer.from(JSON.stringify(body)) }
        const answer = await wire.send(sent)
        judge(answer, described, sent)
        expect(answer.status, JSON.stringify(body).slice(0, 300)).toBeGreaterThanOrEqual(400)
      },
    )
    expect(await stored()).toEqual(before)
  })

  it('that fits by chance is never an error of ours', async () => {
    await attack(mutated(exampleOf(media)), async (body) => {
      const sent = { ...baseline(described), body: Buffer.from(JSON.stringify(body) ?? '') }
      judge(await wire.send(sent), described, sent)
    })
  })

  it('that is no acceptable JSON is refused with 400, and stores nothing', async () => {
    const before = await stored()
    for (const [name, make] of brokenTexts) {
      const sent = { ...baseline(described), body: make(JSON.stringify(exampleOf(media))) }
      const answer = await wire.send(sent)
      judge(answer, described, sent)
      expect([name, answer.status]).toEqual([name, 400])
    }
    expect(await stored()).toEqual(before)
  })

  it('that is broken off, or over 1 MB, stores nothing', async () => {
    const before = await stored()
    const request = baseline(described)
    const large = await wire.send({ ...request, body: Buffer.alloc(1_048_577, 0x20) })
    expect(large.status).toBe(413)
    const fields = ['host: localhost', ...pairs(request.fields), `content-length: ${(request.body?.length ?? 0) + 50}`]
    const head = `${request.method} ${request.target} HTTP/1.1\r\n${fields.join('\r\n')}\r\n\r\n`
    await Promise.all([1, 2, 3].map(() => exchange(port, [head, request.body ?? ''], { waitMs: 30, closeMs: 0 })))
    expect(await stored()).toEqual(before)
  })
})

describe.each(named)('%s', (_name, described) => {
  it('answers any path parameter and any query', async () => {
    const query = fc.array(fc.tuple(nameOfQuery(described), hostileSegment), { maxLength: 5 })
    await attack(
      fc.tuple(fc.array(hostileSegment, { minLength: 3, maxLength: 3 }), fc.boolean(), query),
      async ([segments, isPathKept, pairsOf]) => {
        const rest = [...segments]
        const { target, ...sent } = baseline(described, isPathKept ? undefined : () => rest.pop() ?? 'x')
        const search = pairsOf.map(([name, value]) => `${name}=${value}`).join('&')
        const request = { ...sent, target: printable(search === '' ? target : `${target}?${search}`) }
        // A name that exists may be deleted or changed; that is what the operation is for.
        judge(await wire.send(request), described, request)
      },
    )
  })

  it('answers any header field', async () => {
    const fields = fc.array(fc.tuple(fc.constantFrom(...fieldNames), hostileField), { minLength: 1, maxLength: 4 })
    await attack(fields, async (chosen) => {
      const request = baseline(described)
      const sent = {
        ...request,
        fields: [
          ...without(
            request.fields,
            chosen.map(([name]) => name),
          ),
          ...chosen.flat(),
        ],
      }
      const answer = await wire.send(sent)
      if (answer.status === 403 || answer.status === 401) expect(answer.type).toContain('problem+json')
      else judge(answer, described, sent)
    })
  })

  it('asks for its credential', async () => {
    const access = described.operation['x-access']
    if (access === 'none' || access === 'public') return
    const request = baseline(described)
    const before = await stored()
    for (const credential of [
      [],
      ['authorization', 'Bearer nothing'],
      ['authorization', `Bearer ${key.slice(0, -1)}${key.endsWith('x') ? 'y' : 'x'}`],
      ['x-api-key', key.slice(0, 20)],
    ]) {
      const answer = await wire.send({
        ...request,
        fields: [...without(request.fields, ['authorization']), ...credential],
      })
      judge(answer, described, request)
      expect(answer.status).toBe(401)
    }
    expect(await stored()).toEqual(before)
  })
})

it('cuts off slow bodies of every operation, and stores nothing', async () => {
  const before = await stored()
  const exchanged = await Promise.all(
    withBody.map(([, described]) => {
      const { method, target, fields, body = Buffer.alloc(0) } = baseline(described)
      const head = `${method} ${target} HTTP/1.1\r\nhost: localhost\r\n${pairs(fields).join('\r\n')}\r\ncontent-length: ${body.length + 1}\r\n\r\n`
      return exchange(port, [head, ...body.toString('latin1')], { pauseMs: 100, waitMs: 8_000 })
    }),
  )
  for (const { responses, closed } of exchanged) expect([responses[0]?.status, closed]).toEqual([408, true])
  expect(await stored()).toEqual(before)
})

it('still serves, as one process that never met an error', async () => {
  const health = await wire.send({ method: 'GET', target: '/api/v1/health/ready', fields: [] })
  expect(health.status).toBe(200)
  const render = await wire.send({
    method: 'GET',
    target: `/api/v1/forms/public/${tenant.form.slug}`,
    fields: ['x-tenant-id', tenant.slug],
  })
  expect([200, 404]).toContain(render.status)
  const faults = server.logs.filter(
    ({ level, status }) => level === 'error' || level === 'fatal' || Number(status) >= 500,
  )
  expect(faults).toEqual([])
  expect(server.stderr()).not.toMatch(/Error|Warning/)

  const figures = await wire.send({
    method: 'GET',
    target: '/metrics',
    fields: ['authorization', `Bearer ${metricsToken}`],
  })
  expect(figures.text).toMatch(/^rempart_database_pool_connections\{pool="app",state="total"\} [1-9]/m)
  expect(figures.text).not.toMatch(/status="5\d\d"/)
})

const fieldNames = [
  'accept',
  'accept-encoding',
  'accept-language',
  'accept-version',
  'api-version',
  'authorization',
  'cookie',
  'forwarded',
  'idempotency-key',
  'if-none-match',
  'origin',
  'range',
  'referer',
  'te',
  'traceparent',
  'tracestate',
  'upgrade-insecure-requests',
  'user-agent',
  'x-api-key',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-http-method-override',
  'x-original-url',
  'x-request-id',
  'x-tenant-id',
  'access-control-request-method',
  'content-encoding',
  'content-type',
]

const pairs = (fields: readonly string[]): string[] =>
  fields.flatMap((name, index) => (index % 2 === 0 ? [`${name}: ${fields[index + 1] ?? ''}`] : []))

const without = (fields: readonly string[], names: readonly string[]): string[] =>
  fields.filter((_each, index) => !names.includes(fields[index - (index % 2)] ?? ''))

function nameOfQuery({ operation }: DescribedOperation): fc.Arbitrary<string> {
  const known = (operation.parameters ?? []).filter((parameter) => parameter.in === 'query').map(({ name }) => name)
  return fc.constantFrom(...known, '__proto__', 'constructor', 'x', 'page[]', 'page')
}

// A request line has no spaces and no raw controls; everything else may stand in it.
const printable = (target: string): string => target.replace(/[^\x21-\x7e]/g, '')

const compiled = new Map<string, ValidateFunction>()
const ajv = new Ajv2020.default({ strict: false })
ajv.addFormat('email', (text: string) => canonicalEmail(text) !== undefined)
ajv.addFormat('uuid', /^(?:urn:uuid:)?[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i)
ajv.addFormat('date-time', (text: string) => !Number.isNaN(Date.parse(text)))
ajv.addFormat('date', /^\d{4}-\d{2}-\d{2}$/)
ajv.addSchema({ $id: 'document', components: document.components })

function validatorOf(schema: object): ValidateFunction {
  const text = JSON.stringify(schema).replaceAll('"#/components', '"document#/components')
  const validate = compiled.get(text) ?? ajv.compile(JSON.parse(text))
  compiled.set(text, validate)
  return validate
}
