import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createId } from '../../core/ids.ts'
import { inTenant } from '../../database/tenant.ts'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'
import { DEMO_FORM } from '../forms/definition/demo.ts'
import { insertPublishedForm } from '../forms/seed-queries.ts'

let database: TestDatabase
let server: TestServer
/** A fresh one for each test, with a form. */
let tenant: { readonly id: string }
let formId: string
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
  tenant = await server.createTenant({ timeZone: 'Pacific/Auckland', maxLeadsPerMonth: 5 })
  formId = await publishForm()
  call = caller(await server.apiKey(['leads:read', 'leads:write'], tenant.id))
})

/** Calls the API with a key. */
function caller(key: string) {
  return (method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, payload?: object) =>
    server.app.inject({
      method,
      url: `/api/v1${path}`,
      headers: { authorization: `Bearer ${key}` },
      ...(payload && { payload }),
    })
}

async function publishForm(): Promise<string> {
  const id = createId()
  await inTenant(database.worker, tenant.id, (tx) =>
    insertPublishedForm(tx, { tenantId: tenant.id, id, slug: `f-${id}`, name: 'Test', definition: DEMO_FORM }),
  )
  return id
}

async function insertLead(lead: { email?: string; formId?: string; data?: object } = {}): Promise<string> {
  const id = createId()
  await inTenant(database.worker, tenant.id, (tx) =>
    tx
      .insertInto('lead')
      .values({
        tenant_id: tenant.id,
        id,
        form_id: lead.formId ?? formId,
        form_version: 1,
        email: lead.email ?? 'ada@example.org',
        data: JSON.stringify(lead.data ?? { fullName: 'Ada' }),
        score: 40,
        outcome: 'priority',
      })
      .execute(),
  )
  return id
}

const unknownId = '01890a5d-ac96-774b-bcce-b302099a8057'

describe('GET /leads', () => {
  it('lists the newest first, with their answers', async () => {
    const [first, second] = [await insertLead(), await insertLead({ data: { budget: 9000 } })]
    const reply = await call('GET', '/leads')
    expect(reply.json()).toMatchObject({ total: 2, page: 1, pageSize: 20, totalPages: 1, nextCursor: null })
    expect(reply.json().items.map((lead: { id: string }) => lead.id)).toEqual([second, first])
    expect(reply.json().items[0]).toEqual({
      id: second,
      formId,
      formSlug: `f-${formId}`,
      formVersion: 1,
      email: 'ada@example.org',
      data: { budget: 9000 },
      score: 40,
      outcome: 'priority',
      status: 'new',
      createdAt: expect.stringMatching(/Z$/),
      updatedAt: expect.stringMatching(/Z$/),
    })
  })

  it('narrows by form, status and exact e-mail, whatever the case of its domain', async () => {
    const otherForm = await publishForm()
    const [ada, grace] = [await insertLead(), await insertLead({ email: 'grace@example.org', formId: otherForm })]
    await call('PUT', `/leads/${ada}/status`, { status: 'won' })
    const ids = async (filter: string) =>
      (await call('GET', `/leads?${filter}`)).json().items.map((lead: { id: string }) => lead.id)
    expect(await ids(`formId=${otherForm}`)).toEqual([grace])
    expect(await ids('status=won')).toEqual([ada])
    expect(await ids('email=grace@EXAMPLE.org')).toEqual([grace])
    expect(await ids('email=race@example.org')).toEqual([])
    expect(await ids(`formId=${otherForm}&status=won`)).toEqual([])
    expect((await call('GET', '/leads?status=nonsense')).statusCode).toBe(422)
  })

  it('shows every lead once along the cursor, although new ones arrive', async () => {
    const made = [await insertLead(), await insertLead(), await insertLead()]
    const page = (await call('GET', '/leads?pageSize=2')).json()
    await insertLead()
    const rest = (await call('GET', `/leads?pageSize=2&cursor=${page.nextCursor}`)).json()
    expect([...page.items, ...rest.items].map((lead) => lead.id)).toEqual(made.reverse())
    expect(rest.nextCursor).toBeNull()
  })
})

describe('one lead', () => {
  it('takes a status, and no other', async () => {
    const id = await insertLead()
    expect((await call('PUT', `/leads/${id}/status`, { status: 'qualified' })).json().status).toBe('qualified')
    expect((await call('GET', `/leads/${id}`)).json().status).toBe('qualified')
    expect((await call('PUT', `/leads/${id}/status`, { status: 'deleted' })).statusCode).toBe(422)
  })

  it('is gone once deleted, notes and all', async () => {
    const id = await insertLead()
    await call('POST', `/leads/${id}/notes`, { body: 'Called back.' })
    expect((await call('DELETE', `/leads/${id}`)).statusCode).toBe(204)
    expect((await call('GET', `/leads/${id}`)).statusCode).toBe(404)
    expect((await call('DELETE', `/leads/${id}`)).json().code).toBe('lead-not-found')
    const notes = await inTenant(database.worker, tenant.id, (tx) => tx.selectFrom('lead_note').selectAll().execute())
    expect(notes).toEqual([])
  })

  it('takes notes, newest first, signed with the name of the key', async () => {
    const id = await insertLead()
    const written = await call('POST', `/leads/${id}/notes`, { body: ' First.\nSecond line. ' })
    expect(written.statusCode).toBe(201)
    expect(written.json()).toEqual({
      id: expect.any(String),
      author: 'test',
      body: 'First.\nSecond line.',
      createdAt: expect.any(String),
    })
    await call('POST', `/leads/${id}/notes`, { body: 'Later.' })
    await call('POST', `/leads/${await insertLead()}/notes`, { body: 'Elsewhere.' })
    const list = (await call('GET', `/leads/${id}/notes`)).json()
    expect(list).toMatchObject({ total: 2, items: [{ body: 'Later.' }, written.json()] })
  })

  it.each(['', ' \n ', 'x'.repeat(10_001), 'a\u0007b'])('refuses the note %j', async (body) => {
    expect((await call('POST', `/leads/${await insertLead()}/notes`, { body })).statusCode).toBe(422)
  })
})

