import { randomUUID } from 'node:crypto'
import pg from 'pg'
import type { Connection, Pool } from '../database/connect.ts'
import { idOf, insertOf, type Row, type TableEntry, tableRegistry } from './table-registry.ts'

/** One attack of one role on one table, and whether isolation held. */
export interface Cell {
  readonly role: string
  readonly table: string
  readonly attack: string
  /** What came back: `3 rows`, or the SQLSTATE of the refusal. */
  readonly outcome: string
  readonly holds: boolean
}

/** What a statement did: the rows it touched and the tenants they belong to, or the SQLSTATE it was refused with. */
type Outcome = { readonly tenants: readonly string[] } | { readonly code: string }

interface Target {
  readonly entry: TableEntry
  readonly own: string
  readonly foreign: string
  readonly mayInsert: boolean
  /** A column the role may update; undefined when there is none. */
  readonly updatable: string | undefined
}

interface Attack {
  readonly name: string
  /** The tenant of the transaction; `undefined` leaves the setting alone. */
  readonly as: (target: Target) => string | undefined
  readonly statement: (target: Target) => { readonly text: string; readonly values?: unknown[] } | undefined
  readonly holds: (outcome: Outcome, target: Target) => boolean
}

const touchesNothing = (outcome: Outcome): boolean => 'tenants' in outcome && outcome.tenants.length === 0
const isForbidden = (outcome: Outcome): boolean => 'code' in outcome && outcome.code === '42501'
const neverRows = (outcome: Outcome): boolean => 'code' in outcome || outcome.tenants.length === 0
const nothingOrForbidden = (outcome: Outcome): boolean => touchesNothing(outcome) || isForbidden(outcome)
const onlyOwn = (outcome: Outcome, { own }: Target): boolean =>
  'tenants' in outcome && outcome.tenants.length > 0 && outcome.tenants.every((tenant) => tenant === own)

const own = (target: Target) => target.own
/** A variant that is not stored. */
const fresh = ({ entry }: Target): number => entry.stored ?? 1
const nobody = () => ''
const quoted = pg.escapeIdentifier
const tenantOf = ({ entry }: Target) => quoted(entry.tenantColumn)
const readAll = (target: Target) => ({
  text: `select ${tenantOf(target)} as tenant from ${quoted(target.entry.table)}`,
})
const readForeign = (target: Target) => ({
  text: `${readAll(target).text} where ${tenantOf(target)} = $1`,
  values: [target.foreign],
})

const attacks: readonly Attack[] = [
  { name: 'reads its own rows, and no others, without a condition', as: own, statement: readAll, holds: onlyOwn },
  { name: 'reads another tenant by name', as: own, statement: readForeign, holds: touchesNothing },
  {
    name: 'locks another tenant’s rows',
    as: own,
    statement: (target) => ({ ...readForeign(target), text: `${readForeign(target).text} for update` }),
    holds: nothingOrForbidden,
  },
  {
    name: 'updates without a condition',
    as: own,
    statement: (target) => touch(target),
    holds: onlyOwn,
  },
  {
    name: 'updates another tenant by name',
    as: own,
    statement: (target) => touch(target, target.foreign),
    holds: touchesNothing,
  },
  {
    name: 'gives its rows to another tenant',
    as: own,
    statement: ({ entry, own: from, foreign }) => ({
      text: `update ${quoted(entry.table)} set ${quoted(entry.tenantColumn)} = $1 where ${quoted(entry.tenantColumn)} = $2`,
      values: [foreign, from],
    }),
    holds: isForbidden,
  },
  {
    name: 'deletes another tenant by name',
    as: own,
    statement: ({ entry, foreign }) => ({
      text: `delete from ${quoted(entry.table)} where ${quoted(entry.tenantColumn)} = $1 returning ${quoted(entry.tenantColumn)} as tenant`,
      values: [foreign],
    }),
    holds: nothingOrForbidden,
  },
  {
    name: 'inserts its own row',
    as: own,
    // The one row of `tenant` that is a tenant's own is there already.
    statement: (target) =>
      target.mayInsert && target.entry.tenantColumn === 'tenant_id'
        ? insert(target, target.own, fresh(target))
        : undefined,
    holds: (outcome) => 'tenants' in outcome,
  },
  {
    name: 'inserts for another tenant',
    as: own,
    statement: (target) => insert(target, target.foreign, fresh(target)),
    holds: isForbidden,
  },
  {
    name: 'asks by a conflict whether another tenant has a row',
    as: own,
    statement: (target) => {
      const { text, values } = insert(target, target.foreign, 0)
      return { text: `${text} on conflict do nothing`, values }
    },
    holds: isForbidden,
  },
  {
    name: 'truncates',
    as: own,
    statement: ({ entry }) => ({ text: `truncate ${quoted(entry.table)}` }),
    holds: isForbidden,
  },
  { name: 'reads on a connection that never had a tenant', as: () => undefined, statement: readAll, holds: neverRows },
  { name: 'reads with an empty tenant', as: nobody, statement: readAll, holds: touchesNothing },
  {
    name: 'updates with an empty tenant',
    as: nobody,
    statement: (target) => touch(target),
    holds: touchesNothing,
  },
  {
    name: 'inserts with an empty tenant',
    as: nobody,
    statement: (t) => insert(t, t.own, fresh(t)),
    holds: isForbidden,
  },
  { name: 'reads with a tenant that is no UUID', as: () => 'garbage', statement: readAll, holds: neverRows },
  { name: 'reads with a wildcard for a tenant', as: () => '%', statement: readAll, holds: neverRows },
  { name: 'reads as a tenant that does not exist', as: () => randomUUID(), statement: readAll, holds: touchesNothing },
]

