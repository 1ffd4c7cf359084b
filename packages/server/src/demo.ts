import type { Pool } from './database/connect.ts'
import { createTenant, listTenants } from './modules/tenants/service.ts'

/**
 * Makes the demo tenant on a database that has no tenant yet.
 *
 * @param pool - as rempart_worker.
 * @returns whether it was made.
 */
export async function seedDemo(pool: Pool): Promise<boolean> {
  if ((await listTenants(pool)).length > 0) return false
  await createTenant(pool, { slug: 'demo', name: 'Demo', locale: 'en', timeZone: 'Europe/Paris' })
  return true
}
