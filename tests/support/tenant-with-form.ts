import { createId } from '../../packages/server/src/core/ids.ts'
import { createPool, type Pool } from '../../packages/server/src/database/connect.ts'
import { inTenant } from '../../packages/server/src/database/tenant.ts'
import type { FormDefinition } from '../../packages/server/src/modules/forms/definition/schema.ts'
import { insertPublishedForm } from '../../packages/server/src/modules/forms/seed-queries.ts'
import { createTenant } from '../../packages/server/src/modules/tenants/service.ts'
import type { ServerProcess } from './server-process.ts'

export interface TenantWithForm {
  /** Name it in `X-Tenant-ID`. */
  readonly id: string
  readonly slug: string
  readonly form: { readonly id: string; readonly slug: string }
}

/** A pool on the server's database, as rempart_worker. Broken connections are replaced; end it when the test ends. */
export function workerPool(server: ServerProcess): Pool {
  const settings = { connectTimeoutMs: 5_000, statementTimeoutMs: 30_000, idleTimeoutMs: 1_000, maxLifetimeMs: 60_000 }
  return createPool(server.connection('rempart_worker'), { ...settings, size: 2, name: 'test' }, () => {})
}

/** Makes a tenant with one published form, which asks for a name and takes submissions at once. */
export async function createTenantWithForm(
  pool: Pool,
  options: { readonly maxLeadsPerMonth?: number; readonly protection?: FormDefinition['protection'] } = {},
): Promise<TenantWithForm> {
  const slug = `t-${createId()}`
  const id = await createTenant(pool, { slug, name: 'Test', maxLeadsPerMonth: options.maxLeadsPerMonth ?? null })
  return { id, slug, form: await publishForm(pool, id, 'ask', options.protection) }
}

/** Publishes one more form like it in a tenant. Unless `protection` says otherwise no render token and no wait is asked. */
export async function publishForm(
  pool: Pool,
  tenantId: string,
  slug: string,
  protection: FormDefinition['protection'] = {},
): Promise<TenantWithForm['form']> {
  const form = { id: createId(), slug }
  const definition: FormDefinition = {
    title: { en: 'Ask' },
    fields: [{ type: 'text', name: 'who', label: { en: 'Name' }, required: true }],
    protection: { renderToken: 'optional', minimumFillSeconds: 0, ...protection },
  }
  await inTenant(pool, tenantId, (tx) => insertPublishedForm(tx, { tenantId, ...form, name: 'Ask', definition }))
  return form
}
