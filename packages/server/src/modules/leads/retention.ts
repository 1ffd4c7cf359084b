import type { Logger } from 'pino'
import type { Pool } from '../../database/connect.ts'
import { inTenant } from '../../database/tenant.ts'
import { listTenants } from '../tenants/public.ts'
import { deleteIdempotencyRecords, deleteSpentTokens } from './retention-queries.ts'

const hourMs = 3_600_000

/** An Idempotency-Key is remembered for seven days at least. */
const idempotencyMs = 7 * 24 * hourMs

/** A token outlives its expiry by an hour, so that clocks that disagree never let one in twice. */
const tokenGraceMs = hourMs

/**
 * Forgets what no longer protects anything: spent tokens that have expired, and idempotency keys after seven days. One
 * short transaction per tenant.
 *
 * @param pool - as rempart_worker.
 */
export async function purgeSpent(
  pool: Pool,
  nowMs: number,
): Promise<{ readonly tokens: number; readonly keys: number }> {
  let tokens = 0
  let keys = 0
  for (const tenant of await listTenants(pool)) {
    await inTenant(pool, tenant.id, async (tx) => {
      tokens += await deleteSpentTokens(tx, new Date(nowMs - tokenGraceMs))
      keys += await deleteIdempotencyRecords(tx, new Date(nowMs - idempotencyMs))
    })
  }
  return { tokens, keys }
}

/** Purges every ten minutes until stopped. A failed round is logged and the next one tries again. */
export function schedulePurge(pool: Pool, log: Logger, everyMs = 600_000): { stop(): Promise<void> } {
  let running: Promise<void> = Promise.resolve()
  const timer = setInterval(() => {
    running = purgeSpent(pool, Date.now()).then(
      (purged) => log.debug(purged, 'purged spent tokens and old keys'),
      (error: unknown) => log.warn({ err: error }, 'the purge of spent tokens failed'),
    )
  }, everyMs)
  timer.unref()
  return {
    stop() {
      clearInterval(timer)
      return running
    },
  }
}