describe('GET /leads/quota', () => {
  it('counts by the calendar month of the tenant', async () => {
    const before = server.clock.nowMs
    // In Auckland, thirteen hours ahead, it is December already.
    server.clock.nowMs = Date.parse('2026-11-30T11:00:00Z')
    await inTenant(database.worker, tenant.id, (tx) =>
      tx
        .insertInto('quota_usage')
        .values([
          { tenant_id: tenant.id, quota: 'leads', period: '2026-11', used: 5 },
          { tenant_id: tenant.id, quota: 'leads', period: '2026-12', used: 2 },
        ])
        .execute(),
    )
    const reply = await call('GET', '/leads/quota')
    server.clock.nowMs = before
    expect(reply.json()).toEqual({ period: '2026-12', used: 2, limit: 5, resetsAt: '2026-12-31T11:00:00.000Z' })
  })

  it('says null for a tenant without a limit, and 0 where nothing was used', async () => {
    const free = await server.createTenant()
    const reply = await caller(await server.apiKey(['leads:read'], free.id))('GET', '/leads/quota')
    expect(reply.json()).toMatchObject({ used: 0, limit: null })
  })
})

describe('who may', () => {
  const routes = [
    { method: 'GET', path: (id: string) => `/leads/${id}`, scope: 'leads:read' },
    { method: 'GET', path: (id: string) => `/leads/${id}/notes`, scope: 'leads:read' },
    { method: 'PUT', path: (id: string) => `/leads/${id}/status`, scope: 'leads:write', payload: { status: 'lost' } },
    { method: 'POST', path: (id: string) => `/leads/${id}/notes`, scope: 'leads:write', payload: { body: 'Mine.' } },
    { method: 'DELETE', path: (id: string) => `/leads/${id}`, scope: 'leads:write' },
  ] as const

  it.each(routes)('$method: a lead of another tenant answers exactly as an unknown one', async (route) => {
    const id = await insertLead()
    const stranger = caller(await server.apiKey(['leads:read', 'leads:write'], (await server.createTenant()).id))
    const answer = async (leadId: string) => {
      const reply = await stranger(route.method, route.path(leadId), 'payload' in route ? route.payload : undefined)
      const { requestId: _r, instance: _i, timestamp: _t, ...body } = reply.json()
      return { status: reply.statusCode, headers: Object.keys(reply.headers), body }
    }
    const foreign = await answer(id)
    expect(foreign).toMatchObject({ status: 404, body: { code: 'lead-not-found' } })
    expect(foreign).toEqual(await answer(unknownId))
    expect((await call('GET', `/leads/${id}`)).json()).toMatchObject({ status: 'new' })
    expect((await call('GET', `/leads/${id}/notes`)).json().total).toBe(0)
  })

  it('lists no lead of another tenant, filtered by its form or not', async () => {
    await insertLead()
    const stranger = caller(await server.apiKey(['leads:read'], (await server.createTenant()).id))
    expect((await stranger('GET', '/leads')).json().total).toBe(0)
    expect((await stranger('GET', `/leads?formId=${formId}`)).json().total).toBe(0)
    expect((await stranger('GET', '/leads/export?format=json')).json()).toEqual([])
    expect((await stranger('GET', `/leads/export?formId=${formId}`)).json().code).toBe('form-not-found')
  })

  it('asks for a key, for leads:read to read and for leads:write to write', async () => {
    const id = await insertLead()
    for (const { method, path, scope, ...rest } of routes) {
      const other = scope === 'leads:read' ? 'leads:write' : 'leads:read'
      const wrong = caller(await server.apiKey([other], tenant.id))
      const reply = await wrong(method, path(id), 'payload' in rest ? rest.payload : undefined)
      expect([reply.statusCode, reply.json().code]).toEqual([403, 'scope-missing'])
    }
    const writer = caller(await server.apiKey(['leads:write'], tenant.id))
    for (const path of ['/leads', '/leads/quota', '/leads/export']) {
      expect((await writer('GET', path)).json().code).toBe('scope-missing')
      expect((await server.app.inject({ url: `/api/v1${path}` })).statusCode).toBe(401)
    }
  })
})
