import { describe, expect, it } from 'vitest'
import { decide } from '../../decide.ts'
import type { Plan } from '../../plan.ts'
import type { Store } from '../../store.ts'
import { burst, earlyPlan, flood, from } from '../../testing/arrivals.ts'
import { createMemoryStore } from '../memory.ts'

const hour = 3_600_000

describe('a flood of 300,000 random addresses', () => {
  const budgetBytes = 1_048_576

  it('cannot raise the memory of the store above its budget', () => {
    const store = createMemoryStore({ budgetBytes })
    const before = process.memoryUsage().arrayBuffers
    const refused = flood(earlyPlan([burst()]), store, 300_000, 1)
    const stats = store.stats()
    expect(stats.bytes).toBeLessThanOrEqual(budgetBytes)
    expect(stats.entries).toBeLessThanOrEqual(stats.capacity)
    expect(stats.evictions).toBeGreaterThanOrEqual(300_000 - stats.capacity)
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(budgetBytes)
    expect(refused).toBe(0)
  })

  it('does not free a client from its cooldown, and does not lengthen it', () => {
    const store = createMemoryStore({ budgetBytes })
    const plan = earlyPlan([burst({ cooldown: '1h' })])
    const offender = from('203.0.113.7')
    for (let sent = 0; sent < 4; sent += 1) decide(plan, store, offender, 1, 0)
    flood(plan, store, 300_000, 1)
    expect(decide(plan, store, offender, 1, 2)).toMatchObject({ reason: 'cooldown', retryAfterMs: hour - 2 })
    expect(decide(plan, store, offender, 1, hour).outcome).toBe('allow')
  })

  it.each([1, 3, 20, 120])('does not give a client back its spent limit of %i', (limit) => {
    const store = createMemoryStore({ budgetBytes })
    const plan = earlyPlan([burst({ limit })])
    const offender = from('203.0.113.7')
    for (let sent = 0; sent <= limit; sent += 1) decide(plan, store, offender, 1, sent)
    flood(plan, store, 300_000, 1_000)
    const decision = decide(plan, store, offender, 1, 1_001)
    expect(decision).toMatchObject({ outcome: 'deny', remaining: 0 })
    expect(decision.retryAfterMs).toBeLessThanOrEqual(hour)
    expect(decide(plan, store, offender, 1, 1_001 + (decision.retryAfterMs ?? 0)).outcome).toBe('allow')
  })

  it('does not refuse an honest client, before, during or after', () => {
    const store = createMemoryStore({ budgetBytes })
    const plan = earlyPlan([burst({ limit: 60, cooldown: '1h' })])
    const honest = from('198.51.100.3')
    for (let minute = 0; minute < 30; minute += 1) {
      flood(plan, store, 10_000, minute * 60_000)
      expect(decide(plan, store, honest, 1, minute * 60_000).outcome).toBe('allow')
    }
  })

  it('does not make the store forget a client that is busier than the flood', () => {
    const store = createMemoryStore({ budgetBytes })
    const plan = earlyPlan([burst({ limit: 20 })])
    const busy = from('203.0.113.7')
    for (let sent = 0; sent < 12; sent += 1) decide(plan, store, busy, 1, sent)
    flood(plan, store, 300_000, 100)
    expect(decide(plan, store, busy, 1, 101).remaining).toBe(7)
  })

  it('does not make the store forget a client that has spent more at once than each of the flood', () => {
    const store = createMemoryStore({ budgetBytes })
    const plan = earlyPlan([burst({ limit: 20 })])
    const spender = from('203.0.113.7')
    decide(plan, store, spender, 12, 0)
    flood(plan, store, 300_000, 100)
    expect(decide(plan, store, spender, 1, 101).remaining).toBe(7)
  })
})

describe('a flood of blocked addresses', () => {
  it('displaces spent limits before cooldowns, within the same budget', () => {
    const store = createMemoryStore({ budgetBytes: 65_536 })
    const spent = earlyPlan([burst({ limit: 1, window: '2h' })], { id: 'spent' })
    const cooling = earlyPlan([burst({ limit: 1, cooldown: '1h' })], { id: 'cooling' })
    const offender = from('203.0.113.7')
    decide(cooling, store, offender, 1, 0)
    decide(cooling, store, offender, 1, 0)
    for (let round = 0; round < 20; round += 1) {
      for (let sent = 0; sent < 2; sent += 1) floodNamed(spent, store, round, 1_000)
    }
    const stats = store.stats()
    expect(stats.blockedEvictions).toBeGreaterThan(0)
    expect(stats.blocked).toBeLessThanOrEqual(stats.blockedCapacity)
    expect(decide(cooling, store, offender, 1, 1).reason).toBe('cooldown')
  })
})

function floodNamed(plan: Plan, store: Store, round: number, count: number): void {
  for (let index = 0; index < count; index += 1) {
    const key = `blocked-${round}-${index}`
    decide(plan, store, { ip: { text: '192.0.2.1', key, family: 4 } }, 1, 0)
    decide(plan, store, { ip: { text: '192.0.2.1', key, family: 4 } }, 1, 0)
  }
}
