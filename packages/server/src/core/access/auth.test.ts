import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { createPool, type Pool } from '../../database/connect.ts'
import { inTenant } from '../../database/tenant.ts'
import { createApiKey, listApiKeys, revokeApiKey } from '../../modules/api-keys/service.ts'
import { changeTenant } from '../../modules/tenants/service.ts'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'
import { createApiKeyToken } from './api-key-token.ts'
import { authenticateApiKey } from './auth.ts'

vi.setConfig({ testTimeout: 20_000 })

let database: TestDatabase
let server: TestServer
const unlimited = { version: 1, policies: { general: { rules: { burst: { limit: 1_000_000 } } } } }

beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())
beforeEach(async () => {
  server = await startTestServer(database, { policyFile: unlimited })
})
afterEach(() => server.close())

const log = pino({ level: 'silent' })
const list = (headers: Record<string, string>) => server.app.inject({ url: '/api/v1/contact/messages', headers })
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

const newKey = (expiresAt: Date | null = null, tenantId = server.tenant.id) =>
  createApiKey(database.worker, tenantId, { name: 'test', scopes: ['contact:read'], expiresAt })

/** Stores a key whose parts the test chooses. */
async function storeKey(tenantId: string, lookupId: string, secretHash: Buffer): Promise<void> {
  await inTenant(database.worker, tenantId, (tx) =>
    tx
      .insertInto('api_key')
      .values({
        tenant_id: tenantId,
        id: randomUUID(),
        lookup_id: lookupId,
        secret_hash: secretHash,
        name: 'test',
        scopes: ['contact:read'],
      })
      .execute(),
  )
}

describe('an API key', () => {
  it('opens what its scopes allow, in either header', async () => {
    const { token } = await newKey()
    expect((await list(bearer(token))).statusCode).toBe(200)
    expect((await list({ authorization: `bearer   ${token} ` })).statusCode).toBe(200)
    expect((await list({ 'x-api-key': token })).statusCode).toBe(200)
  })

  it('is worth nothing in the moment it is revoked', async () => {
    const { id, token } = await newKey()
    expect((await list(bearer(token))).statusCode).toBe(200)
    await revokeApiKey(database.worker, server.tenant.id, id)
    expect((await list(bearer(token))).statusCode).toBe(401)
  })

  it('is worth nothing once it has expired', async () => {
    const { token } = await newKey(new Date(Date.now() - 1))
    expect((await list(bearer(token))).statusCode).toBe(401)
    const { token: other } = await newKey(new Date(Date.now() + 60_000))
    expect((await list(bearer(other))).statusCode).toBe(200)
  })

  it('is refused in the same words, whatever is wrong with it', async () => {
    const revoked = await newKey()
    await revokeApiKey(database.worker, server.tenant.id, revoked.id)
    const expired = await newKey(new Date(0))
    const [known, other] = [await newKey(), createApiKeyToken()]
    // The look-up part of one key with the secret of another does not even have the right checksum.
    const crossed = known.token.slice(0, 19) + other.token.slice(19)
    const replies = []
    for (const token of [revoked.token, expired.token, other.token, crossed, 'garbage']) {
      const reply = await list(bearer(token))
      const { requestId, instance, timestamp, ...body } = reply.json()
      replies.push({ status: reply.statusCode, challenge: reply.headers['www-authenticate'], body })
    }
    expect(replies[0]).toMatchObject({ status: 401, challenge: 'Bearer error="invalid_token"' })
    for (const reply of replies) expect(reply).toEqual(replies[0])
  })

  it('is found by its secret when two tenants were given the same look-up part', async () => {
    const [mine, theirs] = [createApiKeyToken(), await server.createTenant()]
    await storeKey(server.tenant.id, mine.lookupId, mine.secretHash)
    await storeKey(theirs.id, mine.lookupId, createApiKeyToken().secretHash)
    const found = await authenticateApiKey({ pool: database.app, log }, mine.token, '192.0.2.1', Date.now())
    expect(found.tenantId).toBe(server.tenant.id)
  })

  it('is refused when only its look-up part is known', async () => {
    const guess = createApiKeyToken()
    await storeKey(server.tenant.id, guess.lookupId, createApiKeyToken().secretHash)
    expect((await list(bearer(guess.token))).json().code).toBe('credential-invalid')
  })

  it('of a suspended tenant says so to whoever has the secret, and nothing to others', async () => {
    const { token } = await newKey()
    const guess = createApiKeyToken()
    await storeKey(server.tenant.id, guess.lookupId, createApiKeyToken().secretHash)
    await changeTenant(database.worker, server.tenant.id, { isActive: false })
    expect((await list(bearer(token))).json().code).toBe('tenant-suspended')
    expect((await list(bearer(guess.token))).json().code).toBe('credential-invalid')
  })

  it('asks the database nothing when it is no key', async () => {
    const closed: Pool = createPool(
      database.target('rempart_app'),
      {
        size: 1,
        connectTimeoutMs: 1_000,
        statementTimeoutMs: 1_000,
        idleTimeoutMs: 1_000,
        maxLifetimeMs: 1_000,
        name: 'closed',
      },
      () => {},
    )
    await closed.end()
    const { token } = createApiKeyToken()
    const mistyped = `${token.slice(0, -1)}${token.endsWith('0') ? '1' : '0'}`
    for (const text of ['', 'garbage', 'rmp_live_', mistyped, token.slice(0, -1), `${token}x`, "' or 1=1 --"]) {
      await expect(authenticateApiKey({ pool: closed, log }, text, '192.0.2.1', 0)).rejects.toMatchObject({
        code: 'credential-invalid',
      })
    }
    await expect(authenticateApiKey({ pool: closed, log }, token, '192.0.2.1', 0)).rejects.toThrow(
      'Cannot use a pool after calling end',
    )
  })

  it('notes its use, at most once a minute, and not when it was refused', async () => {
    const { id, token } = await newKey()
    const noted = async () =>
      (await listApiKeys(database.worker, server.tenant.id)).find((key) => key.id === id)?.lastUsedAt
    const firstMs = Date.parse('2026-01-01T00:00:00Z')
    const use = async (nowMs: number) => {
      await authenticateApiKey({ pool: database.app, log }, token, '192.0.2.1', nowMs)
    }
    await use(firstMs)
    await vi.waitFor(async () => expect(await noted()).toEqual(new Date(firstMs)))
    await use(firstMs + 59_999)
    await use(firstMs + 60_000)
    await vi.waitFor(async () => expect(await noted()).toEqual(new Date(firstMs + 60_000)))
    await revokeApiKey(database.worker, server.tenant.id, id)
    await expect(use(firstMs + 600_000)).rejects.toMatchObject({ code: 'credential-invalid' })
    expect(await noted()).toEqual(new Date(firstMs + 60_000))
  })

  it('never gets into the log', async () => {
    const { token } = await newKey()
    const stranger = createApiKeyToken().token
    await list(bearer(token))
    await list(bearer(stranger))
    await list({ 'x-api-key': `${token}x` })
    await server.app.inject({ url: `/api/v1/contact/messages?api_key=${token}` })
    const text = server.logLines.join('')
    expect(text).toContain('/api/v1/contact/messages')
    for (const each of [token, stranger]) {
      for (const part of each.split('_').slice(2, 4)) expect(text).not.toContain(part)
    }
  })
})

