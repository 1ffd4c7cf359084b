import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'
import { compileSerializer } from '../answer/serialization.ts'
import type { RouteFacts } from './route-table.ts'

/*
 * Schemas are compiled for their first request, so a start says nothing of a fault in one. Here every one is compiled.
 */

let database: TestDatabase
let server: TestServer
beforeAll(async () => {
  database = await createTestDatabase()
  server = await startTestServer(database)
})
afterAll(async () => {
  await server.close()
  await database.close()
})

/** What `compile` says of each schema it cannot compile, by the route that declares it. */
function faultsOf(
  schemasOf: (route: RouteFacts) => Readonly<Record<string, unknown>>,
  compile: (schema: unknown, part: string) => void,
): { readonly faults: readonly string[]; readonly compiled: number } {
  const faults: string[] = []
  let compiled = 0
  for (const route of server.app.routeTable.all) {
    for (const [part, schema] of Object.entries(schemasOf(route))) {
      try {
        compile(schema, part)
        compiled += 1
      } catch (error) {
        faults.push(`${route.method} ${route.url} ${part}: ${error}`)
      }
    }
  }
  return { faults, compiled }
}

const requestParts = ['body', 'params', 'querystring', 'headers'] as const

/** A definition has a compiler of its own, and `forms.test.ts` sends one to each of these. */
const withDefinition = new Set(['POST /api/v1/forms', 'POST /api/v1/forms/:id/versions'])

function requestSchemas({ method, url, schema }: RouteFacts): Record<string, unknown> {
  const parts = requestParts.filter((part) => !(part === 'body' && withDefinition.has(`${method} ${url}`)))
  return Object.fromEntries(parts.map((part) => [part, schema[part]]).filter(([, each]) => each !== undefined))
}

/** By status and, where it has one, media type. A problem has no serialiser. */
function responseSchemas({ schema: { response = {} } }: RouteFacts): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(response as Record<string, { content?: Record<string, { schema: unknown }> }>).flatMap(
      ([status, answer]): [string, unknown][] =>
        answer.content === undefined
          ? [[status, answer]]
          : Object.entries(answer.content).map(([type, media]) => [`${status} ${type}`, media.schema]),
    ),
  )
}

describe('every schema of a route compiles', () => {
  it('of a request', () => {
    const { faults, compiled } = faultsOf(requestSchemas, (schema, httpPart) => {
      // Compiled for the first value, whatever that is.
      server.app.validatorCompiler?.({ schema, httpPart, method: 'POST', url: '/' })(null)
    })
    expect(faults).toEqual([])
    expect(compiled).toBeGreaterThan(200)
  })

  it('of an answer', () => {
    const { faults, compiled } = faultsOf(responseSchemas, (schema) => {
      compileSerializer(schema, new Map(Object.entries(server.app.getSchemas()) as [string, never][]))
    })
    expect(faults).toEqual([])
    expect(compiled).toBeGreaterThan(200)
  })
})