/**
 * Stores a row per table for two tenants and lets both serving roles attack each table from one of them.
 *
 * @param pools - on a database with the schema; whatever it holds stays, and two tenants come to it.
 * @returns every cell, so that a report can be printed and an empty matrix noticed.
 */
export async function isolationMatrix(pools: { readonly app: Pool; readonly worker: Pool }): Promise<readonly Cell[]> {
  const [mine, theirs] = await seedTwoTenants(pools.worker)
  const cells: Cell[] = []
  const roles = [
    ['rempart_app', pools.app],
    ['rempart_worker', pools.worker],
  ] as const
  for (const [role, pool] of roles) {
    const connection = await pool.connect()
    try {
      for (const entry of tableRegistry) {
        const target = await describe(connection, entry, mine, theirs)
        cells.push(...(await attackTable(connection, role, target)))
      }
    } finally {
      connection.release(true)
    }
  }
  return cells
}

/** Stores a row of every table, or as many as others need of it, for two new tenants, each as itself. */
export async function seedTwoTenants(worker: Pool): Promise<readonly [string, string]> {
  const tenants = [randomUUID(), randomUUID()] as const
  for (const tenant of tenants) {
    const rows = tableRegistry.flatMap(
      ({ table, row, seed, stored = 1 }) =>
        seed ?? Array.from({ length: stored }, (_, variant) => insertOf(table, row(tenant, variant))),
    )
    await inTransaction(worker, tenant, async (connection) => {
      for (const { text, values } of rows) await connection.query(text, values)
      await connection.query('commit')
    })
  }
  return tenants
}

/** Runs `work` in a transaction of a tenant that is rolled back, unless `work` commits it. */
export async function inTransaction<T>(
  pool: Pool,
  tenant: string,
  work: (connection: Connection) => Promise<T>,
): Promise<T> {
  const connection = await pool.connect()
  try {
    await connection.query('begin')
    await connection.query("select set_config('rempart.tenant_id', $1, true)", [tenant])
    return await work(connection)
  } finally {
    await connection.query('rollback')
    connection.release()
  }
}

// Statements written in one turn travel together and are answered in order: a whole table costs one round trip.
async function attackTable(connection: Connection, role: string, target: Target): Promise<readonly Cell[]> {
  const tries = attacks.flatMap((attack) => {
    const statement = attack.statement(target)
    if (statement === undefined) return []
    const outcome = attempt(connection, attack.as(target), statement)
    return [outcome.then((found) => ({ attack: attack.name, outcome: found, holds: attack.holds(found, target) }))]
  })
  const after = ['commit', 'rollback'].map(async (end) => {
    const outcome = await attempt(connection, target.own, readAll(target), end)
    return { attack: `reads after ${end}, on the same connection`, outcome, holds: touchesNothing(outcome) }
  })
  const found = await Promise.all([...tries, ...after])
  return found.map((each) => ({
    role,
    table: target.entry.table,
    ...each,
    outcome: describeOutcome(each.outcome),
  }))
}

