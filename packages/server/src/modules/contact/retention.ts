import { readTenantSettings } from '../../core/tenant/settings.ts'
import type { Pool } from '../../database/connect.ts'
import { inTenant } from '../../database/tenant.ts'
import { listTenants } from '../tenants/public.ts'
import { deleteMessagesBefore } from './retention-queries.ts'

/** Rows that one transaction deletes: it holds no lock for long. */
const batch = 1_000
const dayMs = 86_400_000

/**
 * Deletes the messages that have been kept for so long, for good, in every tenant: the installation's time, or the
 * tenant's own where that is shorter. Returns how many.
 *
 * @param pool - as rempart_worker.
 * @param nowMs - Unix time in milliseconds.
 */
export async function purgeMessages(pool: Pool, nowMs: number, keptMs: number): Promise<number> {
  let purged = 0
  for (const tenant of await listTenants(pool)) {
    const { contactRetentionDays } = await inTenant(pool, tenant.id, readTenantSettings)
    const ownMs = contactRetentionDays === undefined ? keptMs : contactRetentionDays * dayMs
    const beforeMs = nowMs - Math.min(keptMs, ownMs)
    let deleted: number
    do {
      deleted = await inTenant(pool, tenant.id, (tx) => deleteMessagesBefore(tx, beforeMs, batch))
      purged += deleted
    } while (deleted === batch)
  }
  return purged
}
