import { createMemoryStore, type Store } from '@rempart/guard'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'

let database: TestDatabase
let server: TestServer
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())
afterEach(() => server.close())

/** Serves the contact route under these rules and none of its own. */
async function start(rules: object): Promise<void> {
  const policies = { 'contact.submit': { rules: { burst: 'off', ...rules } } }
  server = await startTestServer(database, { policyFile: { version: 1, policies } })
}

const send = (headers: Record<string, string> = {}) =>
  server.app.inject({
    method: 'POST',
    url: '/api/v1/contact',
    headers,
    payload: { name: 'Ada Lovelace', email: 'ada@example.org', message: 'Hello' },
  })

describe('a lockout on a route', () => {
  it('refuses for as long as it says, and tells no figures that would help to stay below it', async () => {
    await start({ tries: { kind: 'lockout', by: 'ip', attempts: 2, window: '1h', lock: '15m' } })
    expect([(await send()).statusCode, (await send()).statusCode]).toEqual([201, 201])
    const refused = await send()
    expect(refused.statusCode).toBe(429)
    expect(refused.headers['retry-after']).toBe('3600')
    expect(refused.json()).toMatchObject({ 'violated-policies': ['contact.submit/tries'] })
    expect(Object.keys(refused.headers).filter((name) => name.includes('ratelimit'))).toEqual([])
  })
})

describe('a ladder on a route', () => {
  it('asks for a proof first and makes the next attempts wait', async () => {
    const steps = [
      { after: 1, do: 'challenge' },
      { after: 2, do: 'lock', for: '15m' },
    ]
    await start({ ladder: { kind: 'escalation', by: 'ip', window: '1h', steps } })
    expect((await send()).statusCode).toBe(201)
    expect((await send()).json()).toMatchObject({ code: 'challenge-required' })
  })
})

describe('a limit on requests at once on a route', () => {
  it('gives the slot of an answered request back', async () => {
    await start({ parallel: { kind: 'concurrency', by: 'ip', slots: 1, lease: '1m' } })
    for (let sent = 0; sent < 3; sent += 1) expect((await send()).statusCode).toBe(201)
  })
})

describe('a closed rule whose store does not answer', () => {
  it.each([
    ['en', 'Service unavailable'],
    ['fr', 'Service indisponible'],
  ])(
    'is answered 503 in neutral words (%s) that claim no limit was passed, with when to try again',
    async (locale, error) => {
      const broken: Store = {
        ...createMemoryStore({ budgetBytes: 1_048_576 }),
        take() {
          throw new Error('the store is gone')
        },
      }
      const policies = { 'contact.submit': { rules: { burst: { onStoreFailure: 'closed' } } } }
      server = await startTestServer(database, { policyFile: { version: 1, policies }, store: broken })
      const refused = await send({ 'accept-language': locale })
      expect(refused.statusCode).toBe(503)
      expect(refused.headers).toMatchObject({ 'retry-after': '1', 'content-language': locale })
      expect(Object.keys(refused.headers).filter((name) => name.includes('ratelimit'))).toEqual([])
      expect(refused.json()).toMatchObject({ code: 'service-unavailable', error })
      expect(refused.json()).not.toHaveProperty('violated-policies')
      expect(refused.body).not.toMatch(/limit|store|quota/i)
      expect(await server.metrics.render()).toMatch(
        /rempart_guard_decisions_total\{policy="contact.submit",rule="burst",outcome="store-failure"\} 1/,
      )
      await server.app.eventWriter.flush()
      const key = await server.apiKey(['security:read'])
      const events = await server.app.inject({
        url: '/api/v1/security-events',
        headers: { authorization: `Bearer ${key}` },
      })
      expect(events.json().items).toMatchObject([{ reason: 'store-failure' }])
    },
  )
})
