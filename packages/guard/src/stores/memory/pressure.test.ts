import { describe, expect, it } from 'vitest'
import { decide } from '../../decide.ts'
import type { Plan } from '../../plan.ts'
import type { RuleInput } from '../../rule-kinds.ts'
import type { Store } from '../../store.ts'
import { earlyPlan, from, latePlan } from '../../testing/arrivals.ts'
import { createMemoryStore } from '../memory.ts'

const hour = 3_600_000
const smallest = 65_536
const ada = from('192.0.2.1', { account: 'ada' })

/** One request from each of so many accounts that nobody else uses. */
function flood(plan: Plan, store: Store, count: number, nowMs: number, name = 'x'): void {
  for (let index = 0; index < count; index += 1) {
    decide(plan, store, from('192.0.2.1', { account: `${name}-${index}` }), 1, nowMs)
  }
}

/** What makes every table of counters forget: more accounts than fit, that have spent all there is. */
const heavy: readonly Plan[] = [
  { kind: 'rate-limit', limit: 1, window: '2h' },
  { kind: 'rate-limit', limit: 1, window: '30d' },
  { kind: 'rate-limit', rate: 2, burst: 1, window: '2h' },
  { kind: 'rate-limit', rate: 101, burst: 1, window: '2h' },
].map((fields, index) => latePlan([{ id: 'heavy', by: 'account', ...fields } as RuleInput], { id: `heavy-${index}` }))

function pressHard(store: Store, nowMs: number, plan: Plan | undefined): void {
  if (plan === undefined) throw new Error('nothing presses')
  const before = store.stats().evictions
  flood(plan, store, 6_000, nowMs)
  expect(store.stats().evictions - before).toBeGreaterThan(1_000)
}

describe('a counter that was forgotten under pressure', () => {
  const [lines, rings, rates, fineRates] = heavy
  const shapes: readonly [string, object, Plan | undefined][] = [
    ['a limit of 1', { kind: 'rate-limit', limit: 1, window: '1h' }, lines],
    ['a limit of 2', { kind: 'rate-limit', limit: 2, window: '1h' }, lines],
    ['a limit of 3', { kind: 'rate-limit', limit: 3, window: '1h' }, lines],
    ['a limit of 5', { kind: 'rate-limit', limit: 5, window: '1h' }, rings],
    ['a limit of 40', { kind: 'rate-limit', limit: 40, window: '1h' }, rings],
    ['a rate with a burst', { kind: 'rate-limit', rate: 5, burst: 3, window: '1h' }, fineRates],
    ['a rate of whole milliseconds', { kind: 'rate-limit', rate: 6, burst: 2, window: '1h' }, rates],
    ['a lockout', { kind: 'lockout', attempts: 3, window: '1h', lock: '2h' }, lines],
  ]

  it.each(shapes)(
    'as %s refuses whom it refused, with figures that say so, and as long as it said',
    (_, fields, presses) => {
      const store = createMemoryStore({ budgetBytes: smallest })
      const plan = latePlan([{ id: 'r', by: 'account', ...fields } as RuleInput])
      let refused = decide(plan, store, ada, 1, 1_000)
      for (let sent = 0; sent < 50 && refused.outcome === 'allow'; sent += 1)
        refused = decide(plan, store, ada, 1, 1_000)
      const { retryAfterMs = 0, limit, reason } = refused
      expect(retryAfterMs).toBeGreaterThan(0)
      pressHard(store, 2_000, presses)
      const again = decide(plan, store, ada, 1, 1_500 + 1_000)
      expect(again).toMatchObject({ outcome: 'deny', remaining: 0, limit, reason, retryAfterMs: retryAfterMs - 1_500 })
      expect(again.resetMs).toBeGreaterThanOrEqual(0)
      expect(again.resetMs).toBeLessThanOrEqual(retryAfterMs)
      expect(decide(plan, store, ada, 1, 1_000 + retryAfterMs - 1).outcome).toBe('deny')
      expect(decide(plan, store, ada, 1, 1_000 + retryAfterMs).outcome).toBe('allow')
    },
  )

  it('as a limit in a long window refuses whom it refused, as long as it said, and at most two ticks more', () => {
    const store = createMemoryStore({ budgetBytes: smallest })
    const plan = latePlan([{ id: 'r', kind: 'rate-limit', by: 'account', limit: 2, window: '40d' }])
    for (let sent = 0; sent < 2; sent += 1) decide(plan, store, ada, 1, 1_000)
    const { retryAfterMs = 0 } = decide(plan, store, ada, 1, 1_000)
    pressHard(store, 2_000, rings)
    const again = decide(plan, store, ada, 1, 2_000)
    expect(again).toMatchObject({ outcome: 'deny', remaining: 0 })
    const untilMs = 2_000 + (again.retryAfterMs ?? 0)
    expect(untilMs - 1_000 - retryAfterMs).toBeGreaterThanOrEqual(0)
    expect(untilMs - 1_000 - retryAfterMs).toBeLessThanOrEqual(64)
    expect(decide(plan, store, ada, 1, 999 + retryAfterMs).outcome).toBe('deny')
    expect(decide(plan, store, ada, 1, untilMs).outcome).toBe('allow')
  })

  it('as a ladder keeps whom it makes wait waiting, and as long as it said', () => {
    const store = createMemoryStore({ budgetBytes: smallest })
    const plan = latePlan([
      { id: 'r', kind: 'escalation', by: 'account', window: '1h', steps: [{ after: 1, do: 'lock', for: '30m' }] },
    ])
    decide(plan, store, ada, 1, 1_000)
    // Two attempts outweigh one.
    const climbing = latePlan(
      [{ id: 'r', kind: 'escalation', by: 'account', window: '2h', steps: [{ after: 9, do: 'challenge' }] }],
      { id: 'climbing' },
    )
    for (let round = 0; round < 2; round += 1) flood(climbing, store, 3_000, 2_000)
    expect(decide(plan, store, ada, 1, 2_000)).toMatchObject({ outcome: 'deny', retryAfterMs: hour / 2 - 1_000 })
    expect(decide(plan, store, ada, 1, 1_000 + hour / 2 - 1).outcome).toBe('deny')
    expect(decide(plan, store, ada, 1, 1_000 + hour / 2).outcome).toBe('allow')
  })

  it.each([
    ['a line', { limit: 3 }, 1],
    ['a ring', { limit: 12 }, 7],
    ['a rate', { rate: 25, burst: 20 }, 7],
  ])('was the one of whoever has spent least: the busier is remembered in %s', (_, fields, cost) => {
    const store = createMemoryStore({ budgetBytes: smallest })
    const plan = latePlan([{ id: 'r', kind: 'rate-limit', by: 'account', window: '1h', ...fields } as RuleInput])
    for (let sent = 0; sent < 2; sent += 1) decide(plan, store, ada, 1, 0)
    const { remaining } = decide(plan, store, ada, cost, 0)
    const idle = latePlan([{ id: 'r', kind: 'rate-limit', by: 'account', limit: 100, window: '1h' }], { id: 'idle' })
    for (let sent = 0; sent < 15_000; sent += 1) {
      decide(idle, store, from('192.0.2.1', { account: `idle-${sent}` }), sent % 3 === 0 ? 4 : 1, 1)
    }
    expect(store.stats().evictions).toBeGreaterThan(1_000)
    expect(decide(plan, store, ada, 100, 2).remaining).toBe(remaining)
  })
})

