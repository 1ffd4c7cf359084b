import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'

let database: TestDatabase
let server: TestServer
let staffKey: string
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())
beforeEach(async () => {
  server = await startTestServer(database)
  staffKey = await server.apiKey(['resources:read', 'resources:write'])
})
afterEach(() => server.close())

const guide = { title: 'Guide', summary: 'How to begin.', url: 'https://www.example.org/guide', category: 'guides' }

const visit = (url: string, headers: Record<string, string> = {}) =>
  server.app.inject({ url: `/api/v1/resources${url}`, headers })

const staff = (method: 'GET' | 'POST' | 'PUT' | 'DELETE', url: string, payload?: object, key = staffKey) =>
  server.app.inject({
    method,
    url: `/api/v1/resources${url}`,
    headers: { authorization: `Bearer ${key}` },
    ...(payload !== undefined && { payload }),
  })

const make = async (input: object = guide): Promise<string> => (await staff('POST', '', input)).json().id

/** What differs between two answers to the same question: the names and instants of the requests themselves. */
const shape = (reply: { statusCode: number; payload: string }) => [
  reply.statusCode,
  reply.payload.replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}|\d{4}-\d\d-\d\dT[\d:.]+Z/g, '…'),
]

describe('GET /resources', () => {
  it('shows anybody the resources of the tenant, newest first, in numbered pages', async () => {
    for (const title of ['one', 'two', 'three']) await make({ title })
    const first = (await visit('?pageSize=2')).json()
    expect(first).toEqual({
      items: [expect.objectContaining({ title: 'three' }), expect.objectContaining({ title: 'two' })],
      total: 3,
      page: 1,
      pageSize: 2,
      totalPages: 2,
    })
    expect((await visit('?pageSize=2&page=2')).json().items).toMatchObject([{ title: 'one' }])
    expect((await visit('?page=3')).json()).toMatchObject({ items: [], total: 3, page: 3, pageSize: 20, totalPages: 1 })
  })

  it('shows those of one category', async () => {
    await make()
    await make({ title: 'Tool', category: 'tools' })
    expect((await visit('?category=tools')).json()).toMatchObject({ items: [{ title: 'Tool' }], total: 1 })
  })

  it('keeps the deleted ones for a key that reads resources', async () => {
    const id = await make()
    await staff('DELETE', `/${id}`)
    expect((await visit('')).json()).toMatchObject({ items: [], total: 0 })
    const asked = await visit('?deleted=true')
    expect([asked.statusCode, asked.json().code]).toEqual([401, 'authentication-required'])
    expect((await staff('GET', '?deleted=true')).json().items).toMatchObject([{ id, deletedAt: expect.any(String) }])
    expect((await staff('GET', '')).json().items).toEqual([])
  })

  it('refuses a credential that does not hold, or lacks the scope, instead of passing it over', async () => {
    const other = await server.apiKey(['leads:read'])
    expect((await staff('GET', '', undefined, 'nothing')).json().code).toBe('credential-invalid')
    expect((await staff('GET', '', undefined, other)).json().code).toBe('scope-missing')
    expect((await visit('', { 'x-api-key': other })).statusCode).toBe(403)
  })

  it.each(['?pageSize=101', '?page=0', '?deleted=maybe', `?category=${'x'.repeat(101)}`])(
    'answers 422 for %s',
    async (query) => {
      expect((await visit(query)).statusCode).toBe(422)
    },
  )

  it('admits sixty in sixty seconds and says no Retry-After to the sixty-first', async () => {
    for (let count = 0; count < 60; count += 1) expect((await visit('')).statusCode).toBe(200)
    const refused = await visit('', { 'accept-language': 'fr' })
    expect(refused.statusCode).toBe(429)
    expect(refused.json()).toMatchObject({ error: 'Trop de requêtes', code: 'rate-limited' })
    expect(refused.headers).toMatchObject({ 'x-ratelimit-limit': '60', 'x-ratelimit-remaining': '0' })
    expect(refused.headers['retry-after']).toBeUndefined()
    // Above 32 the count may give a place back a thirty-first of the window late.
    server.clock.nowMs += 62_000
    expect((await visit('')).statusCode).toBe(200)
  })
})

describe('GET /resources/:id', () => {
  it('answers for one of another tenant exactly as for one that does not exist', async () => {
    const id = await make()
    const other = await server.createTenant()
    const ask = (each: string) => visit(`/${each}`, { 'x-tenant-id': other.slug })
    const [foreign, unknown] = [await ask(id), await ask('019bd0a4-6c00-7abc-8def-0123456789ab')]
    expect(foreign.json()).toMatchObject({ status: 404, code: 'resource-not-found' })
    expect(shape(foreign)).toEqual(shape(unknown))
    expect(Object.keys(foreign.headers)).toEqual(Object.keys(unknown.headers))

    const key = await server.apiKey(['resources:read', 'resources:write'], other.id)
    for (const [method, path, body] of [
      ['PUT', '', { title: 'Mine' }],
      ['DELETE', '', undefined],
      ['POST', '/restore', undefined],
    ] as const) {
      expect([method, (await staff(method, `/${id}${path}`, body, key)).statusCode]).toEqual([method, 404])
    }
    expect((await visit(`/${id}`)).json()).toMatchObject({ title: 'Guide' })
  })

  it('hides a deleted one from visitors, as if it had never been, and shows it to staff', async () => {
    const id = await make()
    await staff('DELETE', `/${id}`)
    expect(shape(await visit(`/${id}`))).toEqual(shape(await visit('/019bd0a4-6c00-7abc-8def-0123456789ab')))
    expect((await staff('GET', `/${id}`)).json()).toMatchObject({ id, deletedAt: expect.any(String) })
  })
})

