import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { catalogueFaults, SUBMIT_LEADS } from '../isolation/catalogue.ts'
import { isolationMatrix } from '../isolation/table-matrix.ts'
import { createPool, type Pool } from './connect.ts'
import { type EmbeddedDatabase, startEmbeddedDatabase } from './embedded.ts'
import { migrate } from './migrate.ts'
import { databaseLimitStatements, type LoginRole } from './roles.ts'
import { checkDatabase, DatabaseFaultError } from './self-check.ts'

/*
 * The proofs of isolation are only worth something if they notice when it is gone. Each case here damages a fresh copy
 * of the database in one way and names what must notice: the catalogue test, the attacks on every table, and the check
 * at the server's start.
 */

vi.setConfig({ testTimeout: 30_000, hookTimeout: 60_000 })

const SUPERUSER = 'rempart_test_superuser'
// The path to superuser rights that these tests need is itself a fault, and the only one of an undamaged copy.
const known = `rempart_owner is a member of ${SUPERUSER}`

let directory: string
let cluster: EmbeddedDatabase
let sequence = 0

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'rempart-test-'))
  cluster = await startEmbeddedDatabase({
    dataDir: join(directory, 'data'),
    log: () => {},
    extraSetup: [
      'alter role rempart_owner createdb',
      'grant connect on database postgres to rempart_owner',
      `do $$ begin if to_regrole('${SUPERUSER}') is null then create role ${SUPERUSER} superuser; end if; end $$`,
      `grant ${SUPERUSER} to rempart_owner`,
    ],
  })
  await migrate(cluster.connection('rempart_owner'))
})
afterAll(async () => {
  await cluster.stop()
  rmSync(directory, { recursive: true, force: true })
})

/** A copy of the database that can be damaged without harm to the next case. */
interface Copy {
  readonly app: Pool
  readonly worker: Pool
  /** Runs SQL as superuser. */
  damage(sql: string): Promise<void>
}

async function withCopy<T>(work: (copy: Copy) => Promise<T>): Promise<T> {
  sequence += 1
  const name = `damaged_${sequence}`
  const target = (user: LoginRole, database = name) => ({ ...cluster.connection(user), user, database })
  await asSuperuser(target('rempart_owner', 'postgres'), `create database ${name} template rempart owner rempart_owner`)
  await asSuperuser(target('rempart_owner'), databaseLimitStatements({ database: name }).join('; '))
  const pool = (role: LoginRole) =>
    createPool(
      target(role),
      {
        size: 2,
        connectTimeoutMs: 5_000,
        statementTimeoutMs: 15_000,
        idleTimeoutMs: 5_000,
        maxLifetimeMs: 60_000,
        name,
      },
      () => {},
    )
  const pools = { app: pool('rempart_app'), worker: pool('rempart_worker') }
  try {
    return await work({ ...pools, damage: (sql) => asSuperuser(target('rempart_owner'), sql) })
  } finally {
    await Promise.all([pools.app.end(), pools.worker.end()])
    await asSuperuser(target('rempart_owner', 'postgres'), `drop database ${name}`)
  }
}

async function asSuperuser(target: pg.ClientConfig, sql: string): Promise<void> {
  const client = new pg.Client(target)
  await client.connect()
  try {
    await client.query(`set role ${SUPERUSER}`)
    await client.query(sql)
  } finally {
    await client.end()
  }
}

/** Besides the catalogue test. */
type Proof = 'attacks' | 'start'

async function expectNoticed(copy: Copy, fault: string | undefined, others: readonly Proof[]): Promise<void> {
  const faults = await catalogueFaults(copy.worker)
  if (fault !== undefined) expect(faults).toContain(fault)
  else expect(faults).toEqual([known])
  expect(await otherProofs(copy)).toEqual(others)
}

async function otherProofs({ app, worker }: Copy): Promise<readonly Proof[]> {
  const start = await Promise.allSettled([checkDatabase(app), checkDatabase(worker)])
  const isRefused = start.some((each) => each.status === 'rejected' && each.reason instanceof DatabaseFaultError)
  const isBroken = await attacksSucceed({ app, worker })
  return [...(isBroken ? (['attacks'] as const) : []), ...(isRefused ? (['start'] as const) : [])]
}

// A schema so damaged that not even its own tenant can use it counts as noticed.
async function attacksSucceed(pools: { app: Pool; worker: Pool }): Promise<boolean> {
  try {
    return (await isolationMatrix(pools)).some((cell) => !cell.holds)
  } catch (error) {
    if (error instanceof pg.DatabaseError) return true
    throw error
  }
}

