import { afterAll, beforeAll, expect, it } from 'vitest'
import { createTenant } from '../modules/tenants/service.ts'
import { createTestDatabase, type TestDatabase } from '../testing/database.ts'
import { bearer, createPerson, signInOver } from '../testing/people.ts'
import { startTestServer, type TestServer } from '../testing/server.ts'
import { isScope, platformPermissions, scopes } from './access/access.ts'

let database: TestDatabase
let server: TestServer
let platform: string | undefined
beforeAll(async () => {
  database = await createTestDatabase()
  server = await startTestServer(database, {
    policyFile: { version: 1, policies: { general: { rules: { burst: 'off' } } } },
  })
})
afterAll(async () => {
  await server.close()
  await database.close()
})

const id = '019bd0a4-6c00-7abc-8def-0123456789ab'

it.each([
  ['a URN', `urn:uuid:${id}`],
  ['in braces', `%7B${id}%7D`],
  ['without hyphens', id.replaceAll('-', '')],
  ['a line longer', `${id}%0A`],
])('refuses an id that is %s, in every path and query that takes one', async (_what, written) => {
  const key = bearer(await server.apiKey(scopes))
  const owner = bearer((await signInOver(server, await createPerson(server, { roles: ['owner'] }))).accessToken)
  const keeper = await platformOwner()
  const calls = server.app.routeTable.all.flatMap(({ method, url, schema, config }) => {
    const { access } = config
    const isOfPlatform = platformPermissions.some((permission) => permission === access)
    const isOfKeys = access === 'public' || (access !== undefined && isScope(access))
    const headers = isOfPlatform ? keeper : isOfKeys ? key : owner
    const path = url.replace(':slug', 'none')
    const inQuery = uuidsOf(schema.querystring).map((name) => `${path}?${name}=${written}`)
    return [...uuidsOf(schema.params).map((name) => path.replace(`:${name}`, written)), ...inQuery].map((target) => ({
      method: method as 'GET',
      target,
      headers,
    }))
  })
  expect(calls.length).toBeGreaterThan(20)
  for (const { method, target, headers } of calls) {
    const reply = await server.app.inject({ method, url: target, headers })
    expect([method, target, reply.statusCode]).toEqual([method, target, 422])
  }
})

it('takes an id in capitals for the same id, and writes it down as any other', async () => {
  const owner = bearer((await signInOver(server, await createPerson(server, { roles: ['owner'] }))).accessToken)
  const person = await createPerson(server)
  const capitals = person.id.toUpperCase()
  const call = (method: 'GET' | 'PUT' | 'POST', url: string, payload?: object) =>
    server.app.inject({ method, url: `/api/v1${url}`, headers: { ...owner }, ...(payload && { payload }) })
  const roles = (await call('GET', '/roles')).json().items as { id: string; code: string }[]
  const viewer = roles.find(({ code }) => code === 'viewer')?.id ?? ''
  expect((await call('PUT', `/users/${capitals}`, { name: 'Ada' })).json()).toMatchObject({
    id: person.id,
    name: 'Ada',
  })
  expect((await call('POST', `/users/${capitals}/roles`, { roleId: viewer.toUpperCase() })).statusCode).toBe(201)
  expect((await call('POST', `/users/${capitals}/deactivate`)).statusCode).toBe(200)
  expect((await call('GET', `/gdpr/export/${capitals}`)).json().userId).toBe(person.id)
  const { items } = (await call('GET', `/audit?resourceId=${person.id}`)).json()
  const actions = items.map(({ action }: { action: string }) => action).toSorted()
  expect(actions).toEqual(['person.exported', 'role.granted', 'user.changed', 'user.deactivated'])
  expect(JSON.stringify(items)).not.toMatch(new RegExp(`${capitals}|${viewer.toUpperCase()}`))
})

/** Somebody who keeps every tenant. */
async function platformOwner(): Promise<Record<string, string>> {
  platform ??= await createTenant(database.worker, { slug: 'platform', name: 'Platform', isPlatform: true })
  const person = await createPerson(server, { tenantId: platform, roles: ['owner'] })
  const headers = { 'x-tenant-id': platform }
  return { ...headers, ...bearer((await signInOver(server, person, { headers })).accessToken) }
}

function uuidsOf(schema: unknown): string[] {
  const properties = (schema as { properties?: Record<string, { format?: string }> } | undefined)?.properties ?? {}
  return Object.entries(properties).flatMap(([name, { format }]) => (format === 'uuid' ? [name] : []))
}
