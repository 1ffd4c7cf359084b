import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'
import { preferredCoding } from './compression.ts'

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

const document = (acceptEncoding?: string, method: 'GET' | 'HEAD' = 'GET') =>
  server.app.inject({
    method,
    url: '/api/v1/openapi.json',
    headers: acceptEncoding === undefined ? {} : { 'accept-encoding': acceptEncoding },
  })

describe('a long answer', () => {
  it.each([
    ['br', brotliDecompressSync],
    ['gzip', gunzipSync],
  ] as const)('is sent as %s to a client that takes it, whole and shorter', async (coding, decompress) => {
    const plain = await document()
    const compressed = await document(coding)
    expect(compressed.headers['content-encoding']).toBe(coding)
    expect(decompress(compressed.rawPayload).toString()).toBe(plain.body)
    expect(compressed.headers['content-length']).toBe(String(compressed.rawPayload.length))
    expect(compressed.rawPayload.length).toBeLessThan(plain.rawPayload.length / 4)
    expect(compressed.headers['content-type']).toBe(plain.headers['content-type'])
  })

  it('is sent as it is to a client that takes neither, and a cache is told to tell them apart', async () => {
    for (const accepted of [undefined, 'identity', 'zstd', 'br;q=0, gzip;q=0']) {
      const reply = await document(accepted)
      expect(reply.headers['content-encoding']).toBeUndefined()
      expect(reply.headers['vary']).toContain('accept-encoding')
    }
    expect((await document('br')).headers['vary']).toContain('accept-encoding')
  })
})

it('leaves a short answer alone', async () => {
  const reply = await server.app.inject({ url: '/api/v1/health', headers: { 'accept-encoding': 'br, gzip' } })
  expect(reply.headers['content-encoding']).toBeUndefined()
  expect(reply.json()).toEqual({ status: 'ok' })
})

it.each([
  ['gzip, deflate, br, zstd', 'br'],
  ['gzip', 'gzip'],
  ['BR', 'br'],
  ['gzip;q=1, br;q=0.5', 'gzip'],
  ['*', 'br'],
  ['*;q=0.5, br;q=0', 'gzip'],
  ['identity', undefined],
  ['identity;q=1, gzip;q=0.5', undefined],
  ['br;q=0', undefined],
  ['br;q=x', undefined],
  ['', undefined],
  [',,;;q', undefined],
  [`${'x,'.repeat(5_000)}br`, undefined],
] as const)('answers %j with %s', (accepted, coding) => {
  expect(preferredCoding(accepted)).toBe(coding)
})
