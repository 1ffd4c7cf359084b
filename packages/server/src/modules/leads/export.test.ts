import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Context } from '../../core/context.ts'
import { createId } from '../../core/ids.ts'
import { inTenant, tenantScope } from '../../database/tenant.ts'
import { asOwner, createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'
import type { FormDefinition } from '../forms/definition/schema.ts'
import { exportLeads } from './export.ts'

let database: TestDatabase
let server: TestServer
/** A fresh one for each test, with a form. */
let tenant: { readonly id: string; readonly slug: string }
let formId: string
let key: string
beforeAll(async () => {
  database = await createTestDatabase()
  server = await startTestServer(database)
  await server.app.listen({ port: 0, host: '127.0.0.1' })
})
afterAll(async () => {
  await server.close()
  await database.close()
})
beforeEach(async () => {
  server.clock.nowMs += 61_000
  tenant = await server.createTenant({ timeZone: 'Europe/Paris' })
  formId = await publish(['fullName', 'colours', 'email'])
  key = await server.apiKey(['leads:read'], tenant.id)
})

const definition = (names: readonly string[]): FormDefinition => ({
  title: { en: 'Test' },
  fields: names.map((name) => ({ name, type: 'text', label: { en: name } })),
})

/** Makes a form of which each of `versions`, a list of field names, was published once. */
async function publish(...versions: readonly (readonly string[])[]): Promise<string> {
  const id = createId()
  await inTenant(database.worker, tenant.id, async (tx) => {
    await tx.insertInto('form').values({ tenant_id: tenant.id, id, slug: 'quote', name: 'Quote' }).execute()
    for (const [index, names] of versions.entries()) {
      const version = { tenant_id: tenant.id, form_id: id, version: index + 1, published_at: new Date() }
      await tx
        .insertInto('form_version')
        .values({ ...version, definition: JSON.stringify(definition(names)) })
        .execute()
    }
  })
  return id
}

async function insertLead(data: object, email = 'ada@example.org', form = formId): Promise<string> {
  const id = createId()
  await inTenant(database.worker, tenant.id, (tx) =>
    tx
      .insertInto('lead')
      .values({ tenant_id: tenant.id, id, form_id: form, form_version: 1, email, data: JSON.stringify(data) })
      .execute(),
  )
  return id
}

/** Leads whose answers are `length` characters that do not compress. */
async function insertMany(count: number, length: number): Promise<void> {
  await asOwner(
    database.target('rempart_owner'),
    `set role rempart_owner; alter table lead no force row level security;
     insert into lead (tenant_id, id, form_id, form_version, email, data)
     select '${tenant.id}', overlay(gen_random_uuid()::text placing lpad(to_hex(n), 8, '0') from 1 for 8)::uuid, '${formId}', 1,
       'a@example.org', jsonb_build_object('fullName', (
         select left(string_agg(md5(n::text || k::text), ''), ${length}) from generate_series(0, ${Math.ceil(length / 32)}) k))
     from generate_series(1, ${count}) n;
     alter table lead force row level security`,
  )
}

const download = (query: string) =>
  server.app.inject({ url: `/api/v1/leads/export?${query}`, headers: { authorization: `Bearer ${key}` } })

describe('a CSV export', () => {
  it('has a column for each field, and reads in a spreadsheet', async () => {
    const id = await insertLead({ fullName: 'Zoë "Z" Müller', colours: ['red', 'blue'], email: 'zoe@example.org' })
    server.clock.nowMs = Date.parse('2026-06-30T22:30:00Z')
    const reply = await download(`formId=${formId}`)
    expect(reply.headers).toMatchObject({
      'content-type': 'text/csv; charset=utf-8; header=present',
      'content-disposition': 'attachment; filename="leads-quote-2026-07-01.csv"',
      'cache-control': 'no-store',
    })
    expect(reply.rawPayload.subarray(0, 3)).toEqual(Buffer.from([0xef, 0xbb, 0xbf]))
    const [header, line, ...rest] = reply.payload.slice(1).split('\r\n')
    expect(header).toBe(
      '"id","createdAt","status","formSlug","formVersion","email","score","outcome","fullName","colours","data.email"',
    )
    expect(line).toMatch(
      new RegExp(
        `^"${id}","[^"]+Z","new","quote",1,"ada@example.org",,,"Zoë ""Z"" Müller","red; blue","zoe@example.org"$`,
      ),
    )
    expect(rest).toEqual([''])
  })

  it('keeps a formula that a visitor typed from running', async () => {
    await insertLead({ fullName: '=HYPERLINK("http://evil.example")' })
    expect((await download(`formId=${formId}`)).payload).toContain(`"'=HYPERLINK(`)
  })

  it('keeps the columns of fields that later versions dropped, after those of the newest', async () => {
    const form = await publishAnew(['name', 'fax'], ['phone', 'name'])
    await insertLead({ name: 'Ada', fax: '1' }, 'ada@example.org', form)
    const [header, line] = (await download(`formId=${form}`)).payload.split('\r\n')
    expect(header).toMatch(/"outcome","phone","name","fax"$/)
    expect(line).toMatch(/,,"Ada","1"$/)
  })

  const publishAnew = async (...versions: readonly (readonly string[])[]) => {
    tenant = await server.createTenant()
    key = await server.apiKey(['leads:read'], tenant.id)
    return publish(...versions)
  }

  it('of all forms holds the answers in one column, as JSON', async () => {
    await insertLead({ fullName: 'Ada' })
    const [header, line] = (await download('')).payload.split('\r\n')
    expect(header).toMatch(/"outcome","data"$/)
    expect(line).toMatch(/,"\{""fullName"":""Ada""\}"$/)
  })

  it('of no lead is a header', async () => {
    expect((await download(`formId=${formId}&status=won`)).payload.split('\r\n')).toHaveLength(2)
  })
})

describe('any export', () => {
  it('holds each lead once, in order of arrival, across its pages', async () => {
    await insertMany(620, 10)
    const first = await insertLead({ fullName: 'Last' })
    const leads = (await download('format=json')).json()
    const ids = leads.map((lead: { id: string }) => lead.id)
    expect(ids).toHaveLength(621)
    expect(ids).toEqual([...new Set(ids)].sort())
    expect(ids.at(-1)).toBe(first)
  })

  it('answers 404 for an unknown form before the file begins', async () => {
    const reply = await download(`formId=${createId()}`)
    expect([reply.statusCode, reply.json().code]).toEqual([404, 'form-not-found'])
  })

  it('reads a page only once the one before was taken, and a shorter one where answers are long', async () => {
    await insertMany(40, 40_000)
    let transactions = 0
    const context: Context = {
      tenant: { ...tenant, name: 'Test', locale: 'en', timeZone: 'UTC', allowedOrigins: [] },
      actor: { kind: 'operator', id: 'cli' },
      requestId: 'test',
      locale: 'en',
      clock: { now: () => server.clock.nowMs },
      log: server.app.log as unknown as Context['log'],
      readInTenant: () => Promise.reject(new Error('an export reads in transactions')),
      callInTenant: () => Promise.reject(new Error('an export reads in transactions')),
      inTenant: (work) => {
        transactions += 1
        return tenantScope(database.app, tenant.id)(work)
      },
      audit: { ring: undefined, address: undefined, userAgent: undefined },
    }
    const pages = (await exportLeads(context, { format: 'json' })).pages[Symbol.asyncIterator]()
    await pages.next()
    const { value } = await pages.next()
    expect(transactions).toBe(1)
    expect(value.leads).toBeGreaterThan(0)
    expect(value.leads).toBeLessThan(20)
    expect((await pages.next()).value.leads).toBeGreaterThan(0)
    expect(transactions).toBe(2)
    await pages.return?.()
  })
})

describe('an export whose database breaks on the way', () => {
  it.each([0, 1])(
    'ends HTTP/1.%d with a broken connection, not with an end of file',
    async (minor) => {
      await insertMany(400, 60_000)
      // A server that listens has an address with a port.
      const { port } = server.app.server.address() as AddressInfo
      const socket = connect(port, '127.0.0.1')
      const head = [`GET /api/v1/leads/export HTTP/1.${minor}`, 'Host: localhost', `Authorization: Bearer ${key}`]
      socket.write(`${head.join('\r\n')}\r\n\r\n`)
      await once(socket, 'readable')
      const owner = database.target('rempart_owner')
      server.logLines.length = 0
      await asOwner(owner, 'alter table lead rename to lead_away')
      try {
        await expect(text(socket)).rejects.toMatchObject({ code: 'ECONNRESET' })
        await expect.poll(() => server.logLines.join('')).toContain('an export of leads was cut short')
      } finally {
        await asOwner(owner, 'alter table lead_away rename to lead')
      }
    },
    20_000,
  )
})
