import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { listSigningKeys } from '../../core/tokens/signing-key-table.ts'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'

let database: TestDatabase
let server: TestServer
beforeAll(async () => {
  database = await createTestDatabase()
  server = await startTestServer(database, {
    environment: {
      REMPART_PUBLIC_URL: 'https://api.example.org',
      REMPART_TRUSTED_PROXIES: '127.0.0.1',
      REMPART_SECURITY_CONTACT: 'mailto:security@example.org, https://www.example.org/security',
    },
  })
})
afterAll(async () => {
  await server.close()
  await database.close()
})

const get = (url: string, headers: Record<string, string> = {}) =>
  server.app.inject({ url, headers: { 'x-forwarded-proto': 'https', ...headers } })

describe('GET /.well-known/jwks.json', () => {
  it('shows the public parts of the active and the next key, and nothing else of them', async () => {
    const response = await get('/.well-known/jwks.json')
    expect(response.statusCode).toBe(200)
    expect(response.headers['content-type']).toBe('application/jwk-set+json; charset=utf-8')
    const { keys, ...rest } = response.json()
    expect(rest).toEqual({})
    expect(keys.map(({ kid }: { kid: string }) => kid)).toEqual(
      (await listSigningKeys(database.worker)).map(({ kid }) => kid),
    )
    for (const key of keys) {
      expect(Object.keys(key).toSorted()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x'])
      expect(key).toMatchObject({ kty: 'OKP', crv: 'Ed25519', alg: 'EdDSA', use: 'sig' })
    }
    expect(response.body).not.toContain('"d"')
  })

  it('may be kept for less long than a key is published before it signs', async () => {
    const response = await get('/.well-known/jwks.json')
    const [, maxAge] = /^public, max-age=(\d+)$/.exec(String(response.headers['cache-control'])) ?? []
    const next = (await listSigningKeys(database.worker)).find(({ state }) => state === 'next')
    const leadS = (Number(next?.notBefore) - Number(next?.createdAt)) / 1_000
    // A process reads the keys every minute, and may then be asked by a cache.
    expect(Number(maxAge) + 60).toBeLessThan(leadS / 2)
  })

  it('answers 304 to who has it', async () => {
    const { etag } = (await get('/.well-known/jwks.json')).headers
    const again = await get('/.well-known/jwks.json', { 'if-none-match': String(etag) })
    expect([again.statusCode, again.body]).toEqual([304, ''])
  })

  it('needs no tenant and no credential', async () => {
    const response = await get('/.well-known/jwks.json', { host: 'nobody.example', authorization: 'Bearer x' })
    expect([200, 421, 400]).toContain(response.statusCode)
    expect((await get('/.well-known/jwks.json', { authorization: 'Bearer x' })).statusCode).toBe(200)
  })
})

describe('GET /.well-known/security.txt', () => {
  it('says whom to tell, where it is, and when it ends: within a year', async () => {
    const response = await get('/.well-known/security.txt')
    expect(response.headers['content-type']).toBe('text/plain; charset=utf-8')
    const lines = response.body.split('\n')
    expect(lines).toEqual([
      'Contact: mailto:security@example.org',
      'Contact: https://www.example.org/security',
      expect.stringMatching(/^Expires: \d{4}-\d\d-\d\dT00:00:00Z$/),
      'Canonical: https://api.example.org/.well-known/security.txt',
      '',
    ])
    const leftMs = Date.parse(lines[2]?.slice(9) ?? '') - server.clock.nowMs
    expect(leftMs).toBeGreaterThan(90 * 86_400_000)
    expect(leftMs).toBeLessThan(365 * 86_400_000)
  })

  it('names the usual mailbox of the host while nobody else is named (RFC 2142)', async () => {
    const silent = await startTestServer(database)
    const response = await silent.app.inject({ url: '/.well-known/security.txt' })
    expect([response.statusCode, response.body.split('\n')[0]]).toEqual([200, 'Contact: mailto:security@localhost'])
    await silent.close()
  })

  it('takes no address that would write a line of its own', async () => {
    for (const contact of [
      'mailto:a@b\nExpires: 2999-01-01T00:00:00Z',
      'security@example.org',
      'http://a.example',
      'mailto:',
    ]) {
      await expect(startTestServer(database, { environment: { REMPART_SECURITY_CONTACT: contact } })).rejects.toThrow(
        'REMPART_SECURITY_CONTACT',
      )
    }
  })
})
