import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { inTenant } from '../../database/tenant.ts'
import { createTenant } from '../../modules/tenants/service.ts'
import { asOwner, createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { createLogger } from '../logging/logging.ts'
import { announceChange, startTenantFeed, type TenantFeed } from './feed.ts'

let database: TestDatabase
let tenantId: string
let nowMs: number
let isMute: boolean
let feed: TenantFeed
let forgotten: string[]
let clearings: number

beforeAll(async () => {
  database = await createTestDatabase()
  tenantId = await createTenant(database.worker, { slug: 'acme', name: 'Acme' })
})
afterAll(() => database.close())
beforeEach(() => {
  nowMs = 1
  isMute = false
  forgotten = []
  clearings = 0
  feed = startTenantFeed({
    target: database.target('rempart_app'),
    // What the process says to itself gets lost while it is mute; the connection that it listens on stays as it is.
    pool: {
      query: ((...question: [string, unknown[]]) =>
        isMute ? new Promise(() => {}) : database.app.query(...question)) as never,
    },
    log: createLogger({ level: 'silent' }),
    nowMs: () => nowMs,
  })
  feed.follow({
    forget: (id) => void forgotten.push(id),
    clear() {
      clearings += 1
    },
  })
})
afterEach(async () => {
  vi.useRealTimers()
  await feed.stop()
})

const isHeard = () => vi.waitFor(() => expect(feed.hears()).toBe(true), 10_000)
const announce = (what: 'policies' | 'tenant') =>
  inTenant(database.worker, tenantId, (tx) => announceChange(tx, tenantId, what))

describe('what is heard of tenants', () => {
  it('is a change of another process, which the memories forget', async () => {
    expect(feed.hears()).toBe(false)
    await isHeard()
    await announce('tenant')
    await vi.waitFor(() => expect(forgotten).toEqual([tenantId]))
    await announce('policies')
    await vi.waitFor(() => expect(forgotten).toEqual([tenantId, tenantId]))
    expect(feed.any()).toBe(true)
  })

  it('is nothing of a transaction that was rolled back', async () => {
    await isHeard()
    const rolledBack = inTenant(database.worker, tenantId, async (tx) => {
      await announceChange(tx, tenantId, 'tenant')
      throw new Error('no')
    })
    await expect(rolledBack).rejects.toThrow('no')
    const other = randomUUID()
    await inTenant(database.worker, other, (tx) => announceChange(tx, other, 'tenant'))
    await vi.waitFor(() => expect(forgotten).toEqual([other]))
  })

  it('is not believed for more than ten seconds when messages stay away though the connection stands', async () => {
    await isHeard()
    isMute = true
    nowMs += 9_999
    expect(feed.hears()).toBe(true)
    nowMs += 1
    expect(feed.hears()).toBe(false)
  })

  it('begins anew after a silence, and with nothing of before it', async () => {
    await isHeard()
    nowMs += 20_000
    const before = clearings
    expect(feed.hears()).toBe(false)
    await isHeard()
    expect(clearings).toBe(before + 1)
  })

  it('is not believed from the moment the connection is lost, until it is made again', async () => {
    await isHeard()
    const before = clearings
    nowMs += 1
    const lost = vi.waitFor(() => expect(clearings).toBeGreaterThan(before), 10_000)
    await asOwner(
      database.target('rempart_app'),
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'rempart-listen rempart_tenants' and datname = current_database()",
    )
    await lost
    await isHeard()
    await announce('tenant')
    await vi.waitFor(() => expect(forgotten).toEqual([tenantId]))
  })

  it('does not mistake the voice of another process for its own', async () => {
    await isHeard()
    isMute = true
    nowMs += 20_000
    await database.app.query("select pg_notify('rempart_tenants', 'pulse:another:1')")
    await announce('tenant')
    await vi.waitFor(() => expect(forgotten).toEqual([tenantId]))
    expect(feed.hears()).toBe(false)
  })
})
