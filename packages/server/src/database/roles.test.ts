import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type EmbeddedDatabase, startEmbeddedDatabase } from './embedded.ts'
import { databaseStatement, type LoginRole, literal, roleScript, roleStatements } from './roles.ts'

let directory: string
let database: EmbeddedDatabase

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'rempart-roles-'))
  chmodSync(directory, 0o755)
  const options = { dataDir: join(directory, 'data'), log: () => {} }
  // Run once more with what an operator may have left behind: everything must be repeatable, and repaired.
  const spoiled = [
    'alter role rempart_app createdb bypassrls',
    'grant rempart_auth to rempart_owner with inherit true',
    'grant all on database rempart to public',
  ]
  await (await startEmbeddedDatabase({ ...options, extraSetup: spoiled })).stop()
  database = await startEmbeddedDatabase(options)
}, 30_000)

afterAll(async () => {
  await database.stop()
  rmSync(directory, { recursive: true })
})

async function query(role: LoginRole, sql: string, overrides: pg.ClientConfig = {}): Promise<unknown[] | string> {
  const client = new pg.Client({ ...database.connection(role), ...overrides })
  client.on('error', () => {})
  try {
    await client.connect()
    const result: pg.QueryResult | pg.QueryResult[] = await client.query({ text: sql, rowMode: 'array' })
    return Array.isArray(result) ? [] : result.rows
  } catch (error) {
    return error instanceof pg.DatabaseError ? String(error.code) : String(error)
  } finally {
    await client.end()
  }
}

const NOT_ALLOWED = '42501'
const NOT_LET_IN = '28000'

describe('the roles', () => {
  it('that serve plan for a disk that reads anywhere at the same cost', async () => {
    for (const role of ['rempart_app', 'rempart_worker'] as const) {
      expect(await query(role, 'show random_page_cost')).toEqual([['1.1']])
    }
  })

  it('hold no attribute but the right to log in, whatever they held before', async () => {
    const attributes = await query(
      'rempart_app',
      `select rolname::text, rolcanlogin, rolsuper or rolbypassrls or rolcreatedb or rolcreaterole or rolreplication
       from pg_roles where rolname in ('rempart_app', 'rempart_audit', 'rempart_auth', 'rempart_intake', 'rempart_owner', 'rempart_worker') order by 1`,
    )
    expect(attributes).toEqual([
      ['rempart_app', true, false],
      ['rempart_audit', false, false],
      ['rempart_auth', false, false],
      ['rempart_intake', false, false],
      ['rempart_owner', true, false],
      ['rempart_worker', true, false],
    ])
  })

  it.each(['rempart_app', 'rempart_worker'] as const)(
    '%s owns nothing, creates nothing and becomes nobody',
    async (role) => {
      expect(await query(role, 'create table t (n int)')).toBe(NOT_ALLOWED)
      expect(await query(role, 'create temporary table t (n int)')).toBe(NOT_ALLOWED)
      expect(await query(role, 'create schema s')).toBe(NOT_ALLOWED)
      expect(await query(role, 'create database d')).toBe(NOT_ALLOWED)
      expect(await query(role, "copy (select 1) to program 'true'")).toBe(NOT_ALLOWED)
      for (const other of [
        'rempart_owner',
        'rempart_auth',
        'rempart_intake',
        'rempart_audit',
        'rempart_lock',
        'rempart_superuser',
      ]) {
        expect(await query(role, `set role ${other}`)).toBe(NOT_ALLOWED)
      }
    },
  )

  it('let the owner hand a function to rempart_auth, and gain nothing from what rempart_auth may see', async () => {
    const sql = `begin;
      create table secret (n int); alter table secret enable row level security, force row level security;
      insert into secret select 1 where false;
      create policy lookup on secret for select to rempart_auth using (true);
      grant select on secret to rempart_auth;
      create function look() returns bigint language sql security definer set search_path = '' as 'select count(*) from public.secret';
      grant create on schema public to rempart_auth;
      alter function look() owner to rempart_auth;
      revoke create on schema public from rempart_auth; commit`
    expect(await query('rempart_owner', sql)).toEqual([])
    expect(
      await query(
        'rempart_owner',
        "select pg_has_role('rempart_auth', 'usage'), pg_has_role('rempart_auth', 'member')",
      ),
    ).toEqual([[false, true]])
    expect(await query('rempart_owner', "select proowner::regrole::text from pg_proc where proname = 'look'")).toEqual([
      ['rempart_auth'],
    ])
  })

  it('keep everybody out of the database that holds the lock, and the superuser out of all', async () => {
    for (const role of ['rempart_app', 'rempart_worker', 'rempart_owner'] as const) {
      expect(await query(role, 'select 1', { database: 'postgres' })).toBe(NOT_ALLOWED)
    }
    for (const user of [
      'rempart_superuser',
      'rempart_auth',
      'rempart_intake',
      'rempart_audit',
      'postgres',
      'root',
      'nobody',
    ]) {
      expect(await query('rempart_app', 'select 1', { user })).toBe(NOT_LET_IN)
    }
    expect(await query('rempart_app', 'select 1', { user: 'rempart_lock' })).toBe(NOT_ALLOWED)
  })
})

describe('the SQL for a PostgreSQL of one’s own', () => {
  it('makes the roles before the database, the database once, and closes it last', () => {
    const script = roleScript({ database: 'my "db"' })
    const positions = [
      'create role rempart_owner',
      'create database "my ""db""" owner rempart_owner',
      '\\gexec',
      'revoke all on database "my ""db"""',
    ]
    const found = positions.map((text) => script.indexOf(text))
    expect(found).not.toContain(-1)
    expect(found).toEqual(found.toSorted((a, b) => a - b))
    expect(script).toContain('where datname = \'my "db"\'')
  })

  it('sets the passwords it is given, and no other', () => {
    const statements = roleStatements({ passwords: { rempart_app: "it's" } })
    expect(statements.filter((statement) => statement.includes('password'))).toEqual([
      "alter role rempart_app password 'it''s'",
    ])
  })

  it('cannot be broken out of by a name or a password', async () => {
    for (const text of ["'; drop table x; --", "\\'; drop table x; --", 'a\nb', '$$', "''\\\\''"]) {
      expect(await query('rempart_app', `select ${literal(text)}::text`)).toEqual([[text]])
    }
    expect(databaseStatement({ database: 'x"; drop database y' })).toContain('"x""; drop database y"')
    expect(() => literal('\0')).toThrow(RangeError)
  })
})
