import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished, vi } from 'vitest'
import { entryOf } from '../isolation/kinships.ts'
import { seedTwoTenants } from '../isolation/table-matrix.ts'
import { createTestDatabase, type TestDatabase } from '../testing/database.ts'
import { startWireProxy } from '../testing/wire-proxy.ts'
import { type ConnectionTarget, createPool, isDatabaseUnavailable, type Pool, type PoolSettings } from './connect.ts'
import { inTenant, type Tx } from './tenant.ts'

vi.setConfig({ testTimeout: 30_000 })

let database: TestDatabase
let mine: string
let theirs: string
beforeAll(async () => {
  database = await createTestDatabase()
  ;[mine, theirs] = await seedTwoTenants(database.worker)
})
afterAll(() => database.close())

function openPool(
  settings: Partial<PoolSettings> = {},
  target: ConnectionTarget = database.target('rempart_app'),
): Pool {
  const pool = createPool(
    target,
    {
      size: 1,
      connectTimeoutMs: 30_000,
      statementTimeoutMs: 15_000,
      idleTimeoutMs: 30_000,
      maxLifetimeMs: 600_000,
      name: `tenant-test-${randomUUID()}`.slice(0, 60),
      ...settings,
    },
    () => {},
  )
  onTestFinished(() => pool.end())
  return pool
}

const message = (tenantId: string) => ({
  ...entryOf('contact_message').row(tenantId, 0),
  tenant_id: tenantId,
  id: randomUUID(),
  name: `marker ${tenantId}`,
  email: 'ada@example.org',
  message: 'Hello',
  locale: 'en',
})

const insertMessage = (tx: Tx, row: ReturnType<typeof message>) =>
  tx.insertInto('contact_message').values(row).execute()

const messagesOf = (tx: Tx) => tx.selectFrom('contact_message').select(['id', 'tenant_id']).execute()

const idsOf = async (tenantId: string): Promise<readonly string[]> =>
  (await inTenant(database.worker, tenantId, messagesOf)).map((row) => row.id)

const settingOf = async (pool: Pool): Promise<string | null> =>
  (await pool.query("select current_setting('rempart.tenant_id', true) as tenant")).rows[0]?.tenant

const backendOf = async (tx: Tx): Promise<number> => {
  const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(tx)
  return rows[0]?.pid ?? 0
}

/** Ends a backend and waits until it is gone. */
async function terminate(pid: number): Promise<void> {
  await database.app.query('select pg_terminate_backend($1)', [pid])
  await until(async () => {
    const { rows } = await database.app.query('select 1 from pg_stat_activity where pid = $1', [pid])
    return rows.length === 0
  })
}

