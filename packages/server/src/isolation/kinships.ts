import type { Pool } from '../database/connect.ts'
import { idOf, type Row, type TableEntry, tableRegistry } from './table-registry.ts'

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
