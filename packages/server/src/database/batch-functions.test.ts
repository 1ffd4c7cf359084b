import { randomBytes, randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { seedTwoTenants } from '../isolation/table-matrix.ts'
import { idOf, tableRegistry } from '../isolation/table-registry.ts'
import { type Arrival, columnsOf, type SubmissionRow } from '../modules/leads/intake-queries.ts'
import { createTestDatabase, type TestDatabase } from '../testing/database.ts'
import { inTenant } from './tenant.ts'

/*
 * The two functions that store batches take rows of several tenants. Row-level security, where they set the tenant, and the
 * composite keys have to hold inside them too.
 */

let database: TestDatabase
let mine: string
let theirs: string
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())
beforeEach(async () => {
  ;[mine, theirs] = await seedTwoTenants(database.worker)
})

const formOf = (tenantId: string): string => idOf(tenantId, 'form', 0)

const message = (name = 'Ada') => ({
  id: randomUUID(),
  name,
  email: 'ada@example.org',
  subject: null,
  message: 'Hello',
  consent: false,
  locale: 'en',
  dropped: false,
})

const submission = (formId: string) => ({
  id: randomUUID(),
  formId,
  formVersion: 1,
  email: 'ada@example.org',
  data: '{}',
  score: 0,
  outcome: null,
  dropped: false,
  key: randomBytes(32).toString('hex'),
  request: randomBytes(32).toString('hex'),
  nonce: randomBytes(16).toString('hex'),
})

const receive = (batch: unknown) =>
  database.app.query('select receive_contact_messages($1::jsonb)', [JSON.stringify(batch)])

interface Group {
  readonly tenantId: string | null
  readonly period: string
  readonly rows: readonly SubmissionRow[]
}

// The types refuse what some of these tests have to send.
const columns = (groups: readonly Group[]) =>
  columnsOf(groups.flatMap(({ rows, ...place }) => rows.map((row) => ({ ...place, row }) as Arrival)))

const places = Array.from({ length: 15 }, (_, index) => `$${index + 1}`).join(',')
const call = `select submit_leads(${places}) as exceptions`

const submit = (groups: readonly Group[]) =>
  database.app
    .query<{ exceptions: { ord: number; verdict: string }[] | null }>(call, columns(groups))
    .then(({ rows }) => rows[0]?.exceptions)

/** Every row of a tenant, table by table. */
async function everythingOf(tenantId: string): Promise<Record<string, unknown[]>> {
  return await inTenant(database.worker, tenantId, async (tx) => {
    const found: Record<string, unknown[]> = {}
    for (const { table } of tableRegistry) {
      found[table] = (await sql`select t::text as row from ${sql.table(table)} t order by 1`.execute(tx)).rows
    }
    return found
  })
}

describe('receive_contact_messages', () => {
  it('stores each group as its own tenant, and leaves the connection without one', async () => {
    const rows = [message(), message()] as const
    await receive([
      { tenant_id: theirs, rows: [rows[1]] },
      { tenant_id: mine, rows: [rows[0]] },
    ])
    for (const [tenantId, row] of [[mine, rows[0]] as const, [theirs, rows[1]] as const]) {
      const found = await inTenant(database.app, tenantId, (tx) =>
        tx
          .selectFrom('contact_message')
          .select(['id', 'tenant_id'])
          .where('id', 'in', [rows[0].id, rows[1].id])
          .execute(),
      )
      expect(found).toEqual([{ id: row.id, tenant_id: tenantId }])
    }
    const { rows: settings } = await database.app.query("select current_setting('rempart.tenant_id', true) as tenant")
    expect(settings[0]?.tenant ?? '').toBe('')
  })

  it('takes the tenant from the group, whatever a row claims', async () => {
    const before = await everythingOf(theirs)
    await receive([{ tenant_id: mine, rows: [{ ...message(), tenant_id: theirs }] }])
    expect(await everythingOf(theirs)).toEqual(before)
  })

  it('gives the caller its own tenant back', async () => {
    const batch = JSON.stringify([{ tenant_id: theirs, rows: [message()] }])
    const seen = await inTenant(database.app, mine, async (tx) => {
      await sql`select receive_contact_messages(${batch}::jsonb)`.execute(tx)
      return await tx.selectFrom('contact_message').select('tenant_id').distinct().execute()
    })
    expect(seen).toEqual([{ tenant_id: mine }])
  })

  it.each([
    ['no tenant', null, '23502'],
    ['a tenant that does not exist', randomUUID(), '23503'],
    ['a tenant that is no UUID', 'x', '22P02'],
  ])('stores nothing at all of a batch with a group of %s', async (_what, tenantId, code) => {
    const before = await everythingOf(mine)
    const batch = [
      { tenant_id: mine, rows: [message()] },
      { tenant_id: tenantId, rows: [message()] },
    ]
    await expect(receive(batch)).rejects.toMatchObject({ code: expect.stringMatching(`^(${code}|42501)$`) })
    expect(await everythingOf(mine)).toEqual(before)
  })
})

