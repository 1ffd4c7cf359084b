import pg from 'pg'
import { builtinRoles } from '../packages/server/src/core/identity/builtin-roles.ts'
import { createId } from '../packages/server/src/core/ids.ts'
import { startEmbeddedDatabase } from '../packages/server/src/database/embedded.ts'
import { DEMO_FORM } from '../packages/server/src/modules/forms/definition/demo.ts'
import { freePort, type Program, startProgram } from './support.ts'

/** One of the two installations. */
export interface Installation {
  readonly dataDir: string
  readonly tenants: number
}

/** Slug of the form that each tenant has. */
export const FORM_SLUG = 'bench'

/** Starts the server of an installation, which makes its database the first time. */
export async function serve({ dataDir }: Pick<Installation, 'dataDir'>, policyFile: string): Promise<Program> {
  const port = await freePort()
  return startProgram(['packages/cli/src/main.ts', 'start'], {
    port,
    path: '/health/ready',
    env: {
      REMPART_PORT: String(port),
      REMPART_PUBLIC_URL: `http://127.0.0.1:${port}`,
      REMPART_DATA_DIR: dataDir,
      REMPART_DEMO: 'off',
      REMPART_POLICY_FILE: policyFile,
    },
  })
}

/** The owner's connection to the database of an installation that is being served. */
export async function connectOwner({ dataDir }: Pick<Installation, 'dataDir'>): Promise<pg.Client> {
  const database = await startEmbeddedDatabase({ dataDir, log: () => {}, share: true })
  const owner = new pg.Client(database.connection('rempart_owner'))
  await owner.connect()
  return owner
}

const filled = ['tenant', 'role', 'user_account', 'role_assignment', 'session', 'form', 'form_version'] as const
const grown = ['lead', 'contact_message'] as const
const rowsOfChunk = 250_000

/**
 * Fills an empty installation: tenants with a form each, people who are signed in, and rows in the order of their arrival,
 * which is how a table grows: those of a tenant lie among those of all the others. Half are leads, half messages.
 *
 * @param people - the same number whatever the number of tenants.
 */
export async function fill(
  installation: Installation,
  owner: pg.Client,
  { rows, people }: { readonly rows: number; readonly people: number },
): Promise<void> {
  const say = (what: string): void => console.log(`  ${String(installation.tenants).padStart(6)} tenants: ${what}`)
  const startedMs = performance.now()
  // What goes round row-level security for a moment is the owner, as in a migration.
  for (const table of [...filled, ...grown]) await owner.query(`alter table ${table} no force row level security`)
  await makeTenants(owner, installation.tenants)
  await makePeople(owner, people)
  const half = Math.floor(rows / 2)
  // Made anew once the rows are there, in a tenth of the time.
  const { rows: indexes } = await owner.query<{ name: string; definition: string }>(
    `select indexname as name, indexdef as definition from pg_indexes
     where tablename = any($1) and indexname not like '%_pkey'`,
    [grown],
  )
  for (const { name } of indexes) await owner.query(`drop index ${name}`)
  for (const [table, statement] of [
    ['lead', insertLeads],
    ['contact_message', insertMessages],
  ] as const) {
    for (let from = 0; from < half; from += rowsOfChunk) {
      await owner.query(statement, [from, Math.min(half, from + rowsOfChunk) - 1, half, installation.tenants])
      say(`${Math.min(half, from + rowsOfChunk)} of ${half} rows of ${table}, ${seconds(startedMs)} s`)
    }
  }
  for (const { name, definition } of indexes) {
    await owner.query(definition)
    say(`index ${name}, ${seconds(startedMs)} s`)
  }
  for (const table of [...filled, ...grown]) {
    await owner.query(`alter table ${table} force row level security`)
    await owner.query(`vacuum analyze ${table}`)
  }
  await owner.query('checkpoint').catch(() => {})
  say(`ready after ${seconds(startedMs)} s`)
}

const seconds = (startedMs: number): number => Math.round((performance.now() - startedMs) / 1_000)

