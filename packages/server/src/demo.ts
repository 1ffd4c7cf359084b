import { createId } from './core/ids.ts'
import type { Pool } from './database/connect.ts'
import { inTenant } from './database/tenant.ts'
import { DEMO_FORM, DEMO_FORM_SLUG } from './modules/forms/definition/demo.ts'
import { insertPublishedForm } from './modules/forms/seed-queries.ts'
import { createTenant, listTenants } from './modules/tenants/service.ts'

/**
 * Makes the demo tenant and its published form on a database that has no tenant yet.
 *
 * @param pool - as rempart_worker.
 * @returns whether it was made.
 */
export async function seedDemo(pool: Pool): Promise<boolean> {
  if ((await listTenants(pool)).length > 0) return false
  const tenantId = await createTenant(pool, { slug: 'demo', name: 'Demo', locale: 'en', timeZone: 'Europe/Paris' })
  const form = { tenantId, id: createId(), slug: DEMO_FORM_SLUG, name: 'Request a quote', definition: DEMO_FORM }
  await inTenant(pool, tenantId, (tx) => insertPublishedForm(tx, form))
  return true
}
