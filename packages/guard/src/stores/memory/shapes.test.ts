import { describe, expect, it } from 'vitest'
import { decide } from '../../decide.ts'
import { createGuard } from '../../guard.ts'
import type { RuleInput } from '../../rule-kinds.ts'
import { from, latePlan } from '../../testing/arrivals.ts'
import { createMemoryStore } from '../memory.ts'

const hour = 3_600_000
const day = 24 * hour
const ada = from('192.0.2.1', { account: 'ada' })

/** A rule of each shape that lets one request through and refuses the next for a minute. */
const shapes: readonly [string, RuleInput][] = [
  ['a window', { id: 'r', kind: 'rate-limit', by: 'account', limit: 1, window: '1m' }],
  ['a rate with a burst', { id: 'r', kind: 'rate-limit', by: 'account', rate: 2, burst: 1, window: '1m' }],
  ['a lockout', { id: 'r', kind: 'lockout', by: 'account', attempts: 1, window: '1m', lock: '1m' }],
  [
    'a ladder',
    { id: 'r', kind: 'escalation', by: 'account', window: '1m', steps: [{ after: 1, do: 'delay', for: '1m' }] },
  ],
  ['slots', { id: 'r', kind: 'concurrency', by: 'account', slots: 1, lease: '1m' }],
]

describe.each(shapes)('%s under a clock that steps', (_, rule) => {
  it('back by an hour neither re-admits nor refuses for longer', () => {
    const store = createMemoryStore({ budgetBytes: 1_048_576 })
    const plan = latePlan([rule])
    const outcome = (nowMs: number) => decide(plan, store, ada, 1, nowMs).outcome
    expect([outcome(2 * hour), outcome(hour), outcome(hour + 59_999), outcome(hour + 60_000)]).toEqual([
      'allow',
      'deny',
      'deny',
      'allow',
    ])
  })

  it('back and forth by less than a second gains nothing', () => {
    const store = createMemoryStore({ budgetBytes: 1_048_576 })
    const plan = latePlan([rule])
    decide(plan, store, ada, 1, hour)
    for (let step = 0; step < 500; step += 1) {
      expect(decide(plan, store, ada, 1, hour - (step % 2) * 900).outcome).toBe('deny')
    }
  })
})

describe('a rate with a burst', () => {
  const burst = (id: string, fields: { rate: number; burst: number }) =>
    latePlan([{ id: 'r', kind: 'rate-limit', by: 'account', window: '1h', ...fields }], { id })

  it('that is spent stays refused when counters that owe more take its place', () => {
    const store = createMemoryStore({ budgetBytes: 65_536 })
    const plan = burst('spent', { rate: 5, burst: 2 })
    decide(plan, store, ada, 1, 0)
    decide(plan, store, ada, 1, 0)
    const { retryAfterMs = 0 } = decide(plan, store, ada, 1, 0)
    const heavy = burst('heavy', { rate: 101, burst: 1 })
    for (let index = 0; index < 20_000; index += 1)
      decide(heavy, store, from('192.0.2.1', { account: `x${index}` }), 1, 0)
    expect(store.stats().evictions).toBeGreaterThan(10_000)
    expect(decide(plan, store, ada, 1, 1)).toMatchObject({ outcome: 'deny', remaining: 0 })
    expect(decide(plan, store, ada, 1, retryAfterMs).outcome).toBe('allow')
  })
})

describe('times of 400 days', () => {
  const shapes: readonly RuleInput[] = [
    { id: 'r', kind: 'lockout', by: 'account', attempts: 1, window: '1m', lock: '400d' },
    { id: 'r', kind: 'escalation', by: 'account', window: '1m', steps: [{ after: 1, do: 'lock', for: '400d' }] },
    { id: 'r', kind: 'concurrency', by: 'account', slots: 1, lease: '400d' },
  ]

  it.each(shapes)('are held by $kind, to the millisecond', (rule) => {
    const store = createMemoryStore({ budgetBytes: 1_048_576 })
    const plan = latePlan([rule])
    const startMs = 2 ** 32 - 5
    decide(plan, store, ada, 1, startMs)
    decide(plan, store, ada, 1, startMs)
    expect(decide(plan, store, ada, 1, startMs + 400 * day - 1).outcome).toBe('deny')
    expect(decide(plan, store, ada, 1, startMs + 400 * day).outcome).toBe('allow')
  })
})

describe('marks', () => {
  it('are never forgotten early, however many others are set: those that find no room are refused', () => {
    let nowMs = 0
    const guard = createGuard({ policies: [], store: createMemoryStore({ budgetBytes: 262_144 }), nowMs: () => nowMs })
    const kept: string[] = []
    for (let index = 0; index < 5_000; index += 1) {
      if (guard.mark(`nonce-${index}`, hour) === true) kept.push(`nonce-${index}`)
    }
    expect(kept.length).toBeGreaterThan(300)
    expect(kept.length).toBeLessThan(5_000)
    nowMs = hour - 1
    expect(kept.filter((key) => guard.mark(key, hour) === true)).toEqual([])
    nowMs = hour
    expect(guard.mark('nonce-0', hour)).toBe(true)
  })
})

describe('counters of each shape', () => {
  it('stay within the budget under a flood', () => {
    const store = createMemoryStore({ budgetBytes: 65_536 })
    const plans = shapes.map(([, rule], index) => latePlan([rule], { id: `p${index}` }))
    for (let index = 0; index < 6_000; index += 1) {
      const stranger = from('192.0.2.1', { account: `x${index}` })
      for (const plan of plans) decide(plan, store, stranger, 1, 1)
    }
    const stats = store.stats()
    expect(stats.bytes).toBeLessThanOrEqual(65_536)
    expect(stats.bytes).toBeGreaterThan(56_000)
    expect(stats.evictions).toBeGreaterThan(10_000)
    expect(stats.entries).toBeLessThanOrEqual(stats.capacity)
  })

  it('of one name do not mix when a rule becomes one of another shape', () => {
    const store = createMemoryStore({ budgetBytes: 1_048_576 })
    for (const [, rule] of shapes.filter(([, { kind }]) => kind !== 'lockout')) {
      expect(decide(latePlan([rule]), store, ada, 1, 0).outcome).toBe('allow')
    }
  })
})
