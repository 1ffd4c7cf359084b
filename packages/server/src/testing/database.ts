import pg from 'pg'
import { inject } from 'vitest'
import { type ConnectionTarget, createPool, type Pool } from '../database/connect.ts'
import { databaseLimitStatements, type LoginRole } from '../database/roles.ts'

/** A database of its own, with the schema and nothing in it. */
export interface TestDatabase {
  readonly app: Pool
  readonly worker: Pool
  target(role: LoginRole): ConnectionTarget
  close(): Promise<void>
}

/** Copies the run's migrated database. Real roles, real row-level security. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const { host, port } = inject('database')
  const name = `test_${process.pid}_${Math.random().toString(36).slice(2, 10)}`
  const target = (role: LoginRole, database = name): ConnectionTarget & object => ({ host, port, user: role, database })
  await asOwner(target('rempart_owner', 'postgres'), `create database ${name} template rempart`)
  // A copy has the default privileges of a database, not those of its template.
  await asOwner(target('rempart_owner'), databaseLimitStatements({ database: name }).join('; '))
  const settings = {
    connectTimeoutMs: 5_000,
    statementTimeoutMs: 15_000,
    idleTimeoutMs: 10_000,
    maxLifetimeMs: 600_000,
  }
  const app = createPool(target('rempart_app'), { ...settings, size: 6, name: 'test-app' }, () => {})
  const worker = createPool(target('rempart_worker'), { ...settings, size: 2, name: 'test-worker' }, () => {})
  return {
    app,
    worker,
    target,
    async close() {
      // The database itself goes with the run's cluster.
      await Promise.all([app.end(), worker.end()])
    },
  }
}

/** Runs one statement as rempart_owner. */
export async function asOwner(target: ConnectionTarget, sql: string): Promise<pg.QueryResult> {
  const client = new pg.Client(target)
  await client.connect()
  try {
    return await client.query(sql)
  } finally {
    await client.end()
  }
}
