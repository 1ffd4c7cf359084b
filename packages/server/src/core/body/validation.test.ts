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