describe('POST /resources', () => {
  it('makes one that visitors see at once, with its place', async () => {
    const made = await staff('POST', '', { ...guide, title: '  Guide ' })
    const { id, createdAt } = made.json()
    expect([made.statusCode, made.headers['location']]).toEqual([201, `/api/v1/resources/${id}`])
    expect((await visit(`/${id}`)).json()).toEqual({ id, ...guide, createdAt, updatedAt: createdAt })
  })

  it('asks for a key, and for its scope', async () => {
    const post = (headers: Record<string, string>) =>
      server.app.inject({ method: 'POST', url: '/api/v1/resources', payload: guide, headers })
    expect((await post({})).statusCode).toBe(401)
    const reader = await server.apiKey(['resources:read'])
    expect((await post({ authorization: `Bearer ${reader}` })).json().code).toBe('scope-missing')
  })

  it.each([
    'javascript:alert(1)',
    'data:text/html,x',
    '//example.org',
    'https://',
    'https://bank.example@evil.example/',
    'https://user:secret@example.org/',
    'https://example.org/a b',
    `https://example.org/${'x'.repeat(2_050)}`,
    `https://example.org/${'é'.repeat(400)}`,
  ])('takes no address but of http and https, without a user name: not %s', async (url) => {
    const reply = await staff('POST', '', { title: 'Link', url })
    expect(reply.statusCode).toBe(422)
    expect(reply.json().errors).toContainEqual(expect.objectContaining({ pointer: '/url' }))
  })

  it('stores an address in its canonical form', async () => {
    const made = await staff('POST', '', { title: 'Link', url: 'https://WWW.Münster.example/a/../b' })
    expect(made.json().url).toBe('https://www.xn--mnster-3ya.example/b')
  })

  it.each([
    [{}, '/title'],
    [{ title: ' ' }, '/title'],
    [{ title: 'a\nb' }, '/title'],
    [{ title: 'x'.repeat(201) }, '/title'],
    [{ title: 'x', summary: 'x'.repeat(2_001) }, '/summary'],
    [{ title: 'x', category: '' }, '/category'],
    [{ title: 'x', id: 'mine' }, '/id'],
  ])('answers 422 for %j', async (input, pointer) => {
    const reply = await staff('POST', '', input)
    expect([reply.statusCode, reply.json().errors]).toEqual([
      422,
      expect.arrayContaining([expect.objectContaining({ pointer })]),
    ])
  })
})

describe('PUT /resources/:id', () => {
  it('changes what is named, clears what is null and leaves the rest', async () => {
    const id = await make()
    server.clock.nowMs += 60_000
    const changed = await staff('PUT', `/${id}`, { title: 'New', summary: null })
    expect(changed.json()).toMatchObject({ ...guide, title: 'New', summary: null })
    expect(changed.json().updatedAt > changed.json().createdAt).toBe(true)
  })

  it('answers 409 for a deleted one, which has to be restored first', async () => {
    const id = await make()
    await staff('DELETE', `/${id}`)
    const refused = await staff('PUT', `/${id}`, { title: 'New' })
    expect([refused.statusCode, refused.json().code]).toEqual([409, 'resource-deleted'])
  })
})

describe('DELETE /resources/:id and POST /resources/:id/restore', () => {
  it('hide a resource and bring it back as it was, however often each is asked', async () => {
    const id = await make()
    const before = (await visit(`/${id}`)).json()
    expect((await staff('DELETE', `/${id}`)).statusCode).toBe(204)
    const { deletedAt } = (await staff('GET', `/${id}`)).json()
    server.clock.nowMs += 60_000
    expect((await staff('DELETE', `/${id}`)).statusCode).toBe(204)
    expect((await staff('GET', `/${id}`)).json().deletedAt).toBe(deletedAt)
    for (const _time of [1, 2]) {
      const restored = await staff('POST', `/${id}/restore`)
      expect([restored.statusCode, restored.json()]).toEqual([200, before])
    }
    expect((await visit(`/${id}`)).json()).toEqual(before)
  })

  it('answer 404 for one that never was', async () => {
    const nobody = '/019bd0a4-6c00-7abc-8def-0123456789ab'
    expect((await staff('DELETE', nobody)).json().code).toBe('resource-not-found')
    expect((await staff('POST', `${nobody}/restore`)).json().code).toBe('resource-not-found')
  })
})
