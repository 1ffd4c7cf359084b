import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'
import { DEMO_FORM } from './definition/demo.ts'
import type { FormDefinition } from './definition/schema.ts'

let database: TestDatabase
let server: TestServer
/** A fresh one for each test. */
let tenant: { readonly id: string }
let call: ReturnType<typeof caller>
beforeAll(async () => {
  database = await createTestDatabase()
  server = await startTestServer(database)
})
afterAll(async () => {
  await server.close()
  await database.close()
})
beforeEach(async () => {
  // A minute later no request of another test counts.
  server.clock.nowMs += 61_000
  tenant = await server.createTenant()
  call = caller(await server.apiKey(['forms:read', 'forms:write'], tenant.id))
})

/** Calls the API with a key. */
function caller(key: string) {
  return (method: 'GET' | 'POST' | 'PUT', path: string, payload?: object) =>
    server.app.inject({
      method,
      url: `/api/v1${path}`,
      headers: { authorization: `Bearer ${key}` },
      ...(payload && { payload }),
    })
}

const definition = (title = 'Newsletter'): FormDefinition => ({
  title: { en: title },
  fields: [{ name: 'city', type: 'text', label: { en: 'City', fr: 'Ville' } }],
  protection: { renderToken: 'optional' },
})

const create = async (slug = 'newsletter') =>
  (await call('POST', '/forms', { slug, name: 'Newsletter', definition: definition() })).json()

const show = (slug: string) =>
  server.app.inject({ url: `/api/v1/forms/public/${slug}`, headers: { 'x-tenant-id': tenant.id } })

const publicStatus = async (slug: string): Promise<number> => (await show(slug)).statusCode

const unknownId = '01890a5d-ac96-774b-bcce-b302099a8057'

describe('POST /forms', () => {
  it('makes a draft with version 1, and says where it is', async () => {
    const reply = await call('POST', '/forms', { slug: 'quote', name: ' Quote ', definition: DEMO_FORM })
    expect(reply.statusCode).toBe(201)
    const form = reply.json()
    expect(form).toMatchObject({
      slug: 'quote',
      name: 'Quote',
      latestVersion: 1,
      publishedVersion: null,
      archivedAt: null,
      definition: DEMO_FORM,
    })
    expect(reply.headers.location).toBe(`/api/v1/forms/${form.id}`)
    expect((await call('GET', `/forms/${form.id}`)).json()).toEqual(form)
    expect(await publicStatus('quote')).toBe(404)
  })

  it('answers 409 slug-taken for a slug of this tenant, and takes one of another tenant', async () => {
    await create('taken')
    const again = await call('POST', '/forms', { slug: 'taken', name: 'x', definition: definition() })
    expect(again.statusCode).toBe(409)
    expect(again.json().code).toBe('slug-taken')

    const other = caller(await server.apiKey(['forms:write'], (await server.createTenant()).id))
    expect((await other('POST', '/forms', { slug: 'taken', name: 'x', definition: definition() })).statusCode).toBe(201)
  })

  it('says where a definition makes no sense', async () => {
    const twice = { ...definition(), fields: [...definition().fields, ...definition().fields] }
    const reply = await call('POST', '/forms', { slug: 'twice', name: 'x', definition: twice })
    expect(reply.statusCode).toBe(422)
    expect(reply.json()).toMatchObject({
      code: 'invalid-content',
      errors: [{ pointer: '/definition/fields/1/name', code: 'name-duplicate' }],
    })
  })

  it('judges a wrong field as a field of its own type only', async () => {
    const wrong = { ...definition(), fields: [{ name: 'city', type: 'text', label: { en: 'City' }, maxLenght: 3 }] }
    const reply = await call('POST', '/forms', { slug: 'wrong', name: 'x', definition: wrong })
    expect(reply.json().errors).toEqual([
      { pointer: '/definition/fields/0/maxLenght', code: 'additionalProperties', message: 'is not a known field' },
    ])
  })

  it('points at the type of a field of no known type', async () => {
    const wrong = { ...definition(), fields: [{ name: 'city', type: 'txet', label: { en: 'City' } }] }
    const reply = await call('POST', '/forms', { slug: 'wrong', name: 'x', definition: wrong })
    expect(reply.json().errors).toEqual([
      { pointer: '/definition/fields/0/type', code: 'enum', message: 'must be one of the allowed values' },
    ])
  })

  it('refuses a megabyte of wrong fields without looking at all of them', async () => {
    const flood = { ...definition(), fields: Array.from({ length: 200_000 }, () => ({})) }
    const started = performance.now()
    const reply = await call('POST', '/forms', { slug: 'flood', name: 'x', definition: flood })
    expect(reply.statusCode).toBe(422)
    expect(reply.json().errors.length).toBeLessThanOrEqual(50)
    expect(performance.now() - started).toBeLessThan(1_000)
  })

  it.each([{ slug: 'Not a slug' }, { name: ' ' }, { definition: null }, { extra: 1 }])('refuses %j', async (part) => {
    const reply = await call('POST', '/forms', { slug: 'fine', name: 'Fine', definition: definition(), ...part })
    expect(reply.statusCode).toBe(422)
  })
})

