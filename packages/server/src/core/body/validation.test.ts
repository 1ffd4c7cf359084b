import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'

let database: TestDatabase
let server: TestServer
let key: string
beforeAll(async () => {
  database = await createTestDatabase()
  server = await startTestServer(database)
  key = await server.apiKey(['contact:read'])
})
afterAll(async () => {
  await server.close()
  await database.close()
})

const message = { name: 'Ada', email: 'ada@example.org', message: 'Hello' }
const send = (payload: object, headers: Record<string, string> = {}) => {
  server.clock.nowMs += 400_000
  return server.app.inject({ method: 'POST', url: '/api/v1/contact', payload, headers })
}
const list = (query: string) =>
  server.app.inject({ url: `/api/v1/contact/messages?${query}`, headers: { authorization: `Bearer ${key}` } })
const faults = (reply: { json(): { errors?: { pointer: string; code: string; message: string }[] } }) =>
  reply.json().errors ?? []

describe('a body', () => {
  it('is taken as it is: no text becomes a number, no number a text', async () => {
    for (const wrong of [{ name: 1 }, { consent: 'true' }, { message: true }, { email: ['ada@example.org'] }]) {
      const reply = await send({ ...message, ...wrong })
      expect(reply.statusCode).toBe(422)
      expect(faults(reply)).toMatchObject([{ pointer: `/${Object.keys(wrong)[0]}`, code: 'type' }])
    }
  })

  it('is told every fault at once, each by its place', async () => {
    const reply = await send({ name: ' ', email: 'x', extra: 1 })
    const told = faults(reply).map(({ pointer, code }) => `${pointer} ${code}`)
    expect(told.toSorted()).toEqual(
      [
        '/email format',
        '/extra additionalProperties',
        '/email minLength',
        '/message required',
        '/name pattern',
      ].toSorted(),
    )
  })

  it('is told them in the language it asked for', async () => {
    const [fault] = faults(await send({ name: 'Ada', email: 'ada@example.org' }, { 'accept-language': 'fr-CA' }))
    expect(fault).toEqual({ pointer: '/message', code: 'required', message: 'est obligatoire' })
  })

  it('gets no more than fifty faults, with names cut short and no value of its own', async () => {
    const extra = Object.fromEntries(
      Array.from({ length: 5_000 }, (_, index) => [`${index}${'n'.repeat(100)}`, 'secret-value']),
    )
    const reply = await send({ ...message, ...extra })
    expect(faults(reply)).toHaveLength(50)
    expect(reply.body).not.toContain('secret-value')
    for (const { pointer } of faults(reply)) expect(pointer.length).toBeLessThanOrEqual(130)
  })

  it('escapes the names in its pointers', async () => {
    expect(faults(await send({ ...message, 'a/b~c': 1 }))[0]?.pointer).toBe('/a~1b~0c')
  })
})

describe('a query', () => {
  it('reads numbers from digits, and nothing else', async () => {
    expect((await list('page=2&pageSize=5')).json()).toMatchObject({ page: 2, pageSize: 5 })
    for (const wrong of [
      'page=0',
      'page=-1',
      'page=1.5',
      'page=x',
      'page=',
      'page=1e99',
      'pageSize=101',
      'page=1&page=2',
      'cursor=1',
    ]) {
      const reply = await list(wrong)
      expect([wrong, reply.statusCode]).toEqual([wrong, 422])
      expect(faults(reply)[0]?.pointer).toBe(wrong.split('=')[0])
    }
  })
})

it('a query with U+0000 in a text is told which one, wherever no other rule keeps it out', async () => {
  const events = await server.apiKey(['security:read'])
  for (const name of ['rule', 'policy']) {
    const url = `/api/v1/security-events?${name}=a%00b`
    const reply = await server.app.inject({ url, headers: { authorization: `Bearer ${events}` } })
    expect(reply.statusCode).toBe(422)
    expect(faults(reply)).toMatchObject([{ pointer: name, code: 'pattern' }])
  }
})

it.each(['Infinity', '-Infinity', '1e309', '-1e309'])(
  'a query with %s for a number is told that it is none',
  async (text) => {
    const reply = await server.app.inject({ url: `/api/v1/resources?page=${text}&pageSize=${text}` })
    expect(reply.statusCode).toBe(422)
    expect(faults(reply)).toMatchObject([
      { pointer: 'page', code: 'type' },
      { pointer: 'pageSize', code: 'type' },
    ])
  },
)

describe('an instant', () => {
  let staff: Readonly<Record<string, string>>
  beforeAll(async () => {
    staff = { authorization: `Bearer ${await server.apiKey(['security:read'])}` }
  })
  const since = (instant: string) =>
    server.app.inject({ url: '/api/v1/security-events', query: { since: instant }, headers: staff })

  it.each([
    '2026-11-21T15:00:00Z',
    '2026-11-21t15:00:00.123456789z',
    '2028-02-29T23:59:59+05:30',
    '0001-01-02T00:00:00Z',
  ])('is taken as %s', async (instant) => expect((await since(instant)).statusCode).toBe(200))

  it.each([
    ['a leap second', '2026-12-31T23:59:60Z'],
    ['a leap second elsewhere', '2027-01-01T05:29:60+05:30'],
    ['a year beyond 9999 in UTC', '9999-12-31T23:59:59-12:00'],
    ['a year before 1 in UTC', '0001-01-01T00:00:00+12:00'],
    ['the 30th of February', '2026-02-30T00:00:00Z'],
    ['month 13', '2026-13-01T00:00:00Z'],
    ['an hour 24', '2026-11-21T24:00:00Z'],
    ['no offset', '2026-11-21T15:00:00'],
    ['no time', '2026-11-21'],
  ])('is refused as %s', async (_what, instant) => {
    const reply = await since(instant)
    expect(reply.statusCode).toBe(422)
    expect(faults(reply)).toMatchObject([{ pointer: 'since', code: 'format' }])
  })
})
