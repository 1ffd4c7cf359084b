import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createId } from '../../core/ids.ts'
import { inTenant } from '../../database/tenant.ts'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { DEMO_FORM } from '../forms/definition/demo.ts'
import { insertPublishedForm } from '../forms/seed-queries.ts'
import { createTenant } from '../tenants/service.ts'
import { type Arrival, columnsOf, submitLeads } from './intake-queries.ts'

let database: TestDatabase
let tenantId: string
let formId: string
beforeAll(async () => {
  database = await createTestDatabase()
  tenantId = await createTenant(database.worker, { slug: 'intake', name: 'Intake' })
  formId = createId()
  const form = { tenantId, id: formId, slug: 'f', name: 'F', definition: DEMO_FORM }
  await inTenant(database.worker, tenantId, (tx) => insertPublishedForm(tx, form))
})
afterAll(() => database.close())

const arrival = (): Arrival => ({
  tenantId,
  period: '2026-11',
  row: {
    id: createId(),
    formId,
    formVersion: 1,
    email: 'ada@example.org',
    data: '{"fullName":"Ada"}',
    score: 1,
    outcome: null,
    dropped: false,
    key: randomBytes(32).toString('hex'),
    request: randomBytes(32).toString('hex'),
    nonce: randomBytes(16).toString('hex'),
  },
})
const call = `select submit_leads(${Array.from({ length: 15 }, (_, index) => `$${index + 1}`).join(',')}) as exceptions`

it('reads as few rows after a thousand submissions as after none', async () => {
  const connection = await database.app.connect()
  const submit = (count: number) =>
    connection.query({ name: 'submit', text: call, values: columnsOf(Array.from({ length: count }, arrival)) })
  try {
    // More than the five calls after which PostgreSQL settles on one plan.
    for (let call = 0; call < 10; call += 1) await submit(100)
    await connection.query('begin')
    expect((await submit(1)).rows).toEqual([{ exceptions: null }])
    const read = await connection.query<{ relname: string; rows: number }>(`
      select relname, coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) as rows from pg_stat_xact_user_tables
      where relname in ('submission_receipt', 'lead')`)
    await connection.query('rollback')
    expect(read.rows.length).toBeGreaterThan(0)
    for (const table of read.rows) expect(table.rows, table.relname).toBeLessThanOrEqual(2)
  } finally {
    connection.release()
  }
})

it('stores a batch over the turn of a month that brought traps before and after midnight', async () => {
  const dropped = (period: string): Arrival => {
    const each = arrival()
    return { ...each, period, row: { ...each.row, dropped: true } }
  }
  const batch = [dropped('2026-10'), dropped('2026-11'), arrival()]
  const verdicts = await submitLeads(database.app, batch)
  expect(verdicts.map(({ verdict }) => verdict)).toEqual(['dropped', 'dropped', 'stored'])
  const counted = await inTenant(database.worker, tenantId, (tx) =>
    tx.selectFrom('intake_day').select('count').where('source', '=', formId).execute(),
  )
  expect(counted).toEqual([{ count: 2 }])
})

it('judges the traps of a batch in their turn: as stored while there is room, as refused once there is none', async () => {
  const limited = await createTenant(database.worker, { slug: 'limited', name: 'Limited', maxLeadsPerMonth: 5 })
  const form = { tenantId: limited, id: createId(), slug: 'f', name: 'F', definition: DEMO_FORM }
  await inTenant(database.worker, limited, (tx) => insertPublishedForm(tx, form))
  const arrived = (dropped: boolean): Arrival => {
    const { period, row } = arrival()
    return { tenantId: limited, period, row: { ...row, formId: form.id, dropped } }
  }
  const mixed = Array.from({ length: 12 }, (_, index) => arrived(index % 2 === 1))
  const verdicts = await submitLeads(database.app, [arrival(), ...mixed])
  expect(verdicts.map(({ verdict }) => verdict)).toEqual([
    'stored',
    // The fifth honest one is the ninth of all.
    ...['stored', 'dropped', 'stored', 'dropped', 'stored', 'dropped', 'stored', 'dropped', 'stored'],
    ...['quota-exceeded', 'quota-exceeded', 'quota-exceeded'],
  ])
  const [alone] = await submitLeads(database.app, [arrived(true)])
  expect(alone?.verdict).toBe('quota-exceeded')
  const kept = await inTenant(database.worker, limited, async (tx) => ({
    leads: (await tx.selectFrom('lead').select('id').execute()).length,
    receipts: (await tx.selectFrom('submission_receipt').select('lead_id').execute()).length,
    used: (await tx.selectFrom('quota_usage').select('used').executeTakeFirst())?.used,
    traps: (await tx.selectFrom('intake_day').select('count').where('outcome', '=', 'dropped').executeTakeFirst())
      ?.count,
  }))
  expect(kept).toEqual({ leads: 5, receipts: 9, used: 5, traps: 7 })
})
