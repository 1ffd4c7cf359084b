import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createId } from '../../core/ids.ts'
import { createPool } from '../../database/connect.ts'
import { inTenant } from '../../database/tenant.ts'
import { asOwner, createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'
import { listRegistrations } from './queries.ts'

let database: TestDatabase
let server: TestServer
let siteKey: string
let staffKey: string
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())
beforeEach(async () => {
  server = await startTestServer(database, { policyFile: withoutLimit })
  siteKey = await server.apiKey(['gates:register'])
  staffKey = await server.apiKey(['gates:read', 'gates:write'])
})
afterEach(() => server.close())

/** Tests register more often than a visitor may. */
const withoutLimit = { version: 1, policies: { 'gates.register': { rules: { burst: 'off' } } } }

const call = (method: 'GET' | 'POST' | 'PUT' | 'DELETE', url: string, payload?: object, key?: string) =>
  server.app.inject({
    method,
    url: `/api/v1${url}`,
    headers: key === undefined ? {} : { authorization: `Bearer ${key}` },
    ...(payload !== undefined && { payload }),
  })

const open = (input: object = {}) =>
  call('POST', '/gates', { slug: 'club', name: 'Club', capacity: 2, isPublic: true, ...input }, staffKey)
const register = (email: string, more: object = {}, key: string | undefined = siteKey, slug = 'club') =>
  call('POST', `/gates/${slug}/register`, { email, ...more }, key)
const arrive = (email: string, more: object = {}, slug = 'club') =>
  call('POST', `/gates/${slug}/register`, { email, ...more })
const registrations = async (query = '', slug = 'club') =>
  (await call('GET', `/gates/${slug}/registrations${query}`, undefined, staffKey)).json()
const gate = async (slug = 'club') => (await call('GET', `/gates/${slug}`, undefined, staffKey)).json()

describe('POST /gates/:slug/register with an API key', () => {
  it('gives places while there are any, and then positions in the order of arrival', async () => {
    await open()
    const replies = []
    for (const name of ['a', 'b', 'c', 'd']) replies.push(await register(`${name}@example.org`))
    expect(replies.map((reply) => [reply.statusCode, reply.json()])).toEqual([
      [201, { id: expect.any(String), status: 'registered' }],
      [201, { id: expect.any(String), status: 'registered' }],
      [201, { id: expect.any(String), status: 'waitlisted', position: 1 }],
      [201, { id: expect.any(String), status: 'waitlisted', position: 2 }],
    ])
    expect(await gate()).toMatchObject({ capacity: 2, registered: 2, waitlisted: 2 })
  })

  it('answers the same again for a repeated address, whatever its case and what else is sent', async () => {
    await open({ capacity: 1 })
    const first = await register('Ada@Example.org', { name: 'Ada', data: { size: 'M' } })
    const second = await register('bob@example.org')
    expect((await register('ada@EXAMPLE.ORG', { name: 'Somebody' })).json()).toEqual(first.json())
    expect((await register(' bob@example.org')).json()).toEqual(second.json())
    expect((await registrations()).items).toMatchObject([
      { email: 'bob@example.org', name: null, data: {}, status: 'waitlisted', position: 1, registeredAt: null },
      { email: 'Ada@example.org', name: 'Ada', data: { size: 'M' }, status: 'registered', position: null },
    ])
  })

  it('counts forty registrations of one address at once as one, with forty equal answers', async () => {
    await open({ capacity: 1 })
    const replies = await Promise.all(Array.from({ length: 40 }, () => register('ada@example.org')))
    expect(new Set(replies.map((reply) => reply.payload)).size).toBe(1)
    expect(await gate()).toMatchObject({ registered: 1, waitlisted: 0 })
  })

  it('asks for the scope, and for a key that holds', async () => {
    await open()
    expect((await register('ada@example.org', {}, staffKey)).json()).toMatchObject({
      code: 'scope-missing',
      detail: expect.stringContaining('gates:register'),
    })
    expect((await register('ada@example.org', {}, 'rmp_live_nothing')).json().code).toBe('credential-invalid')
    expect((await registrations()).total).toBe(0)
  })

  it('refuses a filled trap, so that the site knows, and stores nothing', async () => {
    await open()
    const refused = await register('ada@example.org', { website: 'http://spam.example' })
    expect([refused.statusCode, refused.json().code]).toEqual([400, 'invalid-submission'])
    expect((await registrations()).total).toBe(0)
  })

  it('registers for the key’s own tenant, and answers 404 for a gate of another', async () => {
    await open()
    const other = await server.createTenant()
    const key = await server.apiKey(['gates:register', 'gates:read', 'gates:write'], other.id)
    expect((await register('ada@example.org', {}, key)).json().code).toBe('gate-not-found')
    for (const [method, path, body] of [
      ['GET', '', undefined],
      ['PUT', '', { capacity: 0 }],
      ['DELETE', '', undefined],
      ['GET', '/registrations', undefined],
      ['DELETE', '/registrations/019bd0a4-6c00-7abc-8def-0123456789ab', undefined],
    ] as const) {
      expect((await call(method, `/gates/club${path}`, body, key)).json().code).toBe('gate-not-found')
    }
    expect(await gate()).toMatchObject({ capacity: 2, registered: 0 })
    await call('POST', '/gates', { slug: 'club', name: 'Theirs', capacity: 0 }, key)
    expect((await register('ada@example.org', {}, key)).json()).toMatchObject({ status: 'waitlisted', position: 1 })
    expect((await registrations()).total).toBe(0)
  })
})

