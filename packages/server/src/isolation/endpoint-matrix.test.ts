import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { scopes } from '../core/access/access.ts'
import { insertBuiltinRoles } from '../core/identity/builtin-roles.ts'
import { inTenant } from '../database/tenant.ts'
import { createTestDatabase, type TestDatabase } from '../testing/database.ts'
import { bearer, createPerson, nextAddress, signInOver } from '../testing/people.ts'
import { startTestServer, type TestServer } from '../testing/server.ts'
import type { OpenApi } from './described-operations.ts'
import { namedRows, namingNoRow } from './endpoint-ids.ts'
import { ask, attackEndpoints, type Call, type Holder, isSame, namingPlaces, neighbourOf } from './endpoint-matrix.ts'
import { inTransaction, seedTwoTenants } from './table-matrix.ts'
import { tableRegistry } from './table-registry.ts'

let database: TestDatabase
let server: TestServer
let document: OpenApi
let mine: string
let theirs: string
let holders: Readonly<Record<'an API key of every scope' | 'an owner’s session', Holder>>
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
  const key = { ...named, 'x-api-key': await server.apiKey(scopes, mine) }
  holders = {
    'an API key of every scope': { name: 'key', tenantId: mine, headers: key },
    'an owner’s session': { name: 'owner', tenantId: mine, headers: { ...named, ...bearer(accessToken) } },
  }
})
afterAll(async () => {
  await server.close()
  await database.close()
})

const call: Call = async ({ method, url, headers, payload }) => {
  const answer = await server.app.inject({
    method: method as 'POST',
    url,
    headers,
    remoteAddress: nextAddress(),
    ...(payload && { payload }),
  })
  return { status: answer.statusCode, headers: answer.headers, body: answer.body }
}

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
    const places = namingPlaces(document)
    const unknown = places.filter(({ entry }) => namedRows[entry] === undefined && namingNoRow[entry] === undefined)
    expect(unknown.map(({ described, place, entry }) => [described.method, described.path, place, entry])).toEqual([])
    const used = new Set(places.map(({ entry }) => entry))
    expect([...Object.keys(namedRows), ...Object.keys(namingNoRow)].filter((entry) => !used.has(entry))).toEqual([])
  })

  it.each(['an API key of every scope', 'an owner’s session'] as const)(
    'answers %s about an id of another tenant byte for byte as about one that nobody has',
    { timeout: 120_000 },
    async (holder) => {
      const before = await stateOf(theirs)
      const cells = await attackEndpoints(call, document, holders[holder], theirs)
      expect(cells.length).toBeGreaterThan(50)
      expect(cells.filter(({ holds }) => !holds)).toEqual([])
      expect(await stateOf(theirs)).toBe(before)
      // Most of them got as far as the look-up.
      const missing = cells.filter(({ status }) => status === 404)
      expect(missing.length).toBeGreaterThan(holder === 'an owner’s session' ? 40 : 20)
    },
  )

  it('would notice: an id of one’s own is answered otherwise than one that nobody has', {
    timeout: 60_000,
  }, async () => {
    const owner = holders['an owner’s session']
    const unnoticed: string[] = []
    for (const target of namingPlaces(document)) {
      const id = namedRows[target.entry]?.(mine)
      if (target.described.method !== 'GET' || target.place !== 'path' || id === undefined) continue
      const known = await ask(call, document, target, id, owner)
      const random = await ask(call, document, target, neighbourOf(id), owner)
      if (isSame(known, random)) unnoticed.push(target.described.path)
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
      // Of people of the platform alone.
      '/api/v1/tenants/{id}',
      '/api/v1/tenants/{id}/grants',
    ])
  })
})
