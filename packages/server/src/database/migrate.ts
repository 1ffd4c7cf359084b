import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import type { ConnectionTarget } from './connect.ts'
import { installJobSchema } from './job-schema.ts'

/** One migration file: `0003_contact.sql` has version 3. */
export interface Migration {
  readonly version: number
  readonly name: string
  readonly sql: string
  /** SHA-256 of the file, hex. A merged file never changes. */
  readonly checksum: string
}

/** What a database says of itself. */
export interface SchemaState {
  readonly applied: number
  readonly expected: number
  /** Migrations this release knows and the database lacks. A database ahead of the release has none. */
  readonly pending: readonly string[]
}

export class MigrationError extends Error {
  override readonly name = 'MigrationError'
}

const directory = join(import.meta.dirname, 'migrations')
// Any number that no other tool picks: one migration runs at a time on one database.
const lockKey = 7_236_415_901

/** The migrations of this release, in order. @throws MigrationError when their numbers have a gap or a double. */
export function readMigrations(from: string = directory): readonly Migration[] {
  const names = readdirSync(from)
    .filter((name) => name.endsWith('.sql'))
    .sort()
  return names.map((name, index) => {
    const version = Number(/^(\d{4})_[a-z0-9_]+\.sql$/.exec(name)?.[1])
    if (version !== index + 1) throw new MigrationError(`migration ${name} should be number ${index + 1}`)
    const sql = readFileSync(join(from, name), 'utf8')
    return { version, name: name.slice(0, -4), sql, checksum: createHash('sha256').update(sql).digest('hex') }
  })
}

/**
 * Brings a database to this release's schema: each pending file in a transaction of its own, under an advisory lock,
 * so that several processes may start at once. Does nothing when all is applied.
 *
 * @param target - a login as `rempart_owner`.
 * @returns the names of what was applied.
 * @throws MigrationError when an applied file has changed since, one was skipped, one fails, or a tenant table ends
 *   without forced row security. Of the file that failed nothing stays; the ones before it do.
 */
export async function migrate(
  target: ConnectionTarget,
  onApplied: (name: string) => void = () => {},
  migrations: readonly Migration[] = readMigrations(),
): Promise<readonly string[]> {
  const client = new pg.Client({ ...target, application_name: 'rempart-migrate' })
  // A connection that breaks fails the statement under way; without a listener it would end the process besides.
  client.on('error', () => {})
  await client.connect()
  try {
    await client.query('set client_min_messages = warning')
    await client.query('select pg_advisory_lock($1)', [lockKey])
    await client.query(`create table if not exists schema_migration (
      version integer primary key, name text not null, checksum text not null, applied_at timestamptz not null default now())`)
    await client.query('grant select on schema_migration to rempart_app, rempart_worker')
    const pending = await pendingMigrations(client, migrations)
    for (const migration of pending) {
      await apply(client, migration)
      onApplied(migration.name)
    }
    await assertForced(client)
    await installJobSchema(client)
    return pending.map((migration) => migration.name)
  } finally {
    await client.end()
  }
}

/** Compares what is applied with what this release expects. Any login may ask. */
export async function schemaState(
  database: Pick<pg.Pool, 'query'>,
  migrations: readonly Migration[] = readMigrations(),
): Promise<SchemaState> {
  const applied = await appliedVersions(database)
  return {
    applied: Math.max(0, ...applied.keys()),
    expected: migrations.length,
    pending: migrations.filter((migration) => !applied.has(migration.version)).map((migration) => migration.name),
  }
}

async function appliedVersions(database: Pick<pg.Pool, 'query'>): Promise<Map<number, string>> {
  const exists = await database.query("select to_regclass('public.schema_migration') is not null as exists")
  if (exists.rows[0]?.exists !== true) return new Map()
  const rows = await database.query<{ version: number; checksum: string }>(
    'select version, checksum from schema_migration',
  )
  return new Map(rows.rows.map((row) => [row.version, row.checksum]))
}

async function pendingMigrations(client: pg.Client, migrations: readonly Migration[]): Promise<readonly Migration[]> {
  const rows = await client.query<{ version: number; checksum: string }>(
    'select version, checksum from schema_migration',
  )
  const applied = new Map(rows.rows.map((row) => [row.version, row.checksum]))
  const changed = migrations.find((each) => applied.has(each.version) && applied.get(each.version) !== each.checksum)
  if (changed !== undefined) {
    throw new MigrationError(
      `migration ${changed.name} differs from the one applied: a released migration never changes`,
    )
  }
  const pending = migrations.filter((migration) => !applied.has(migration.version))
  const skipped = pending.find((migration) => migration.version < Math.max(0, ...applied.keys()))
  if (skipped !== undefined) {
    throw new MigrationError(`migration ${skipped.name} was never applied, but a later one was: restore a backup`)
  }
  return pending
}

async function apply(client: pg.Client, migration: Migration): Promise<void> {
  const ignored: string[] = []
  // PostgreSQL only warns of a GRANT or REVOKE that the login has no right to, and leaves the door as it was.
  const onNotice = (notice: { readonly code?: string | undefined; readonly message?: string | undefined }): void => {
    if (notice.code === '01006' || notice.code === '01007') ignored.push(notice.message ?? notice.code)
  }
  client.on('notice', onNotice)
  try {
    await client.query('begin')
    await client.query(migration.sql)
    if (ignored.length > 0) throw new Error(ignored.join('; '))
    await client.query('insert into schema_migration (version, name, checksum) values ($1, $2, $3)', [
      migration.version,
      migration.name,
      migration.checksum,
    ])
    await assertForced(client)
    await client.query('commit')
  } catch (error) {
    // On a broken connection there is nothing left to roll back, and the first error is the one to report.
    await client.query('rollback').catch(() => {})
    throw new MigrationError(
      `migration ${migration.name} failed: ${error instanceof Error ? error.message : 'unknown'}`,
      {
        cause: error,
      },
    )
  } finally {
    client.off('notice', onNotice)
  }
}

// A backfill under FORCE changes no row, so migrations may lift it for a moment; none may forget to put it back.
async function assertForced(client: pg.Client): Promise<void> {
  const unforced = await client.query<{ name: string }>(`
    select c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = 'public' and c.relkind in ('r', 'p') and not (c.relrowsecurity and c.relforcerowsecurity)
      and (c.relname = 'tenant'
        or exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped))`)
  if (unforced.rows.length > 0) {
    throw new MigrationError(`row-level security is not forced on ${unforced.rows.map((row) => row.name).join(', ')}`)
  }
}