describe('many keys in a table that grows with them', () => {
  it('have each what they have spent, and no other’s: what is missing was forgotten, and is told', () => {
    const store = createMemoryStore({ budgetBytes: 1_048_576 })
    const plans = [3, 20].map((limit) =>
      latePlan([{ id: 'r', kind: 'rate-limit', by: 'account', limit, window: '1h' }], { id: `p${limit}` }),
    )
    const clients = Array.from({ length: 4_000 }, (_, index) => ({
      client: from('192.0.2.1', { account: `account-${index}` }),
      plan: plans[index % 10 === 0 ? 1 : 0] as Plan,
      spent: 0,
    }))
    for (let sent = 0; sent < 12_000; sent += 1) {
      // Each comes three times, in an order of its own.
      const one = clients[(sent * 1_237) % 4_000]
      if (one === undefined) throw new Error('4,000 clients')
      expect(decide(one.plan, store, one.client, 1, sent).outcome).toBe('allow')
      one.spent += 1
    }
    let missing = 0
    for (const { client, plan, spent } of clients) {
      const { remaining, limit } = decide(plan, store, client, 30, 12_000)
      expect(limit - remaining).toBeLessThanOrEqual(spent)
      missing += spent - (limit - remaining)
    }
    const stats = store.stats()
    // A ring that gives way takes three units with it.
    expect(missing).toBeLessThanOrEqual(stats.evictions * 3)
    expect(stats.evictions).toBeLessThan(40)
    expect(stats.entries).toBeGreaterThan(8_000)
  })

  it('wait as their units come back, one by one, wherever those have moved to', () => {
    const store = createMemoryStore({ budgetBytes: 262_144 })
    const plan = latePlan([{ id: 'r', kind: 'rate-limit', by: 'account', limit: 3, window: '1h' }])
    const client = (index: number) => from('192.0.2.1', { account: `account-${index}` })
    for (let round = 0; round < 3; round += 1) {
      for (let index = 0; index < 1_500; index += 1) decide(plan, store, client(index), 1, round * 1_000 + 1)
    }
    expect(store.stats().evictions).toBeLessThan(20)
    let exact = 0
    for (let index = 0; index < 1_500; index += 1) {
      const one = decide(plan, store, client(index), 1, 3_000)
      if (one.outcome === 'allow') continue
      const waits = [1, 2, 3].map((cost) => decide(plan, store, client(index), cost, 3_000).retryAfterMs)
      expect(waits).toEqual([hour - 2_999, hour - 1_999, hour - 999])
      exact += 1
    }
    expect(exact).toBeGreaterThan(1_480)
  })
})

