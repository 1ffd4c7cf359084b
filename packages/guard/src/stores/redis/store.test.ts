import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { noRedis, redisForTests } from '../../../../../tests/support/redis-server.ts'
import type { RuleInput } from '../../rule-kinds.ts'
import { type Counter, createTake, type HeldLease, type Take } from '../../store.ts'
import { latePlan } from '../../testing/arrivals.ts'
import { createRedisStore, type RedisStore, type RedisStoreOptions } from '../redis.ts'
import { LANES } from './keys.ts'

const secret = 'a secret of the store'
const limit: RuleInput = { id: 'r', kind: 'rate-limit', by: 'account', limit: 2, window: '1h' }
const hour = 3_600_000

const counters = new WeakMap<RuleInput, Counter>()
/** The one counter of a rule, as a policy in force has it. */
function counterOf(rule: RuleInput): Counter {
  const counter = counters.get(rule) ?? latePlan([rule]).counts[0]?.counter
  if (counter === undefined) throw new Error('nothing is counted')
  counters.set(rule, counter)
  return counter
}

describe('a Redis store', () => {
  const redis = redisForTests()
  let client: Redis
  let prefix = ''
  const stores: RedisStore[] = []
  beforeAll(() => redis.start())
  afterAll(() => redis.stop())
  beforeEach((test) => {
    test.skip(!redis.isThere, noRedis)
    client = new Redis(redis.url())
    prefix = randomUUID()
  })
  afterEach(() => {
    for (const store of stores.splice(0)) store.close()
    client?.disconnect()
  })

  const open = (options: Partial<RedisStoreOptions> = {}): RedisStore => {
    const store = createRedisStore({ client, secret, prefix, deadlineMs: 5_000, ...options })
    stores.push(store)
    return store
  }
  /** A client that passes one server off as a cluster: keys are then spread over lanes. */
  const inLanes = () => ({
    call: (command: string, args: string[]) => client.call(command, args),
    nodes: () => [client],
  })
  const takesOf = (rules: readonly RuleInput[], values: readonly string[] = ['ada']): Take[] =>
    rules.map((rule) =>
      Object.assign(createTake(counterOf(rule), true), { active: true, values: [...values], leaseId: randomUUID() }),
    )
  const ask = async (store: RedisStore, rules: readonly RuleInput[] = [limit], values?: readonly string[]) => {
    const takes = takesOf(rules, values)
    await store.take(takes, takes.length, performance.now())
    return takes
  }
  const usedOf = async (store: RedisStore, values?: readonly string[]) => (await ask(store, [limit], values))[0]?.used

  describe.each([
    ['on one server', false],
    ['in lanes', true],
  ])('%s', (_, sharded) => {
    const openHere = (options: Partial<RedisStoreOptions> = {}) =>
      open({ ...(sharded && { client: inLanes() }), ...options })

    it('counts for all processes that have the secret and the prefix, and for no others', async () => {
      const [one, other] = [openHere(), openHere()]
      expect([await usedOf(one), await usedOf(other), await usedOf(one)]).toEqual([1, 2, 2])
      expect(await usedOf(openHere({ prefix: `${prefix}x` }))).toBe(1)
      expect(await usedOf(openHere({ secret: `${secret}!` }))).toBe(1)
    })

    it('empties the counters that are cleared, what it remembers of them too, and leaves the others', async () => {
      const store = openHere()
      for (const account of ['ada', 'bob', 'eve']) {
        for (let sent = 0; sent < 4; sent += 1) await ask(store, [limit], [account])
      }
      const cleared = [...takesOf([limit], ['ada']), ...takesOf([limit], ['bob']), ...takesOf([limit], ['eve'])]
      const [, bob] = cleared
      if (bob !== undefined) bob.active = false
      await store.clear(cleared, 2, 0)
      expect(await usedOf(store, ['ada'])).toBe(1)
      expect(await usedOf(store, ['bob'])).toBe(2)
      expect(await usedOf(store, ['eve'])).toBe(2)
    })

    it('gives back the slots that are released, and takes none away by clearing', async () => {
      const store = openHere()
      const slots: RuleInput = { id: 's', kind: 'concurrency', by: 'account', slots: 1, lease: '1h' }
      const [held] = await ask(store, [slots])
      if (held === undefined) throw new Error('no slot')
      await store.clear(takesOf([slots]), 1, 0)
      expect((await ask(store, [slots]))[0]?.fits).toBe(false)
      const leases: HeldLease[] = [{ counter: held.counter, values: held.values, leaseId: held.leaseId }]
      await store.release(leases, 0)
      expect((await ask(store, [slots]))[0]?.fits).toBe(true)
    })

    it('sets a mark once in all processes, under a hash and with its expiry', async () => {
      const [one, other] = [openHere(), openHere()]
      expect([await one.mark('nonce-of-ada', hour - 0.5, 0), await other.mark('nonce-of-ada', hour, 0)]).toEqual([
        true,
        false,
      ])
      expect(await one.mark('another', hour, 0)).toBe(true)
      const names = await client.keys(`${prefix}*m*`)
      expect(names.join(' ')).not.toContain('nonce')
      const [expiry = 0] = await Promise.all(names.map((name) => client.pttl(name)))
      expect(expiry).toBeGreaterThan(hour - 60_000)
      expect(expiry).toBeLessThanOrEqual(hour)
    })

    it('answers known refusals without a call, of as many keys as it is told', async () => {
      const store = openHere()
      for (let sent = 0; sent < 3; sent += 1) await ask(store)
      const before = store.state().localAnswers
      for (let sent = 0; sent < 5; sent += 1) expect((await ask(store))[0]).toMatchObject({ fits: false, used: 2 })
      expect(store.state().localAnswers - before).toBe(5)
      const none = openHere({ blockedKeys: 0 })
      for (let sent = 0; sent < 5; sent += 1) expect((await ask(none))[0]?.fits).toBe(false)
      expect(none.state().localAnswers).toBe(0)
    })

    it('pays ahead for hot keys only when it is told to', async () => {
      const busy: RuleInput = { ...limit, limit: 100_000 } as RuleInput
      for (const [leases, local] of [
        ['none', 0],
        ['hot-keys', 10],
      ] as const) {
        const store = openHere({ leases, prefix: `${prefix}${leases}` })
        let nowMs = 1_000
        for (let sent = 0; sent < 200; sent += 1) {
          nowMs += 1
          const takes = takesOf([busy])
          await store.take(takes, 1, nowMs)
        }
        if (local === 0) expect(store.state().localAnswers).toBe(0)
        else expect(store.state().localAnswers).toBeGreaterThan(local)
      }
    })

    it('passes over what a request does not take', async () => {
      const store = openHere()
      const [absent, taken] = takesOf([{ ...limit, id: 'absent' } as RuleInput, limit])
      if (absent === undefined || taken === undefined) throw new Error('two are counted')
      absent.active = false
      await store.take([absent, taken, ...takesOf([limit], ['bob'])], 2, 0)
      expect([absent.charged, taken.charged]).toEqual([false, true])
      await store.take([absent], 1, 0)
      expect(absent.charged).toBe(false)
      expect(await usedOf(store, ['bob'])).toBe(1)
    })

    it('is available, in all its lanes, while its server answers', async () => {
      const store = openHere()
      await ask(store)
      expect(store.state()).toEqual({
        isAvailable: true,
        openLanes: 0,
        lanes: sharded ? LANES : 1,
        misses: 0,
        localAnswers: 0,
        nodes: 1,
      })
    })

    it('is told to be unavailable, and refuses at once, once a lane has missed five calls', async () => {
      const gone = { call: vi.fn(() => Promise.reject(new Error('gone'))), ...(sharded && { nodes: () => [] }) }
      const store = openHere({ client: gone, deadlineMs: 10 })
      await Promise.allSettled(Array.from({ length: 12 }, () => ask(store)))
      // Five misses of one moment are a hiccup.
      await vi.waitUntil(
        async () => {
          await ask(store).catch(() => undefined)
          return !store.state().isAvailable
        },
        { timeout: 5_000, interval: 1 },
      )
      expect(store.state()).toMatchObject({ isAvailable: false, openLanes: 1 })
      expect(store.state().misses).toBeGreaterThanOrEqual(5)
      const asked = gone.call.mock.calls.length
      await expect(ask(store)).rejects.toThrow('Redis does not answer')
      await expect(store.clear(takesOf([limit]), 1, 0)).rejects.toThrow('Redis does not answer')
      expect(gone.call.mock.calls.length).toBe(asked)
      store.close()
      expect(store.state().isAvailable).toBe(true)
    })
  })

  it('spreads keys over hash tags in lanes, and charges a request of two lanes in both or none', async () => {
    const store = open({ client: inLanes() })
    const rules: RuleInput[] = [limit, { ...limit, id: 't', by: 'tenant', limit: 1 } as RuleInput]
    for (const account of Array.from({ length: 10 }, (_, index) => `account-${index}`)) {
      const takes = takesOf(rules)
      for (const [index, take] of takes.entries()) take.values[0] = index === 0 ? account : `tenant of ${account}`
      await store.take(takes, takes.length, 0)
      expect(takes.map(({ charged }) => charged)).toEqual([true, true])
    }
    const lanes = new Set((await client.keys(`${prefix}*`)).map((name) => /\{\d+\}/.exec(name)?.[0]))
    expect(lanes.size).toBeGreaterThan(5)
  })

  it('knows how many processes use it, and counts one at least', async () => {
    const [one, other] = [open(), open()]
    expect(one.nodes()).toBe(1)
    await vi.waitFor(() => expect(Math.max(one.nodes(), other.nodes())).toBe(2))
    expect(await client.zcard(`${prefix}{0}n`)).toBe(2)
    expect(await client.pttl(`${prefix}{0}n`)).toBeGreaterThan(15_000)
  })

  it('says every five seconds that it is there, and nothing any more once it is closed', async () => {
    vi.useFakeTimers()
    try {
      const call = vi.fn(async () => 4)
      const store = open({ client: { call }, deadlineMs: 25 })
      await vi.advanceTimersByTimeAsync(4_999)
      expect([call.mock.calls.length, store.nodes()]).toEqual([1, 4])
      await vi.advanceTimersByTimeAsync(1)
      expect(call).toHaveBeenCalledTimes(2)
      call.mockRejectedValueOnce(new Error('gone'))
      await vi.advanceTimersByTimeAsync(5_000)
      expect([call.mock.calls.length, store.nodes()]).toEqual([3, 4])
      store.close()
      await vi.advanceTimersByTimeAsync(20_000)
      expect(call).toHaveBeenCalledTimes(3)
    } finally {
      vi.useRealTimers()
    }
  })

  it('counts itself when the server knows of nobody', async () => {
    const store = open({ client: { call: async () => 0 } })
    await new Promise((resolve) => setImmediate(resolve))
    expect(store.nodes()).toBe(1)
  })

  it('says what of the server lets counters be forgotten', async () => {
    expect(await open().inspect()).toEqual([])
  })

  it('begins its names with its own name when it is told none', async () => {
    const store = createRedisStore({ client, secret })
    stores.push(store)
    await store.mark(randomUUID(), 60_000, 0)
    expect((await client.keys('rempart{*}m*')).length).toBeGreaterThan(0)
  })

  it('gives a call 25 ms when it is told nothing else', async () => {
    const store = createRedisStore({ client: { call: () => new Promise(() => undefined) }, secret })
    stores.push(store)
    await expect(ask(store)).rejects.toThrow('no answer within 25 ms')
  })
})