describe('GET /forms', () => {
  it('lists the newest first, and the archived ones only when asked', async () => {
    const [first, second] = [await create('first'), await create('second')]
    await call('PUT', `/forms/${first.id}`, { archived: true })
    const listed = (await call('GET', '/forms')).json()
    expect(listed).toMatchObject({ total: 1, totalPages: 1, nextCursor: null })
    expect(listed.items).toMatchObject([{ id: second.id, latestVersion: 1 }])
    expect((await call('GET', '/forms?archived=true')).json().items).toMatchObject([{ id: first.id }])
  })

  it('shows every form once along the cursor', async () => {
    const made = [await create('a'), await create('b'), await create('c')].map((form) => form.id)
    const page = (await call('GET', '/forms?pageSize=2')).json()
    const rest = (await call('GET', `/forms?pageSize=2&cursor=${page.nextCursor}`)).json()
    expect([...page.items, ...rest.items].map((form) => form.id)).toEqual(made.reverse())
    expect(rest.nextCursor).toBeNull()
  })
})

describe('PUT /forms/:id', () => {
  it('archives a form: unknown to the public at once, and back as it was when restored', async () => {
    const { id, slug } = await create()
    await call('POST', `/forms/${id}/publish`, {})
    expect(await publicStatus(slug)).toBe(200)

    const archived = await call('PUT', `/forms/${id}`, { archived: true })
    expect(archived.json()).toMatchObject({ archivedAt: expect.any(String), publishedVersion: 1 })
    expect(await publicStatus(slug)).toBe(404)

    expect((await call('PUT', `/forms/${id}`, { archived: false })).json().archivedAt).toBeNull()
    expect(await publicStatus(slug)).toBe(200)
  })

  it('moves a published form to another slug at once', async () => {
    const { id } = await create('before')
    await call('POST', `/forms/${id}/publish`, {})
    expect(await publicStatus('before')).toBe(200)
    expect((await call('PUT', `/forms/${id}`, { slug: 'after', name: 'After' })).json()).toMatchObject({
      slug: 'after',
      name: 'After',
    })
    expect([await publicStatus('before'), await publicStatus('after')]).toEqual([404, 200])
  })

  it('refuses a taken slug with 409, and a change of nothing with 422', async () => {
    await create('taken')
    const { id } = await create('mine')
    expect((await call('PUT', `/forms/${id}`, { slug: 'taken' })).json().code).toBe('slug-taken')
    expect((await call('PUT', `/forms/${id}`, {})).statusCode).toBe(422)
  })
})

describe('the versions of a form', () => {
  it('keeps each version as it was, and numbers them on', async () => {
    const { id } = await create()
    const second = await call('POST', `/forms/${id}/versions`, { definition: definition('Second') })
    expect(second.statusCode).toBe(201)
    expect(second.json()).toMatchObject({ formId: id, version: 2, isPublished: false, publishedAt: null })
    const read = async (version: number) => (await call('GET', `/forms/${id}/versions/${version}`)).json()
    expect((await read(1)).definition.title.en).toBe('Newsletter')
    expect((await read(2)).definition.title.en).toBe('Second')
    expect((await call('GET', `/forms/${id}`)).json()).toMatchObject({
      latestVersion: 2,
      definition: { title: { en: 'Second' } },
    })

    const list = (await call('GET', `/forms/${id}/versions?pageSize=1`)).json()
    expect(list).toMatchObject({ total: 2, totalPages: 2, items: [{ version: 2 }] })
  })

  it('gives numbers without gap or double to versions that come at once', async () => {
    const { id } = await create()
    const replies = await Promise.all(
      Array.from({ length: 8 }, () => call('POST', `/forms/${id}/versions`, { definition: definition() })),
    )
    expect(replies.map((reply) => reply.statusCode)).toEqual(Array.from({ length: 8 }, () => 201))
    expect(replies.map((reply) => reply.json().version).sort()).toEqual([2, 3, 4, 5, 6, 7, 8, 9])
  })

  it('answers 404 form-version-not-found for a version it lacks', async () => {
    const { id } = await create()
    for (const reply of [
      await call('GET', `/forms/${id}/versions/2`),
      await call('POST', `/forms/${id}/publish`, { version: 2 }),
    ]) {
      expect([reply.statusCode, reply.json().code]).toEqual([404, 'form-version-not-found'])
    }
  })
})

