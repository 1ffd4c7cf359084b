import { afterAll, beforeAll, expect, it } from 'vitest'
import { inTenant } from '../../database/tenant.ts'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { createTenant } from '../tenants/service.ts'
import { purgeReceipts } from './retention.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())

it('forgets the receipts of seven days ago of every tenant, and keeps those whose key or token could still be sent', async () => {
  const nowMs = Date.now()
  const tenants = await Promise.all(['one', 'two'].map((slug) => createTenant(database.worker, { slug, name: slug })))
  const daysAgo = (days: number) => new Date(nowMs - days * 86_400_000)
  for (const tenantId of tenants) {
    await inTenant(database.worker, tenantId, async (tx) => {
      const receipt = (last: number, created_at: Date) => ({
        tenant_id: tenantId,
        nonce: `00000000-0000-4000-8000-00000000000${last}`,
        form_id: tenantId,
        lead_id: tenantId,
        created_at,
      })
      await tx
        .insertInto('submission_receipt')
        .values([receipt(1, daysAgo(7.1)), receipt(2, daysAgo(6.9)), receipt(3, daysAgo(0))])
        .execute()
    })
  }
  expect(await purgeReceipts(database.worker, nowMs)).toBe(2)
  for (const tenantId of tenants) {
    const left = await inTenant(database.worker, tenantId, (tx) =>
      tx.selectFrom('submission_receipt').select('nonce').orderBy('nonce').execute(),
    )
    expect(left.map((row) => row.nonce.at(-1))).toEqual(['2', '3'])
  }
})
