import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { seedTwoTenants } from '../isolation/table-matrix.ts'
import { createTestDatabase, type TestDatabase } from '../testing/database.ts'
import { preparedRead } from './prepared-read.ts'
import { createTenantReads, type ReadHandle } from './reads.ts'
import { inTenant } from './tenant.ts'

let database: TestDatabase
let mine: string
let theirs: string
beforeAll(async () => {
  database = await createTestDatabase()
  ;[mine, theirs] = await seedTwoTenants(database.worker)
})
afterAll(() => database.close())

describe('preparedRead', () => {
  const build = vi.fn((handle: ReadHandle, email: string, status: string) =>
    handle
      .selectFrom('contact_message')
      .select(['tenant_id', 'email'])
      .where('status', '=', status)
      .where('email', '=', email)
      .where('locale', 'in', ['en', 'fr']),
  )
  const read = preparedRead(build)

  it('is built once, and each call has the values of its own, wherever they stand in the statement', async () => {
    const reads = createTenantReads(database.app)
    const emailOf = async (tenantId: string): Promise<string> => {
      const row = await inTenant(database.app, tenantId, (tx) =>
        tx.selectFrom('contact_message').select('email').executeTakeFirstOrThrow(),
      )
      return row.email
    }
    const [own, other] = [await emailOf(mine), await emailOf(theirs)]
    const found = await Promise.all([
      reads.of(mine)((handle) => read(handle, own, 'received')),
      reads.of(mine)((handle) => read(handle, own, 'archived')),
      reads.of(mine)((handle) => read(handle, 'nobody@example.org', 'received')),
      reads.of(theirs)((handle) => read(handle, other, 'received')),
      inTenant(database.app, mine, (tx) => read(tx, own, 'received')),
    ])
    const row = { tenant_id: mine, email: own }
    expect(found).toEqual([row, undefined, undefined, { tenant_id: theirs, email: other }, row])
    expect(build).toHaveBeenCalledOnce()
  })
})