async function until(condition: () => Promise<boolean> | boolean): Promise<void> {
  const limitMs = performance.now() + 10_000
  while (!(await condition())) {
    if (performance.now() > limitMs) throw new Error(`not within ten seconds: ${condition}`)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

it('tells of what failed, whichever of the statements that travelled together is asked', async () => {
  const pool = openPool()
  const fails = inTenant(pool, mine, async (tx) => {
    const first = sql`select 1 / (length('a') - 1)`.execute(tx)
    const behind = sql`select 1`.execute(tx)
    first.catch(() => {})
    return behind
  })
  await expect(fails).rejects.toMatchObject({ code: '22012' })
})

describe('a tenant transaction', () => {
  it('shows the rows of its tenant and of no other', async () => {
    const rows = await inTenant(database.app, mine, messagesOf)
    expect(rows.map((row) => row.tenant_id)).toEqual([mine])
    expect((await inTenant(database.app, theirs, messagesOf)).map((row) => row.tenant_id)).toEqual([theirs])
  })

  it.each([
    ['a new connection', 0],
    ['a connection that was used before', 1],
  ])('sends BEGIN, the tenant and the first statement before any answer, on %s', async (_name, before) => {
    const proxy = await startWireProxy(inject('database'))
    onTestFinished(() => proxy.close())
    const pool = openPool({}, { ...database.target('rempart_app'), ...inject('database'), host: proxy.host })
    for (let used = 0; used < before; used += 1) await inTenant(pool, mine, messagesOf)
    // Connects, and leaves the connection in the pool.
    if (before === 0) (await pool.connect()).release()

    const from = proxy.sent().length
    proxy.hold()
    const work = inTenant(pool, mine, async (tx) => {
      const { rows } = await sql<{ answer: number }>`select 42 as answer`.execute(tx)
      return rows[0]?.answer
    })
    await until(() => proxy.sent().includes('select 42 as answer', from))
    const written = proxy.sent().slice(from)
    expect(written.indexOf('begin')).toBeGreaterThan(-1)
    expect(written.indexOf(mine)).toBeGreaterThan(written.indexOf('begin'))
    expect(written.indexOf('select 42')).toBeGreaterThan(written.indexOf(mine))
    expect(written).not.toContain('commit')

    proxy.release()
    expect(await work).toBe(42)
  })

  it('keeps nothing of work that throws, and passes the error on as it is', async () => {
    const row = message(mine)
    const failure = new Error('changed my mind')
    const work = inTenant(database.app, mine, async (tx) => {
      await insertMessage(tx, row)
      throw failure
    })
    await expect(work).rejects.toBe(failure)
    expect(await idsOf(mine)).not.toContain(row.id)
  })

  it('keeps nothing of work that throws before its first statement is answered', async () => {
    const row = message(mine)
    const work = inTenant(database.app, mine, (tx) => {
      insertMessage(tx, row).catch(() => {})
      throw new Error('at once')
    })
    await expect(work).rejects.toThrow('at once')
    expect(await idsOf(mine)).not.toContain(row.id)
  })

  it('does not commit when the work hides the failure of a statement', async () => {
    const row = message(mine)
    const work = inTenant(database.app, mine, async (tx) => {
      await insertMessage(tx, row)
      await sql`select 1 / 0`.execute(tx).catch(() => {})
      return 'all is well'
    })
    await expect(work).rejects.toThrow('rolled back at commit')
    expect(await idsOf(mine)).not.toContain(row.id)
  })

  it('does not commit when a statement that nobody awaits fails', async () => {
    const row = message(mine)
    const work = inTenant(database.app, mine, async (tx) => {
      await insertMessage(tx, row)
      sql`select 1 / 0`.execute(tx).catch(() => {})
      // One turn, so that the statement is on its way before the work ends.
      await new Promise((resolve) => setImmediate(resolve))
    })
    await expect(work).rejects.toThrow('rolled back at commit')
    expect(await idsOf(mine)).not.toContain(row.id)
  })

  it('refuses a statement that outlives it, also while the next tenant has the connection', async () => {
    const pool = openPool()
    let kept: Tx | undefined
    await inTenant(pool, mine, async (tx) => {
      kept = tx
    })
    const late = () => (kept === undefined ? undefined : messagesOf(kept))
    await expect(late()).rejects.toThrow('this transaction has ended')
    await inTenant(pool, theirs, async (tx) => {
      await expect(late()).rejects.toThrow('this transaction has ended')
      expect((await messagesOf(tx)).map((row) => row.tenant_id)).toEqual([theirs])
    })
  })

  it('refuses a late statement of work that was rolled back', async () => {
    let kept: Tx | undefined
    const work = inTenant(database.app, mine, async (tx) => {
      kept = tx
      throw new Error('gone')
    })
    await expect(work).rejects.toThrow('gone')
    await expect(kept === undefined ? undefined : messagesOf(kept)).rejects.toThrow('this transaction has ended')
  })

  it('neither nests nor streams', async () => {
    await inTenant(database.app, mine, async (tx) => {
      await expect(tx.transaction().execute(async () => {})).rejects.toThrow('does not nest')
      const rows = tx.selectFrom('contact_message').selectAll().stream()
      await expect(rows[Symbol.asyncIterator]().next()).rejects.toThrow('page instead')
    })
  })

  it.each(['', 'garbage', "'; drop table lead; --", '%', '00000000-0000-0000-0000-000000000000'])(
    'shows no row and takes none for the tenant %j',
    async (tenantId) => {
      const pool = openPool()
      const seen = await inTenant(pool, tenantId, messagesOf).catch((error: unknown) => {
        expect(error).toMatchObject({ code: '22P02' })
        return []
      })
      expect(seen).toEqual([])
      await expect(inTenant(pool, tenantId, (tx) => insertMessage(tx, message(mine)))).rejects.toMatchObject({
        code: expect.stringMatching(/^(42501|22P02)$/),
      })
      expect((await inTenant(pool, mine, messagesOf)).length).toBeGreaterThan(0)
    },
  )
})

describe('a connection that goes back to the pool', () => {
  it.each<[ending: string, work: (tx: Tx) => Promise<unknown>]>([
    ['a commit', messagesOf],
    ['a throw', () => Promise.reject(new Error('no'))],
    ['a failed statement', (tx) => sql`select 1 / 0`.execute(tx)],
    ['a hidden failure', (tx) => sql`select 1 / 0`.execute(tx).catch(() => {})],
    ['work that ends its own transaction', (tx) => sql`commit`.execute(tx)],
    ['work that ends its own transaction and opens another', (tx) => sql`commit and chain`.execute(tx)],
  ])('has no tenant and no open transaction after %s', async (_ending, work) => {
    const pool = openPool()
    await inTenant(pool, mine, work).catch(() => {})
    expect(await settingOf(pool)).toBe('')
    const connection = await pool.connect()
    expect(connection.getTransactionStatus()).toBe('I')
    connection.release()
    expect((await pool.query('select * from contact_message')).rows).toEqual([])
    expect(pool.totalCount).toBe(1)
  })

  it('serves the next tenant alone even when the work before set the session’s tenant', async () => {
    const pool = openPool()
    await inTenant(pool, mine, (tx) => sql`select set_config('rempart.tenant_id', ${mine}, false)`.execute(tx))
    const rows = await inTenant(pool, theirs, messagesOf)
    expect(rows.map((row) => row.tenant_id)).toEqual([theirs])
  })
})

describe('a database connection that is lost', () => {
  it('fails the work between two statements, and the pool goes on', async () => {
    const pool = openPool()
    const row = message(mine)
    const work = inTenant(pool, mine, async (tx) => {
      await insertMessage(tx, row)
      await terminate(await backendOf(tx))
      return messagesOf(tx)
    })
    expect(await work.catch(isDatabaseUnavailable)).toBe(true)
    expect((await inTenant(pool, mine, messagesOf)).map((each) => each.id)).not.toContain(row.id)
  })

  it('fails the work in the middle of a statement, and the pool goes on', async () => {
    const pool = openPool()
    const work = inTenant(pool, mine, async (tx) => {
      const pid = await backendOf(tx)
      const [slept] = await Promise.allSettled([sql`select pg_sleep(30)`.execute(tx), terminate(pid)])
      if (slept.status === 'rejected') throw slept.reason
    })
    expect(await work.catch(isDatabaseUnavailable)).toBe(true)
    expect(await inTenant(pool, mine, messagesOf)).not.toEqual([])
  })

  it('does not report a commit that never was, when it is lost before the commit', async () => {
    const pool = openPool()
    const row = message(mine)
    const work = inTenant(pool, mine, async (tx) => {
      await insertMessage(tx, row)
      await terminate(await backendOf(tx))
    })
    expect(await work.catch(isDatabaseUnavailable)).toBe(true)
    expect(await idsOf(mine)).not.toContain(row.id)
  })

  it('is replaced when it was idle', async () => {
    const pool = openPool()
    const pid = await inTenant(pool, mine, backendOf)
    await terminate(pid)
    await until(() => pool.totalCount === 0)
    expect(await inTenant(pool, mine, messagesOf)).not.toEqual([])
  })

  it('is given up when the database answers nothing at all', async () => {
    const proxy = await startWireProxy(inject('database'))
    onTestFinished(() => proxy.close())
    const target = { ...database.target('rempart_app'), ...inject('database'), host: proxy.host }
    const pool = openPool({ statementTimeoutMs: 100, connectTimeoutMs: 200 }, target)
    await inTenant(pool, mine, messagesOf)
    proxy.hold()
    expect(await inTenant(pool, mine, messagesOf).catch(isDatabaseUnavailable)).toBe(true)
    proxy.release()
    expect(await inTenant(pool, mine, messagesOf)).not.toEqual([])
  })
})

describe('two connections shared by twenty tenants', () => {
  const tenants = Array.from({ length: 20 }, () => randomUUID())
  beforeAll(async () => {
    for (const [index, id] of tenants.entries()) {
      await inTenant(database.worker, id, (tx) =>
        tx
          .insertInto('tenant')
          .values({ id, slug: `stress-${index}`, name: 'Stress' })
          .execute(),
      )
    }
  })

  it('never show one tenant the rows of another, whatever fails in between', async () => {
    const pool = openPool({ size: 2, connectTimeoutMs: 60_000 })
    const units = Array.from({ length: 200 }, (_, index) => stressUnit(pool, index))
    const outcomes = await Promise.allSettled(units)

    const broken = outcomes.flatMap((outcome) =>
      outcome.status === 'rejected' && outcome.reason instanceof ForeignRowError ? [outcome.reason] : [],
    )
    expect(broken).toEqual([])
    const stored = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
    // Each kind of failure takes its share, and the rest commits.
    expect(stored).toHaveLength(200 - 200 * (failures.length / (failures.length + calm)))
    const kept = await Promise.all(tenants.map(idsOf))
    expect(kept.flat().sort()).toEqual(stored.sort())
    expect(pool.totalCount).toBeLessThanOrEqual(2)
    expect(await settingOf(pool)).toBe('')
  })

  class ForeignRowError extends Error {}

  const failures: readonly ((tx: Tx) => Promise<unknown>)[] = [
    () => Promise.reject(new Error('the work failed')),
    (tx) => sql`select 1 / 0`.execute(tx),
    (tx) => sql`select 1 / 0`.execute(tx).catch(() => {}),
    (tx) => sql`select pg_terminate_backend(pg_backend_pid())`.execute(tx),
    (tx) => tx.insertInto('contact_message').values(message(randomUUID())).execute(),
  ]
  const calm = 5

  // Every tenant meets every kind of failure: 20 tenants and 10 kinds share no rhythm, so the index is spread.
  async function stressUnit(pool: Pool, index: number): Promise<string> {
    const tenantId = tenants[index % tenants.length] ?? ''
    const fail = failures[Math.floor(index / tenants.length + index) % (failures.length + calm)]
    const row = message(tenantId)
    return await inTenant(pool, tenantId, async (tx) => {
      const before = await messagesOf(tx)
      await insertMessage(tx, row)
      // Others come between, if they can.
      await new Promise((resolve) => setImmediate(resolve))
      const after = await messagesOf(tx)
      if (![...before, ...after].every((each) => each.tenant_id === tenantId)) throw new ForeignRowError(tenantId)
      await fail?.(tx)
      return row.id
    })
  }
})