describe('POST /gates/:slug/register without a key', () => {
  it('says "received" whether the address is new, repeated, waiting or a trap was filled, and nothing else', async () => {
    await open({ capacity: 1 })
    const arrivals = {
      new: await arrive('ada@example.org'),
      repeated: await arrive('ada@example.org'),
      waiting: await arrive('bob@example.org'),
      trap: await arrive('eve@example.org', { honeypot: 'x' }),
      otherTrap: await arrive('eve@example.org', { website: 'http://spam.example' }),
      repeatedTrap: await arrive('ada@example.org', { website: 'http://spam.example' }),
    }
    const own = (headers: object) =>
      Object.entries(headers).filter(([name]) => !/^(x-request-id|x-response-time|date)$/.test(name))
    for (const [what, reply] of Object.entries(arrivals)) {
      expect([what, reply.statusCode, reply.payload]).toEqual([what, 201, '{"status":"received"}'])
      expect(own(reply.headers)).toEqual(own(arrivals.new.headers))
      expect(Object.keys(reply.headers)).toEqual(Object.keys(arrivals.new.headers))
    }
    expect((await registrations()).items).toMatchObject([
      { email: 'bob@example.org', status: 'waitlisted' },
      { email: 'ada@example.org', status: 'registered' },
    ])
  })

  it('writes the gate’s row to the disk whatever happened, so that the time of a commit tells nothing', async () => {
    await open({ capacity: 1 })
    const version = async () => {
      const { rows } = await database.worker.query<{ xmin: string }>(
        `with me as materialized (select set_config('rempart.tenant_id', $1, true))
         select g.xmin::text from me cross join lateral (select xmin from gate where slug = 'club') g`,
        [server.tenant.id],
      )
      return rows[0]?.xmin
    }
    let before = await version()
    for (const [email, more] of [
      ['ada@example.org', {}],
      ['ada@example.org', {}],
      ['bob@example.org', {}],
      ['eve@example.org', { honeypot: 'x' }],
    ] as const) {
      await arrive(email, more)
      const after = await version()
      expect([after === undefined, after === before]).toEqual([false, false])
      before = after
    }
  })

  it('answers 401 at a gate that is not public, and 404 at none', async () => {
    await open({ isPublic: false })
    for (const more of [{}, { honeypot: 'x' }]) {
      const refused = await arrive('ada@example.org', more)
      expect([refused.statusCode, refused.json().code]).toEqual([401, 'authentication-required'])
      expect(refused.headers['www-authenticate']).toBe('Bearer')
    }
    for (const slug of ['nowhere', 'Club', 'club%20', "club'--", 'a'.repeat(64)]) {
      const unknown = await arrive('ada@example.org', {}, slug)
      expect([slug, unknown.statusCode, unknown.json().code]).toEqual([slug, 404, 'gate-not-found'])
    }
    expect((await registrations()).total).toBe(0)
    expect((await register('ada@example.org')).json().status).toBe('registered')
  })

  it.each([
    ['an address that is none', { email: 'no' }, '/email'],
    ['a name of two lines', { email: 'a@example.org', name: 'a\nb' }, '/name'],
    ['data that nests', { email: 'a@example.org', data: { a: {} } }, '/data/a'],
    ['too much data', { email: 'a@example.org', data: { a: 'x'.repeat(1_001) } }, '/data/a'],
    // Of a name with a line break no schema says what its value may be; one that JSON escapes is refused before.
    ['data that nests under a name of two lines', { email: 'a@example.org', data: { 'a\u2028': { b: [] } } }, '/data'],
    ['a long name in data', { email: 'a@example.org', data: { ['x'.repeat(101)]: 1 } }, '/data'],
    [
      'many members of data',
      { email: 'a@example.org', data: Object.fromEntries(Array.from({ length: 31 }, (_, n) => [`n${n}`, n])) },
      '/data',
    ],
    ['an unknown member', { email: 'a@example.org', status: 'registered' }, '/status'],
  ])('answers 422 for %s', async (_what, input, pointer) => {
    await open()
    const reply = await call('POST', '/gates/club/register', input)
    expect([reply.statusCode, reply.json().errors]).toEqual([
      422,
      expect.arrayContaining([expect.objectContaining({ pointer })]),
    ])
  })
})

