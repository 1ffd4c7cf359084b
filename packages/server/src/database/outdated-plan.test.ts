import { type Kysely, sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { seedTwoTenants } from '../isolation/table-matrix.ts'
import { asOwner, createTestDatabase, type TestDatabase } from '../testing/database.ts'
import { tenantCalls } from './calls.ts'
import { createPool, isDatabaseUnavailable, type Pool } from './connect.ts'
import { createTenantReads } from './reads.ts'
import type { DB } from './tables.generated.ts'
import { inTenant } from './tenant.ts'

let database: TestDatabase
let tenantId: string
beforeAll(async () => {
  database = await createTestDatabase()
  ;[tenantId] = await seedTwoTenants(database.worker)
})
afterAll(() => database.close())

/** One connection, so that each statement follows on the one before. */
function onePool(): Pool {
  const limits = { connectTimeoutMs: 5_000, idleTimeoutMs: 30_000, maxLifetimeMs: 600_000, statementTimeoutMs: 15_000 }
  const pool = createPool(database.target('rempart_app'), { size: 1, ...limits, name: 'outdated-plan' }, () => {})
  onTestFinished(() => pool.end())
  return pool
}

const readNames = async (handle: Pick<Kysely<DB>, 'selectFrom'>): Promise<number> =>
  (await handle.selectFrom('contact_message').select('name').execute()).length

/** As a migration does while an older server still runs. */
const widen = (type: string): Promise<unknown> =>
  asOwner(database.target('rempart_owner'), `alter table contact_message alter column name type ${type}`)

describe('a statement that was prepared before a migration changed what it answers', () => {
  it('is sent again over another connection where it is a read of its own', async () => {
    const read = createTenantReads(onePool()).of(tenantId)
    expect(await read(readNames)).toBe(1)
    await widen('varchar(310)')
    expect(await Promise.all([read(readNames), read(readNames)])).toEqual([1, 1])
  })

  it.each([
    { way: 'a call', sender: (pool: Pool) => tenantCalls(pool, tenantId) },
    {
      way: 'a transaction',
      sender:
        (pool: Pool) =>
        <T>(work: (handle: Kysely<DB>) => Promise<T>) =>
          inTenant(pool, tenantId, work),
    },
  ])(
    'is refused once as the database being away in $way, and not for as long as the connection lasts',
    async ({ way, sender }) => {
      const send = sender(onePool())
      expect(await send(readNames)).toBe(1)
      await widen(way === 'a call' ? 'varchar(320)' : 'varchar(330)')
      const refused: unknown = await send(readNames).catch((error: unknown) => error)
      expect([isDatabaseUnavailable(refused), refused]).toEqual([true, expect.objectContaining({ code: '0A000' })])
      expect(await send(readNames)).toBe(1)
      const other = await send((handle) => sql`select 1 / 0`.execute(handle)).catch((error: unknown) => error)
      expect(isDatabaseUnavailable(other)).toBe(false)
    },
  )
})
