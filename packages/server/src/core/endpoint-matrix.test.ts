import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { inTenant } from '../database/tenant.ts'
import {
  type DescribedOperation,
  describedOperations,
  followed,
  type OpenApi,
} from '../isolation/described-operations.ts'
import { inTransaction, seedTwoTenants } from '../isolation/table-matrix.ts'
import { idOf, tableRegistry } from '../isolation/table-registry.ts'
import { createTestDatabase, type TestDatabase } from '../testing/database.ts'
import { bearer, createPerson, nextAddress, signInOver } from '../testing/people.ts'
import { startTestServer, type TestServer } from '../testing/server.ts'
import { scopes } from './access.ts'
import { insertBuiltinRoles } from './identity/builtin-roles.ts'

/** What an id of an operation names, by its first path segment: the row of a tenant that `seedTwoTenants` made. */
const entries: Readonly<Record<string, (tenantId: string) => string>> = {
  'contact id': (tenant) => idOf(tenant, 'contact_message', 0),
  'contact cursor': (tenant) => idOf(tenant, 'contact_message', 0),
  'forms id': (tenant) => idOf(tenant, 'form', 0),
  'forms cursor': (tenant) => idOf(tenant, 'form', 0),
  'forms slug': (tenant) => `f-${idOf(tenant, 'form', 0)}`,
  'leads id': (tenant) => idOf(tenant, 'lead', 0),
  'leads cursor': (tenant) => idOf(tenant, 'lead', 0),
  'leads formId': (tenant) => idOf(tenant, 'form', 0),
  'resources id': (tenant) => idOf(tenant, 'resource', 0),
  'gates id': (tenant) => idOf(tenant, 'gate_registration', 0),
  'gates cursor': (tenant) => idOf(tenant, 'gate_registration', 0),
  'gates slug': (tenant) => `g-${idOf(tenant, 'gate', 0)}`,
  'security-events id': (tenant) => idOf(tenant, 'security_event', 0),
  'security-events cursor': (tenant) => idOf(tenant, 'security_event', 0),
  'sessions id': (tenant) => idOf(tenant, 'session', 0),
  'api-keys id': (tenant) => idOf(tenant, 'api_key', 0),
  'identity-providers id': (tenant) => idOf(tenant, 'identity_provider', 0),
  'passkeys id': (tenant) => idOf(tenant, 'webauthn_credential', 0),
  'oauth provider': (tenant) => `p-${idOf(tenant, 'provider', 0).slice(0, 8)}`,
  'oauth accountId': (tenant) => idOf(tenant, 'oauth_account', 0),
  'users id': (tenant) => idOf(tenant, 'user', 0),
  'users roleId': (tenant) => idOf(tenant, 'role', 0),
  'roles id': (tenant) => idOf(tenant, 'role', 0),
  'invitations id': (tenant) => idOf(tenant, 'invitation', 0),
  'invitations roleId': (tenant) => idOf(tenant, 'role', 0),
}

/** Parameters that name no row of a tenant. */
const exempt: Readonly<Record<string, string>> = {
  'policies id': 'the name of a policy of the installation, the same for every tenant',
  'forms version': 'a number that counts within a form',
  'password-reset token': 'a secret of 256 bits, which finds its own tenant',
}

type Place = 'path' | 'query' | 'body'

/** One id of one operation. */
interface Attack {
  readonly described: DescribedOperation
  readonly place: Place
  readonly name: string
  /** Its key in `entries`. */
  readonly entry: string
}

let database: TestDatabase
let server: TestServer
let document: OpenApi
let mine: string
let theirs: string
let credentials: Readonly<Record<'an API key of every scope' | 'an owner’s session', Readonly<Record<string, string>>>>
beforeAll(async () => {
  database = await createTestDatabase()
  server = await startTestServer(database, {
    policyFile: { version: 1, policies: { general: { rules: { burst: 'off' } } } },
  })
  document = (await server.app.inject({ url: '/api/v1/openapi.json' })).json()
  ;[mine, theirs] = await seedTwoTenants(database.worker)
  await inTenant(database.worker, mine, (tx) => insertBuiltinRoles(tx, mine))
  const owner = await createPerson(server, { tenantId: mine, roles: ['owner'] })
  const named = { 'x-tenant-id': mine }
  const { accessToken } = await signInOver(server, owner, { headers: named })
  credentials = {
    'an API key of every scope': { ...named, 'x-api-key': await server.apiKey(scopes, mine) },
    'an owner’s session': { ...named, ...bearer(accessToken) },
  }
})
afterAll(async () => {
  await server.close()
  await database.close()
})

/** Every place of every operation where the caller names something. */
function attacks(): readonly Attack[] {
  return describedOperations(document).flatMap((described) => {
    const [, segment = ''] = /^\/api\/v1\/([a-z0-9-]+)/.exec(described.path) ?? []
    const named = (place: Place, name: string): Attack => ({ described, place, name, entry: `${segment} ${name}` })
    const parameters = (described.operation.parameters ?? []).flatMap((parameter) => {
      const isId = parameter.in === 'path' || (parameter.in === 'query' && parameter.schema['format'] === 'uuid')
      return isId ? [named(parameter.in === 'path' ? 'path' : 'query', parameter.name)] : []
    })
    return [...parameters, ...idsOfBody(described).map((name) => named('body', name))]
  })
}

const bodyOf = ({ operation }: DescribedOperation) => operation.requestBody?.content['application/json']

