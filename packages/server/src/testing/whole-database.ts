import pg from 'pg'
import type { TestDatabase } from './database.ts'

/** Runs work as the owner of every table, with row-level security out of the way for as long as the transaction lasts. */
export async function withEverything<T>(
  database: TestDatabase,
  end: 'commit' | 'rollback',
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client(database.target('rempart_owner'))
  await client.connect()
  try {
    await client.query('begin')
    const tables = await allTables(client)
    await client.query(tables.map((name) => `alter table ${name} no force row level security`).join(';'))
    const result = await work(client)
    const forced = tables.filter((name) => name.startsWith('public.') || name.startsWith('security_event_days.'))
    await client.query(forced.map((name) => `alter table ${name} force row level security`).join(';'))
    await client.query(end)
    return result
  } finally {
    await client.end()
  }
}

/** Every table of every schema, quoted, partitions included. */
async function allTables(client: pg.Client): Promise<readonly string[]> {
  const { rows } = await client.query<{ name: string }>(
    `select format('%I.%I', n.nspname, c.relname) as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind in ('r', 'p') and n.nspname !~ '^pg_(?!boss)' and n.nspname <> 'information_schema' order by 1`,
  )
  return rows.map(({ name }) => name)
}

/** Where texts stand in the whole database, as text or as the bytes of one: `public.lead: text`, once for each row. */
export function findMarkers(database: TestDatabase, markers: readonly string[]): Promise<readonly string[]> {
  return withEverything(database, 'rollback', async (client) => {
    const found: string[] = []
    for (const table of await allTables(client)) {
      const { rows } = await client.query<{ row: string }>(`select lower(t::text) as row from ${table} t`)
      for (const { row } of rows) found.push(...markersIn(row, markers).map((marker) => `${table}: ${marker}`))
    }
    return found
  })
}

const markersIn = (row: string, markers: readonly string[]): readonly string[] =>
  markers.filter((marker) => row.includes(marker) || row.includes(Buffer.from(marker).toString('hex')))
