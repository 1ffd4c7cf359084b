import { Validator } from '@seriousme/openapi-schema-validator'
import Ajv2020, { type ValidateFunction } from 'ajv/dist/2020.js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type DescribedOperation, describedOperations, type OpenApi } from '../../isolation/described-operations.ts'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'
import { isScope } from '../access/access.ts'
import { canonicalEmail } from '../shapes/email.ts'
import { exampleOf } from './example.ts'

let database: TestDatabase
let server: TestServer
let document: OpenApi
let operations: readonly DescribedOperation[]
beforeAll(async () => {
  database = await createTestDatabase()
  server = await startTestServer(database)
  document = (await server.app.inject({ url: '/api/v1/openapi.json' })).json()
  operations = describedOperations(document)
})
afterAll(async () => {
  await server.close()
  await database.close()
})

it('is valid OpenAPI 3.1', async () => {
  const { valid, errors } = await new Validator().validate(
    structuredClone(document) as unknown as Record<string, unknown>,
  )
  expect({ valid, errors }).toEqual({ valid: true, errors: undefined })
  expect(document.openapi).toBe('3.1.0')
})

it.each([
  [{}, { url: 'http://localhost:3000/docs' }],
  [{ REMPART_API_CONTACT: 'mailto:api@example.org' }, { email: 'api@example.org' }],
  [{ REMPART_API_CONTACT: 'https://www.example.org/support' }, { url: 'https://www.example.org/support' }],
])('says who to ask about the API: %j', async (environment, contact) => {
  const asked = await startTestServer(database, { environment })
  const { info } = (await asked.app.inject({ url: '/api/v1/openapi.json' })).json()
  await asked.close()
  expect(info.contact).toEqual({ name: 'Who runs this server', ...contact })
})

it('refers to nothing that is not there', () => {
  const text = JSON.stringify(document)
  const missing = [...text.matchAll(/"\$ref":"#\/([^"]+)"/g)]
    .map(([, path = '']) => path)
    .filter(
      (path) =>
        path.split('/').reduce<unknown>((at, name) => (at as Record<string, unknown> | undefined)?.[name], document) ===
        undefined,
    )
  expect(missing).toEqual([])
})

describe('every operation', () => {
  it('has a name of its own, a summary and a described tag', () => {
    const names = operations.map(({ operation }) => operation.operationId)
    expect(new Set(names).size).toBe(names.length)
    const tags = new Set(document.tags.map((tag) => tag.name))
    for (const { operation } of operations) {
      expect(operation).toMatchObject({ operationId: expect.any(String), summary: expect.any(String) })
      expect(operation.tags?.length).toBe(1)
      expect(tags).toContain(operation.tags?.[0])
    }
    for (const tag of document.tags) expect(tag.description.length).toBeGreaterThan(10)
  })

  it('says who may call it and which policy counts it', () => {
    for (const { operation } of operations) {
      expect(operation['x-access']).toEqual(expect.any(String))
      expect(operation['x-guard']).toEqual(expect.any(String))
      const isOpen = operation['x-access'] === 'public' || operation['x-access'] === 'none'
      if (!isOpen)
        expect(operation.security).toEqual([
          ...(isScope(String(operation['x-access']))
            ? [{ apiKey: [operation['x-access']] }, { apiKeyHeader: [operation['x-access']] }]
            : []),
          { accessToken: [] },
          { sessionCookie: [] },
        ])
    }
  })

  it('documents its refusals as problems, with an example', () => {
    for (const { operation } of operations) {
      const refused = Object.entries(operation.responses).filter(([status]) => /^[45]/.test(status))
      expect(refused.length, operation.operationId).toBeGreaterThan(0)
      for (const [status, { content = {} }] of refused) {
        const isReport = status === '503' && operation.tags?.[0] === 'health'
        if (!isReport)
          expect(content['application/problem+json']?.example, operation.operationId).toMatchObject({
            status: Number(status),
          })
      }
    }
  })

  it('documents what its kind is refused for', () => {
    for (const { operation } of operations) {
      const statuses = Object.keys(operation.responses)
      expect(statuses, operation.operationId).toEqual(expect.arrayContaining(expectedRefusals(operation)))
    }
  })

  it('documents the header fields of its answer', () => {
    for (const { operation } of operations) {
      const success = Object.keys(operation.responses).find((status) => status.startsWith('2')) ?? ''
      const names = Object.keys(operation.responses[success]?.headers ?? {})
      expect(names).toEqual(expect.arrayContaining(['X-Request-ID', 'API-Version']))
      expect(names.includes('RateLimit'), operation.operationId).toBe(operation['x-guard'] !== 'none')
    }
  })

  it('takes the header fields that every request may carry', () => {
    for (const { operation } of operations) {
      const names = (operation.parameters ?? []).map((parameter) => parameter.name)
      expect(names).toEqual(expect.arrayContaining(['API-Version', 'Accept-Language', 'X-Request-ID']))
      expect(names.includes('X-Tenant-ID')).toBe(operation['x-access'] !== 'none')
    }
  })
})