describe('submit_leads', () => {
  it('refuses a submission that names a form of another tenant, as one that names no form', async () => {
    const before = [await everythingOf(mine), await everythingOf(theirs)]
    const batchOf = (formId: string) => [
      { tenantId: mine, period: '2026-01', rows: [submission(formOf(mine)), submission(formId)] },
    ]
    const foreign = await submit(batchOf(formOf(theirs))).catch((error: unknown) => error)
    const unknown = await submit(batchOf(randomUUID())).catch((error: unknown) => error)
    expect(foreign).toMatchObject({ code: '23503', constraint: 'lead_tenant_id_form_id_fkey' })
    expect(unknown).toMatchObject({ code: '23503', constraint: 'lead_tenant_id_form_id_fkey' })
    expect(String(foreign)).toBe(String(unknown))
    expect([await everythingOf(mine), await everythingOf(theirs)]).toEqual(before)
  })

  it('changes nothing of another tenant when a dropped submission names its form', async () => {
    const before = await everythingOf(theirs)
    await submit([{ tenantId: mine, period: '2026-01', rows: [{ ...submission(formOf(theirs)), dropped: true }] }])
    expect(await everythingOf(theirs)).toEqual(before)
  })

  it('knows the keys and the tokens of its own tenant only', async () => {
    const row = submission(formOf(theirs))
    await submit([{ tenantId: theirs, period: '2026-01', rows: [row] }])
    const same = { ...row, id: randomUUID(), formId: formOf(mine) }
    expect(await submit([{ tenantId: mine, period: '2026-01', rows: [same] }])).toBeNull()
  })

  it('counts against the quota of its own tenant only', async () => {
    await inTenant(database.worker, theirs, (tx) => tx.updateTable('tenant').set({ max_leads_per_month: 1 }).execute())
    const rows = (formId: string) => [submission(formId), submission(formId)]
    const first = await submit([
      { tenantId: mine, period: '2026-01', rows: rows(formOf(mine)) },
      { tenantId: theirs, period: '2026-01', rows: rows(formOf(theirs)) },
    ])
    expect(first).toMatchObject([{ ord: 3, verdict: 'quota-exceeded' }])
  })

  it('gives the caller its own tenant back', async () => {
    const batch = columns([{ tenantId: theirs, period: '2026-01', rows: [submission(formOf(theirs))] }])
    const seen = await inTenant(database.app, mine, async (tx) => {
      await sql`select submit_leads(${sql.join(batch)})`.execute(tx)
      return await tx.selectFrom('lead').select('tenant_id').distinct().execute()
    })
    expect(seen).toEqual([{ tenant_id: mine }])
  })

  it.each([
    ['no tenant', null, '23502'],
    ['a tenant that does not exist', randomUUID(), '23503'],
  ])('stores nothing at all of a batch with a group of %s', async (_what, tenantId, code) => {
    const before = await everythingOf(mine)
    const batch = [
      { tenantId: mine, period: '2026-01', rows: [submission(formOf(mine))] },
      { tenantId, period: '2026-01', rows: [submission(formOf(mine))] },
    ]
    await expect(submit(batch)).rejects.toMatchObject({ code: expect.stringMatching(`^(${code}|42501)$`) })
    expect(await everythingOf(mine)).toEqual(before)
  })

  it('lets batches that name the same tenants and months in different orders pass each other', async () => {
    const group = (tenantId: string, period: string) => ({ tenantId, period, rows: [submission(formOf(tenantId))] })
    const months = [
      [mine, '2026-01'],
      [mine, '2026-02'],
      [theirs, '2026-01'],
      [theirs, '2026-02'],
    ] as const
    const batches = Array.from({ length: 40 }, (_, index) => {
      const groups = months.map(([tenantId, period]) => group(tenantId, period))
      return submit(index % 2 === 0 ? groups : groups.reverse())
    })
    expect(await Promise.all(batches)).toEqual(Array(40).fill(null))
  })
})
