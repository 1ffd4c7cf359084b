import type { Pool } from '../database/connect.ts'
import { WorkersError } from './messages.ts'

/** Connections of a worker besides its serving pool: two for writing, three that count, and those that listen. */
const besidesPool = 8
/** Connections that jobs, and the primary, take once. */
const takenOnce = 8

/** What a database allows its ordinary roles, all together. */
export async function connectionsAllowed(pool: Pick<Pool, 'query'>): Promise<number> {
  const { rows } = await pool.query<{ allowed: number }>(
    `select current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
       - coalesce(current_setting('reserved_connections', true)::int, 0) as allowed`,
  )
  return rows[0]?.allowed ?? 0
}

/**
 * How many connections the serving pool of each worker may have: as many as wanted, and no more than all of them can have
 * at once, so that a busy hour does not end in refused connections.
 *
 * @throws WorkersError when not even one is left for each.
 */
export function poolShare(workers: number, wanted: number, allowed: number): number {
  const share = Math.floor((allowed - takenOnce) / workers) - besidesPool
  if (share >= 1) return Math.min(wanted, share)
  const needed = workers * (besidesPool + 1) + takenOnce
  throw new WorkersError(
    `REMPART_WORKERS is ${workers}, which takes ${needed} database connections at least, and the database allows ${allowed}: fewer workers, or a higher max_connections.`,
  )
}
