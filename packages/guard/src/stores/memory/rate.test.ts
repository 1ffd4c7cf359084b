import { describe, expect, it } from 'vitest'
import { decide } from '../../decide.ts'
import type { Plan } from '../../plan.ts'
import type { Store } from '../../store.ts'
import { from, latePlan } from '../../testing/arrivals.ts'
import { createMemoryStore } from '../memory.ts'

const day = 86_400_000
const ada = from('192.0.2.1', { account: 'ada' })

/** A burst, and so many units earned back in a window. */
const rateOf = (burst: number, earned: number, window: string | number, id = 'r'): Plan =>
  latePlan([{ id: 'r', kind: 'rate-limit', by: 'account', rate: burst + earned, burst, window }], { id })

/** A unit in a second, and one in 8,571,429 microseconds. */
const whole = (burst: number, id?: string) => rateOf(burst, 60, '1m', id)
const fine = (burst: number, id?: string) => rateOf(burst, 7, '1m', id)

const spend = (plan: Plan, store: Store, index: number | string, cost: number, nowMs: number) =>
  decide(plan, store, from('192.0.2.1', { account: `account-${index}` }), cost, nowMs)

describe('a rate with a burst that the policy changes', () => {
  it('keeps what is owed, from whole milliseconds to fractions of them and back, in one place', () => {
    const store = createMemoryStore({ budgetBytes: 262_144 })
    expect(decide(whole(20), store, ada, 3, 1_000).remaining).toBe(17)
    // 3 s are owed, then one unit of 8.57 s more.
    expect(decide(fine(5), store, ada, 1, 1_000).remaining).toBe(3)
    expect(store.stats().entries).toBe(1)
    expect(decide(whole(20), store, ada, 1, 1_000).remaining).toBe(20 - 13)
    expect(store.stats().entries).toBe(1)
    expect(decide(fine(5), store, ada, 6, 1_000).remaining).toBe(5 - 2)
    expect(decide(whole(20), store, ada, 21, 1_000 + 12_000).remaining).toBe(19)
    expect(decide(whole(20), store, ada, 21, 1_000 + 13_000).remaining).toBe(20)
    expect(store.stats().entries).toBe(0)
  })

  it('does not hold what is owed against anybody for longer than its own burst takes', () => {
    for (const [before, after, waitMs] of [
      [whole(50), fine(1), 8_572],
      [fine(50), whole(2), 1_000],
      [whole(50), whole(2), 1_000],
      [fine(50), fine(1), 8_572],
    ] as const) {
      const store = createMemoryStore({ budgetBytes: 262_144 })
      decide(before, store, ada, 50, 1_000)
      expect(decide(after, store, ada, 1, 1_000)).toMatchObject({ outcome: 'deny', remaining: 0, retryAfterMs: waitMs })
      expect(decide(after, store, ada, 1, 1_000 + waitMs).outcome).toBe('allow')
    }
  })

  it.each([
    ['whole milliseconds', whole],
    ['fractions', fine],
  ])('frees at once who has spent a burst that it raises, in %s', (_, burstOf) => {
    const store = createMemoryStore({ budgetBytes: 262_144 })
    for (let sent = 0; sent < 3; sent += 1) decide(burstOf(2), store, ada, 1, 1_000)
    expect(decide(burstOf(2), store, ada, 1, 1_000).outcome).toBe('deny')
    expect(decide(burstOf(4), store, ada, 1, 1_000)).toMatchObject({ outcome: 'allow', remaining: 1 })
  })

  it('is empty when it is cleared, wherever it lay', () => {
    for (const [before, after] of [
      [whole(5), whole(5)],
      [fine(5), fine(5)],
      [whole(5), fine(5)],
      [fine(5), whole(5)],
    ] as const) {
      const store = createMemoryStore({ budgetBytes: 262_144 })
      decide(before, store, ada, 5, 1_000)
      const { takes } = after.slate
      for (const take of takes) Object.assign(take, { active: true, values: ['ada'] })
      store.clear(takes, takes.length, 1_000)
      expect(store.stats().entries).toBe(0)
      expect(decide(after, store, ada, 5, 1_000)).toMatchObject({ outcome: 'allow', remaining: 0 })
    }
  })
})

