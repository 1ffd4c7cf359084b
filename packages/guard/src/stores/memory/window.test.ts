import { describe, expect, it } from 'vitest'
import { decide } from '../../decide.ts'
import type { Plan } from '../../plan.ts'
import type { RuleInput } from '../../rule-kinds.ts'
import type { Store } from '../../store.ts'
import { earlyPlan, from, latePlan } from '../../testing/arrivals.ts'
import { createMemoryStore } from '../memory.ts'

const hour = 3_600_000
const client = (index: number) => from('192.0.2.1', { account: `account-${index}` })
const planOf = (fields: object, beside: readonly RuleInput[] = []): Plan =>
  latePlan([{ id: 'r', kind: 'rate-limit', by: 'account', window: '1h', ...fields } as RuleInput, ...beside])
/** A second rule, by which a request goes the general way. */
const beside: RuleInput = { id: 'beside', kind: 'rate-limit', by: 'account', limit: 1_000, window: '1h' }

/** What clients have spent, by how many: `[three, two, one, nothing]`. */
function spendings(plan: Plan, store: Store, clients: number, limit: number): readonly number[] {
  const counts = Array.from({ length: limit + 1 }, () => 0)
  for (let index = 0; index < clients; index += 1) {
    const { remaining } = decide(plan, store, client(index), limit + 1, 10)
    counts[remaining] = (counts[remaining] ?? 0) + 1
  }
  return counts
}

describe('clients that spend several units', () => {
  const plan = planOf({ limit: 3 })

  it('at once find as much room as those that spend one at a time, and lie as close', () => {
    const store = createMemoryStore({ budgetBytes: 1_048_576 })
    for (let index = 0; index < 4_000; index += 1) decide(plan, store, client(index), 1 + (index % 3), 0)
    for (let index = 0; index < 4_000; index += 1) {
      if (index % 3 < 2) decide(plan, store, client(index), 2 - (index % 3), 1)
    }
    const { evictions, entries } = store.stats()
    expect(evictions).toBeLessThan(60)
    // A unit in a line is an entry, and a ring is one.
    expect(entries).toBeGreaterThan(10_800)
    expect(spendings(plan, store, 4_000, 3)[0]).toBeGreaterThan(3_950)
  })

  it('at once have none of them counted twice where there is hardly any room', () => {
    const store = createMemoryStore({ budgetBytes: 65_536 })
    for (let round = 0; round < 2; round += 1) {
      for (let index = 0; index < 1_500; index += 1)
        decide(plan, store, client(index), 1 + ((index + round) % 2), round)
    }
    const wide = planOf({ limit: 9 })
    const beyond = spendings(wide, store, 1_500, 9).slice(0, 6)
    expect(beyond).toEqual([0, 0, 0, 0, 0, 0])
    expect(store.stats().evictions).toBeGreaterThan(100)
  })

  it('lie in lines with up to three, and in small rings with up to eight, where they spend one at a time', () => {
    const store = createMemoryStore({ budgetBytes: 1_048_576 })
    const both = [planOf({ limit: 3 }, [beside]), planOf({ limit: 3 })]
    for (let sent = 0; sent < 3; sent += 1) {
      for (let index = 0; index < 2_000; index += 1) decide(both[sent % 2] ?? plan, store, client(index), 1, sent)
    }
    // Two units beside the three.
    const { evictions, entries } = store.stats()
    expect(evictions).toBeLessThan(20)
    expect(entries).toBeGreaterThan(9_500)
    const rings = createMemoryStore({ budgetBytes: 1_048_576 })
    for (let sent = 0; sent < 8; sent += 1) {
      for (let index = 0; index < 300; index += 1) decide(planOf({ limit: 20 }), rings, client(index), 1, sent)
    }
    expect(rings.stats().evictions).toBeLessThan(10)
  })
})

describe('clients that lie close', () => {
  it('have each unit counted for its whole window, also where requests of several rules put it', () => {
    const store = createMemoryStore({ budgetBytes: 1_048_576 })
    const plan = planOf({ limit: 3 }, [beside])
    const round = (atMs: number) =>
      Array.from({ length: 2_000 }, (_, index) => decide(plan, store, client(index), 1, atMs).remaining)
    for (const [atMs, remaining] of [
      [1_000, 2],
      [1_000 + hour / 2, 1],
      [1_000 + hour, 1],
    ] as const) {
      expect(round(atMs).filter((left) => left > remaining).length).toBeLessThanOrEqual(store.stats().evictions)
    }
    expect(store.stats().evictions).toBeLessThan(10)
  })
})

describe('a counter that several policies share', () => {
  it('is in one place, also when its window has just ended and requests of several rules come in turn', () => {
    const store = createMemoryStore({ budgetBytes: 65_536 })
    const [one, other] = [planOf({ limit: 4, window: 75 }, [beside]), planOf({ limit: 4, window: 75 }, [beside])]
    for (let sent = 0; sent < 4; sent += 1) decide(sent % 2 === 0 ? one : other, store, client(1), 1, 1)
    const outcomes = Array.from(
      { length: 8 },
      (_, sent) => decide(sent % 2 === 0 ? other : one, store, client(1), 1, 76).outcome,
    )
    expect(outcomes.filter((outcome) => outcome === 'allow')).toHaveLength(4)
  })

  it('is found for the whole window of a unit that came behind a reading without a charge', () => {
    const store = createMemoryStore({ budgetBytes: 65_536 })
    const [one, other, last] = [1, 2, 3].map(() => planOf({ limit: 20 }))
    if (one === undefined || other === undefined || last === undefined) throw new Error('three policies')
    for (let sent = 0; sent < 5; sent += 1) decide(one, store, client(1), 1, 1_000)
    expect(decide(other, store, client(1), 21, 1_005).remaining).toBe(15)
    decide(other, store, client(1), 1, 1_006)
    expect(decide(last, store, client(1), 1, 1_003 + hour).remaining).toBe(18)
  })

  it('is not refused for a spent limit that has been raised, though the policy now has a cooldown', () => {
    const store = createMemoryStore({ budgetBytes: 65_536 })
    for (let sent = 0; sent < 2; sent += 1) decide(planOf({ limit: 1 }), store, client(1), 1, 0)
    expect(decide(planOf({ limit: 2, cooldown: '1h' }), store, client(1), 1, 0).outcome).toBe('allow')
  })
})

it('refuses every neighbour of a network that is refused, though nobody of its own part of the table was', () => {
  const store = createMemoryStore({ budgetBytes: 65_536 })
  const crowd = planOf({ limit: 3 })
  for (let index = 0; index < 3_000; index += 1) decide(crowd, store, client(index), 1, 0)
  const plan = earlyPlan([{ id: 'r', kind: 'rate-limit', by: 'ip', limit: 1, window: '1h', cooldown: '2h' }])
  for (let index = 0; index < 400; index += 1) decide(plan, store, from(`10.0.${index & 1}.${index >>> 1}`), 1, 0)
  for (let index = 0; index < 400; index += 1) decide(plan, store, from(`10.0.${index & 1}.${index >>> 1}`), 1, 0)
  expect(store.stats().aggregated).toBeGreaterThan(0)
  const neighbours = Array.from(
    { length: 50 },
    (_, index) => decide(plan, store, from(`10.0.1.${205 + index}`), 1, 1).outcome,
  )
  expect(neighbours.filter((outcome) => outcome === 'allow')).toEqual([])
  expect(decide(plan, store, from('10.0.2.1'), 1, 1).outcome).toBe('allow')
})
