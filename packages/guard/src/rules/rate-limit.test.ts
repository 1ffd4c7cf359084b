import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decide } from '../decide.ts'
import { createMemoryStore } from '../stores/memory.ts'
import { earlyPlan, from } from '../testing/arrivals.ts'
import { createNaiveLimit, mostInAnyWindow, usedAt } from '../testing/naive-limit.ts'
import type { RateLimitInput } from './rate-limit.ts'

const budgetBytes = 65_536
const client = from('192.0.2.1')

/** Gaps that crowd the window's edges, where limiters go wrong, and costs that are mostly 1. */
const arrivals = (windowMs: number) =>
  fc.array(
    fc.record({
      gapMs: fc.oneof(
        { weight: 6, arbitrary: fc.integer({ min: 0, max: Math.ceil(windowMs / 60) }) },
        { weight: 2, arbitrary: fc.integer({ min: 0, max: Math.ceil(windowMs / 8) }) },
        { weight: 2, arbitrary: fc.constantFrom(0, 1, windowMs - 1, windowMs, windowMs + 1, windowMs * 5) },
      ),
      cost: fc.oneof({ weight: 5, arbitrary: fc.constant(1) }, fc.integer({ min: 1, max: 40 })),
    }),
    { maxLength: 120, size: 'max' },
  )

const rule = (fields: Partial<RateLimitInput> = {}): RateLimitInput => ({
  id: 'burst',
  kind: 'rate-limit',
  by: 'ip',
  limit: 3,
  window: 60_000,
  ...fields,
})

const scenario = (limits: fc.Arbitrary<number>) =>
  fc
    .record({ limit: limits, windowMs: fc.integer({ min: 1, max: 5_000 }), cooldownMs: fc.nat({ max: 9_000 }) })
    .chain((figures) => fc.record({ figures: fc.constant(figures), arrivals: arrivals(figures.windowMs) }))

describe('a limit of 32 or less', () => {
  it('answers any sequence of arrivals exactly as a list of every arrival would', () => {
    fc.assert(
      fc.property(
        scenario(fc.integer({ min: 1, max: 32 })),
        fc.nat({ max: 2 ** 40 }),
        ({ figures, arrivals }, startMs) => {
          const store = createMemoryStore({ budgetBytes })
          const plan = earlyPlan([
            rule({ limit: figures.limit, window: figures.windowMs, cooldown: figures.cooldownMs }),
          ])
          const naive = createNaiveLimit(figures)
          let nowMs = startMs
          for (const { gapMs, cost } of arrivals) {
            nowMs += gapMs
            const decision = decide(plan, store, client, cost, nowMs)
            const expected = naive(nowMs, cost)
            expect({
              admitted: decision.outcome === 'allow',
              cooling: decision.reason === 'cooldown',
              remaining: decision.remaining,
              waitMs: decision.outcome === 'allow' ? 0 : (decision.retryAfterMs ?? Infinity),
            }).toEqual(expected)
          }
        },
      ),
    )
  })
})

