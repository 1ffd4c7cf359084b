import { randomUUID } from 'node:crypto'
import { type Kysely, sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { seedTwoTenants } from '../isolation/table-matrix.ts'
import { asOwner, createTestDatabase, type TestDatabase } from '../testing/database.ts'
import { tenantCalls } from './calls.ts'
import { createPool, isDatabaseUnavailable, type Pool } from './connect.ts'
import type { DB } from './tables.generated.ts'

let database: TestDatabase
let mine: string
let theirs: string
beforeAll(async () => {
  database = await createTestDatabase()
  ;[mine, theirs] = await seedTwoTenants(database.worker)
})
afterAll(() => database.close())

/** One connection, so that each call follows on the one before. */
function onePool(): Pool {
  const limits = { connectTimeoutMs: 5_000, idleTimeoutMs: 30_000, maxLifetimeMs: 600_000, statementTimeoutMs: 15_000 }
  const name = `calls-test-${randomUUID()}`.slice(0, 60)
  const pool = createPool(database.target('rempart_app'), { size: 1, ...limits, name }, () => {})
  onTestFinished(() => pool.end())
  return pool
}

const rename =
  (name: string, tenantId?: string) =>
  async (handle: Kysely<DB>): Promise<readonly string[]> => {
    const ofTenant = tenantId === undefined ? sql`true` : sql`tenant_id = ${tenantId}`
    const { rows } = await sql<{ tenant_id: string }>`
      update contact_message set name = ${name} where ${ofTenant} returning tenant_id`.execute(handle)
    return rows.map((row) => row.tenant_id)
  }

const names = async (): Promise<Readonly<Record<string, string>>> => {
  const found = await Promise.all(
    [mine, theirs].map(async (tenantId) => {
      const { rows } = await tenantCalls(
        database.app,
        tenantId,
      )((handle) => sql<{ name: string }>`select name from contact_message`.execute(handle))
      return [tenantId, rows[0]?.name ?? '']
    }),
  )
  return Object.fromEntries(found)
}

describe('a call for a tenant', () => {
  it('has been committed when it resolves, and reached the rows of its tenant alone', async () => {
    const call = tenantCalls(onePool(), mine)
    expect(await call(rename('Grace'))).toEqual([mine])
    // The one before is not undone by one that fails behind it on the same connection.
    await expect(call((handle) => sql`select 1 / 0`.execute(handle))).rejects.toMatchObject({ code: '22012' })
    expect(await names()).toMatchObject({ [mine]: 'Grace' })
    expect((await names())[theirs]).not.toBe('Grace')
  })

  it('changes no row of another tenant that it names', async () => {
    expect(await tenantCalls(onePool(), mine)(rename('Mallory', theirs))).toEqual([])
    expect(Object.values(await names())).not.toContain('Mallory')
  })

  it('leaves no tenant behind on its connection, whether it succeeds or fails', async () => {
    const pool = onePool()
    const seen = async () =>
      (await pool.query<{ tenant: string | null }>("select current_setting('rempart.tenant_id', true) as tenant"))
        .rows[0]?.tenant
    await tenantCalls(pool, mine)(rename('Grace'))
    expect(await seen()).toBeFalsy()
    await tenantCalls(pool, mine)((handle) => sql`select 1 / 0`.execute(handle)).catch(() => {})
    expect(await seen()).toBeFalsy()
    expect((await pool.query('select from contact_message')).rowCount).toBe(0)
  })

  it('rejects what the commit itself refuses, and stores nothing of it', async () => {
    const owner = database.target('rempart_owner')
    const constraint = 'alter table lead_note alter constraint lead_note_tenant_id_lead_id_fkey'
    await asOwner(owner, `${constraint} deferrable initially deferred`)
    onTestFinished(async () => {
      await asOwner(owner, `${constraint} not deferrable`)
    })
    const [leadId, id] = [randomUUID(), randomUUID()]
    const orphan = tenantCalls(
      onePool(),
      mine,
    )((handle) =>
      sql`insert into lead_note (tenant_id, id, lead_id, author, body) values (${mine}, ${id}, ${leadId}, 'me', 'x')`.execute(
        handle,
      ),
    )
    await expect(orphan).rejects.toMatchObject({ code: '23503' })
  })

  it('rejects as the database being away when its connection is ended, and the next goes over another', async () => {
    const call = tenantCalls(onePool(), mine)
    const ended = call((handle) => sql`select pg_sleep(30)`.execute(handle)).catch((error: unknown) => error)
    const end = "select pg_terminate_backend(pid) from pg_stat_activity where query like 'select pg_sleep(30)%'"
    await vi.waitFor(async () => expect((await database.app.query(end)).rowCount).toBe(1), { timeout: 10_000 })
    expect(isDatabaseUnavailable(await ended)).toBe(true)
    expect(await call(rename('Ada'))).toEqual([mine])
  })
})
