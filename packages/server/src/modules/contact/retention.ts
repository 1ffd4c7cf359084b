import type { Pool } from '../../database/connect.ts'
import { inTenant } from '../../database/tenant.ts'
import { listTenants } from '../tenants/public.ts'
import { deleteMessagesBefore } from './retention-queries.ts'

/** Rows that one transaction deletes: it holds no lock for long. */
const batch = 1_000

/**
 * Deletes the messages that came before an instant, for good, in every tenant. Returns how many.
 *
 * @param pool - as rempart_worker.
 * @param beforeMs - Unix time in milliseconds.
 */
export async function purgeMessages(pool: Pool, beforeMs: number): Promise<number> {
  let purged = 0
  for (const tenant of await listTenants(pool)) {
    let deleted: number
    do {
      deleted = await inTenant(pool, tenant.id, (tx) => deleteMessagesBefore(tx, beforeMs, batch))
      purged += deleted
    } while (deleted === batch)
  }
  return purged
}
