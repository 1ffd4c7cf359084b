import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { entryOf } from '../isolation/kinships.ts'
import { seedTwoTenants } from '../isolation/table-matrix.ts'
import { createTestDatabase, type TestDatabase } from '../testing/database.ts'
import { createPool, type Pool } from './connect.ts'
import { createTenantReads, type ReadHandle } from './reads.ts'
import { inTenant } from './tenant.ts'

vi.setConfig({ testTimeout: 30_000 })

let database: TestDatabase
let mine: string
let theirs: string
beforeAll(async () => {
  database = await createTestDatabase()
  ;[mine, theirs] = await seedTwoTenants(database.worker)
})
afterAll(() => database.close())

/** One connection, so that what is asked for in one turn travels in one batch. */
function onePool(statementTimeoutMs = 15_000, connectTimeoutMs = 30_000): Pool {
  const limits = { connectTimeoutMs, idleTimeoutMs: 30_000, maxLifetimeMs: 600_000 }
  const name = `reads-test-${randomUUID()}`.slice(0, 60)
  const pool = createPool(database.target('rempart_app'), { size: 1, ...limits, statementTimeoutMs, name }, () => {})
  onTestFinished(() => pool.end())
  return pool
}

const tenantsSeen = async (handle: ReadHandle): Promise<readonly string[]> =>
  (await handle.selectFrom('contact_message').select('tenant_id').execute()).map((row) => row.tenant_id)

const backend = async (handle: ReadHandle): Promise<number | undefined> =>
  (await handle.selectFrom('tenant').select(sql<number>`pg_backend_pid()`.as('pid')).executeTakeFirst())?.pid

const failing = (handle: ReadHandle) =>
  handle.selectFrom('tenant').select(sql<number>`1 / (length(slug) - length(slug))`.as('x')).execute()

