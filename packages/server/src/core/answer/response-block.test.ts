import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { startTestServer } from '../../testing/server.ts'
import { BlockResponse, responseBlock } from './response-block.ts'

describe('responseBlock', () => {
  it.each([
    ['x-a', 'one\r\nset-cookie: session=1'],
    ['x-a', 'one\nx-b: two'],
    ['x-a\r\nx-b', 'one'],
    ['x-a: x', 'one'],
    ['x-a', ''],
    ['x-a', 'é'],
  ])('refuses %j: %j, which would add a field or break one', (name, value) => {
    expect(() => responseBlock({ [name]: value })).toThrow(RangeError)
  })
})

it('stands on the wire beside what the answer sets itself, on answers of each kind', async () => {
  const block = responseBlock({ 'x-frame-options': 'DENY', 'api-version': '1' })
  const server = createServer(
    { ServerResponse: BlockResponse as unknown as typeof ServerResponse },
    (request, response) => {
      if (response instanceof BlockResponse) response.block = block.text
      if (request.url === '/empty') response.writeHead(204).end()
      else if (request.url === '/chunks') response.writeHead(200, { 'x-own': 'yes' }).end('x')
      else response.setHeader('x-own', 'yes').end('x')
    },
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  for (const [path, own] of [
    ['/', 'yes'],
    ['/chunks', 'yes'],
    ['/empty', null],
  ] as const) {
    const { headers } = await fetch(`http://127.0.0.1:${port}${path}`)
    expect([headers.get('x-frame-options'), headers.get('api-version'), headers.get('x-own')]).toEqual([
      'DENY',
      '1',
      own,
    ])
  }
  await new Promise((resolve) => server.close(resolve))
})

describe('the server', () => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await createTestDatabase()
  })
  afterAll(() => database.close())

  it.each([
    ['GET', '/api/v1/health'],
    ['GET', '/api/v1/forms/public/none'],
    ['GET', '/docs'],
    ['POST', '/api/v1/contact'],
    ['GET', '/nowhere'],
  ] as const)('sends the same fields for %s %s over a connection as to a call in process', async (method, path) => {
    const server = await startTestServer(database)
    await server.app.listen({ port: 0, host: '127.0.0.1' })
    const { port } = server.app.server.address() as AddressInfo
    const wire = await fetch(`http://127.0.0.1:${port}${path}`, { method })
    const call = await server.app.inject({ method, url: path })
    const ofConnection = ['connection', 'keep-alive', 'transfer-encoding', 'content-encoding', 'content-length']
    const names = (list: Iterable<string>) => [...list].filter((name) => !ofConnection.includes(name)).sort()
    expect(wire.status).toBe(call.statusCode)
    expect(names(wire.headers.keys())).toEqual(names(Object.keys(call.headers)))
    await server.close()
  })
})
