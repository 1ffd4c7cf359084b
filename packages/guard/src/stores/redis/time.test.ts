import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { noRedis, redisForTests } from '../../../../../tests/support/redis-server.ts'
import { compilePolicy } from '../../plan.ts'
import { definePolicy } from '../../policy.ts'
import type { RuleInput } from '../../rule-kinds.ts'
import { createTake, type Take } from '../../store.ts'
import { createNaiveLimit, mostInAnyWindow } from '../../testing/naive-limit.ts'
import { createNaiveStore } from '../../testing/naive-store.ts'
import { createVirtualRedis, type VirtualRedis } from '../../testing/virtual-redis.ts'
import type { RedisClient, RedisStore, RedisStoreOptions } from '../redis.ts'

const hour = 3_600_000

/** Each of two processes is asked 500 times a second, with a rest of two seconds now and then. */
function gapBefore(step: number): number {
  if (step % 3_000 === 2_999) return 2_000
  return step % 2 === 0 ? 2 : 0
}

type Arrival = Pick<Take, 'cost' | 'solved'>

/** The takes of a request under some rules of the late plan, all of one sender. */
function takesOf(rules: readonly RuleInput[], fields: Partial<Pick<Take, 'cost' | 'solved' | 'leaseId'>> = {}): Take[] {
  const { late } = compilePolicy(definePolicy({ id: 'p', rules }))
  return (late?.counts ?? []).map(({ rule, counter }) => {
    const take = createTake(counter, rule.mode === 'live')
    take.active = true
    take.values.fill('ada')
    const one = counter.shape === 'ladder' || counter.shape === 'leases' ? { cost: 1 } : {}
    return Object.assign(take, fields, one)
  })
}

/** A client that passes one server off as a cluster. */
const inLanes = (client: Redis): RedisClient => ({
  call: (command, args) => client.call(command, args),
  nodes: () => [client],
})

const readingsOf = (takes: readonly Take[]) =>
  takes.map(({ fits, charged, used, freesMs, waitMs, cooling }) => ({ fits, charged, used, freesMs, waitMs, cooling }))

type By = 'account' | 'tenant' | 'api-key'

const ruleOf = (id: string, by: By, windowMs: number, shape: number, units: number, cooldownMs: number): RuleInput => {
  const common = { id, by, window: windowMs }
  switch (shape % 7) {
    case 0:
      return { ...common, kind: 'rate-limit', limit: 1 + (units % 32), cooldown: cooldownMs }
    case 1:
      return { ...common, kind: 'rate-limit', limit: 33 + units, cooldown: cooldownMs }
    case 2:
      return { ...common, kind: 'rate-limit', rate: 2 + (units % windowMs), burst: 1, cooldown: cooldownMs }
    case 3:
      return { ...common, kind: 'lockout', attempts: 1 + units, lock: Math.max(1, cooldownMs) }
    case 4:
      return {
        ...common,
        kind: 'escalation',
        steps: [
          { after: 1 + (units % 3), do: 'challenge' },
          { after: 4, do: 'delay', for: Math.max(1, Math.ceil(windowMs / 7)), growth: 2, cap: windowMs },
        ],
      }
    case 5:
      return { id, by, kind: 'concurrency', slots: 1 + (units % 5), lease: windowMs }
    default:
      return { ...common, kind: 'rate-limit', limit: 1 + (units % 40), mode: 'shadow' }
  }
}

const scenarios = fc.integer({ min: 70, max: 100_000 }).chain((windowMs) =>
  fc.record({
    startMs: fc.integer({ min: 1, max: 2 ** 41 }),
    rules: fc
      .array(
        fc.record({
          by: fc.constantFrom<By>('account', 'tenant', 'api-key'),
          shape: fc.nat({ max: 6 }),
          units: fc.nat({ max: 60 }),
          cooldownMs: fc.oneof(fc.constant(0), fc.nat({ max: windowMs * 2 })),
        }),
        { minLength: 1, maxLength: 4 },
      )
      .map((rules) =>
        rules.map(({ by, shape, units, cooldownMs }, index) =>
          ruleOf(`r${index}`, by, windowMs, shape, units, cooldownMs),
        ),
      ),
    sent: fc.array(
      fc.record({
        gapMs: fc.oneof(
          { weight: 6, arbitrary: fc.nat({ max: Math.ceil(windowMs / 60) }) },
          { weight: 2, arbitrary: fc.nat({ max: windowMs }) },
          { weight: 1, arbitrary: fc.constantFrom(0, windowMs - 1, windowMs, windowMs * 3) },
        ),
        cost: fc.oneof({ weight: 5, arbitrary: fc.constant(1) }, fc.integer({ min: 1, max: 70 })),
        solved: fc.boolean(),
        together: fc.integer({ min: 1, max: 4 }),
      }),
      { minLength: 1, maxLength: 40, size: 'max' },
    ),
  }),
)