it('gives each body, answer and parameter an example that fits its schema', { timeout: 60_000 }, () => {
  const ajv = new Ajv2020.default({ strict: false })
  ajv.addFormat('email', (text: string) => canonicalEmail(text) !== undefined)
  ajv.addFormat('uuid', /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/)
  ajv.addFormat('date-time', (text: string) => !Number.isNaN(Date.parse(text)))
  ajv.addFormat('date', /^\d{4}-\d{2}-\d{2}$/)
  ajv.addSchema({ $id: 'document', components: document.components })
  const faults: unknown[] = []
  const compiled = new Map<string, ValidateFunction>()
  const check = (where: string, schema: object, example: unknown): void => {
    const text = JSON.stringify(schema).replaceAll('"#/components', '"document#/components')
    const validate = compiled.get(text) ?? ajv.compile(JSON.parse(text))
    compiled.set(text, validate)
    if (example === undefined) faults.push([where, 'no example'])
    else if (!validate(example)) faults.push([where, ajv.errorsText(validate.errors), example])
  }
  for (const { operation } of operations) {
    const where = operation.operationId
    for (const [type, { schema, example }] of Object.entries(operation.requestBody?.content ?? {}))
      check(`${where} ${type}`, schema, example)
    for (const [status, { content = {} }] of Object.entries(operation.responses)) {
      for (const [type, { schema, example }] of Object.entries(content))
        check(`${where} ${status} ${type}`, schema, example)
    }
    for (const { name, schema, example } of operation.parameters ?? []) check(`${where} ${name}`, schema, example)
  }
  expect(faults).toEqual([])
})

it('is the same on every start', async () => {
  const again = await startTestServer(database)
  expect((await again.app.inject({ url: '/api/v1/openapi.json' })).json()).toEqual(document)
  await again.close()
})

describe('an example', () => {
  it('of a request is the least that is accepted, so that no trap is filled', () => {
    const contact = document.paths['/api/v1/contact']?.['post']?.requestBody?.content['application/json']?.example
    expect(Object.keys(contact as object).sort()).toEqual(['email', 'message', 'name'])
  })

  it('of a schema is the one it carries', () => {
    expect(exampleOf({ type: 'string', pattern: '^x{40}$' }, {}, 'request')).toBeUndefined()
    expect(exampleOf({ type: 'string', pattern: '^x{40}$', examples: ['x'.repeat(40)] }, {}, 'request')).toBe(
      'x'.repeat(40),
    )
  })
})

function expectedRefusals(operation: DescribedOperation['operation']): string[] {
  const isOpen = operation['x-access'] === 'none' || operation['x-access'] === 'public'
  return [
    '400',
    ...(operation['x-guard'] === 'none' ? [] : ['429']),
    ...(operation.requestBody === undefined ? [] : ['413', '415', '422']),
    ...(isOpen ? [] : ['401', '403']),
  ]
}