describe('POST /gate125/register', () => {
  it('is the gate gate125, under the counter that every gate shares', async () => {
    await server.close()
    server = await startTestServer(database)
    siteKey = await server.apiKey(['gates:register'])
    staffKey = await server.apiKey(['gates:read', 'gates:write'])
    await open({ slug: 'gate125', capacity: 125 })
    const visit = (index: number) =>
      index % 2 === 0
        ? call('POST', '/gate125/register', { email: `a${index}@example.org` })
        : arrive(`a${index}@example.org`, {}, 'gate125')
    for (let sent = 0; sent < 10; sent += 1) expect((await visit(sent)).statusCode).toBe(201)
    for (const refused of [await visit(10), await visit(11)]) {
      expect([refused.statusCode, refused.headers['retry-after']]).toEqual([429, '3600'])
    }
    server.clock.nowMs += 3_599_000
    expect((await visit(12)).headers['retry-after']).toBe('1')
    server.clock.nowMs += 1_001
    expect((await visit(13)).statusCode).toBe(201)
    expect((await registrations('', 'gate125')).total).toBe(11)
  })
})

describe('the capacity', () => {
  it('is exact when two servers take 200 at once: 125 have a place, 75 wait in a row, none is lost or doubled', async () => {
    const second = await createSecondServer()
    try {
      await open({ capacity: 125 })
      const replies = await Promise.all(
        Array.from({ length: 200 }, (_, index) => {
          const { app } = index % 2 === 0 ? server : second
          return app.inject({
            method: 'POST',
            url: '/api/v1/gates/club/register',
            payload: { email: `visitor-${index % 200}@example.org` },
            headers: { authorization: `Bearer ${siteKey}` },
          })
        }),
      )
      const answers = replies.map((reply) => reply.json())
      expect(new Set(replies.map((reply) => reply.statusCode))).toEqual(new Set([201]))
      expect(new Set(answers.map(({ id }) => id)).size).toBe(200)
      expect(answers.filter(({ status }) => status === 'registered')).toHaveLength(125)
      const positions = answers.flatMap(({ status, position }) => (status === 'waitlisted' ? [position] : []))
      expect(positions.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 75 }, (_, index) => index + 1))
      expect(await gate()).toMatchObject({ registered: 125, waitlisted: 75 })
      expect((await registrations('?status=registered&pageSize=1')).total).toBe(125)
      expect((await registrations('?status=waitlisted&pageSize=1')).total).toBe(75)
    } finally {
      await second.close()
    }
  })

  it('is exact while places are freed and the capacity moves', async () => {
    const second = await createSecondServer()
    try {
      await open({ capacity: 20 })
      const early = await Promise.all(Array.from({ length: 30 }, (_, index) => register(`early-${index}@example.org`)))
      const freed = early.map((reply) => reply.json()).filter(({ status }) => status === 'registered')
      await Promise.all([
        ...Array.from({ length: 60 }, (_, index) =>
          (index % 2 === 0 ? server : second).app.inject({
            method: 'POST',
            url: '/api/v1/gates/club/register',
            payload: { email: `late-${index % 40}@example.org` },
            headers: { authorization: `Bearer ${siteKey}` },
          }),
        ),
        ...freed.slice(0, 7).map(({ id }) => call('DELETE', `/gates/club/registrations/${id}`, undefined, staffKey)),
        call('PUT', '/gates/club', { capacity: 25 }, staffKey),
      ])
      const { items, total } = await registrations('?pageSize=100')
      expect(total).toBe(30 - 7 + 40)
      expect(items.filter((each: { status: string }) => each.status === 'registered')).toHaveLength(25)
      expect(await gate()).toMatchObject({ capacity: 25, registered: 25, waitlisted: total - 25 })
      const early30 = items.filter((each: { email: string }) => each.email.startsWith('early'))
      // Who came first waits first: nobody of the late ones has a place while an early one waits.
      expect(early30.every((each: { status: string }) => each.status === 'registered')).toBe(true)
    } finally {
      await second.close()
    }
  })
})