describe('a credential', () => {
  it('is asked for when there is none, and not taken from the address', async () => {
    const { token } = await newKey()
    for (const query of ['', `?api_key=${token}`, `?key=${token}`, `?access_token=${token}`]) {
      const reply = await server.app.inject({ url: `/api/v1/contact/messages${query}` })
      expect(reply.statusCode).toBe(401)
      expect(reply.headers['www-authenticate']).toBe('Bearer')
    }
  })

  it('is refused when there are two, even the same', async () => {
    const { token } = await newKey()
    const reply = await list({ ...bearer(token), 'x-api-key': token })
    expect(reply.json()).toMatchObject({ status: 400, code: 'ambiguous-credentials' })
  })

  it.each([
    '',
    'Bearer',
    'Bearer ',
    'Basic YTpi',
    'Bearer a b',
    'Bearer\tx',
    'Bearer é',
    'Token x',
    'Bearer x,y',
    'Digest a="b", c="d"',
  ])('is refused as %j', async (header) => {
    const reply = await list({ authorization: header })
    expect(reply.statusCode).toBe(401)
    expect(reply.headers['www-authenticate']).toMatch(/^Bearer/)
  })

  it('never breaks the server, whatever it is made of', async () => {
    const visible = fc
      .integer({ min: 0x20, max: 0xff })
      .filter((code) => code !== 0x7f)
      .map((code) => String.fromCharCode(code))
    const scheme = fc.constantFrom('', 'Bearer ', 'bearer  ', 'Basic ', 'rmp_live_', 'Bearer rmp_live_')
    const token = fc.oneof(
      fc.string({ unit: visible, maxLength: 200 }),
      fc.constant(undefined).map(() => createApiKeyToken().token),
    )
    await fc.assert(
      fc.asyncProperty(scheme, token, fc.constantFrom('authorization', 'x-api-key'), async (before, text, name) => {
        const reply = await list({ [name]: before + text })
        expect([400, 401]).toContain(reply.statusCode)
      }),
      { numRuns: 150 },
    )
  })
})