it('finds nothing in an undamaged copy', async () => {
  await withCopy(async (copy) => {
    await expectNoticed(copy, undefined, [])
  })
})

const setting = `nullif(current_setting('rempart.tenant_id', true), '')::uuid`

describe('a damaged schema', () => {
  it.each<[damage: string, sql: string, fault: string, alsoNoticedBy: readonly Proof[]]>([
    [
      'a policy is gone',
      'drop policy tenant_isolation on lead',
      'lead lacks the policy tenant_isolation as it must be',
      ['attacks', 'start'],
    ],
    [
      'row-level security is off',
      'alter table lead disable row level security',
      'lead is not under forced row-level security',
      ['attacks', 'start'],
    ],
    [
      'the owner is let through',
      'alter table lead no force row level security',
      'lead is not under forced row-level security',
      ['start'],
    ],
    [
      'the owner is let through, in tenant',
      'alter table tenant no force row level security',
      'tenant is not under forced row-level security',
      ['start'],
    ],
    [
      'a policy reads everything',
      'alter policy tenant_isolation on lead using (true)',
      'lead lacks the policy tenant_isolation as it must be',
      ['attacks'],
    ],
    [
      'a policy writes anywhere',
      'alter policy tenant_isolation on lead with check (true)',
      'lead lacks the policy tenant_isolation as it must be',
      ['attacks'],
    ],
    [
      'a second policy widens the first',
      'create policy everyone on lead for select to rempart_app using (true)',
      'unexpected policy everyone on lead',
      ['attacks'],
    ],
    [
      'a policy takes no tenant for every tenant',
      `alter policy tenant_isolation on lead using (tenant_id = (select ${setting}) or (select ${setting}) is null)`,
      'lead lacks the policy tenant_isolation as it must be',
      ['attacks'],
    ],
    [
      'a policy fails on a connection that was used before',
      "alter policy tenant_isolation on lead using (tenant_id = current_setting('rempart.tenant_id', true)::uuid)",
      'lead lacks the policy tenant_isolation as it must be',
      ['attacks'],
    ],
    [
      'a look-up policy serves the app too',
      'alter policy form_lookup on form to rempart_auth, rempart_app',
      'unexpected policy form_lookup on form',
      ['attacks'],
    ],
    [
      'a foreign key leaves the tenant out',
      'create unique index form_id on form (id); alter table lead add foreign key (form_id) references form (id)',
      'lead refers to form without its tenant',
      [],
    ],
    [
      'a unique key spans tenants',
      'create unique index form_slug on form (slug)',
      'the unique index form_slug spans tenants',
      [],
    ],
    [
      'an index does not start with the tenant',
      'create index lead_email on lead (email)',
      'the index lead_email does not start with tenant_id',
      [],
    ],
    [
      'a primary key starts with something else',
      'alter table lead_note drop constraint lead_note_pkey, add primary key (id, tenant_id)',
      'lead_note has no primary key that starts with the tenant',
      [],
    ],
    ['a table has no tenant', 'create table note (id uuid primary key)', 'note has no tenant_id uuid not null', []],
    [
      'a table has a tenant and no protection',
      'create table note (tenant_id uuid not null references tenant (id), id uuid, primary key (tenant_id, id))',
      'note is not under forced row-level security',
      ['start'],
    ],
    [
      'a tenant may be missing',
      'alter table quota_usage drop constraint quota_usage_tenant_id_fkey',
      'quota_usage may hold rows of a tenant that does not exist',
      [],
    ],
    [
      'a tenant may be null',
      'alter table intake_day drop constraint intake_day_pkey, alter tenant_id drop not null',
      'intake_day has no tenant_id uuid not null',
      [],
    ],
    [
      'the app may truncate',
      'grant truncate on lead to rempart_app',
      'rempart_app may TRUNCATE lead',
      ['attacks', 'start'],
    ],
    ['the app may add triggers', 'grant trigger on lead to rempart_app', 'rempart_app may TRIGGER lead', ['start']],
    [
      'the app may pass a privilege on',
      'grant select on lead to rempart_app with grant option',
      'rempart_app may SELECT lead',
      [],
    ],
    ['anybody may read a table', 'grant select on lead to public', 'PUBLIC may SELECT lead', []],
    [
      'the app may write the schema’s history',
      'grant insert on schema_migration to rempart_app',
      'rempart_app may INSERT schema_migration',
      [],
    ],
    [
      'the app owns a table',
      'alter table lead owner to rempart_app',
      'lead belongs to rempart_app',
      ['attacks', 'start'],
    ],
    [
      'the app owns the database',
      `do $$ begin execute format('alter database %I owner to rempart_app', current_database()); end $$`,
      'rempart_app may create in the database',
      ['start'],
    ],
    [
      'the app may make objects',
      'grant create on schema public to rempart_app',
      'rempart_app may create in the schema public',
      ['start'],
    ],
    [
      'anybody may make objects',
      'grant create on schema public to public',
      'rempart_worker may create in the schema public',
      ['start'],
    ],
    [
      'a view runs as its owner',
      'create view leads as select * from lead; grant select on leads to rempart_app',
      'the view leads goes round row-level security',
      ['start'],
    ],
    [
      'a materialised view holds every tenant',
      'create materialized view leads as select * from lead; grant select on leads to rempart_app',
      'the relation leads goes round row-level security',
      ['start'],
    ],
    [
      'a sequence counts for all',
      'create sequence invoice_number',
      'the sequence invoice_number counts for all tenants',
      [],
    ],
    [
      'a trigger runs unseen',
      `create trigger t before update on lead for each row execute function suppress_redundant_updates_trigger()`,
      'rules or triggers on lead run unseen',
      ['attacks'],
    ],
    [
      'a look-up has no search path',
      'alter function auth.find_tenant(text, text) reset search_path',
      'auth.find_tenant(text,text) has no empty search path of its own',
      [],
    ],
    [
      'a look-up trusts the caller’s schemas',
      'alter function auth.find_tenant(text, text) set search_path = public',
      'auth.find_tenant(text,text) has no empty search path of its own',
      [],
    ],
    [
      'a look-up runs as the owner',
      'alter function auth.find_tenant(text, text) owner to rempart_owner',
      'the definer function auth.find_tenant(text,text) runs as rempart_owner',
      [],
    ],
    [
      'a function of the app turns definer',
      'alter function receive_contact_messages(jsonb) security definer',
      'the definer function receive_contact_messages(jsonb) is not on the list',
      [],
    ],
    [
      'anybody may call a look-up',
      'grant execute on function auth.find_api_keys(text) to public',
      'anybody may call auth.find_api_keys(text)',
      [],
    ],
    [
      'the app may list tenants',
      'grant execute on function auth.list_tenants() to rempart_app',
      'auth.list_tenants() may be called by rempart_app,rempart_worker',
      [],
    ],
    [
      'submissions are stored as the owner',
      'alter function submit_leads owner to rempart_owner',
      `the definer function ${SUBMIT_LEADS} runs as rempart_owner`,
      [],
    ],
    [
      'the app may write the audit log',
      'grant insert on audit_event to rempart_app',
      'rempart_app may INSERT audit_event',
      [],
    ],
    [
      'the app may change the audit log',
      'grant update on audit_event to rempart_app',
      'rempart_app may UPDATE audit_event',
      ['attacks'],
    ],
    [
      'the audit log may be changed by its owner',
      'alter table audit_event disable trigger audit_event_append_only',
      'the audit log can be changed: audit_event_append_only on audit_event is not as it must be',
      [],
    ],
    [
      'the writing of the audit log reaches every tenant',
      'alter policy audit_chain on audit_event using (true)',
      'unexpected policy audit_chain on audit_event',
      [],
    ],
    [
      'the storing of submissions may read leads',
      'grant select on lead to rempart_intake',
      'rempart_intake may SELECT lead',
      [],
    ],
    [
      'the storing of submissions may change leads',
      'create policy submission_intake_too on lead for update to rempart_intake using (true)',
      'unexpected policy submission_intake_too on lead',
      [],
    ],
    [
      'what serves submissions serves the app too',
      'alter policy submission_intake on lead to rempart_intake, rempart_app',
      'unexpected policy submission_intake on lead',
      ['attacks'],
    ],
    [
      'look-ups read more than they need',
      'grant select (email) on lead to rempart_auth',
      'rempart_auth reads lead (email)',
      [],
    ],
    [
      'a function claims to be leakproof',
      'alter function submit_leads leakproof',
      `${SUBMIT_LEADS} is leakproof or of an untrusted language`,
      [],
    ],
    [
      'a privilege is given ahead',
      'alter default privileges for role rempart_owner in schema public grant truncate on tables to rempart_app',
      'default privileges for rempart_owner',
      [],
    ],
    [
      'a day of security events may be read past its table',
      `do $$ declare d text; begin
        select relname into d from pg_class where relnamespace = 'security_event_days'::regnamespace and relkind = 'r' limit 1;
        execute format('grant select on security_event_days.%I to rempart_app', d);
      end $$`,
      'a day of security events is not closed to everybody',
      [],
    ],
    [
      'the app may drop the days of security events',
      'grant execute on function drop_security_event_days(integer) to rempart_app',
      'drop_security_event_days(integer) may be called by rempart_app,rempart_worker',
      [],
    ],
    [
      'anybody may read the guard’s counters',
      'grant select on rempart_guard.counter to public',
      'PUBLIC may SELECT counter',
      [],
    ],
    [
      'the worker may count',
      'grant execute on function rempart_guard.set_mark(bytea, bigint) to rempart_worker',
      'rempart_worker may EXECUTE rempart_guard.set_mark(bytea,bigint)',
      [],
    ],
  ])('is noticed when %s', async (_damage, sql, fault, alsoNoticedBy) => {
    await withCopy(async (copy) => {
      await copy.damage(sql)
      await expectNoticed(copy, fault, alsoNoticedBy)
    })
  })
})

