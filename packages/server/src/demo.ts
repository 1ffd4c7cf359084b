import { createId } from './core/ids.ts'
import type { Pool } from './database/connect.ts'
import { inTenant } from './database/tenant.ts'
import { DEMO_FORM, DEMO_FORM_SLUG } from './modules/forms/definition/demo.ts'
import { insertPublishedForm } from './modules/forms/seed-queries.ts'
import { insertGate } from './modules/gates/queries.ts'
import { insertResource } from './modules/resources/queries.ts'
import { createTenant, listTenants } from './modules/tenants/service.ts'

/** Shown in the opposite order: the newest comes first. */
const resources = [
  {
    title: 'The API of this server',
    summary: 'Every operation, with its parameters, answers and a command to try it with.',
    url: null,
    category: 'reference',
  },
  {
    title: 'Problem details for HTTP APIs',
    summary: 'RFC 9457: the form of every refusal of this server.',
    url: 'https://www.rfc-editor.org/rfc/rfc9457',
    category: 'reference',
  },
  {
    title: 'Protect a form',
    summary: 'Put a form on a website, with a render token, hidden fields and an idempotency key.',
    url: null,
    category: 'guides',
  },
] as const

/**
 * Makes the demo tenant, its published form, its public gate and its resources on a database that has no tenant yet.
 *
 * @param pool - as rempart_worker.
 * @returns whether it was made.
 */
export async function seedDemo(pool: Pool): Promise<boolean> {
  if ((await listTenants(pool)).length > 0) return false
  const tenantId = await createTenant(pool, { slug: 'demo', name: 'Demo', locale: 'en', timeZone: 'Europe/Paris' })
  const owned = () => ({ tenant_id: tenantId, id: createId() })
  const form = { tenantId, id: createId(), slug: DEMO_FORM_SLUG, name: 'Request a quote', definition: DEMO_FORM }
  const gate = { ...owned(), slug: 'gate125', name: 'The first 125', capacity: 125, is_public: true }
  await inTenant(pool, tenantId, async (tx) => {
    await insertPublishedForm(tx, form)
    await insertGate(tx, gate)
    for (const resource of resources) await insertResource(tx, { ...owned(), ...resource })
  })
  return true
}