describe('addresses that are refused beyond what can be remembered one by one', () => {
  const rule: RuleInput = { id: 'r', kind: 'rate-limit', by: 'ip', limit: 1, window: '1h', cooldown: '2h' }

  const refuse = (plan: Plan, store: Store, address: string, nowMs = 0): void => {
    for (let sent = 0; sent < 2; sent += 1) decide(plan, store, from(address), 1, nowMs)
  }

  it.each([
    ['/24', (index: number) => `10.0.${index % 8}.${index >>> 3}`, '10.0.3.255', '10.0.9.1'],
    [
      '/48',
      (index: number) => `2001:db8:${index % 8}:${(index >>> 3).toString(16)}::7`,
      '2001:db8:3:7777::1',
      '2001:db8:9::1',
    ],
  ])(
    'are refused by their %s, neighbours with them, and those of others are not',
    (_, addressOf, neighbour, stranger) => {
      const store = createMemoryStore({ budgetBytes: smallest })
      const plan = earlyPlan([rule])
      const addresses = Array.from({ length: 2_000 }, (_none, index) => addressOf(index))
      for (const address of addresses) refuse(plan, store, address)
      const { aggregated, blocked, blockedCapacity, blockedEvictions } = store.stats()
      expect(aggregated).toBeGreaterThan(0)
      expect([blockedEvictions, blocked <= blockedCapacity]).toEqual([0, true])
      for (const address of [...addresses, neighbour]) {
        expect(decide(plan, store, from(address), 1, 1)).toMatchObject({ outcome: 'deny', retryAfterMs: 2 * hour - 1 })
      }
      expect(decide(plan, store, from(stranger), 1, 1).outcome).toBe('allow')
      expect(decide(plan, store, from(neighbour), 1, 2 * hour).outcome).toBe('allow')
    },
  )

  it('are refused until the last of their neighbours is admitted, in whatever order those came', () => {
    const store = createMemoryStore({ budgetBytes: smallest })
    const plan = earlyPlan([{ id: 'r', kind: 'rate-limit', by: 'ip', limit: 1, window: '1h' }])
    const addresses = Array.from({ length: 250 }, (_, index) => from(`10.0.1.${index}`))
    for (const [index, address] of addresses.entries()) decide(plan, store, address, 1, index)
    const waits: number[] = []
    // The one whose unit comes back last is refused first.
    for (const address of addresses.toReversed()) {
      decide(plan, store, address, 1, 1_000)
      if (store.stats().aggregated > 0) waits.push(decide(plan, store, from('10.0.1.255'), 1, 1_000).retryAfterMs ?? 0)
    }
    expect(waits.length).toBeGreaterThan(20)
    expect(new Set(waits).size).toBe(1)
    expect(waits[0]).toBeGreaterThan(hour - 1_000)
  })

  it('are let in only where that is told, when there is room for neither themselves nor their prefixes', () => {
    const store = createMemoryStore({ budgetBytes: smallest })
    const plan = earlyPlan([rule])
    const addresses = Array.from({ length: 3_000 }, (_, index) => `10.${index >>> 8}.${index & 255}.7`)
    for (const address of addresses) refuse(plan, store, address)
    const { aggregated, blockedEvictions } = store.stats()
    expect(aggregated).toBeGreaterThan(20)
    const admitted = addresses.filter((address) => decide(plan, store, from(address), 1, 1).outcome === 'allow')
    expect(admitted.length).toBeLessThanOrEqual(blockedEvictions)
    expect(decide(plan, store, from('172.16.0.1'), 1, 1).outcome).toBe('allow')
  })

  it('of whom no address is counted displace each other', () => {
    const store = createMemoryStore({ budgetBytes: smallest })
    const plan = latePlan([{ ...rule, by: 'account' } as RuleInput])
    for (let round = 0; round < 2; round += 1) flood(plan, store, 2_000, 0)
    expect(store.stats()).toMatchObject({ aggregated: 0 })
    expect(store.stats().blockedEvictions).toBeGreaterThan(500)
  })

  it('are refused by their prefix also when only their limit is spent, but for those that are counted', () => {
    const store = createMemoryStore({ budgetBytes: smallest })
    const plan = earlyPlan([{ id: 'r', kind: 'rate-limit', by: 'ip', limit: 2, window: '1h' }])
    const counted = Array.from({ length: 20 }, (_, index) => from(`10.0.1.${200 + index}`))
    for (const client of counted) decide(plan, store, client, 1, 0)
    for (let index = 0; index < 800; index += 1) {
      for (let sent = 0; sent < 3; sent += 1) decide(plan, store, from(`10.0.${index % 8}.${index >>> 3}`), 1, 0)
    }
    const { aggregated, evictions } = store.stats()
    expect(aggregated).toBeGreaterThan(0)
    const admitted = counted.filter((client) => decide(plan, store, client, 1, 1).outcome === 'allow')
    expect(admitted.length).toBeGreaterThanOrEqual(Math.max(1, counted.length - evictions))
    expect(decide(plan, store, from('10.0.1.254'), 1, 1)).toMatchObject({ outcome: 'deny', reason: 'rate-limit' })
    expect(decide(plan, store, from('172.16.0.1'), 1, 1).outcome).toBe('allow')
  })
})
