import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { createLogger } from '../../core/logging/logging.ts'
import { inTenant } from '../../database/tenant.ts'
import { asOwner, createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { startTestServer, type TestServer, type TestServerOptions } from '../../testing/server.ts'
import { dropEventDays, scheduleEventDays } from './retention.ts'

let database: TestDatabase
let server: TestServer
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())
afterEach(() => server.close())

async function start(policies: object = {}, options: TestServerOptions = {}): Promise<void> {
  const environment = { REMPART_TRUSTED_PROXIES: '127.0.0.1/32', ...options.environment }
  server = await startTestServer(database, { ...options, environment, policyFile: { version: 1, policies } })
}

const contact = (client = '203.0.113.1', headers: Record<string, string> = {}) =>
  server.app.inject({
    method: 'POST',
    url: '/api/v1/contact',
    headers: { 'x-forwarded-for': client, 'user-agent': 'probe/1.0', ...headers },
    payload: { name: 'Ada Lovelace', email: 'ada@example.org', message: 'Hello' },
  })

/** Refuses a client so many times, once the three that the contact form admits are spent. */
async function refuse(times: number, client?: string, headers: Record<string, string> = {}): Promise<void> {
  for (let sent = 0; sent < 3; sent += 1) expect((await contact(client, headers)).statusCode).toBe(201)
  for (let sent = 0; sent < times; sent += 1) expect((await contact(client, headers)).statusCode).toBe(429)
}

async function ask(path = '', { key, language = 'en' }: { key?: string; language?: string } = {}) {
  const token = key ?? (await server.apiKey(['security:read']))
  const headers = { authorization: `Bearer ${token}`, 'accept-language': language }
  return server.app.inject({ url: `/api/v1/security-events${path}`, headers })
}

/** What is listed once all of it has been stored. */
async function stored(query = '', key?: string): Promise<Record<string, unknown>[]> {
  await server.app.eventWriter.flush()
  return (await ask(query, key === undefined ? {} : { key })).json().items
}

const figure = async (outcome: string): Promise<number> => {
  const found = new RegExp(`^rempart_security_events_total\\{outcome="${outcome}"\\} (\\d+)$`, 'm').exec(
    await server.metrics.render(),
  )
  return Number(found?.[1])
}

describe('a refusal', () => {
  it('is an event of the tenant, with its rule, its client’s prefix and the request’s id, and nothing personal', async () => {
    await start()
    await refuse(1, '203.0.113.77')
    const [event, ...others] = await stored()
    expect(others).toEqual([])
    const line = server.logLines.map((each) => JSON.parse(each)).find(({ status }) => status === 429)
    expect(event).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      type: 'refused',
      createdAt: expect.any(String),
      lastAt: expect.any(String),
      count: 1,
      policyId: 'contact.submit',
      policyVersion: expect.stringMatching(/^[0-9a-f]{12}$/),
      ruleId: 'burst',
      reason: 'cooldown',
      fpPrefix: line.fpPrefix,
      route: '/api/v1/contact',
      requestId: line.requestId,
    })
    const { rows } = await inTenantRows(server.tenant.id)
    const text = JSON.stringify(rows)
    for (const secret of ['203.0.113.77', 'probe/1.0', 'Ada', 'ada@example.org']) expect(text).not.toContain(secret)
  })

  it('is explained from what was stored: the rule, its figures, from when on, and whether the policy stands', async () => {
    await start({ 'contact.submit': { rules: { burst: { cooldown: '0s' } } } })
    await refuse(1)
    const [event] = await stored()
    const detail = (await ask(`/${event?.['id']}`)).json()
    expect(detail).toMatchObject({
      cost: 1,
      degraded: false,
      signals: null,
      counters: [{ ruleId: 'burst', before: 3, after: 3, cost: 1, capacity: 3, windowMs: 60_000, fits: false }],
      subjects: { ip: expect.stringMatching(/^[0-9a-f]{16}$/) },
      explanation: {
        sentences: [
          'The rule "burst" admits 3 in 60 s; 3 were in use, and this request asked for 1 more.',
          'The request was refused.',
          expect.stringContaining('would have been admitted from'),
        ],
        agrees: true,
        isPolicyInForce: true,
      },
    })
    const wait = Date.parse(detail.explanation.admittedAt) - Date.parse(detail.createdAt)
    expect(wait).toBe(detail.counters[0].waitMs)
    const french = (await ask(`/${event?.['id']}`, { language: 'fr' })).json()
    expect(french.explanation.sentences[0]).toBe(
      'La règle « burst » en admet 3 en 60 s ; 3 étaient prises, et cette requête en demandait 1 de plus.',
    )
    server.app.policies.replace({ version: 1, policies: { 'contact.submit': { rules: { burst: { limit: 9 } } } } })
    const after = (await ask(`/${event?.['id']}`)).json().explanation
    expect(after).toMatchObject({ isPolicyInForce: false, agrees: true })
    expect(after.sentences.at(-1)).toContain(`its version ${event?.['policyVersion']}`)
  })

  it('of a flood is one event that counts, for each client', async () => {
    await start()
    await refuse(40, '203.0.113.1')
    await stored()
    await refuse(3, '203.0.113.2')
    for (let sent = 0; sent < 60; sent += 1) await contact('203.0.113.1')
    const events = await stored()
    expect(events.map(({ count, ruleId }) => [count, ruleId])).toEqual([
      [3, 'burst'],
      // That the client did so often is told once more: it will be asked for a proof of work where people sign in.
      [1, 'standing'],
      [100, 'burst'],
    ])
    expect(await figure('stored')).toBe(104)
  })
})

