import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { WindowCounter } from '../store.ts'
import { createTake, type Take } from '../store.ts'
import { latePlan } from '../testing/arrivals.ts'
import { createGuardDatabase, type GuardDatabase } from '../testing/guard-database.ts'
import { createNaiveLimit } from '../testing/naive-limit.ts'
import { createPostgresStore, type PostgresStore } from './postgres.ts'
import { describeStore } from './store-contract.ts'

const secret = 'a secret of sixteen bytes and more'

let database: GuardDatabase
beforeAll(async () => {
  database = await createGuardDatabase()
  await database.freezeClock()
})
afterAll(() => database.close())

describeStore('a PostgreSQL store', async () => {
  const store = createPostgresStore(database.pool, { secret })
  return {
    store,
    nowMs: () => performance.now(),
    elapse: database.elapse,
    close: async () => store.close(),
  }
})

describe('a PostgreSQL store', () => {
  let stores: PostgresStore[]
  beforeEach(() => {
    // Heartbeats that nobody answers open the breaker, and on a busy machine frequent ones go unanswered.
    stores = [1, 2, 3].map(() => createPostgresStore(database.pool, { secret }))
  })
  afterEach(() => {
    for (const store of stores) store.close()
  })

  const takeOf = (fields: { limit: number; window: string | number; cooldown?: string }, account: string): Take => {
    const plan = latePlan([{ id: 'r', kind: 'rate-limit', by: 'account', ...fields }])
    const counter = plan.counts[0]?.counter as WindowCounter
    return Object.assign(createTake(counter, true), { active: true, values: [account] })
  }
  const [first, second] = [0, 1].map((index) => ({
    take: (take: Take) => stores[index]?.take([take], 1, performance.now()),
  }))
  /** What a heartbeat has the database do: to forget what has ended. */
  const forget = () => database.pool.query('select rempart_guard.beat(gen_random_uuid(), 1000000)')

  it('admits exactly the limit to three processes that ask 90 times at once', async () => {
    const takes = Array.from({ length: 90 }, () => takeOf({ limit: 40, window: '1h' }, 'shared'))
    await Promise.all(takes.map((take, index) => stores[index % 3]?.take([take], 1, 0)))
    expect(takes.filter(({ charged }) => charged)).toHaveLength(40)
  })

  it('locks nobody for longer than the window when the server’s clock is set back by an hour', async () => {
    const account = 'clock'
    for (let sent = 0; sent < 3; sent += 1)
      await first?.take(takeOf({ limit: 3, window: '1m', cooldown: '2m' }, account))
    await first?.take(takeOf({ limit: 3, window: '1m', cooldown: '2m' }, account))
    await database.elapse(-3_600_000)
    const refused = takeOf({ limit: 3, window: '1m', cooldown: '2m' }, account)
    await first?.take(refused)
    expect(refused).toMatchObject({ fits: false, cooling: true })
    expect(refused.waitMs).toBeLessThanOrEqual(120_000)
    await database.elapse(refused.waitMs)
    const back = takeOf({ limit: 3, window: '1m', cooldown: '2m' }, account)
    await first?.take(back)
    expect(back.fits).toBe(true)
  })

  it('keeps counters under hashes: no address nor account can be read in its tables', async () => {
    await first?.take(takeOf({ limit: 3, window: '1m' }, 'ada@example.org'))
    const { rows } = await database.pool.query('select c::text as row from rempart_guard.counter c')
    expect(rows.length).toBeGreaterThan(0)
    expect(JSON.stringify(rows)).not.toContain(Buffer.from('ada@example.org').toString('hex'))
    expect(JSON.stringify(rows)).not.toContain('ada@')
  })

  it('forgets what has ended, and loses no charge to its forgetting', async () => {
    const take = takeOf({ limit: 1, window: '1s' }, 'ended')
    await first?.take(take)
    await database.elapse(2_000)
    await Promise.all([
      forget(),
      ...Array.from({ length: 10 }, () => second?.take(takeOf({ limit: 5, window: '1s' }, 'ended'))),
    ])
    const probe = takeOf({ limit: 5, window: '1s' }, 'ended')
    await first?.take(probe)
    expect(probe.fits).toBe(false)
    await database.elapse(2_000)
    await forget()
    const { rows } = await database.pool.query<{ count: string }>(
      'select count(*) from rempart_guard.counter where expires_at < rempart_guard.now_us()',
    )
    expect(Number(rows[0]?.count)).toBe(0)
  })

  it('refuses a secret that could be guessed', () => {
    expect(() => createPostgresStore(database.pool, { secret: 'short' })).toThrow(RangeError)
  })

  it('answers as the naive limit does, for any arrivals, while it forgets what has ended', async () => {
    let run = 0
    const arrival = fc.record({ afterMs: fc.integer({ min: 0, max: 400 }), cost: fc.integer({ min: 1, max: 3 }) })
    const figures = fc.record({
      limit: fc.integer({ min: 1, max: 6 }),
      windowMs: fc.integer({ min: 1, max: 900 }),
      cooldownMs: fc.constantFrom(0, 300),
    })
    await fc.assert(
      fc.asyncProperty(figures, fc.array(arrival, { minLength: 1, maxLength: 25 }), async (limit, arrivals) => {
        run += 1
        const naive = createNaiveLimit(limit)
        let nowMs = 0
        for (const { afterMs, cost } of arrivals) {
          nowMs += afterMs
          await database.elapse(afterMs)
          const { cooldownMs, windowMs } = limit
          const take = takeOf({ limit: limit.limit, window: windowMs, cooldown: `${cooldownMs}ms` }, `naive-${run}`)
          take.cost = cost
          await Promise.all([forget(), first?.take(take)])
          const answer = naive(nowMs, cost)
          expect([take.fits, take.cooling, take.waitMs]).toEqual([answer.admitted, answer.cooling, answer.waitMs])
        }
      }),
      { numRuns: 40 },
    )
  })
})
