import pg from 'pg'
import { until } from '../support/processes.ts'
import type { ServerProcess } from '../support/server-process.ts'

/** A table in somebody else's hands. */
export interface HeldTable {
  /** Resolves when somebody waits for it. */
  untilWanted(): Promise<void>
  /** Safe to repeat, and after PostgreSQL ended. */
  letGo(): Promise<void>
}

/** Lets the tenants' quotas be read and not changed, as an administrator's open transaction might. Every submission needs that. */
export const holdQuotas = (server: ServerProcess): Promise<HeldTable> =>
  hold(server, 'rempart_worker', 'quota_usage', 'exclusive')

/** Takes a table away from everybody, as a change of its columns does. */
export const holdTable = (server: ServerProcess, table: string): Promise<HeldTable> =>
  hold(server, 'rempart_owner', table, 'access exclusive')

async function hold(
  server: ServerProcess,
  role: 'rempart_owner' | 'rempart_worker',
  table: string,
  mode: 'exclusive' | 'access exclusive',
): Promise<HeldTable> {
  const holder = await connected(server, role)
  const watcher = await connected(server, role)
  await holder.query('begin')
  await holder.query(`lock table ${table} in ${mode} mode`)
  return {
    untilWanted: () =>
      until(async () => {
        const waiting = 'select from pg_locks where relation = $1::regclass and not granted'
        return (await watcher.query(waiting, [table])).rows.length > 0
      }),
    async letGo() {
      await Promise.all([holder, watcher].map((client) => client.end().catch(() => {})))
    },
  }
}

async function connected(server: ServerProcess, role: 'rempart_owner' | 'rempart_worker'): Promise<pg.Client> {
  const client = new pg.Client(server.connection(role))
  client.on('error', () => {})
  await client.connect()
  return client
}
