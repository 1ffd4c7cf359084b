import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { describe, expect, inject, it, onTestFinished, vi } from 'vitest'
import { idOf } from '../isolation/table-registry.ts'
import { asOwner } from '../testing/database.ts'
import type { ConnectionTarget } from './connect.ts'
import { type Migration, MigrationError, migrate, readMigrations, schemaState } from './migrate.ts'
import { databaseLimitStatements } from './roles.ts'

vi.setConfig({ testTimeout: 30_000 })

type Target = ConnectionTarget & object

/** A database without anything in it. */
async function emptyDatabase(): Promise<Target> {
  const database = `empty_${randomBytes(6).toString('hex')}`
  const target = { ...inject('database'), user: 'rempart_owner', database }
  await asOwner({ ...target, database: 'postgres' }, `create database ${database} template template0`)
  await asOwner(target, databaseLimitStatements({ database }).join('; '))
  onTestFinished(async () => {
    // While an autovacuum worker is in it, it may not be dropped: then it goes with the run's cluster.
    await asOwner({ ...target, database: 'postgres' }, `drop database ${database} with (force)`).catch(
      (error: Error) => {
        if (!error.message.includes('permission denied to terminate process')) throw error
      },
    )
  })
  return target
}

const released = readMigrations()

/** The released migrations with more after them, each `[name, sql]`. */
function followedBy(...more: readonly (readonly [string, string])[]): readonly Migration[] {
  return [
    ...released,
    ...more.map(([name, sql], index) => ({
      version: released.length + index + 1,
      name,
      sql,
      checksum: createHash('sha256').update(sql).digest('hex'),
    })),
  ]
}

const quietly = (): void => {}
const rowsOf = async (target: Target, sql: string): Promise<unknown[]> => (await asOwner(target, sql)).rows
const versionsOf = async (target: Target): Promise<unknown[]> =>
  (await rowsOf(target, 'select version from schema_migration order by version')).map((row) =>
    Reflect.get(Object(row), 'version'),
  )
const allVersions = released.map((each) => each.version)

/** Stores one tenant with one form, as the worker, and answers the tenant's id. */
async function populate(target: Target): Promise<string> {
  const tenant = idOf(JSON.stringify(target))
  const client = new pg.Client({ ...target, user: 'rempart_worker' })
  await client.connect()
  try {
    await client.query("select set_config('rempart.tenant_id', $1, false)", [tenant])
    await client.query("insert into tenant (id, slug, name) values ($1, 'acme', 'Acme')", [tenant])
    await client.query("insert into form (tenant_id, id, slug, name) values ($1, $2, 'f', 'Form')", [tenant, tenant])
  } finally {
    await client.end()
  }
  return tenant
}

/** What the worker sees of the form names of a tenant. */
async function formNames(target: Target, tenant: string): Promise<unknown[]> {
  const client = new pg.Client({ ...target, user: 'rempart_worker' })
  await client.connect()
  try {
    await client.query("select set_config('rempart.tenant_id', $1, false)", [tenant])
    return (await client.query<{ name: string }>('select name from form')).rows.map((row) => row.name)
  } finally {
    await client.end()
  }
}