const inTenantRows = (tenantId: string) =>
  inTenant(database.app, tenantId, async (tx) => ({
    rows: await tx.selectFrom('security_event').selectAll().execute(),
  }))

describe('other decisions', () => {
  it('are events too: a challenge, what a shadow rule would have refused, and an alert', async () => {
    const steps = [{ after: 2, do: 'alert' }]
    await start({
      'contact.submit': {
        rules: {
          watched: { kind: 'rate-limit', by: 'ip', limit: 1, window: '1h', mode: 'shadow' },
          ladder: { kind: 'escalation', by: 'ip', window: '1h', steps },
        },
      },
    })
    await contact('203.0.113.5')
    await contact('203.0.113.5')
    const bots = { kind: 'signal', sources: ['userAgent'], challenge: 10 }
    server.app.policies.replace({ version: 1, policies: { 'contact.submit': { rules: { bots } } } })
    await contact('203.0.113.5', { 'user-agent': 'curl/8.0' })
    const events = await stored()
    expect(new Set(events.map(({ type, ruleId }) => `${type} ${ruleId}`))).toEqual(
      new Set(['challenged bots', 'shadow-refused watched', 'alert ladder']),
    )
    const challenged = events.find(({ type }) => type === 'challenged')
    expect((await ask(`/${challenged?.['id']}`)).json()).toMatchObject({
      signals: { userAgent: expect.any(Number) },
      explanation: { agrees: null, admittedAt: null },
    })
  })

  it('of a late rule are explained like those of an early one', async () => {
    await start({
      'contact.submit': { rules: { volume: { kind: 'rate-limit', by: 'tenant', limit: 1, window: '1h' } } },
    })
    await contact('203.0.113.1')
    await contact('203.0.113.2')
    const [event] = await stored()
    expect((await ask(`/${event?.['id']}`)).json()).toMatchObject({
      ruleId: 'volume',
      subjects: { tenant: expect.stringMatching(/^[0-9a-f]{16}$/) },
      explanation: { agrees: true },
    })
  })
})

describe('the tenant of an event', () => {
  it('is the one that the refused request named, and no other tenant sees it', async () => {
    await start()
    const other = await server.createTenant()
    await refuse(1, '203.0.113.9', { 'x-tenant-id': other.slug })
    expect(await stored()).toEqual([])
    const key = await server.apiKey(['security:read'], other.id)
    const [event] = await stored('', key)
    expect(event).toMatchObject({ count: 1, policyId: 'contact.submit' })
    const foreign = await ask(`/${event?.['id']}`)
    const unknown = await ask('/019bd0a4-6c00-7abc-8def-0123456789ab')
    expect([foreign.statusCode, foreign.json().code]).toEqual([404, 'security-event-not-found'])
    expect([unknown.statusCode, unknown.json().code]).toEqual([404, 'security-event-not-found'])
  })

  it('of a name that nobody has is none: such events are counted, and kept for nobody', async () => {
    await start()
    for (let sent = 0; sent < 3; sent += 1) await contact('203.0.113.9', { 'x-tenant-id': 'nobody-there' })
    await contact('203.0.113.9', { 'x-tenant-id': 'nobody-there' })
    expect(await stored()).toEqual([])
    expect(await figure('unattributed')).toBe(1)
  })
})