describe('a limit above 32', () => {
  it('never admits more than the limit in any window, and gives a unit back at most a thirty-first of it late', () => {
    fc.assert(
      fc.property(scenario(fc.integer({ min: 33, max: 50 })), ({ figures, arrivals }) => {
        const store = createMemoryStore({ budgetBytes })
        const { limit, windowMs } = figures
        const plan = earlyPlan([rule({ limit, window: windowMs })])
        const keptMs = windowMs + Math.ceil(windowMs / 31)
        const admittedAtMs: number[] = []
        let nowMs = 0
        for (const { gapMs, cost } of arrivals) {
          nowMs += gapMs
          const mustFit = usedAt(admittedAtMs, nowMs, keptMs) + cost <= limit
          const admitted = decide(plan, store, client, cost, nowMs).outcome === 'allow'
          expect(admitted || !mustFit).toBe(true)
          if (admitted) admittedAtMs.push(...Array.from({ length: cost }, () => nowMs))
        }
        expect(mostInAnyWindow(admittedAtMs, windowMs)).toBeLessThanOrEqual(limit)
      }),
    )
  })

  it('counts a unit until the last of its cell leaves the window, and no longer', () => {
    const windowMs = 31_000
    for (let apartMs = 1; apartMs < 1_000; apartMs += 37) {
      const store = createMemoryStore({ budgetBytes })
      const plan = earlyPlan([rule({ limit: 40, window: windowMs })])
      decide(plan, store, client, 10, 62_000)
      decide(plan, store, client, 30, 62_000 + apartMs)
      expect(decide(plan, store, client, 10, 62_000 + apartMs + windowMs - 1).outcome).toBe('deny')
      expect(decide(plan, store, client, 40, 62_000 + apartMs + windowMs).outcome).toBe('allow')
    }
  })

  it('gives back what was spent in an earlier cell while it still counts what was spent in a later one', () => {
    const store = createMemoryStore({ budgetBytes })
    const plan = earlyPlan([rule({ limit: 40, window: 31_000 })])
    decide(plan, store, client, 10, 62_000)
    decide(plan, store, client, 30, 63_000)
    expect(decide(plan, store, client, 1, 92_999).outcome).toBe('deny')
    expect(decide(plan, store, client, 10, 93_000)).toMatchObject({ outcome: 'allow', remaining: 0 })
  })

  it('admits 100 and not 199 to a client that straddles the boundary of a second', () => {
    const store = createMemoryStore({ budgetBytes })
    const plan = earlyPlan([rule({ limit: 100, window: '1s' })])
    let admitted = 0
    for (let index = 0; index < 400; index += 1) {
      if (decide(plan, store, client, 1, 900 + index * 0.5).outcome === 'allow') admitted += 1
    }
    expect(admitted).toBe(100)
  })

  it('admits the whole limit again one window after a burst spent it at once', () => {
    const store = createMemoryStore({ budgetBytes })
    const plan = earlyPlan([rule({ limit: 1_000_000, window: '1h' })])
    expect(decide(plan, store, client, 1_000_000, 5).outcome).toBe('allow')
    expect(decide(plan, store, client, 1, 3_600_004).outcome).toBe('deny')
    expect(decide(plan, store, client, 1_000_000, 3_600_005).outcome).toBe('allow')
  })
})

describe('Retry-After', () => {
  it('is kept: whoever waits as told, in seconds rounded up or to the millisecond, is admitted', () => {
    fc.assert(
      fc.property(scenario(fc.integer({ min: 1, max: 120 })), fc.boolean(), ({ figures, arrivals }, inSeconds) => {
        const store = createMemoryStore({ budgetBytes })
        const { limit, windowMs, cooldownMs } = figures
        const plan = earlyPlan([
          rule({ limit, window: windowMs, cooldown: cooldownMs }),
          rule({ id: 'volume', limit: limit * 2, window: windowMs * 3 }),
        ])
        let nowMs = 0
        for (const { gapMs, cost } of arrivals) {
          nowMs += gapMs
          const { outcome, retryAfterMs } = decide(plan, store, client, cost, nowMs)
          expect(retryAfterMs === undefined).toBe(outcome === 'allow' || cost > limit)
          if (retryAfterMs === undefined) continue
          nowMs += inSeconds ? Math.ceil(retryAfterMs / 1_000) * 1_000 : retryAfterMs
          expect(decide(plan, store, client, cost, nowMs).outcome).toBe('allow')
        }
      }),
    )
  })

  it('is not announced outside a cooldown by a rule that says so', () => {
    const store = createMemoryStore({ budgetBytes })
    const plan = earlyPlan([rule({ limit: 1, retryAfter: 'cooldown-only' })])
    decide(plan, store, client, 1, 0)
    expect(decide(plan, store, client, 1, 1)).toMatchObject({
      outcome: 'deny',
      retryAfterMs: undefined,
      resetMs: 59_999,
    })
  })

  it('is announced from the first refusal on by such a rule when it has a cooldown', () => {
    const store = createMemoryStore({ budgetBytes })
    const plan = earlyPlan([rule({ limit: 1, cooldown: '5m', retryAfter: 'cooldown-only' })])
    decide(plan, store, client, 1, 0)
    expect(decide(plan, store, client, 1, 1)).toMatchObject({ reason: 'cooldown', retryAfterMs: 300_000 })
  })

  it('is not announced for a request that costs more than the limit can ever hold', () => {
    const store = createMemoryStore({ budgetBytes })
    const plan = earlyPlan([rule({ limit: 3 })])
    expect(decide(plan, store, client, 4, 0)).toMatchObject({ outcome: 'deny', retryAfterMs: undefined, remaining: 3 })
  })
})