/** Stores as many registrations as would take a visitor long, in the order of their places, with the gate's figures. */
async function fill(gateId: string, counts: { registered: number; waitlisted: number }): Promise<void> {
  const total = counts.registered + counts.waitlisted
  await inTenant(database.worker, server.tenant.id, async (tx) => {
    await sql`
      insert into gate_registration (tenant_id, gate_id, id, email, status, place, registered_at)
      select ${server.tenant.id}, ${gateId}, r.id, 'v' || r.place || '@example.org',
        case when r.place <= ${counts.registered} then 'registered' else 'waitlisted' end, r.place,
        case when r.place <= ${counts.registered} then now() end
      from unnest(${Array.from({ length: total }, () => createId())}::uuid[]) with ordinality as r (id, place)`.execute(
      tx,
    )
    await tx
      .updateTable('gate')
      .set({ ...counts, last_place: total })
      .where('id', '=', gateId)
      .execute()
  })
  // What its own statistics tell a table that lives for longer than a test.
  await asOwner(database.target('rempart_owner'), 'analyze gate_registration')
}

describe('gates for staff', () => {
  it('are made, listed, read, changed and deleted, with everybody who registered', async () => {
    const made = await open()
    expect([made.statusCode, made.headers['location']]).toEqual([201, '/api/v1/gates/club'])
    expect(made.json()).toMatchObject({ slug: 'club', isPublic: true, registered: 0, waitlisted: 0 })
    await open({ slug: 'quiet', isPublic: undefined })
    const list = (await call('GET', '/gates?pageSize=1', undefined, staffKey)).json()
    expect(list).toMatchObject({ items: [{ slug: 'quiet', isPublic: false }], total: 2, page: 1, totalPages: 2 })
    const renamed = await call('PUT', '/gates/club', { slug: 'team', name: 'Team' }, staffKey)
    expect(renamed.json()).toMatchObject({ id: made.json().id, slug: 'team', name: 'Team', capacity: 2 })
    await register('ada@example.org', {}, siteKey, 'team')
    expect((await call('DELETE', '/gates/team', undefined, staffKey)).statusCode).toBe(204)
    expect((await call('GET', '/gates/team', undefined, staffKey)).json().code).toBe('gate-not-found')
    expect((await call('DELETE', '/gates/team', undefined, staffKey)).statusCode).toBe(404)
    await open({ slug: 'team' })
    expect((await registrations('', 'team')).total).toBe(0)
  })

  it('answers 409 for a slug that is taken', async () => {
    await open()
    expect((await open()).json().code).toBe('slug-taken')
    await open({ slug: 'team' })
    expect((await call('PUT', '/gates/team', { slug: 'club' }, staffKey)).json().code).toBe('slug-taken')
  })

  it('give a freed place to the first that waits, and never to a newcomer', async () => {
    await open({ capacity: 1 })
    const [first, second, third] = [
      (await register('a@example.org')).json(),
      (await register('b@example.org')).json(),
      (await register('c@example.org')).json(),
    ]
    const remove = (id: string) => call('DELETE', `/gates/club/registrations/${id}`, undefined, staffKey)
    expect((await remove(first.id)).statusCode).toBe(204)
    expect((await register('d@example.org')).json()).toMatchObject({ status: 'waitlisted', position: 2 })
    expect((await register('b@example.org')).json()).toEqual({ id: second.id, status: 'registered' })
    expect((await register('c@example.org')).json()).toEqual({ id: third.id, status: 'waitlisted', position: 1 })
    expect((await remove(third.id)).statusCode).toBe(204)
    expect((await register('d@example.org')).json()).toMatchObject({ status: 'waitlisted', position: 1 })
    expect((await remove(first.id)).json().code).toBe('registration-not-found')
    expect(await gate()).toMatchObject({ registered: 1, waitlisted: 1 })
  })

  it('give more places in the order of arrival, and take none away', async () => {
    await open({ capacity: 1 })
    for (const name of ['a', 'b', 'c']) await register(`${name}@example.org`)
    await call('PUT', '/gates/club', { capacity: 2 }, staffKey)
    expect((await registrations('?status=waitlisted')).items).toMatchObject([{ email: 'c@example.org', position: 1 }])
    const lowered = await call('PUT', '/gates/club', { capacity: 0 }, staffKey)
    expect(lowered.json()).toMatchObject({ capacity: 0, registered: 2, waitlisted: 1 })
    expect((await register('d@example.org')).json()).toMatchObject({ status: 'waitlisted', position: 2 })
  })

  it('list registrations in pages and by cursor, by status and by address', async () => {
    await open({ capacity: 3 })
    for (let index = 0; index < 5; index += 1) await register(`a${index}@example.org`)
    const first = await registrations('?pageSize=2')
    expect(first).toMatchObject({ total: 5, totalPages: 3, nextCursor: first.items[1].id })
    const next = await registrations(`?pageSize=2&cursor=${first.nextCursor}`)
    expect(next.items.map(({ email }: { email: string }) => email)).toEqual(['a2@example.org', 'a1@example.org'])
    expect((await registrations('?page=3&pageSize=2')).items).toMatchObject([{ email: 'a0@example.org' }])
    expect(await registrations('?status=waitlisted')).toMatchObject({ total: 2 })
    expect(await registrations('?email=A1@EXAMPLE.org')).toMatchObject({ total: 1, items: [{ position: null }] })
  })

  it('tell each that waits its position, reading the waiting list once for a page and not once for a row', async () => {
    await open({ capacity: 500 })
    const { id: gateId } = await gate()
    await fill(gateId, { registered: 500, waitlisted: 2_500 })
    const readFor = async (request: { page: number; pageSize: number }, filter: { status?: string }) => {
      let read = 0
      const rows = await inTenant(database.app, server.tenant.id, async (tx) => {
        const listed = await listRegistrations(tx, gateId, { ...request, cursor: undefined }, filter)
        const counted = await sql<{ rows: number }>`
          select seq_tup_read + idx_tup_fetch as rows from pg_stat_xact_user_tables where relname = 'gate_registration'`.execute(
          tx,
        )
        read = Number(counted.rows[0]?.rows)
        return listed
      })
      return { positions: rows.map(({ position }) => position), read }
    }
    const newest = await readFor({ page: 1, pageSize: 100 }, {})
    expect(newest.positions).toEqual(Array.from({ length: 101 }, (_, index) => 2_500 - index))
    expect(newest.read).toBeLessThan(3 * 101)
    const oldest = await readFor({ page: 25, pageSize: 100 }, { status: 'waitlisted' })
    expect(oldest.positions).toEqual(Array.from({ length: 100 }, (_, index) => 100 - index))
    // Once what the page skips, and once those that wait.
    expect(oldest.read).toBeLessThanOrEqual(2 * 3_000)
    const places = await readFor({ page: 1, pageSize: 100 }, { status: 'registered' })
    expect(new Set(places.positions)).toEqual(new Set([null]))
  })

  it('ask for their scopes', async () => {
    await open()
    const [reader, writer] = [await server.apiKey(['gates:read']), await server.apiKey(['gates:write'])]
    const paths = [
      ['GET', '/gates', writer],
      ['GET', '/gates/club', writer],
      ['GET', '/gates/club/registrations', writer],
      ['POST', '/gates', reader],
      ['PUT', '/gates/club', reader],
      ['DELETE', '/gates/club', reader],
      ['DELETE', '/gates/club/registrations/019bd0a4-6c00-7abc-8def-0123456789ab', reader],
    ] as const
    for (const [method, path, key] of paths) {
      const body = method === 'POST' || method === 'PUT' ? { name: 'x' } : undefined
      expect([method, path, (await call(method, path, body)).statusCode]).toEqual([method, path, 401])
      for (const wrong of [key, siteKey]) {
        expect((await call(method, path, body, wrong)).json().code).toBe('scope-missing')
      }
    }
    expect((await gate()).name).toBe('Club')
  })
})

