import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { entryOf, kinships, rowOfForeignParent } from '../isolation/kinships.ts'
import { inTransaction, isolationMatrix, seedTwoTenants } from '../isolation/table-matrix.ts'
import { insertOf, tableRegistry } from '../isolation/table-registry.ts'
import { asOwner, createTestDatabase, type TestDatabase } from '../testing/database.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())

const codeOf = (error: unknown): unknown => (error instanceof Error && 'code' in error ? error.code : error)

describe('tenant isolation', () => {
  it('is attacked on every table there is', async () => {
    const tables = await database.app.query<{ name: string }>(
      `select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')
       and relname not in ('schema_migration', 'signing_key') order by relname`,
    )
    expect(tableRegistry.map((entry) => entry.table).sort()).toEqual(tables.rows.map((row) => row.name))
  })

  it('holds for both serving roles against every attack on every table', async () => {
    const cells = await isolationMatrix(database)
    expect(cells.filter((cell) => !cell.holds)).toEqual([])
    // 18 attacks and two ends of a transaction; a role that may not insert or update is spared three of them.
    expect(cells.length).toBeGreaterThanOrEqual(2 * tableRegistry.length * 17)
  })

  it('lets no row name a parent of another tenant, with the refusal of a parent that does not exist', async () => {
    const [mine, theirs] = await seedTwoTenants(database.worker)
    const keys = await kinships(database.app)
    expect(keys.map(({ child, parent }) => `${child} → ${parent}`)).toEqual([
      'api_key → api_key',
      'api_key → user_account',
      'api_key_usage → api_key',
      'form → form_version',
      'form_version → form',
      'gate_registration → gate',
      'invitation → role',
      'invitation → user_account',
      'lead → form',
      'lead_note → lead',
      'lead_note → user_account',
      'mail_outbox → user_account',
      'mfa_recovery_code → user_account',
      'mfa_secret → user_account',
      'oauth_account → identity_provider',
      'oauth_account → user_account',
      'one_time_token → user_account',
      'password_credential → user_account',
      'refresh_token → session',
      'role_assignment → role',
      'role_assignment → user_account',
      'session → user_account',
      'webauthn_credential → user_account',
      'webhook_attempt → webhook_delivery',
      'webhook_delivery → webhook',
    ])
    for (const kinship of keys) {
      const refusals = []
      for (const parentTenant of [theirs, undefined]) {
        const { text, values } = insertOf(kinship.child, rowOfForeignParent(kinship, mine, parentTenant))
        refusals.push(
          await inTransaction(database.worker, mine, (connection) => connection.query(text, values)).catch(
            (error: Error) => ({ code: codeOf(error), message: error.message }),
          ),
        )
      }
      expect(refusals[0]).toMatchObject({ code: '23503' })
      expect(refusals[0]).toEqual(refusals[1])
    }
  })

  it('lets two tenants hold the same keys, so that a conflict tells nothing', async () => {
    const [mine, theirs] = await seedTwoTenants(database.worker)
    const keys = await kinships(database.app)
    const unique = await database.app.query<{ name: string; columns: string[] }>(
      `select i.indrelid::regclass::text as name, array_agg(a.attname::text) as columns
       from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey)
       where i.indisunique and a.attname <> 'tenant_id' and i.indrelid::regclass::text = any ($1)
       group by i.indexrelid, i.indrelid`,
      [tableRegistry.filter((entry) => entry.sharedKeys === undefined).map((entry) => entry.table)],
    )
    // What must name a row of the same tenant cannot be another tenant's; the test above sees to it.
    const inherited = ({ name, columns }: { name: string; columns: string[] }): boolean =>
      keys.some(
        ({ child, columns: own }) => child === name && columns.some((column) => column !== 'id' && column in own),
      )
    // What no serving role inserts into has keys that the database makes.
    const made = tableRegistry.filter((entry) => entry.seed !== undefined).map(({ table }) => table)
    const free = unique.rows.filter((each) => !inherited(each) && !made.includes(each.name))
    expect(free.length).toBeGreaterThan(8)
    for (const { name, columns } of free) {
      const { row, stored = 1 } = entryOf(name)
      const theirRow = row(theirs, 0)
      const sameKeys = Object.fromEntries(columns.map((column) => [column, theirRow[column]]))
      const { text, values } = insertOf(name, { ...row(mine, Math.max(2, stored)), ...sameKeys })
      const result = await inTransaction(database.worker, mine, (connection) => connection.query(text, values))
      expect(result.rowCount, name).toBe(1)
    }
  })

  it('keeps the planner’s statistics of tenant tables from the serving roles', async () => {
    await seedTwoTenants(database.worker)
    await asOwner(database.target('rempart_owner'), 'analyze')
    const seen = "select distinct tablename from pg_stats where schemaname = 'public'"
    const known = await asOwner(database.target('rempart_owner'), seen)
    expect(known.rows).toContainEqual({ tablename: 'schema_migration' })
    for (const pool of [database.app, database.worker]) {
      expect((await pool.query(seen)).rows).toEqual([{ tablename: 'schema_migration' }])
    }
  })

  it('lets the worker list tenants, and nobody else', async () => {
    await seedTwoTenants(database.worker)
    expect((await database.worker.query('select * from auth.list_tenants()')).rows.length).toBeGreaterThan(1)
    await expect(database.app.query('select * from auth.list_tenants()')).rejects.toMatchObject({ code: '42501' })
  })

  it('lets the serving roles neither make tables, nor become another role, nor read what the look-ups read', async () => {
    for (const statement of [
      'create table mine (id integer)',
      'create temporary table mine (id integer)',
      'create schema mine',
      'create function public.find() returns integer language sql as $$ select 1 $$',
      'set role rempart_auth',
      'set role rempart_intake',
      'set role rempart_audit',
      'set role rempart_owner',
      'set session authorization rempart_owner',
      'alter table lead no force row level security',
      'alter table lead disable row level security',
      'drop policy tenant_isolation on lead',
      'create policy open on lead using (true)',
      'insert into schema_migration (version, name, checksum) values (99, $$x$$, $$x$$)',
      "copy lead to '/tmp/leads'",
      "copy lead from program 'true'",
      "alter role rempart_app set rempart.tenant_id = 'x'",
    ]) {
      for (const pool of [database.app, database.worker]) {
        await expect(pool.query(statement), statement).rejects.toMatchObject({ code: '42501' })
      }
    }
  })
})
