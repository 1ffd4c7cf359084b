import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createId } from '../../core/ids.ts'
import type { WebhookEvent } from '../../core/webhooks/events.ts'
import { inTenant } from '../../database/tenant.ts'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { storeMessages } from '../contact/queries.ts'
import { DEMO_FORM } from '../forms/definition/demo.ts'
import { insertPublishedForm } from '../forms/seed-queries.ts'
import { registerArrivals } from '../gates/intake-queries.ts'
import { insertGate } from '../gates/queries.ts'
import { type Arrival, submitLeads } from '../leads/intake-queries.ts'
import { createTenant } from '../tenants/service.ts'
import { insertWebhook } from './queries.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())

interface Place {
  readonly tenantId: string
  readonly formId: string
}

/** Two tenants that are told of everything, and one that is told of nothing. */
let one: Place
let other: Place
let silent: Place
let sequence = 0
beforeEach(async () => {
  one = await place(['lead.submitted', 'contact.received', 'gate.registered'])
  other = await place(['lead.submitted', 'contact.received', 'gate.registered'])
  silent = await place(['user.deleted'])
})

async function place(events: readonly WebhookEvent[]): Promise<Place> {
  sequence += 1
  const tenantId = await createTenant(database.worker, { slug: `told-${sequence}`, name: 'Told', maxLeadsPerMonth: 4 })
  const formId = createId()
  await inTenant(database.worker, tenantId, async (tx) => {
    await insertPublishedForm(tx, { tenantId, id: formId, slug: 'f', name: 'F', definition: DEMO_FORM })
    const gate = { tenant_id: tenantId, id: createId(), slug: 'evening', name: 'Evening' }
    await insertGate(tx, { ...gate, capacity: 1, is_public: true })
    for (const isEnabled of [true, false]) {
      const row = { tenant_id: tenantId, id: createId(), url: 'https://hooks.example.org/', description: null }
      await insertWebhook(tx, { ...row, events, include_data: false, sealed_secret: randomBytes(64) })
      if (isEnabled) continue
      const off = { is_enabled: false, disabled_reason: 'staff' }
      await tx.updateTable('webhook').set(off).where('id', '=', row.id).execute()
    }
  })
  return { tenantId, formId }
}

interface Told {
  readonly type: string
  readonly data: unknown
}

/** Events of one millisecond come in any order. */
const sorted = <T extends Told>(events: readonly T[]): readonly T[] =>
  events.toSorted((left, right) => (JSON.stringify(left.data) < JSON.stringify(right.data) ? -1 : 1))

const told = async ({ tenantId }: Place): Promise<readonly Told[]> => {
  const rows = await inTenant(database.worker, tenantId, (tx) =>
    tx.selectFrom('webhook_delivery').select(['type', 'data']).execute(),
  )
  // As PostgreSQL writes them, members are in an order of their own.
  return sorted(rows.map(({ type, data }) => ({ type, data: ordered(data) })))
}

function ordered(data: unknown): unknown {
  const { resource, ...facts } = data as { readonly resource: { readonly type: string; readonly id: string } }
  return { resource: { type: resource.type, id: resource.id }, ...facts }
}

function lead({ tenantId, formId }: Place, more: Partial<Arrival['row']> = {}): Arrival {
  const row = { formId, formVersion: 1, email: 'ada@example.org', data: '{"fullName":"Ada"}', score: 1, outcome: null }
  const hex = (bytes: number): string => randomBytes(bytes).toString('hex')
  const proofs = { key: hex(32), request: hex(32), nonce: hex(16) }
  return { tenantId, period: '2026-11', row: { id: createId(), ...row, dropped: false, ...proofs, ...more } }
}

const leadOf = ({ row }: Arrival) => ({
  type: 'lead.submitted',
  data: { resource: { type: 'lead', id: row.id }, formId: row.formId, formVersion: 1 },
})

describe('a batch of leads', () => {
  it('tells each tenant of its own, and nobody of what was dropped', async () => {
    const batch = [lead(one), lead(other), lead(silent), lead(one, { dropped: true }), lead(one)]
    await submitLeads(database.app, batch)
    expect(await told(one)).toEqual(sorted([batch[0], batch[4]].map((each) => leadOf(each ?? lead(one)))))
    expect(await told(other)).toEqual([leadOf(batch[1] ?? lead(one))])
    expect(await told(silent)).toEqual([])
  })

  it('tells nobody of what was replayed, spent or beyond the quota', async () => {
    const first = lead(one)
    await submitLeads(database.app, [first])
    const { key, request, nonce } = first.row
    const batch = [lead(one, { key, request }), lead(one, { nonce }), ...Array.from({ length: 4 }, () => lead(one))]
    const verdicts = (await submitLeads(database.app, batch)).map(({ verdict }) => verdict)
    expect(verdicts).toEqual(['replayed', 'token-spent', 'stored', 'stored', 'stored', 'quota-exceeded'])
    expect(await told(one)).toEqual(sorted([first, ...batch.slice(2, 5)].map(leadOf)))
  })
})

it('a batch of messages tells each tenant of its own, and nobody of what was dropped', async () => {
  const message = (dropped = false) => ({
    ...{ id: createId(), name: 'Ada', email: 'ada@example.org', subject: null, message: 'Hello', consent: false },
    ...{ locale: 'fr' as const, dropped },
  })
  const mine = message()
  await storeMessages(database.app, [
    { tenant_id: one.tenantId, rows: [message(true), mine] },
    { tenant_id: silent.tenantId, rows: [message()] },
  ])
  expect(await told(one)).toEqual([
    { type: 'contact.received', data: { resource: { type: 'contact-message', id: mine.id }, locale: 'fr' } },
  ])
  expect(await told(silent)).toEqual([])
})

it('a batch of registrations tells of each once, with what came of it', async () => {
  const arrival = ({ tenantId }: Place, email: string, dropped = false) => ({
    ...{ tenantId, slug: 'evening' },
    row: { id: createId(), email, name: null, data: {}, keyed: false, dropped },
  })
  const [first, second] = [arrival(one, 'ada@example.org'), arrival(one, 'grace@example.org')]
  await registerArrivals(database.app, [
    ...[first, arrival(one, 'ADA@example.org'), arrival(one, 'bot@example.org', true), second],
    ...[arrival(silent, 'ada@example.org'), { ...arrival(one, 'x@example.org'), slug: 'nowhere' }],
  ])
  await registerArrivals(database.app, [arrival(one, 'ada@example.org')])
  const registered = (id: string, status: string) => ({
    type: 'gate.registered',
    data: { resource: { type: 'gate-registration', id }, gate: 'evening', status },
  })
  const expected = [registered(first.row.id, 'registered'), registered(second.row.id, 'waitlisted')]
  expect(await told(one)).toEqual(sorted(expected))
  expect(await told(silent)).toEqual([])
})