it('counts what a day brought and dropped, and logs neither address nor name nor data', async () => {
  await open()
  await arrive('zebulon@example.net', { name: 'Zebulon', data: { wish: 'windmill' } })
  await arrive('zebulon@example.net')
  await arrive('quixote@example.net', { honeypot: 'x' })
  const { id } = await gate()
  const { rows } = await database.worker.query(
    `with me as materialized (select set_config('rempart.tenant_id', $1, true))
     select d.outcome, d.count from me cross join lateral (select * from intake_day where source = $2) d order by 1`,
    [server.tenant.id, id],
  )
  expect(rows).toEqual([
    { outcome: 'dropped', count: 1 },
    { outcome: 'stored', count: 1 },
  ])
  const log = server.logLines.join('')
  expect(log).toMatch(/"gateSlug":"club","registrationId":"[0-9a-f-]{36}","fate":"replayed"/)
  for (const secret of ['zebulon', 'quixote', 'windmill']) expect(log.toLowerCase()).not.toContain(secret)
})

/** Another server on the same database, over connections of its own. Its tenant is another; the key names the first. */
async function createSecondServer(): Promise<TestServer> {
  const settings = {
    connectTimeoutMs: 5_000,
    statementTimeoutMs: 15_000,
    idleTimeoutMs: 10_000,
    maxLifetimeMs: 600_000,
  }
  const app = createPool(database.target('rempart_app'), { ...settings, size: 6, name: 'second' }, () => {})
  const second = await startTestServer({ ...database, app }, { policyFile: withoutLimit })
  return {
    ...second,
    close: async () => {
      await second.close()
      await app.end()
    },
  }
}