describe('publishing', () => {
  it('refuses null, which is a body and no version', async () => {
    const { id } = await create()
    const reply = await server.app.inject({
      method: 'POST',
      url: `/api/v1/forms/${id}/publish`,
      payload: 'null',
      headers: {
        authorization: `Bearer ${await server.apiKey(['forms:write'], tenant.id)}`,
        'content-type': 'application/json',
      },
    })
    expect(reply.statusCode).toBe(422)
  })

  it('shows the latest version, an older one when it is named, and none afterwards', async () => {
    const { id, slug } = await create()
    const shown = async () => {
      const reply = await show(slug)
      return reply.statusCode === 200 ? reply.json().version : reply.statusCode
    }
    await call('POST', `/forms/${id}/versions`, { definition: definition('Second') })
    expect(await shown()).toBe(404)
    expect((await call('POST', `/forms/${id}/publish`, {})).json().publishedVersion).toBe(2)
    expect((await call('POST', `/forms/${id}/publish`)).json().publishedVersion).toBe(2)
    expect(await shown()).toBe(2)
    await call('POST', `/forms/${id}/publish`, { version: 1 })
    expect(await shown()).toBe(1)
    expect((await call('GET', `/forms/${id}/versions`)).json().items).toMatchObject([
      { version: 2, isPublished: false, publishedAt: expect.any(String) },
      { version: 1, isPublished: true, publishedAt: expect.any(String) },
    ])
    expect((await call('POST', `/forms/${id}/unpublish`)).json().publishedVersion).toBeNull()
    expect((await call('POST', `/forms/${id}/unpublish`)).statusCode).toBe(200)
    expect(await shown()).toBe(404)
  })

  it('refuses an archived form with 409', async () => {
    const { id } = await create()
    await call('PUT', `/forms/${id}`, { archived: true })
    const reply = await call('POST', `/forms/${id}/publish`, {})
    expect([reply.statusCode, reply.json().code]).toEqual([409, 'form-archived'])
  })
})

describe('who may', () => {
  type Route = readonly ['GET' | 'POST' | 'PUT', (id: string) => string, object?]
  const reads: readonly Route[] = [
    ['GET', (id) => `/forms/${id}`],
    ['GET', (id) => `/forms/${id}/versions`],
    ['GET', (id) => `/forms/${id}/versions/1`],
  ]
  const writes: readonly Route[] = [
    ['PUT', (id) => `/forms/${id}`, { name: 'Stolen' }],
    ['POST', (id) => `/forms/${id}/versions`, { definition: definition() }],
    ['POST', (id) => `/forms/${id}/publish`, {}],
    ['POST', (id) => `/forms/${id}/unpublish`],
  ]

  const routes = [...reads, ...writes].map(([method, path, payload]) => ({ method, path, payload }))
  it.each(routes)('$method: a form of another tenant answers exactly as an unknown one', async (route) => {
    const { method, path, payload } = route
    const { id } = await create()
    const stranger = caller(await server.apiKey(['forms:read', 'forms:write'], (await server.createTenant()).id))
    const answer = async (formId: string) => {
      const reply = await stranger(method, path(formId), payload)
      const { requestId: _r, instance: _i, timestamp: _t, ...body } = reply.json()
      return { status: reply.statusCode, headers: Object.keys(reply.headers), body }
    }
    const foreign = await answer(id)
    expect(foreign).toMatchObject({ status: 404, body: { code: 'form-not-found' } })
    expect(foreign).toEqual(await answer(unknownId))
    expect((await call('GET', `/forms/${id}`)).json()).toMatchObject({ name: 'Newsletter', latestVersion: 1 })
  })

  it('lists no form of another tenant', async () => {
    await create()
    const stranger = caller(await server.apiKey(['forms:read'], (await server.createTenant()).id))
    expect((await stranger('GET', '/forms')).json()).toMatchObject({ total: 0, items: [] })
  })

  it('asks for a key, for forms:read to read and for forms:write to write', async () => {
    const { id } = await create()
    const reader = caller(await server.apiKey(['forms:read'], tenant.id))
    const writer = caller(await server.apiKey(['forms:write'], tenant.id))
    for (const [method, path, payload] of writes) {
      expect((await reader(method, path(id), payload)).json().code).toBe('scope-missing')
    }
    for (const [method, path] of reads) expect((await writer(method, path(id))).json().code).toBe('scope-missing')
    expect((await server.app.inject({ url: '/api/v1/forms' })).statusCode).toBe(401)
  })
})
