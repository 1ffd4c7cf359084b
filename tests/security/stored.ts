import pg from 'pg'
import type { ServerProcess } from '../support/server-process.ts'

/** Tables that change by themselves: figures are stored, heads signed and webhooks tried by the clock, and mails leave when they are sent. */
const byTheClock: readonly string[] = ['api_key_usage', 'audit_head', 'mail_outbox', 'webhook_attempt']

/** How many rows each table holds of a tenant, by table, as the worker sees them. Fails when there is no such table. */
export async function countRows(server: ServerProcess, tenantId: string): Promise<Readonly<Record<string, number>>> {
  const client = new pg.Client(server.connection('rempart_worker'))
  await client.connect()
  try {
    await client.query("select set_config('rempart.tenant_id', $1, false)", [tenantId])
    const tables = await client.query<{ name: string }>(
      `select c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
       where n.nspname = 'public' and c.relkind = 'r' and has_table_privilege(c.oid, 'select') order by 1`,
    )
    const counts: Record<string, number> = {}
    for (const { name } of tables.rows) {
      if (byTheClock.includes(name)) continue
      const count = await client.query<{ count: number }>(`select count(*)::int as count from "${name}"`)
      counts[name] = count.rows[0]?.count ?? -1
    }
    if (tables.rows.length < 5) throw new Error(`only ${tables.rows.length} tables can be counted`)
    return counts
  } finally {
    await client.end()
  }
}
