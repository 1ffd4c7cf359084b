import pg from 'pg'
import { inject } from 'vitest'
import { postgresStoreSql } from '../stores/postgres/schema.ts'

/** A database with the tables of the PostgreSQL store, on the run's own server. */
export interface GuardDatabase {
  readonly pool: pg.Pool
  /** From now on the database's clock stands still, and goes on by what `elapse` says. */
  freezeClock(): Promise<void>
  /** Moves the clock; back, too. */
  elapse(ms: number): Promise<void>
  close(): Promise<void>
}

let sequence = 0

/** Creates a database of its own. */
export async function createGuardDatabase(): Promise<GuardDatabase> {
  const { host, port } = inject('database')
  const user = 'rempart_owner'
  sequence += 1
  const database = `guard_${process.pid}_${sequence}_${Math.random().toString(36).slice(2, 8)}`
  await once({ host, port, user, database: 'postgres' }, `create database ${database} template template0`)
  const pool = new pg.Pool({ host, port, user, database, max: 4 })
  // The end of the run's server is the end of these connections.
  pool.on('error', () => undefined)
  await pool.query(postgresStoreSql)
  return {
    pool,
    async freezeClock() {
      await pool.query(`
        create table rempart_guard.test_clock as select rempart_guard.now_us() as us;
        create or replace function rempart_guard.now_us() returns bigint
        language sql volatile set search_path = '' as 'select us from rempart_guard.test_clock'`)
    },
    async elapse(ms) {
      await pool.query('update rempart_guard.test_clock set us = us + $1', [Math.ceil(ms * 1_000)])
    },
    close: () => pool.end(),
  }
}

async function once(target: pg.ClientConfig, sql: string): Promise<void> {
  const client = new pg.Client(target)
  await client.connect()
  try {
    await client.query(sql)
  } finally {
    await client.end()
  }
}
