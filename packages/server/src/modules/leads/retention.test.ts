import { afterAll, beforeAll, expect, it } from 'vitest'
import { inTenant } from '../../database/tenant.ts'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { createTenant } from '../tenants/service.ts'
import { purgeSpent } from './retention.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())

it('forgets expired tokens of every tenant, and keeps those that could still be sent', async () => {
  const nowMs = Date.now()
  const tenants = await Promise.all(['one', 'two'].map((slug) => createTenant(database.worker, { slug, name: slug })))
  const hoursAgo = (hours: number) => new Date(nowMs - hours * 3_600_000)
  for (const tenantId of tenants) {
    await inTenant(database.worker, tenantId, async (tx) => {
      const token = (byte: number, expires_at: Date) => ({
        tenant_id: tenantId,
        nonce: Buffer.alloc(16, byte),
        expires_at,
      })
      await tx
        .insertInto('spent_token')
        .values([token(1, hoursAgo(2)), token(2, hoursAgo(0.5)), token(3, hoursAgo(-1))])
        .execute()
    })
  }
  expect(await purgeSpent(database.worker, nowMs)).toEqual({ tokens: 2, keys: 0 })
  for (const tenantId of tenants) {
    const left = await inTenant(database.worker, tenantId, (tx) =>
      tx.selectFrom('spent_token').select('nonce').orderBy('nonce').execute(),
    )
    expect(left.map((row) => row.nonce[0])).toEqual([2, 3])
  }
})
