import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { seedTwoTenants } from '../isolation/table-matrix.ts'
import { idOf, tableRegistry } from '../isolation/table-registry.ts'
import { createTestDatabase, type TestDatabase } from '../testing/database.ts'
import { createPool, type Pool } from './connect.ts'
import { inTenant } from './tenant.ts'

/*
 * The function that stores arrivals at gates chooses the tenant itself, gate by gate, and gives places under a lock. Both
 * have to hold inside it, without what the server does around it.
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

const slugOf = (tenantId: string): string => `g-${idOf(tenantId, 'gate', 0)}`

const arrival = (ord = 0, email = `${randomUUID()}@example.org`) => ({
  ord,
  id: randomUUID(),
  email,
  name: null,
  data: {},
  keyed: true,
  dropped: false,
})

interface Verdict {
  readonly ord: number
  readonly verdict: string
  readonly id: string | null
  readonly status: string | null
  readonly position: number | null
}

const register = async (batch: unknown, pool: Pool = database.app): Promise<readonly Verdict[]> => {
  const { rows } = await pool.query<{ verdicts: Verdict[] }>('select register_at_gates($1::jsonb) as verdicts', [
    JSON.stringify(batch),
  ])
  return rows[0]?.verdicts ?? []
}

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

describe('register_at_gates', () => {
  it('gives each place once over twenty connections at once, which wait for each other and never fail', async () => {
    const capacity = 125
    await inTenant(database.app, mine, (tx) =>
      tx
        .insertInto('gate')
        .values({ tenant_id: mine, id: randomUUID(), slug: 'race', name: 'Race', capacity })
        .execute(),
    )
    const settings = {
      connectTimeoutMs: 5_000,
      statementTimeoutMs: 15_000,
      idleTimeoutMs: 1_000,
      maxLifetimeMs: 60_000,
      size: 20,
      name: 'race',
    }
    const pool = createPool(database.target('rempart_app'), settings, () => {})
    try {
      const answers = await Promise.all(
        Array.from({ length: 200 }, () => register([{ tenant_id: mine, slug: 'race', rows: [arrival()] }], pool)),
      )
      const verdicts = answers.flat()
      expect(verdicts.filter(({ status }) => status === 'registered')).toHaveLength(capacity)
      const positions = verdicts.flatMap(({ position }) => (position === null ? [] : [position]))
      expect(positions.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 200 - capacity }, (_, n) => n + 1))
    } finally {
      await pool.end()
    }
    const rows = await inTenant(database.app, mine, (tx) =>
      tx
        .selectFrom('gate_registration as r')
        .innerJoin('gate as g', 'g.id', 'r.gate_id')
        .where('g.slug', '=', 'race')
        .orderBy('r.place')
        .select(['r.place', 'r.status', 'g.registered', 'g.waitlisted'])
        .execute(),
    )
    expect(rows.map(({ place }) => place)).toEqual(Array.from({ length: 200 }, (_, n) => n + 1))
    expect(rows.map(({ status }) => status === 'registered')).toEqual(rows.map((_, n) => n < capacity))
    expect(rows[0]).toMatchObject({ registered: capacity, waitlisted: 200 - capacity })
  })

  it('stores one of two equal addresses of a batch, and answers both with it', async () => {
    const rows = [arrival(0, 'Ada@example.org'), arrival(1, 'ada@example.org')]
    const verdicts = await register([{ tenant_id: mine, slug: slugOf(mine), rows }])
    expect(verdicts).toMatchObject([
      { ord: 0, verdict: 'stored', id: rows[0]?.id },
      { ord: 1, verdict: 'repeated', id: rows[0]?.id },
    ])
  })

  it('stores each group as its own tenant, and leaves the connection without one', async () => {
    const rows = [arrival(0), arrival(1)] as const
    const verdicts = await register([
      { tenant_id: theirs, slug: slugOf(theirs), rows: [rows[1]] },
      { tenant_id: mine, slug: slugOf(mine), rows: [rows[0]] },
    ])
    expect(verdicts.map(({ verdict }) => verdict)).toEqual(['stored', 'stored'])
    for (const [tenantId, row] of [[mine, rows[0]] as const, [theirs, rows[1]] as const]) {
      const found = await inTenant(database.app, tenantId, (tx) =>
        tx
          .selectFrom('gate_registration')
          .select(['id', 'tenant_id'])
          .where('id', 'in', [rows[0].id, rows[1].id])
          .execute(),
      )
      expect(found).toEqual([{ id: row.id, tenant_id: tenantId }])
    }
    const { rows: settings } = await database.app.query("select current_setting('rempart.tenant_id', true) as tenant")
    expect(settings[0]?.tenant ?? '').toBe('')
  })

  it('answers for a gate of another tenant as for one that does not exist, and changes nothing there', async () => {
    const before = await everythingOf(theirs)
    const ask = async (slug: string) => {
      const [verdict] = await register([{ tenant_id: mine, slug, rows: [{ ...arrival(), tenant_id: theirs }] }])
      return verdict
    }
    const foreign = await ask(slugOf(theirs))
    expect(foreign).toEqual({ ord: 0, verdict: 'gate-not-found', id: null, status: null, position: null })
    expect(await ask('nowhere')).toEqual(foreign)
    expect(await everythingOf(theirs)).toEqual(before)
  })

  it('gives the caller its own tenant back', async () => {
    const batch = JSON.stringify([{ tenant_id: theirs, slug: slugOf(theirs), rows: [arrival()] }])
    const seen = await inTenant(database.app, mine, async (tx) => {
      await sql`select register_at_gates(${batch}::jsonb)`.execute(tx)
      return await tx.selectFrom('gate_registration').select('tenant_id').distinct().execute()
    })
    expect(seen).toEqual([{ tenant_id: mine }])
  })

  it('stores nothing at all of a batch with a row that cannot stand', async () => {
    const before = await everythingOf(mine)
    const rows = [arrival(0), { ...arrival(1), data: [] }]
    await expect(register([{ tenant_id: mine, slug: slugOf(mine), rows }])).rejects.toMatchObject({ code: '23514' })
    expect(await everythingOf(mine)).toEqual(before)
  })

  it('lets batches that name the same gates in different orders pass each other', async () => {
    const group = (tenantId: string) => ({ tenant_id: tenantId, slug: slugOf(tenantId), rows: [arrival()] })
    const batches = Array.from({ length: 40 }, (_, index) => {
      const groups = [group(mine), group(theirs)]
      return register(index % 2 === 0 ? groups : groups.reverse())
    })
    const verdicts = (await Promise.all(batches)).flat()
    expect(verdicts.map(({ verdict }) => verdict)).toEqual(Array(80).fill('stored'))
  })
})