/** Tries a statement in a transaction of `tenant` that is rolled back, or after one that ended in `endedBy`. */
async function attempt(
  connection: Connection,
  tenant: string | undefined,
  statement: { readonly text: string; readonly values?: unknown[] },
  endedBy?: string,
): Promise<Outcome> {
  const sent: Promise<unknown>[] = [connection.query('begin')]
  if (tenant !== undefined) sent.push(connection.query("select set_config('rempart.tenant_id', $1, true)", [tenant]))
  if (endedBy !== undefined) sent.push(connection.query(endedBy))
  const outcome = outcomeOf(connection, statement)
  if (endedBy === undefined) sent.push(connection.query('rollback'))
  await Promise.all(sent)
  return outcome
}

async function outcomeOf(
  connection: Connection,
  { text, values }: { readonly text: string; readonly values?: unknown[] },
): Promise<Outcome> {
  try {
    const result = await connection.query<{ tenant?: string }>(text, values)
    return { tenants: result.rows.map((row) => row.tenant ?? '') }
  } catch (error) {
    return { code: error instanceof pg.DatabaseError ? (error.code ?? 'unknown') : String(error) }
  }
}

function describeOutcome(outcome: Outcome): string {
  return 'code' in outcome ? outcome.code : `${outcome.tenants.length} rows`
}

/** A statement that changes nothing and tells whose rows it would have changed; none when the role may not update. */
function touch(target: Target, tenant?: string): { text: string; values: unknown[] } | undefined {
  const { entry, updatable } = target
  if (updatable === undefined) return undefined
  const column = quoted(updatable)
  return {
    text: `update ${quoted(entry.table)} set ${column} = ${column}${tenant === undefined ? '' : ` where ${tenantOf(target)} = $1`} returning ${tenantOf(target)} as tenant`,
    values: tenant === undefined ? [] : [tenant],
  }
}

function insert(target: Target, tenant: string, variant: number): { text: string; values: unknown[] } {
  return insertOf(target.entry.table, target.entry.row(tenant, variant))
}

async function describe(connection: Connection, entry: TableEntry, mine: string, theirs: string): Promise<Target> {
  const result = await connection.query<{ may_insert: boolean; updatable: string | null }>(
    `select has_table_privilege(c.oid, 'insert') as may_insert,
       (select a.attname from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
          and a.attgenerated = '' and has_column_privilege(c.oid, a.attnum, 'update')
        order by a.attname = 'tenant_id', a.attnum desc limit 1) as updatable
     from pg_class c where c.oid = $1::regclass`,
    [`public.${entry.table}`],
  )
  const [found] = result.rows
  return {
    entry,
    own: mine,
    foreign: theirs,
    mayInsert: found?.may_insert ?? false,
    updatable: found?.updatable ?? undefined,
  }
}

/** A foreign key between two tables of tenants. */
export interface Kinship {
  readonly child: string
  readonly parent: string
  /** Columns of the child, and the columns of the parent they name; the tenant's is left out. */
  readonly columns: Readonly<Record<string, string>>
}

/** Every foreign key to a table of tenants but `tenant` itself. */
export async function kinships(pool: Pick<Pool, 'query'>): Promise<readonly Kinship[]> {
  const result = await pool.query<Kinship>(
    `select c.conrelid::regclass::text as child, c.confrelid::regclass::text as parent,
       (select coalesce(json_object_agg(own.attname, their.attname), '{}') from unnest(c.conkey, c.confkey) as k (own, their)
          join pg_attribute own on own.attrelid = c.conrelid and own.attnum = k.own
          join pg_attribute their on their.attrelid = c.confrelid and their.attnum = k.their
        where own.attname <> 'tenant_id') as columns
     from pg_constraint c
     where c.contype = 'f' and c.connamespace = 'public'::regnamespace and c.confrelid <> 'public.tenant'::regclass
     order by 1, 2`,
  )
  return result.rows
}

/** A row of `tenant` in the child table that names a row of `parentTenant`, or one that does not exist. */
export function rowOfForeignParent(kinship: Kinship, tenant: string, parentTenant: string | undefined): Row {
  const parent = entryOf(kinship.parent).row(parentTenant ?? tenant, 0)
  const named = Object.entries(kinship.columns).map(([column, ofParent]) => {
    const value = parent[ofParent]
    return [column, parentTenant === undefined && typeof value === 'string' ? idOf('nowhere', column) : value]
  })
  return { ...entryOf(kinship.child).row(tenant, 1), ...Object.fromEntries(named) }
}

/** The entry of a table. @throws Error when the registry has none. */
export function entryOf(table: string): TableEntry {
  const entry = tableRegistry.find((each) => each.table === table)
  if (entry === undefined) throw new Error(`isolation/table-registry.ts has no entry for the table ${table}`)
  return entry
}