describe('migrate', () => {
  it('brings an empty database to this release, and says what it applied', async () => {
    const target = await emptyDatabase()
    const said: string[] = []
    const applied = await migrate(target, (name) => said.push(name))
    expect(applied).toEqual(released.map((each) => each.name))
    expect(said).toEqual(applied)
    expect(await versionsOf(target)).toEqual(allVersions)
  })

  it('does nothing the second time', async () => {
    const target = await emptyDatabase()
    await migrate(target)
    const before = await rowsOf(target, 'select * from schema_migration order by version')
    expect(await migrate(target)).toEqual([])
    expect(await rowsOf(target, 'select * from schema_migration order by version')).toEqual(before)
  })

  it('applies each migration once when several processes start at once', async () => {
    const target = await emptyDatabase()
    const runs = await Promise.all([migrate(target), migrate(target), migrate(target)])
    expect(runs.map((applied) => applied.length).sort()).toEqual([0, 0, released.length])
    expect(await versionsOf(target)).toEqual(allVersions)
  })

  it('goes on where it stopped', async () => {
    const target = await emptyDatabase()
    await migrate(target, quietly, released.slice(0, 2))
    expect(await migrate(target)).toEqual(released.slice(2).map((each) => each.name))
  })

  it('refuses a released file that was changed, and touches nothing', async () => {
    const target = await emptyDatabase()
    await migrate(target)
    const changed = followedBy(['0099_more', 'create table more (id integer)']).map((each) =>
      each.version === 2 ? { ...each, checksum: 'another' } : each,
    )
    await expect(migrate(target, quietly, changed)).rejects.toThrow(
      new MigrationError('migration 0002_api_keys differs from the one applied: a released migration never changes'),
    )
    expect(await versionsOf(target)).toEqual(allVersions)
  })

  it('refuses to apply a migration behind a later one', async () => {
    const target = await emptyDatabase()
    await migrate(target)
    await asOwner(target, 'delete from schema_migration where version = 2')
    await expect(migrate(target)).rejects.toThrow('migration 0002_api_keys was never applied, but a later one was')
  })

  it('leaves nothing of a migration that fails, and keeps the ones before', async () => {
    const target = await emptyDatabase()
    const migrations = followedBy(
      ['0098_good', 'comment on table form is $$good$$'],
      ['0099_bad', 'create table half (id integer); create schema half; select 1 / 0'],
    )
    const failing = migrate(target, quietly, migrations)
    await expect(failing).rejects.toThrow(new MigrationError('migration 0099_bad failed: division by zero'))
    expect(await versionsOf(target)).toEqual([...allVersions, released.length + 1])
    expect(await rowsOf(target, "select to_regclass('half') as table, to_regnamespace('half') as schema")).toEqual([
      { table: null, schema: null },
    ])
  })

  it('can be run again once a failing migration is mended', async () => {
    const target = await emptyDatabase()
    await expect(migrate(target, quietly, followedBy(['0099_x', 'select 1 / 0']))).rejects.toThrow('division by zero')
    expect(await migrate(target, quietly, followedBy(['0099_x', 'select 1']))).toEqual(['0099_x'])
  })

  it.each([
    ['a new table', 'create table more (tenant_id uuid, id uuid)', 'more'],
    ['a table that was forced', 'alter table lead no force row level security', 'lead'],
    ['the tenants themselves', 'alter table tenant no force row level security', 'tenant'],
    ['a table that was under row-level security', 'alter table lead disable row level security', 'lead'],
  ])('refuses a migration that leaves %s without forced row-level security', async (_what, sql, table) => {
    const target = await emptyDatabase()
    await expect(migrate(target, quietly, followedBy(['0099_open', sql]))).rejects.toThrow(
      `migration 0099_open failed: row-level security is not forced on ${table}`,
    )
    expect(await versionsOf(target)).toEqual(allVersions)
    expect(await migrate(target)).toEqual([])
  })

  it('refuses a database whose table lost its row-level security in another way', async () => {
    const target = await emptyDatabase()
    await migrate(target)
    await asOwner(target, 'alter table lead no force row level security')
    await expect(migrate(target)).rejects.toThrow('row-level security is not forced on lead')
  })

  it('refuses a migration whose GRANT or REVOKE PostgreSQL ignores with a warning', async () => {
    const target = await emptyDatabase()
    // Handed over before it is closed: from then on its maker has no say in who may call it.
    const sql = `create function auth.peek() returns integer language sql security definer as 'select 1';
      grant create on schema auth to rempart_auth;
      alter function auth.peek() owner to rempart_auth;
      revoke create on schema auth from rempart_auth;
      revoke all on function auth.peek() from public;`
    await expect(migrate(target, quietly, followedBy(['0099_too_late', sql]))).rejects.toThrow(
      'migration 0099_too_late failed: no privileges could be revoked for "peek"',
    )
    expect(await versionsOf(target)).toEqual(allVersions)
  })

  it('changes no row when it backfills under forced row-level security', async () => {
    const target = await emptyDatabase()
    await migrate(target)
    const tenant = await populate(target)
    await migrate(target, quietly, followedBy(['0099_naive', "update form set name = 'backfilled'"]))
    expect(await formNames(target, tenant)).toEqual(['Form'])
  })

  it('backfills when it lifts the force for its own transaction', async () => {
    const target = await emptyDatabase()
    await migrate(target)
    const tenant = await populate(target)
    const sql = `alter table form no force row level security;
      update form set name = 'backfilled';
      alter table form force row level security;`
    await migrate(target, quietly, followedBy(['0099_backfill', sql]))
    expect(await formNames(target, tenant)).toEqual(['backfilled'])
  })

  it('rejects, and does not end the process, when its connection is cut', async () => {
    const target = await emptyDatabase()
    const sql = 'create table half (id integer); select pg_terminate_backend(pg_backend_pid())'
    await expect(migrate(target, quietly, followedBy(['0099_cut', sql]))).rejects.toThrow(
      'migration 0099_cut failed: terminating connection due to administrator command',
    )
    expect(await versionsOf(target)).toEqual(allVersions)
    expect(await migrate(target)).toEqual([])
  })
})

describe('schemaState', () => {
  const ask = async <T>(target: Target, work: (client: pg.Client) => Promise<T>): Promise<T> => {
    const client = new pg.Client({ ...target, user: 'rempart_app' })
    await client.connect()
    return await work(client).finally(() => client.end())
  }

  it('tells the app of a database without anything that everything is pending', async () => {
    const target = await emptyDatabase()
    expect(await ask(target, schemaState)).toEqual({
      applied: 0,
      expected: released.length,
      pending: released.map((each) => each.name),
    })
  })

  it('has nothing pending on a database of this release, nor on one that is ahead of it', async () => {
    const target = await emptyDatabase()
    await migrate(target, quietly, followedBy(['0099_next_release', 'select 1']))
    expect(await ask(target, schemaState)).toEqual({
      applied: released.length + 1,
      expected: released.length,
      pending: [],
    })
  })
})

describe('readMigrations', () => {
  const directoryOf = (...names: readonly string[]): string => {
    const directory = mkdtempSync(join(tmpdir(), 'rempart-migrations-'))
    onTestFinished(() => rmSync(directory, { recursive: true }))
    for (const name of names) writeFileSync(join(directory, name), 'select 1')
    return directory
  }

  it('reads files in the order of their numbers, and nothing that is no SQL', () => {
    const migrations = readMigrations(directoryOf('0002_b.sql', '0001_a.sql', 'README.md'))
    expect(migrations.map(({ version, name }) => [version, name])).toEqual([
      [1, '0001_a'],
      [2, '0002_b'],
    ])
  })

  it.each([
    ['a gap', ['0001_a.sql', '0003_c.sql'], '0003_c.sql should be number 2'],
    ['a double', ['0001_a.sql', '0001_b.sql'], '0001_b.sql should be number 2'],
    ['a start that is not one', ['0002_a.sql'], '0002_a.sql should be number 1'],
    ['a name without a number', ['a.sql'], 'a.sql should be number 1'],
    ['a number that is too short', ['1_a.sql'], '1_a.sql should be number 1'],
  ])('refuses %s in the numbering', (_what, names, message) => {
    expect(() => readMigrations(directoryOf(...names))).toThrow(new MigrationError(`migration ${message}`))
  })
})
