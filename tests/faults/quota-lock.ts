import pg from 'pg'
import { until } from '../support/processes.ts'
import type { ServerProcess } from '../support/server-process.ts'

/** A row that every submission of the tenant needs, in somebody else's hands. */
export interface HeldQuota {
  /** Resolves when a submission waits for the row. */
  untilWanted(): Promise<void>
  /** Safe to repeat, and after PostgreSQL ended. */
  letGo(): Promise<void>
}

/** Takes the lock on the tenant's quota of this month, as an administrator's open transaction might. */
export async function holdQuota(server: ServerProcess, tenantId: string): Promise<HeldQuota> {
  const [holder, watcher] = [0, 1].map(() => new pg.Client(server.connection('rempart_worker')))
  if (holder === undefined || watcher === undefined) throw new Error('two clients were made')
  for (const client of [holder, watcher]) {
    client.on('error', () => {})
    await client.connect()
  }
  await holder.query('begin')
  await holder.query("select set_config('rempart.tenant_id', $1, true)", [tenantId])
  await holder.query('lock table quota_usage in exclusive mode')
  return {
    async untilWanted() {
      await until(async () => {
        const { rows } = await watcher.query(
          "select from pg_locks where relation = 'quota_usage'::regclass and not granted",
        )
        return rows.length > 0
      })
    },
    async letGo() {
      await Promise.all([holder, watcher].map((client) => client.end().catch(() => {})))
    },
  }
}