describe('reads that travel together', () => {
  it('see the rows of their own tenant and no others, however they are mixed', async () => {
    const pool = onePool()
    const reads = createTenantReads(pool)
    const nobody = randomUUID()
    const order = [mine, theirs, theirs, mine, nobody, mine, nobody, theirs]
    const seen = await Promise.all(order.map((tenant) => reads.of(tenant)(tenantsSeen)))
    for (const [index, tenant] of order.entries()) {
      expect(new Set(seen[index]), `the read of ${index}`).toEqual(new Set(tenant === nobody ? [] : [tenant]))
    }
  })

  it('share a connection, and leave no tenant behind on it', async () => {
    const pool = onePool()
    const reads = createTenantReads(pool)
    const query = vi.spyOn(pool, 'connect')
    const pids = await Promise.all([mine, theirs, mine, theirs].map((tenant) => reads.of(tenant)(backend)))
    expect(new Set(pids).size).toBe(1)
    expect(query).toHaveBeenCalledTimes(1)
    const left = await pool.query<{ tenant: string; pid: number }>(
      "select current_setting('rempart.tenant_id', true) as tenant, pg_backend_pid() as pid, current_setting('transaction_read_only') as writes",
    )
    expect(left.rows).toEqual([{ tenant: '', pid: pids[0], writes: 'off' }])
  })

  it('answer every kind of column as a transaction does', async () => {
    const pool = onePool()
    const entry = entryOf('contact_message').row(mine, 0)
    const row = await createTenantReads(pool).of(mine)((handle) =>
      handle.selectFrom('contact_message').selectAll().where('id', '=', String(entry['id'])).executeTakeFirst(),
    )
    const [same] = await inTenant(database.app, mine, (tx) =>
      tx.selectFrom('contact_message').selectAll().where('id', '=', String(entry['id'])).execute(),
    )
    expect(row).toEqual(same)
    expect(row?.created_at).toBeInstanceOf(Date)
  })

  it.each([0, 1, 2, 3, 4])('fail alone: the one at place %i takes nobody with it', async (place) => {
    const reads = createTenantReads(onePool())
    const asked = Array.from({ length: 5 }, (_, index) => {
      const tenant = index % 2 === 0 ? mine : theirs
      return index === place ? reads.of(tenant)(failing) : reads.of(tenant)(tenantsSeen)
    })
    const settled = await Promise.allSettled(asked)
    for (const [index, each] of settled.entries()) {
      if (index === place) expect(each).toMatchObject({ status: 'rejected', reason: { code: '22012' } })
      else expect(each).toMatchObject({ status: 'fulfilled', value: [index % 2 === 0 ? mine : theirs] })
    }
  })

  it('all answer although each fails, and the connection goes on', async () => {
    const reads = createTenantReads(onePool())
    const settled = await Promise.allSettled(Array.from({ length: 12 }, () => reads.of(mine)(failing)))
    expect(settled.map(({ status }) => status)).toEqual(Array.from({ length: 12 }, () => 'rejected'))
    expect(await reads.of(mine)(tenantsSeen)).toEqual([mine])
  })

  it('answer more different texts than are kept prepared, in any mixture', async () => {
    const reads = createTenantReads(onePool())
    const numberOf = (index: number) =>
      reads.of(mine)((handle) =>
        handle
          .selectFrom('tenant')
          .select([sql.lit(index).as('number'), sql<string>`'text ${sql.raw(String(index))}'`.as('text')])
          .executeTakeFirst(),
      )
    const asked = Array.from({ length: 1_100 }, (_, index) => index)
    const answers = await Promise.all([...asked, ...asked.toReversed()].map(numberOf))
    const told = (index: number) => ({ number: index, text: `text ${index}` })
    expect(answers).toEqual([...asked.map(told), ...asked.toReversed().map(told)])
  })

  it('go on after a statement that cannot be prepared', async () => {
    const reads = createTenantReads(onePool())
    const wrong = (handle: ReadHandle) => handle.selectFrom('tenant').select(sql`no_such_column`.as('x')).execute()
    for (let round = 0; round < 3; round += 1) {
      const [bad, good] = await Promise.allSettled([reads.of(mine)(wrong), reads.of(theirs)(tenantsSeen)])
      expect(bad).toMatchObject({ status: 'rejected', reason: { code: '42703' } })
      expect(good).toMatchObject({ status: 'fulfilled', value: [theirs] })
    }
  })

  it('are cut off one by one by the statement timeout', async () => {
    const reads = createTenantReads(onePool(300))
    const slow = (handle: ReadHandle) =>
      handle.selectFrom('tenant').select(sql`pg_sleep(20)`.as('x')).where('id', '=', mine).execute()
    const [before, cut, after] = await Promise.allSettled([
      reads.of(mine)(tenantsSeen),
      reads.of(mine)(slow),
      reads.of(theirs)(tenantsSeen),
    ])
    expect(before).toMatchObject({ status: 'fulfilled', value: [mine] })
    expect(cut).toMatchObject({ status: 'rejected', reason: { code: '57014' } })
    expect(after).toMatchObject({ status: 'fulfilled', value: [theirs] })
  })

  it('do not all wait for one another where each takes its whole time', async () => {
    const reads = createTenantReads(onePool(300, 300))
    const slow = (handle: ReadHandle) =>
      handle.selectFrom('tenant').select(sql`pg_sleep(20)`.as('x')).where('id', '=', mine).execute()
    const asked = await Promise.allSettled(Array.from({ length: 8 }, () => reads.of(mine)(slow)))
    const names = asked.map((each) => (each.status === 'rejected' ? each.reason.name : 'answered'))
    // Two are cut off by the database within what one may take; the others have waited as long by then.
    expect(names.filter((name) => name === 'ReadWaitError').length).toBeGreaterThanOrEqual(5)
    for (const each of asked) expect(each).toMatchObject({ status: 'rejected', reason: { code: '57014' } })
    expect(await reads.of(theirs)(tenantsSeen)).toEqual([theirs])
  })

  it('are all refused when their connection is ended, and the next has another one', async () => {
    const pool = onePool()
    const reads = createTenantReads(pool)
    const ownPid = await reads.of(mine)(backend)
    const end = (handle: ReadHandle) =>
      handle.selectFrom('tenant').select(sql`pg_terminate_backend(pg_backend_pid())`.as('x')).execute()
    const settled = await Promise.allSettled([reads.of(mine)(end), reads.of(theirs)(tenantsSeen)])
    expect(settled[0]).toMatchObject({ status: 'rejected' })
    const nextPid = await reads.of(mine)(backend)
    expect(nextPid).toBeTypeOf('number')
    expect(nextPid).not.toBe(ownPid)
  })
})

describe('an attacker behind a read', () => {
  it('writes nothing, whatever is called', async () => {
    const reads = createTenantReads(onePool())
    const row = { id: randomUUID(), name: 'A', email: 'a@example.org', message: 'M', consent: false, locale: 'en' }
    const groups = [{ tenant_id: mine, rows: [{ ...row, subject: null, dropped: false }] }]
    const write = (handle: ReadHandle) =>
      handle
        .selectFrom('tenant')
        .select(sql`receive_contact_messages(${JSON.stringify(groups)}::jsonb)`.as('x'))
        .where('id', '=', mine)
        .execute()
    const make = (handle: ReadHandle) =>
      handle.selectFrom('tenant').select(sql`set_config('transaction_read_only', 'off', true)`.as('x')).execute()
    await expect(reads.of(mine)(write)).rejects.toMatchObject({ code: '25006' })
    // The same call outside of a read stores it.
    await inTenant(database.app, mine, async (tx) => {
      await sql`select receive_contact_messages(${JSON.stringify(groups)}::jsonb)`.execute(tx)
    })
    await expect(reads.of(mine)(make)).rejects.toMatchObject({ code: '25001' })
  })

  it('puts nothing into the text through a value', async () => {
    const reads = createTenantReads(onePool())
    const asked = `x' or '1'='1'; select set_config('rempart.tenant_id', '${theirs}', true); --`
    const rows = await reads.of(mine)((handle) =>
      handle.selectFrom('contact_message').select('id').where('name', '=', asked).execute(),
    )
    expect(rows).toEqual([])
    await expect(
      reads.of(`${mine}', true), set_config('rempart.tenant_id', '${theirs}`)(tenantsSeen),
    ).rejects.toMatchObject({ code: '22P02' })
  })
})