describe('a damaged role', () => {
  it.each<[damage: string, sql: string, undo: string, fault: string | undefined, alsoNoticedBy: readonly Proof[]]>([
    [
      'the app bypasses row-level security',
      'alter role rempart_app bypassrls',
      'alter role rempart_app nobypassrls',
      'rempart_app has powers it must not have',
      ['attacks', 'start'],
    ],
    [
      'the worker bypasses row-level security',
      'alter role rempart_worker bypassrls',
      'alter role rempart_worker nobypassrls',
      'rempart_worker has powers it must not have',
      ['attacks', 'start'],
    ],
    [
      'the app is a superuser',
      'alter role rempart_app superuser',
      'alter role rempart_app nosuperuser',
      'rempart_app has powers it must not have',
      ['attacks', 'start'],
    ],
    [
      'the app is a member of the owner',
      'grant rempart_owner to rempart_app',
      'revoke rempart_owner from rempart_app',
      'rempart_app is a member of rempart_owner',
      ['attacks', 'start'],
    ],
    [
      'the app is a member of the look-ups',
      'grant rempart_auth to rempart_app',
      'revoke rempart_auth from rempart_app',
      'rempart_app may become rempart_auth',
      ['attacks', 'start'],
    ],
    [
      'the app is a member of the storing of submissions',
      'grant rempart_intake to rempart_app',
      'revoke rempart_intake from rempart_app',
      'rempart_app may become rempart_intake',
      ['attacks', 'start'],
    ],
    [
      'the app may make roles',
      'alter role rempart_app createrole',
      'alter role rempart_app nocreaterole',
      'rempart_app has powers it must not have',
      [],
    ],
    [
      'the look-ups may log in',
      'alter role rempart_auth login',
      'alter role rempart_auth nologin',
      'rempart_auth has powers it must not have',
      [],
    ],
    [
      'a role has a tenant for good',
      "alter role rempart_app set rempart.tenant_id = 'x'",
      'alter role rempart_app reset all',
      'a setting that stays: rempart.tenant_id=x',
      ['attacks'],
    ],
    [
      'commits do not reach the disk',
      'alter role rempart_app set synchronous_commit = off',
      'alter role rempart_app reset all',
      undefined,
      ['start'],
    ],
  ])('is noticed when %s', async (_damage, sql, undo, fault, alsoNoticedBy) => {
    await withCopy(async (copy) => {
      await copy.damage(sql)
      try {
        await expectNoticed(copy, fault, alsoNoticedBy)
      } finally {
        await copy.damage(undo)
      }
    })
  })

  it('is noticed at the start when a superuser only plays the app', async () => {
    await withCopy(async ({ damage }) => {
      await damage('select 1')
      const played = new pg.Pool({
        ...cluster.connection('rempart_owner'),
        options: '-c role=rempart_app',
        database: `damaged_${sequence}`,
      })
      await damage('grant rempart_app to rempart_owner; alter role rempart_owner superuser')
      try {
        await expect(checkDatabase(played)).rejects.toThrow('the role rempart_owner is a superuser')
      } finally {
        await played.end()
        await damage('alter role rempart_owner nosuperuser; revoke rempart_app from rempart_owner')
      }
    })
  })
})