describe('rates with a burst of many keys', () => {
  it('of whole milliseconds lie where windows do, in room for thousands; others in a hundredth of it', () => {
    const [store, other] = [createMemoryStore({ budgetBytes: 65_536 }), createMemoryStore({ budgetBytes: 65_536 })]
    for (let index = 0; index < 1_000; index += 1) {
      spend(whole(3), store, index, 1, 1_000)
      spend(fine(3), other, index, 1, 1_000)
    }
    expect(store.stats().entries).toBeGreaterThan(980)
    expect(store.stats().entries + store.stats().evictions).toBe(1_000)
    expect(other.stats().entries).toBeLessThan(40)
  })

  it('stand each where they should, as they owe more and more, wherever they have been moved to', () => {
    const store = createMemoryStore({ budgetBytes: 262_144 })
    const plan = whole(10)
    for (let round = 0; round < 4; round += 1) {
      for (let index = 0; index < 2_000; index += 1) spend(plan, store, index, 1, 1_000 + round)
    }
    // Four units are owed, of which 3 ms have been earned back.
    const remaining = Array.from({ length: 2_000 }, (_, index) => spend(plan, store, index, 11, 1_003).remaining)
    const missing = remaining.reduce((sum, left) => sum + (left - 6), 0)
    expect(Math.min(...remaining)).toBe(6)
    expect(missing).toBeLessThanOrEqual(store.stats().evictions * 4)
    expect(store.stats().evictions).toBeLessThan(20)
    const later = Array.from({ length: 2_000 }, (_, index) => spend(plan, store, index, 11, 4_000).remaining)
    expect(later.filter((left) => left === 9).length).toBeGreaterThan(1_980)
    expect(Math.min(...later)).toBe(9)
  })

  it.each([
    ['whole milliseconds', whole],
    ['fractions', fine],
  ])('are forgotten by how little they owe of their burst, in %s', (_, burstOf) => {
    const store = createMemoryStore({ budgetBytes: 65_536 })
    const plan = burstOf(20)
    const busy = ['a', 'b', 'c', 'd']
    for (const name of busy) spend(plan, store, name, 12, 1_000)
    for (let index = 0; index < 6_000; index += 1) spend(plan, store, index, 1 + (index % 4), 1_000)
    expect(store.stats().evictions).toBeGreaterThan(500)
    expect(busy.map((name) => spend(plan, store, name, 21, 1_000).remaining)).toEqual([8, 8, 8, 8])
    // Half of a small burst weighs more than what is a little of a large one, though that is more.
    const [small, large] = [burstOf(4, 'small'), burstOf(400, 'large')]
    for (const name of busy) spend(small, store, name, 4, 1_000)
    for (let index = 0; index < 6_000; index += 1) spend(large, store, index, 5 + (index % 4), 1_000)
    expect(busy.map((name) => spend(small, store, name, 5, 1_000).remaining)).toEqual([0, 0, 0, 0])
  })

  it('that take longer to earn back than ticks can tell are kept to the millisecond all the same', () => {
    const store = createMemoryStore({ budgetBytes: 262_144 })
    const plan = rateOf(100, 1, '4d')
    expect(decide(plan, store, ada, 100, 1_000).remaining).toBe(0)
    expect(decide(plan, store, ada, 1, 1_000)).toMatchObject({ outcome: 'deny', retryAfterMs: 4 * day })
    expect(decide(plan, store, ada, 101, 1_000 + 200 * day).remaining).toBe(50)
    expect(decide(plan, store, ada, 101, 1_000 + 400 * day - 1).remaining).toBe(99)
    expect(decide(plan, store, ada, 101, 1_000 + 400 * day).remaining).toBe(100)
    const shorter = createMemoryStore({ budgetBytes: 262_144 })
    const month = rateOf(30, 1, '1d')
    decide(month, shorter, ada, 30, 1_000)
    expect(decide(month, shorter, ada, 31, 1_000 + 29 * day)).toMatchObject({ remaining: 29 })
    expect(decide(month, shorter, ada, 30, 1_000 + 29 * day)).toMatchObject({ outcome: 'deny', retryAfterMs: day })
  })
})
