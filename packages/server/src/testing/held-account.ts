import { expect } from 'vitest'
import type { TestServer } from './server.ts'

/** What somebody else does to an account meanwhile: a statement and its values, the first of which is the person. */
export type Change = readonly [text: string, ...values: readonly unknown[]]

/**
 * Has somebody else change an account while a call is under way that has found it as it was before: the account is held, as
 * whoever changes it holds it, until the call waits for it. Every session of it ends with the change.
 *
 * @param call - has to come to wait for the account.
 */
export async function changedDuring<Answer>(
  { database, tenant }: TestServer,
  personId: string,
  [text, ...values]: Change,
  call: () => Promise<Answer>,
): Promise<Answer> {
  const connection = await database.worker.connect()
  try {
    await connection.query('begin')
    await connection.query(`select set_config('rempart.tenant_id', $1, true)`, [tenant.id])
    await connection.query('select from user_account where id = $1 for no key update', [personId])
    const holder = (await connection.query('select pg_backend_pid() as pid')).rows[0]?.pid
    const answer = call()
    // Over another connection: within one transaction the list of connections stays as it was first seen.
    const waiting = 'select count(*)::int as n from pg_stat_activity where $1::int = any (pg_blocking_pids(pid))'
    await expect
      .poll(async () => (await database.worker.query(waiting, [holder])).rows[0]?.n, { timeout: 20_000 })
      .toBe(1)
    await connection.query(text, [personId, ...values])
    await connection.query(`update session set revoked_at = now(), revoked_reason = 'test' where user_id = $1`, [
      personId,
    ])
    await connection.query('commit')
    return await answer
  } finally {
    // Whatever it did not commit goes with it.
    connection.release(true)
  }
}

/** How many sessions of a person have not been ended. */
export async function livingSessions({ database, tenant }: TestServer, personId: string): Promise<number> {
  const connection = await database.worker.connect()
  try {
    await connection.query('begin')
    await connection.query(`select set_config('rempart.tenant_id', $1, true)`, [tenant.id])
    const { rows } = await connection.query(
      'select count(*)::int as n from session where user_id = $1 and revoked_at is null',
      [personId],
    )
    await connection.query('commit')
    return rows[0]?.n
  } finally {
    connection.release()
  }
}