describe('over a real Redis with a clock of the test’s own', () => {
  const redis = redisForTests()
  let client: Redis
  const opened: VirtualRedis[] = []
  beforeAll(() => redis.start())
  afterAll(() => redis.stop())
  beforeEach((test) => {
    test.skip(!redis.isThere, noRedis)
    client = new Redis(redis.url())
  })
  afterEach(() => {
    for (const { store } of opened.splice(0)) store.close()
    client?.disconnect()
  })
  const optionsOf = (sharded: boolean) => (sharded ? { client: inLanes(client) } : {})
  const open = (options: Partial<RedisStoreOptions> = {}): VirtualRedis => {
    const virtual = createVirtualRedis(client, options)
    opened.push(virtual)
    return virtual
  }

  it.each([
    ['together', false, 4],
    // Without a call in which all of them meet: each is held, then charged.
    ['lane by lane', true, 1],
  ])(
    'reads counters %s as the naive store does, whatever rules, costs and arrivals',
    async (_, sharded, most) => {
      const property = fc.asyncProperty(scenarios, async ({ startMs, rules, sent }) => {
        const { store, at } = open(optionsOf(sharded))
        const naive = createNaiveStore()
        const request = (arrival: Arrival): Take[] => takesOf(rules, { ...arrival, leaseId: randomUUID() })
        const expected = (arrival: Arrival, nowMs: number): Take[] => {
          const takes = request(arrival)
          naive.take(takes, nowMs)
          return takes
        }
        let nowMs = startMs
        for (const { gapMs, together, ...arrival } of sent) {
          nowMs += gapMs
          await at(nowMs)
          const requests = Array.from({ length: Math.min(together, most) }, () => request(arrival))
          await Promise.all(requests.map((takes) => store.take(takes, takes.length, nowMs)))
          for (const takes of requests) expect(readingsOf(takes)).toEqual(readingsOf(expected(arrival, nowMs)))
        }
      })
      await fc.assert(property, { numRuns: 150 })
    },
    60_000,
  )

  it('admits exactly what a list of every arrival admits, up to a limit of 32', async () => {
    const property = fc.asyncProperty(
      fc.integer({ min: 1, max: 32 }),
      scenarios,
      fc.nat({ max: 5_000 }),
      async (limit, { startMs, sent }, cooldownMs) => {
        const { store, at } = open()
        const rule: RuleInput = {
          id: 'r',
          kind: 'rate-limit',
          by: 'account',
          limit,
          window: 5_000,
          cooldown: cooldownMs,
        }
        const naive = createNaiveLimit({ limit, windowMs: 5_000, cooldownMs })
        let nowMs = startMs
        for (const { gapMs, cost } of sent) {
          nowMs += gapMs
          await at(nowMs)
          const takes = takesOf([rule], { cost })
          await store.take(takes, 1, nowMs)
          const [take] = takes
          const { admitted, cooling, waitMs } = naive(nowMs, cost)
          expect({ admitted: take?.fits, cooling: take?.cooling, waitMs: take?.waitMs }).toEqual({
            admitted,
            cooling,
            waitMs,
          })
        }
      },
    )
    await fc.assert(property, { numRuns: 60 })
  }, 60_000)

  it('answers known refusals by itself exactly as the server would', async () => {
    const property = fc.asyncProperty(scenarios, async ({ startMs, rules, sent }) => {
      const { store, at } = open({ blockedKeys: 100 })
      const naive = createNaiveStore()
      let nowMs = startMs
      for (const { gapMs, cost, solved } of sent) {
        nowMs += gapMs
        await at(nowMs)
        const takes = takesOf(rules, { cost, solved, leaseId: randomUUID() })
        await store.take(takes, takes.length, nowMs)
        const expected = takesOf(rules, { cost, solved, leaseId: randomUUID() })
        naive.take(expected, nowMs)
        const outcomes = (of: Take[]) => of.map(({ fits, charged, used }) => ({ fits, charged, used }))
        expect(outcomes(takes)).toEqual(outcomes(expected))
      }
    })
    await fc.assert(property, { numRuns: 60 })
  }, 60_000)

  it('pays hot keys ahead without admitting more than the limit in any window, and little less', async () => {
    const [counted] = takesOf([{ id: 'r', kind: 'rate-limit', by: 'account', limit: 2_000, window: 10_000 }])
    if (counted === undefined) throw new Error('nothing is counted')
    const { store, another, at } = open({ leases: 'hot-keys' })
    const processes = [store, another()]
    const isAdmitted = async (step: number, nowMs: number): Promise<boolean> => {
      const take = Object.assign(createTake(counted.counter, true), { active: true, values: ['ada'] })
      await at(nowMs)
      await processes[step % 2]?.take([take], 1, nowMs)
      return take.fits
    }
    const admittedMs: number[] = []
    let nowMs = 1_000_000
    for (let step = 0; step < 12_000; step += 1) {
      nowMs += gapBefore(step)
      if (await isAdmitted(step, nowMs)) admittedMs.push(nowMs)
    }
    const localAnswers = processes.map((process) => process.state().localAnswers)
    processes[1]?.close()
    expect(Math.min(...localAnswers)).toBeGreaterThan(500)
    expect(mostInAnyWindow(admittedMs, 10_000)).toBeLessThanOrEqual(2_000)
    expect(mostInAnyWindow(admittedMs, 10_000)).toBeGreaterThan(1_700)
  }, 30_000)

  it('counts what is paid ahead as spent at the last moment it can be', async () => {
    const [counted] = takesOf([{ id: 'r', kind: 'rate-limit', by: 'account', limit: 2_000, window: 10_000 }])
    if (counted === undefined) throw new Error('nothing is counted')
    const { store, another, at } = open({ leases: 'hot-keys' })
    const spentMs: number[] = []
    const ask = async (from: RedisStore, nowMs: number, cost: number): Promise<void> => {
      const take = Object.assign(createTake(counted.counter, true), { active: true, values: ['ada'], cost })
      await at(nowMs)
      await from.take([take], 1, nowMs)
      if (take.fits) spentMs.push(...Array.from({ length: cost }, () => nowMs))
    }
    const startMs = 1_000_000
    // A thousand a second, until units are paid ahead, and then all of them at once.
    for (let ms = 0; ms <= 101; ms += 1) await ask(store, startMs + ms, 1)
    for (let units = 0; units < 240; units += 1) await ask(store, startMs + 345, 1)
    expect(store.state().localAnswers).toBeGreaterThan(230)
    const later = another()
    for (let ms = 10_100; ms < 10_345; ms += 5) await ask(later, startMs + ms, 50)
    later.close()
    expect(mostInAnyWindow(spentMs, 10_000)).toBeLessThanOrEqual(2_000)
  })

  describe('a server whose clock steps back by an hour', () => {
    const afterStep = async (rule: RuleInput, times: number) => {
      const { store, at } = open()
      const ask = async (): Promise<Take> => {
        const takes = takesOf([rule], { leaseId: `lease-${Math.random()}` })
        await store.take(takes, 1, 0)
        const [take] = takes
        if (take === undefined) throw new Error('nothing is counted')
        return take
      }
      const startMs = 10 * hour
      await at(startMs)
      for (let sent = 0; sent < times; sent += 1) await ask()
      await at(startMs - hour)
      const refused = await ask()
      await at(startMs - hour + refused.waitMs)
      return { refused, later: await ask() }
    }

    it.each<[string, RuleInput, number, number]>([
      ['a log', { id: 'r', kind: 'rate-limit', by: 'account', limit: 3, window: 60_000 }, 3, 60_000],
      ['cells', { id: 'r', kind: 'rate-limit', by: 'account', limit: 40, window: 60_000 }, 40, 60_000],
      [
        'a cooldown',
        { id: 'r', kind: 'rate-limit', by: 'account', limit: 1, window: 60_000, cooldown: 90_000 },
        2,
        90_000,
      ],
      ['a rate', { id: 'r', kind: 'rate-limit', by: 'account', rate: 65, burst: 5, window: 60_000 }, 5, 5_000],
      ['a lockout', { id: 'r', kind: 'lockout', by: 'account', attempts: 2, window: 60_000, lock: 60_000 }, 3, 60_000],
      [
        'a ladder',
        { id: 'r', kind: 'escalation', by: 'account', window: 60_000, steps: [{ after: 1, do: 'lock', for: 30_000 }] },
        1,
        30_000,
      ],
      ['slots', { id: 'r', kind: 'concurrency', by: 'account', slots: 1, lease: 60_000 }, 1, 60_000],
    ])('locks nobody out of %s for longer than its own time', async (_, rule, times, mostMs) => {
      const { refused, later } = await afterStep(rule, times)
      expect(refused.fits).toBe(false)
      expect(refused.waitMs).toBeLessThanOrEqual(mostMs)
      expect(later.fits).toBe(true)
    })
  })
})
