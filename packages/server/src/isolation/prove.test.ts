import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { asOwner, createTestDatabase, type TestDatabase } from '../testing/database.ts'
import { proveTables } from './live-matrix.ts'
import { proveEndpoints } from './prove-endpoints.ts'
import { inTransaction, seedTwoTenants } from './table-matrix.ts'
import { tableRegistry } from './table-registry.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())

const pools = () => ({ rempart_app: database.app, rempart_worker: database.worker })
const asRoot = (sql: string) => asOwner(database.target('rempart_owner'), sql)

/** How many rows every table has, as its owner sees it once nothing is forced on them. */
async function rowsOfEveryTable(): Promise<Record<string, number>> {
  const counts = tableRegistry.map(({ table }) => `select '${table}' as name, count(*)::int as rows from ${table}`)
  const unforce = tableRegistry.map(({ table }) => `alter table ${table} no force row level security`).join(';')
  const client = `begin; ${unforce}; ${counts.join(' union all ')}; rollback`
  const results = (await asRoot(client)) as unknown as readonly { rows: { name: string; rows: number }[] }[]
  const rows = results.flatMap((each) => each.rows)
  return Object.fromEntries(rows.map(({ name, rows: count }) => [name, count]))
}

describe('the proof in a database that serves', () => {
  it('attacks every table as both roles, finds nothing, and leaves nothing behind', async () => {
    await seedTwoTenants(database.worker)
    const before = await rowsOfEveryTable()
    expect(before).toMatchObject({ lead: 2, audit_event: 2 })
    const cells = await proveTables(pools())
    expect(cells.filter(({ holds }) => !holds)).toEqual([])
    expect(new Set(cells.map(({ table, role }) => `${table} ${role}`)).size).toBe(2 * tableRegistry.length)
    // What a role may not store it cannot meet in its own transaction: that alone is attacked as it is.
    const bare = new Set(cells.filter(({ isFilled }) => !isFilled).map(({ table, role }) => `${table} ${role}`))
    expect([...bare]).toContain('audit_head rempart_app')
    for (const each of bare) {
      const [table, role] = each.split(' ')
      const { rows } = await asRoot(`select has_any_column_privilege('${role}', '${table}', 'insert') as may`)
      expect([each, rows[0].may]).toEqual([each, false])
    }
    expect(await rowsOfEveryTable()).toEqual(before)
  })

  it('takes away what a killed one left an hour ago, and nothing else', async () => {
    const leave = async (slug: (id: string) => string, age: string, isActive: boolean): Promise<string> => {
      const id = randomUUID()
      await inTransaction(database.worker, id, async (connection) => {
        await connection.query(
          `insert into tenant (id, slug, name, is_active, created_at) values ($1, $2, 'x', $3, now() - $4::interval)`,
          [id, slug(id), isActive, age],
        )
        await connection.query('commit')
      })
      return id
    }
    const ofProof = (id: string): string => `rempart-proof-${id}`
    const old = await leave(ofProof, '2 hours', false)
    const kept = [
      await leave(ofProof, '5 minutes', false),
      await leave(ofProof, '2 hours', true),
      await leave((id) => `rempart-proof-of-${id.slice(0, 8)}`, '2 hours', false),
    ]
    await proveTables(pools())
    const { rows } = await database.worker.query<{ id: string }>('select id from auth.list_tenants()')
    const left = rows.map(({ id }) => id)
    expect(left).not.toContain(old)
    expect(left).toEqual(expect.arrayContaining(kept))
  })

  it('cannot take away a tenant that has anything', async () => {
    const [tenant] = await seedTwoTenants(database.worker)
    const removal = inTransaction(database.worker, tenant, (connection) =>
      connection.query('delete from tenant where id = $1', [tenant]),
    )
    await expect(removal).rejects.toMatchObject({ code: '23503' })
    const foreign = inTransaction(database.worker, randomUUID(), (connection) =>
      connection.query('delete from tenant where id = $1', [tenant]),
    )
    expect((await foreign).rowCount).toBe(0)
  })
})

describe('the proof of the endpoints', () => {
  it('attacks every operation that takes an id, on a server and a database of its own', {
    timeout: 60_000,
  }, async () => {
    const cells = await proveEndpoints()
    expect(cells.filter(({ holds }) => !holds)).toEqual([])
    expect(new Set(cells.map(({ holder }) => holder))).toEqual(new Set(['api-key', 'owner']))
    expect(cells.filter(({ status }) => status === 404).length).toBeGreaterThan(60)
  })
})
