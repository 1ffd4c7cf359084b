import type { Pool } from '../../database/connect.ts'
import { inTenant } from '../../database/tenant.ts'
import { listTenants } from '../tenants/public.ts'
import { deleteReceipts } from './retention-queries.ts'

const hourMs = 3_600_000

/** An Idempotency-Key is remembered for seven days at least, and a render token lives for one at most. */
const receiptMs = 7 * 24 * hourMs

/**
 * Forgets what no longer protects anything: receipts of seven days ago, with their idempotency keys and spent tokens.
 * One short transaction per tenant. Returns how many.
 *
 * @param pool - as rempart_worker.
 */
export async function purgeReceipts(pool: Pool, nowMs: number): Promise<number> {
  let purged = 0
  for (const tenant of await listTenants(pool)) {
    purged += await inTenant(pool, tenant.id, (tx) => deleteReceipts(tx, new Date(nowMs - receiptMs)))
  }
  return purged
}