async function makeTenants(owner: pg.Client, count: number): Promise<void> {
  const ids = Array.from({ length: count }, createId)
  await owner.query(
    'create temporary table bench_tenant (n integer primary key, id uuid not null, form_id uuid not null)',
  )
  await owner.query(
    `insert into bench_tenant select t.n - 1, t.id, uuidv7() from unnest($1::uuid[]) with ordinality as t (id, n)`,
    [ids],
  )
  await owner.query(
    `insert into tenant (id, slug, name) select id, 'bench-' || n, 'Bench ' || n from bench_tenant order by n`,
  )
  const roles = Object.entries(builtinRoles).map(([code, { name, permissions }]) => ({ code, name, permissions }))
  await owner.query(
    `insert into role (tenant_id, id, code, name, permissions, is_system)
     select t.id, uuidv7(), r.code, r.name, array(select jsonb_array_elements_text(r.permissions)), true
     from bench_tenant t cross join jsonb_to_recordset($1) as r (code text, name text, permissions jsonb)`,
    [JSON.stringify(roles)],
  )
  await owner.query(
    `insert into form (tenant_id, id, slug, name) select id, form_id, '${FORM_SLUG}', 'Bench' from bench_tenant`,
  )
  await owner.query(
    `insert into form_version (tenant_id, form_id, version, definition, published_at)
     select id, form_id, 1, $1, now() from bench_tenant`,
    [JSON.stringify(DEMO_FORM)],
  )
  await owner.query('update form set published_version = 1')
  await owner.query('analyze bench_tenant')
}

async function makePeople(owner: pg.Client, people: number): Promise<void> {
  await owner.query(
    `insert into user_account (tenant_id, id, email, email_norm, locale, email_verified_at)
     select t.id, uuidv7(), e.email, e.email, 'en', now()
     from generate_series(0, $1::integer - 1) as p (n)
     cross join lateral (select 'person-' || p.n || '@example.org' as email) e
     join bench_tenant t on t.n = p.n % (select count(*) from bench_tenant)`,
    [people],
  )
  await owner.query(
    `insert into role_assignment (tenant_id, id, user_id, role_id, granted_by)
     select u.tenant_id, uuidv7(), u.id, r.id, 'operator:cli'
     from user_account u join role r on r.tenant_id = u.tenant_id and r.code = 'viewer'`,
  )
  await owner.query(
    `insert into session (tenant_id, id, user_id, amr, auth_time, idle_expires_at, absolute_expires_at)
     select tenant_id, uuidv7(), id, '{pwd}', now(), now() + interval '7 days', now() + interval '30 days' from user_account`,
  )
}

/** The n-th of so many rows of a quarter of a year. */
const instantOf = `interval '90 days' * (($3::float8 - s.n) / $3::float8)`

const insertLeads = `
  insert into lead (tenant_id, id, form_id, form_version, email, data, score, outcome, status, created_at)
  select t.id, uuidv7(-a.age), t.form_id, 1, 'person-' || s.n || '@example.org',
    jsonb_build_object('fullName', 'Ada Lovelace ' || s.n, 'phone', '06 12 34 56 78', 'projectType', 'shop', 'productCount', s.n % 500,
      'budget', 1000 + s.n % 50000, 'details', 'A shop for mathematical instruments, in two languages, before the summer.',
      'consent', true),
    (s.n % 100)::integer, 'standard',
    (array['new', 'contacted', 'contacted', 'qualified', 'qualified', 'won', 'lost', 'lost', 'archived', 'archived'])[1 + (s.n / 10000 + s.n / 10) % 10],
    now() - a.age
  from generate_series($1::integer, $2::integer) as s (n)
  cross join lateral (select ${instantOf} as age) a
  join bench_tenant t on t.n = s.n % $4::integer
  order by s.n`

const insertMessages = `
  insert into contact_message (tenant_id, id, name, email, message, locale, status, created_at)
  select t.id, uuidv7(-a.age), 'Ada Lovelace', 'person-' || s.n || '@example.org',
    'Good morning, I would like to know more of what you make, and of when it could be here. Number ' || s.n, 'en',
    (array['received', 'read', 'read', 'read', 'replied', 'replied', 'replied', 'archived', 'archived', 'spam'])[1 + (s.n / 10000 + s.n / 10) % 10],
    now() - a.age
  from generate_series($1::integer, $2::integer) as s (n)
  cross join lateral (select ${instantOf} as age) a
  join bench_tenant t on t.n = s.n % $4::integer
  order by s.n`
