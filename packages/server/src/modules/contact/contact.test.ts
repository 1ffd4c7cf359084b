import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'

let database: TestDatabase
let server: TestServer
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())
beforeEach(async () => {
  server = await startTestServer(database)
})
afterEach(() => server.close())

const message = { name: 'Ada Lovelace', email: 'ada@example.org', message: 'Hello\nthere' }

const send = (payload: object = message, headers: Record<string, string> = {}) =>
  server.app.inject({ method: 'POST', url: '/api/v1/contact', payload, headers })

const stored = async () => {
  const key = await server.apiKey(['contact:read'])
  const reply = await server.app.inject({
    url: '/api/v1/contact/messages',
    headers: { authorization: `Bearer ${key}` },
  })
  return reply.json().items
}

describe('POST /contact', () => {
  it('stores a message and answers 201 with its id', async () => {
    const reply = await send({ ...message, subject: 'Hi', consent: true })
    expect(reply.statusCode).toBe(201)
    expect(reply.json()).toEqual({ id: expect.any(String), status: 'received' })
    expect(await stored()).toMatchObject([
      { id: reply.json().id, ...message, subject: 'Hi', consent: true, status: 'received' },
    ])
  })

  it.each(['honeypot', 'website'])(
    'drops a message whose %s field is filled, with the answer of a stored one',
    async (trap) => {
      const kept = await send()
      const dropped = await send({ ...message, [trap]: 'http://spam.example' })
      expect(dropped.statusCode).toBe(201)
      expect(Object.keys(dropped.json())).toEqual(Object.keys(kept.json()))
      expect(Object.keys(dropped.headers)).toEqual(Object.keys(kept.headers))
      expect(dropped.headers['content-length']).toBe(kept.headers['content-length'])
      expect(await stored()).toHaveLength(1)
    },
  )

  it('refuses the fourth message of a minute for five minutes, and keeps its word', async () => {
    for (let sent = 0; sent < 3; sent += 1) expect((await send()).statusCode).toBe(201)
    const refused = await send(message, { 'accept-language': 'fr' })
    expect(refused.statusCode).toBe(429)
    expect(refused.headers['retry-after']).toBe('300')
    expect(refused.json()).toMatchObject({ error: 'Trop de requêtes', code: 'rate-limited' })

    server.clock.nowMs += 299_000
    expect((await send()).statusCode).toBe(429)
    server.clock.nowMs += 1_001
    expect((await send()).statusCode).toBe(201)
  })
})

describe('GET /contact/messages', () => {
  it('answers 404, not 403, for a message of another tenant', async () => {
    const { id } = (await send()).json()
    const other = await server.createTenant()
    const key = await server.apiKey(['contact:read'], other.id)
    const read = (messageId: string) =>
      server.app.inject({ url: `/api/v1/contact/messages/${messageId}`, headers: { authorization: `Bearer ${key}` } })
    const foreign = await read(id)
    expect(foreign.statusCode).toBe(404)
    expect(foreign.json().code).toBe('message-not-found')
  })

  it('asks for a key, and for its scope', async () => {
    const read = (headers: Record<string, string>) => server.app.inject({ url: '/api/v1/contact/messages', headers })
    expect((await read({})).statusCode).toBe(401)
    const key = await server.apiKey(['leads:read'])
    expect((await read({ authorization: `Bearer ${key}` })).json().code).toBe('scope-missing')
  })
})

it('writes no personal data to the log', async () => {
  await send({ ...message, honeypot: 'x' })
  await send()
  const log = server.logLines.join('')
  expect(log).toContain('/api/v1/contact')
  for (const secret of ['Ada', 'ada@example.org', 'Hello', '127.0.0.1']) expect(log).not.toContain(secret)
})