describe('the list', () => {
  it('asks for a key with its scope', async () => {
    await start()
    expect((await server.app.inject({ url: '/api/v1/security-events' })).statusCode).toBe(401)
    expect((await ask('', { key: await server.apiKey(['leads:read']) })).json().code).toBe('scope-missing')
  })

  it('pages by number and by cursor, and narrows by type, policy, rule, client and time', async () => {
    await start({ general: { rules: { burst: { limit: 60 } } } })
    const before = new Date(Date.now() - 5_000).toISOString()
    for (const client of ['203.0.113.1', '203.0.113.2', '203.0.113.3']) await refuse(1, client)
    const all = await stored()
    expect(all).toHaveLength(3)
    const key = await server.apiKey(['security:read'])
    const first = (await ask('?pageSize=2', { key })).json()
    expect(first).toMatchObject({ total: 3, totalPages: 2, nextCursor: all[1]?.['id'] })
    const rest = (await ask(`?pageSize=2&cursor=${first.nextCursor}`, { key })).json()
    expect(rest.items.map(({ id }: { id: string }) => id)).toEqual([all[2]?.['id']])
    const count = async (query: string) => (await ask(query, { key })).json().total
    expect(await count(`?fpPrefix=${all[0]?.['fpPrefix']}`)).toBe(1)
    expect([await count('?type=refused'), await count('?type=alert')]).toEqual([3, 0])
    expect([await count('?policy=contact.submit&rule=burst'), await count('?policy=general')]).toEqual([3, 0])
    expect([await count(`?since=${before}`), await count(`?until=${before}`)]).toEqual([3, 0])
    expect((await ask('?type=other', { key })).statusCode).toBe(422)
  })
})

describe('when the database does not take events', () => {
  it('refusals are answered as ever, and what fits is stored once it does', async () => {
    await start()
    await asOwner(database.target('rempart_owner'), 'revoke insert on security_event from rempart_app')
    onTestFinished(async () => {
      await asOwner(database.target('rempart_owner'), 'grant insert on security_event to rempart_app')
    })
    await refuse(2)
    await server.app.eventWriter.flush()
    expect(await figure('failed')).toBe(1)
    await asOwner(database.target('rempart_owner'), 'grant insert on security_event to rempart_app')
    expect(await stored()).toMatchObject([{ count: 2 }])
  })
})

describe('the days', () => {
  const days = async (): Promise<readonly string[]> => {
    const { rows } = await asOwner(
      database.target('rempart_owner'),
      "select relname from pg_class where relnamespace = 'security_event_days'::regnamespace and relkind = 'r' order by 1",
    )
    return rows.map(({ relname }) => relname)
  }
  const log = createLogger({ level: 'silent' })

  it('are there a week ahead, and go when their time is over', async () => {
    await start()
    const before = await days()
    expect(before).toHaveLength(9)
    await asOwner(
      database.target('rempart_owner'),
      `create table security_event_days.d20200101 partition of security_event
         for values from ('2020-01-01 00:00:00+00') to ('2020-01-02 00:00:00+00')`,
    )
    const missing = before.at(-1) ?? ''
    await asOwner(database.target('rempart_owner'), `drop table security_event_days.${pg.escapeIdentifier(missing)}`)
    await scheduleEventDays({ app: database.app, log }).stop()
    expect(await dropEventDays(database.worker, 30 * 86_400_000)).toBe(1)
    expect(await days()).toEqual(before)
  })

  it('are dropped by nobody who serves requests', async () => {
    await start()
    await expect(database.app.query('select drop_security_event_days(1)')).rejects.toMatchObject({ code: '42501' })
    await expect(database.worker.query('select drop_security_event_days(0)')).rejects.toMatchObject({ code: 'P0001' })
    const [first] = await days()
    for (const pool of [database.app, database.worker]) {
      await expect(pool.query(`select * from security_event_days.${first}`)).rejects.toMatchObject({ code: '42501' })
    }
  })
})
