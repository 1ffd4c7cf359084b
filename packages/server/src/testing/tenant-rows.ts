import type { TestServer } from './server.ts'

/** Runs one statement as the worker, for the server's tenant. @returns its rows. */
export async function asTenant(
  { database, tenant }: Pick<TestServer, 'database' | 'tenant'>,
  text: string,
  values: unknown[] = [],
): Promise<readonly Record<string, unknown>[]> {
  const connection = await database.worker.connect()
  try {
    await connection.query('begin')
    await connection.query("select set_config('rempart.tenant_id', $1, true)", [tenant.id])
    const { rows } = await connection.query<Record<string, unknown>>(text, values)
    await connection.query('commit')
    return rows
  } finally {
    connection.release()
  }
}