function idsOfBody(described: DescribedOperation): readonly string[] {
  const schema = bodyOf(described)?.schema
  const properties = schema === undefined ? {} : (followed(document, schema)['properties'] ?? {})
  return Object.entries(properties as Record<string, { readonly format?: string }>).flatMap(([name, { format }]) =>
    format === 'uuid' ? [name] : [],
  )
}

/** Makes the call with one of its ids replaced and every other one the caller's own. */
async function attempt({ described, place, name }: Attack, id: string, headers: Readonly<Record<string, string>>) {
  const { method, path, operation } = described
  const [, segment = ''] = /^\/api\/v1\/([a-z0-9-]+)/.exec(path) ?? []
  const own = (each: string): string => entries[`${segment} ${each}`]?.(mine) ?? '1'
  const target = path.replaceAll(/\{(\w+)\}/g, (_, each: string) =>
    place === 'path' && each === name ? id : own(each),
  )
  const example = bodyOf(described)?.example as object | undefined
  const ids = Object.fromEntries(idsOfBody(described).map((each) => [each, own(each)]))
  const payload = example && { ...example, ...ids, ...(place === 'body' && { [name]: id }) }
  const answer = await server.app.inject({
    method: method as 'POST',
    url: place === 'query' ? `${target}?${name}=${id}` : target,
    headers: { ...headers },
    remoteAddress: nextAddress(),
    ...(operation.requestBody && payload && { payload }),
  })
  const { date: _d, 'x-request-id': requestId, 'x-response-time': _t, traceparent: _p, ...rest } = answer.headers
  const body = answer.body
    .replaceAll(String(requestId), '<request>')
    .replaceAll(id, '<id>')
    .replace(/"timestamp":"[^"]+"/, '"timestamp":"<now>"')
  return { status: answer.statusCode, headers: rest, body }
}

/** An id beside another, which nobody has: lists that go by order have nothing in between. */
const neighbourOf = (id: string): string =>
  /[0-9a-f]{12}$/.test(id) ? id.slice(0, -12) + randomUUID().slice(-12) : id.slice(0, -4) + randomUUID().slice(0, 4)

/** A digest of every row that a tenant has. */
const stateOf = (tenantId: string): Promise<string> =>
  inTransaction(database.worker, tenantId, async (connection) => {
    const digests = tableRegistry.map(
      ({ table, tenantColumn }) =>
        `select '${table}' || coalesce(md5(string_agg(t::text, ',' order by t::text)), '-') as digest
         from ${table} t where ${tenantColumn} = '${tenantId}'`,
    )
    const { rows } = await connection.query<{ digest: string }>(digests.join(' union all '))
    await connection.query('commit')
    return rows.map(({ digest }) => digest).join('\n')
  })

describe('the endpoint matrix (class 34)', () => {
  it('knows every id that an operation takes: a new one without an entry fails here', () => {
    const unknown = attacks().filter(({ entry }) => entries[entry] === undefined && exempt[entry] === undefined)
    expect(unknown.map(({ described, place, entry }) => [described.method, described.path, place, entry])).toEqual([])
    const used = new Set(attacks().map(({ entry }) => entry))
    expect([...Object.keys(entries), ...Object.keys(exempt)].filter((entry) => !used.has(entry))).toEqual([])
  })

  it.each(['an API key of every scope', 'an owner’s session'] as const)(
    'answers %s about an id of another tenant byte for byte as about one that nobody has',
    { timeout: 120_000 },
    async (holder) => {
      const targets = attacks().filter(({ entry }) => entries[entry] !== undefined)
      expect(targets.length).toBeGreaterThan(50)
      const before = await stateOf(theirs)
      const leaks: unknown[] = []
      const statuses = new Map<number, number>()
      for (const target of targets) {
        const foreignId = entries[target.entry]?.(theirs) ?? ''
        const random = await attempt(target, neighbourOf(foreignId), credentials[holder])
        const foreign = await attempt(target, foreignId, credentials[holder])
        statuses.set(foreign.status, (statuses.get(foreign.status) ?? 0) + 1)
        const isSame = JSON.stringify(random) === JSON.stringify(foreign)
        if (!isSame || foreign.status >= 500 || foreign.body.includes(theirs)) {
          leaks.push([target.described.method, target.described.path, target.place, target.name, random, foreign])
        }
      }
      expect(leaks).toEqual([])
      expect(await stateOf(theirs)).toBe(before)
      // Most of them got as far as the look-up.
      expect(statuses.get(404) ?? 0).toBeGreaterThan(holder === 'an owner’s session' ? 40 : 20)
    },
  )

  it('would notice: an id of one’s own is answered otherwise than one that nobody has', {
    timeout: 60_000,
  }, async () => {
    const own = attacks().filter(
      ({ described, place, entry }) => described.method === 'GET' && place === 'path' && entries[entry] !== undefined,
    )
    const unnoticed: string[] = []
    for (const target of own) {
      const id = entries[target.entry]?.(mine) ?? ''
      const [known, random] = [
        await attempt(target, id, credentials['an owner’s session']),
        await attempt(target, neighbourOf(id), credentials['an owner’s session']),
      ]
      if (JSON.stringify(known) === JSON.stringify(random)) unnoticed.push(target.described.path)
    }
    expect(unnoticed).toEqual([
      // Not published.
      '/api/v1/forms/public/{slug}',
      // Found by the time within its id, which the id of this row does not hold.
      '/api/v1/security-events/{id}',
      // Of another person of the tenant.
      '/api/v1/sessions/{id}',
      // Takes a state that it gave out before it looks at the provider.
      '/api/v1/oauth/{provider}/callback',
    ])
  })
})