describe('a cooldown', () => {
  const contact = [rule({ limit: 3, window: '60s', cooldown: '300s' })]

  it('starts with the fourth contact request in a minute and ends 300 s later', () => {
    const store = createMemoryStore({ budgetBytes })
    const plan = earlyPlan(contact)
    for (let sent = 0; sent < 3; sent += 1) expect(decide(plan, store, client, 1, sent).outcome).toBe('allow')
    expect(decide(plan, store, client, 1, 10)).toMatchObject({
      outcome: 'deny',
      reason: 'cooldown',
      retryAfterMs: 300_000,
    })
    expect(decide(plan, store, client, 1, 300_009)).toMatchObject({ outcome: 'deny', retryAfterMs: 1 })
    expect(decide(plan, store, client, 1, 300_010)).toMatchObject({ outcome: 'allow', remaining: 2 })
  })

  it('is not extended by a client that keeps knocking', () => {
    const store = createMemoryStore({ budgetBytes })
    const plan = earlyPlan(contact)
    for (let sent = 0; sent < 3; sent += 1) decide(plan, store, client, 1, 0)
    for (let knock = 0; knock < 300; knock += 1) {
      expect(decide(plan, store, client, 1, knock * 1_000).retryAfterMs).toBe(300_000 - knock * 1_000)
    }
    expect(decide(plan, store, client, 1, 300_000).outcome).toBe('allow')
  })

  it('refuses one client and not its neighbour', () => {
    const store = createMemoryStore({ budgetBytes })
    const plan = earlyPlan(contact)
    for (let sent = 0; sent < 4; sent += 1) decide(plan, store, client, 1, 0)
    expect(decide(plan, store, from('192.0.2.2'), 1, 0).outcome).toBe('allow')
  })
})

describe('the bounds of figures', () => {
  it('holds a limit for 400 days, to within 64 ms and never early', () => {
    const store = createMemoryStore({ budgetBytes })
    const plan = earlyPlan([rule({ limit: 1, window: '400d' })])
    const windowMs = 400 * 86_400_000
    decide(plan, store, client, 1, 1_000_007)
    expect(decide(plan, store, client, 1, 1_000_006 + windowMs).outcome).toBe('deny')
    expect(decide(plan, store, client, 1, 1_000_007 + windowMs + 64).outcome).toBe('allow')
  })

  it('holds a window of 30 days, which is longer than a timer can wait', () => {
    const store = createMemoryStore({ budgetBytes })
    const plan = earlyPlan([rule({ limit: 2, window: '30d' })])
    decide(plan, store, client, 2, 0)
    for (let day = 0; day < 30; day += 1) expect(decide(plan, store, client, 1, day * 86_400_000).outcome).toBe('deny')
  })

  it('holds a window of one millisecond', () => {
    const store = createMemoryStore({ budgetBytes })
    const plan = earlyPlan([rule({ limit: 1, window: 1 })])
    expect(decide(plan, store, client, 1, 7).outcome).toBe('allow')
    expect(decide(plan, store, client, 1, 7.9).outcome).toBe('deny')
    expect(decide(plan, store, client, 1, 8).outcome).toBe('allow')
  })

  it('counts to 2^31 units without losing one', () => {
    const store = createMemoryStore({ budgetBytes })
    const plan = earlyPlan([rule({ limit: 2 ** 31, window: '1d' })])
    expect(decide(plan, store, client, 2 ** 31 - 1, 0)).toMatchObject({ outcome: 'allow', remaining: 1 })
    expect(decide(plan, store, client, 2, 0)).toMatchObject({ outcome: 'deny', remaining: 1 })
    expect(decide(plan, store, client, 1, 0)).toMatchObject({ outcome: 'allow', remaining: 0 })
    expect(decide(plan, store, client, 2 ** 31, 86_400_000)).toMatchObject({ outcome: 'allow' })
  })

  it('keeps counting across the wrap of 32 bits of milliseconds', () => {
    const store = createMemoryStore({ budgetBytes })
    const plan = earlyPlan([rule({ limit: 2, window: '20d' })])
    const startMs = 2 ** 32 - 1_000
    decide(plan, store, client, 2, startMs)
    expect(decide(plan, store, client, 1, startMs + 20 * 86_400_000 - 1).outcome).toBe('deny')
    expect(decide(plan, store, client, 1, startMs + 20 * 86_400_000).outcome).toBe('allow')
  })
})
