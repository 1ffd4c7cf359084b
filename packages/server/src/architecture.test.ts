import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { permissions, platformPermissions } from './core/access/access.ts'
import type { RouteFacts } from './core/request/route-table.ts'
import { describedOperations, followed, type JsonSchema, type OpenApi } from './isolation/described-operations.ts'
import { createTestDatabase, type TestDatabase } from './testing/database.ts'
import { startTestServer, type TestServer } from './testing/server.ts'

let database: TestDatabase
let server: TestServer
let routes: readonly RouteFacts[]
let document: OpenApi
beforeAll(async () => {
  database = await createTestDatabase()
  server = await startTestServer(database)
  routes = server.app.routeTable.all
  document = (await server.app.inject({ url: '/api/v1/openapi.json' })).json()
})
afterAll(async () => {
  await server.close()
  await database.close()
})

const nameOf = ({ method, url }: RouteFacts): string => `${method} ${url.replace(/:(\w+)/g, '{$1}')}`
const isWrite = ({ method }: RouteFacts): boolean => method !== 'GET' && method !== 'HEAD'

describe('every route', () => {
  it('is in the OpenAPI document, or says why not; and the document has no other', () => {
    expect(routes.length).toBeGreaterThan(20)
    const shown = routes
      .filter(({ method, config }) => method !== 'HEAD' && config.undocumented === undefined)
      .map(nameOf)
    const described = describedOperations(document).map(({ method, path }) => `${method} ${path}`)
    expect(described.toSorted()).toEqual(shown.toSorted())
    for (const { config, schema } of routes) expect(schema.hide === true).toBe(config.undocumented !== undefined)
  })

  it('says who may call it, by a permission that can be given', () => {
    const known = ['public', 'none', 'session', ...permissions, ...platformPermissions]
    for (const route of routes) expect(known, nameOf(route)).toContain(route.config.access)
  })

  it('has a name, an answer and a refusal with a shape', () => {
    for (const route of routes.filter(({ config }) => config.undocumented === undefined)) {
      const statuses = Object.keys((route.schema.response ?? {}) as object)
      expect(route.schema.operationId, nameOf(route)).toEqual(expect.any(String))
      expect(
        statuses.some((status) => status.startsWith('2')),
        nameOf(route),
      ).toBe(true)
      expect(
        statuses.some((status) => status.startsWith('4')),
        nameOf(route),
      ).toBe(true)
    }
  })

  it('that changes something is limited, and so is every one that asks for a credential', () => {
    for (const route of routes) {
      const isOpen = route.config.access === 'none'
      if (isWrite(route) || !isOpen) expect(route.config.guard, nameOf(route)).not.toBe('none')
    }
    const unlimited = routes.filter(({ config }) => config.guard === 'none').map(({ url }) => url)
    expect([...new Set(unlimited)].toSorted()).toEqual([
      '/api/v1/health',
      '/api/v1/health/ready',
      '/health',
      '/health/ready',
    ])
  })

  it('is under the policy it names: the server does not start otherwise', async () => {
    const policy = { id: 'nobody.knows', rules: [] }
    const ownRoutes = (app: TestServer['app']): void => {
      app.post('/mine', { config: { access: 'public', guard: policy } }, async () => ({}))
    }
    await expect(startTestServer(database, { ownRoutes })).rejects.toThrow('nobody.knows')
  })

  it('says who may call it: the server does not start otherwise', async () => {
    const ownRoutes = (app: TestServer['app']): void => {
      app.get('/mine', async () => ({}))
    }
    await expect(startTestServer(database, { ownRoutes })).rejects.toThrow('/api/v1/mine')
  })

  it('with a parameter in its path says what it may be', () => {
    for (const { method, path, operation } of describedOperations(document)) {
      const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)
      const declared = (operation.parameters ?? []).filter((parameter) => parameter.in === 'path')
      expect(
        declared.map((parameter) => parameter.name),
        `${method} ${path}`,
      ).toEqual(names)
      for (const { schema } of declared) {
        const isBounded =
          schema['format'] !== undefined || schema['maxLength'] !== undefined || schema['maximum'] !== undefined
        expect(isBounded, `${method} ${path}`).toBe(true)
      }
    }
  })
})

describe('every body', () => {
  it('names its members and refuses others', () => {
    for (const { operation } of describedOperations(document)) {
      for (const { schema } of Object.values(operation.requestBody?.content ?? {})) {
        expect(followed(document, schema)['additionalProperties'], operation.operationId).toBe(false)
      }
    }
  })

  it('bounds its texts, lists and numbers, at any depth', () => {
    const unbounded = describedOperations(document).flatMap(({ operation }) =>
      Object.values(operation.requestBody?.content ?? {}).flatMap(({ schema }) =>
        unboundedParts(schema, operation.operationId),
      ),
    )
    expect(unbounded).toEqual([])
  })
})

/** The places of a schema where a value could be of any size; the body's own limits of depth and members hold besides. */
function unboundedParts(schema: JsonSchema, where: string, depth = 0): string[] {
  if (depth > 12) return []
  const target = followed(document, schema)
  const inside = (part: unknown, name: string): string[] =>
    unboundedParts(part as JsonSchema, `${where}/${name}`, depth + 1)
  const choices = [target['anyOf'], target['oneOf']].flatMap((list) => (Array.isArray(list) ? list : []))
  const properties = Object.entries((target['properties'] ?? {}) as Record<string, unknown>)
  return [
    ...(isUnbounded(target) ? [where] : []),
    ...choices.flatMap((choice, index) => inside(choice, String(index))),
    ...properties.flatMap(([name, property]) => inside(property, name)),
    ...(target['items'] === undefined ? [] : inside(target['items'], '*')),
  ]
}

function isUnbounded(schema: JsonSchema): boolean {
  if (schema['enum'] !== undefined || schema['const'] !== undefined) return false
  if (schema['type'] === 'string') return schema['maxLength'] === undefined && schema['format'] === undefined
  if (schema['type'] === 'array') return schema['maxItems'] === undefined
  return (schema['type'] === 'integer' || schema['type'] === 'number') && schema['maximum'] === undefined
}
