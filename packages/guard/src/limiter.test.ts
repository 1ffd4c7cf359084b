import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { PolicyError } from './faults.ts'
import { createLimiter, type LimiterOptions } from './limiter.ts'
import type { Store } from './store.ts'
import { createMemoryStore } from './stores/memory.ts'
import { createNaiveBurst } from './testing/naive-gcra.ts'
import { createNaiveLimit, mostInAnyWindow, type NaiveAnswer } from './testing/naive-limit.ts'

const budgetBytes = 65_536

/** A limiter under a clock that is set, and the clock. */
function limiterAt(options: LimiterOptions, store: Store = createMemoryStore({ budgetBytes })) {
  const clock = { ms: 0 }
  return { limiter: createLimiter({ ...options, store, nowMs: () => clock.ms }), clock, store }
}

/** Gaps that crowd the window's edges, few keys, and costs that are mostly 1. */
const arrivals = (windowMs: number) =>
  fc.array(
    fc.record({
      key: fc.constantFrom('192.0.2.1', '192.0.2.2', 'é:ł', 'a'),
      gapMs: fc.oneof(
        { weight: 6, arbitrary: fc.integer({ min: 0, max: Math.ceil(windowMs / 60) }) },
        { weight: 2, arbitrary: fc.constantFrom(0, 1, windowMs - 1, windowMs, windowMs + 1, windowMs * 5) },
      ),
      cost: fc.oneof({ weight: 6, arbitrary: fc.constant(1) }, fc.integer({ min: 1, max: 40 })),
    }),
    { maxLength: 160, size: 'max' },
  )

const scenario = (limits: fc.Arbitrary<number>) =>
  fc
    .record({
      limit: limits,
      windowMs: fc.integer({ min: 1, max: 5_000 }),
      cooldownMs: fc.oneof(fc.constant(0), fc.nat({ max: 9_000 })),
    })
    .chain((figures) => fc.record({ figures: fc.constant(figures), arrivals: arrivals(figures.windowMs) }))

describe('a limiter of 32 units or less', () => {
  it('answers any arrivals of several keys exactly as a list of every arrival of each would', () => {
    fc.assert(
      fc.property(
        scenario(fc.integer({ min: 1, max: 32 })),
        fc.nat({ max: 2 ** 40 }),
        ({ figures, arrivals }, startMs) => {
          const { limit, windowMs: window, cooldownMs: cooldown } = figures
          const { limiter, clock } = limiterAt({ limit, window, cooldown })
          const naive = new Map<string, (nowMs: number, cost: number) => NaiveAnswer>()
          clock.ms = startMs
          for (const { key, gapMs, cost } of arrivals) {
            clock.ms += gapMs
            const model = naive.get(key) ?? createNaiveLimit(figures)
            naive.set(key, model)
            const { admitted, remaining, waitMs } = model(clock.ms, cost)
            expect(limiter.take(key, cost)).toMatchObject({ admitted, remaining, retryAfterMs: waitMs })
          }
        },
      ),
    )
  })
})

describe('a limiter of more than 32 units', () => {
  it('never admits more than its limit of a key in any window', () => {
    fc.assert(
      fc.property(scenario(fc.integer({ min: 33, max: 50 })), ({ figures, arrivals }) => {
        const { limit, windowMs } = figures
        const { limiter, clock } = limiterAt({ limit, window: windowMs })
        const admittedAtMs = new Map<string, number[]>()
        for (const { key, gapMs, cost } of arrivals) {
          clock.ms += gapMs
          const before = admittedAtMs.get(key) ?? []
          const after = limiter.take(key, cost).admitted ? before.concat(Array(cost).fill(clock.ms)) : before
          admittedAtMs.set(key, after)
        }
        for (const times of admittedAtMs.values()) expect(mostInAnyWindow(times, windowMs)).toBeLessThanOrEqual(limit)
      }),
    )
  })

  it('keeps a count that only 32 bits hold', () => {
    const { limiter } = limiterAt({ limit: 2 ** 31, window: '1h' })
    expect(limiter.take('a', 2 ** 31)).toMatchObject({ admitted: true, remaining: 0 })
    expect(limiter.take('a').admitted).toBe(false)
  })
})

describe('a limiter of a rate with a burst', () => {
  it('answers as one theoretical arrival time would', () => {
    const { limiter, clock } = limiterAt({ rate: 7, burst: 2, window: 5_000 })
    const naive = createNaiveBurst({ burst: 2, intervalUs: 1_000_000n })
    for (const gapMs of [0, 0, 0, 500, 500, 1, 999, 3_000, 0, 0, 0]) {
      clock.ms += gapMs
      const { admitted, remaining, waitMs } = naive(clock.ms, 1)
      expect(limiter.take('a')).toMatchObject({ admitted, remaining, retryAfterMs: waitMs })
    }
  })
})

describe('a limiter', () => {
  it('keeps its keys apart whether it has just seen them or not, while the table grows under them', () => {
    const store = createMemoryStore({ budgetBytes: 4_194_304 })
    const { limiter, clock } = limiterAt({ limit: 3, window: '1h' }, store)
    const keys = Array.from({ length: 20_000 }, (_, index) => `10.0.${index >>> 8}.${index & 255}`)
    const forgotten = new Set<string>()
    for (let round = 1; round <= 3; round += 1) {
      clock.ms += 1_000
      for (const key of keys) {
        const { remaining } = limiter.take(key)
        expect(remaining).toBeGreaterThanOrEqual(3 - round)
        if (remaining > 3 - round) forgotten.add(key)
      }
    }
    for (const key of keys) expect(limiter.take(key).admitted).toBe(forgotten.has(key))
    // Two lines may fill up before more come into use.
    const { evictions } = store.stats()
    expect(evictions).toBeLessThan(10)
    expect(forgotten.size).toBeLessThanOrEqual(evictions)
  })

  it('admits whoever waits as long as it was told', () => {
    const { limiter, clock } = limiterAt({ limit: 2, window: '1m', cooldown: '5m' })
    const waits = [0, 10, 20].map((ms) => {
      clock.ms = ms
      return limiter.take('a').retryAfterMs
    })
    expect(waits).toEqual([0, 0, 300_000])
    clock.ms = 300_019
    expect(limiter.take('a').retryAfterMs).toBe(1)
    clock.ms = 300_020
    expect(limiter.take('a')).toMatchObject({ admitted: true, remaining: 1, retryAfterMs: 0 })
  })

  it('never admits a call that costs more than its limit, and says so', () => {
    const { limiter } = limiterAt({ limit: 3, window: '1m' })
    expect(limiter.take('a', 4)).toMatchObject({ admitted: false, remaining: 3, retryAfterMs: Infinity })
  })

  it('spends its own cost where a call does not say', () => {
    const { limiter } = limiterAt({ limit: 10, window: '1m', cost: 4 })
    expect([limiter.take('a').remaining, limiter.take('a', 1).remaining]).toEqual([6, 5])
  })

  it('forgets a key that it is told to, and no other', () => {
    const { limiter } = limiterAt({ limit: 1, window: '1m', cooldown: '5m' })
    for (const key of ['a', 'a', 'b', 'b']) limiter.take(key)
    limiter.forget('a')
    expect([limiter.take('a').admitted, limiter.take('b').admitted]).toEqual([true, false])
  })

  it('shares its counters with one of its name over one store, and with no other', () => {
    const { limiter, store } = limiterAt({ limit: 1, window: '1m' })
    const same = limiterAt({ limit: 1, window: '1m' }, store).limiter
    const other = limiterAt({ limit: 1, window: '1m', name: 'other' }, store).limiter
    expect([limiter.take('a').admitted, same.take('a').admitted, other.take('a').admitted]).toEqual([true, false, true])
  })

  it('refuses a client whose cooldown a flood of other keys presses on', () => {
    const { limiter, clock, store } = limiterAt({ limit: 1, window: '1m', cooldown: '1h' })
    for (let sent = 0; sent < 2; sent += 1) limiter.take('203.0.113.7')
    for (let index = 0; index < 100_000; index += 1) limiter.take(`flood-${index}`)
    clock.ms = 3_599_999
    expect(limiter.take('203.0.113.7').admitted).toBe(false)
    expect(store.stats().bytes).toBeLessThanOrEqual(budgetBytes)
  })

  it('takes up the time of the next turn by itself', async () => {
    const limiter = createLimiter({ limit: 1, window: 1 })
    await vi.waitUntil(() => limiter.take('a').admitted)
    await vi.waitUntil(() => limiter.take('a').admitted)
  })

  it.each([0, -1, 1.5, 2 ** 31 + 1, Number.NaN])('refuses a cost of %s', (cost) => {
    const { limiter } = limiterAt({ limit: 3, window: '1m' })
    expect(() => limiter.take('a', cost)).toThrow(RangeError)
    expect(() => limiterAt({ limit: 3, window: '1m', cost })).toThrow(RangeError)
  })

  it('refuses figures that cannot be kept and a store that is not in memory', () => {
    expect(() => createLimiter({ limit: 0, window: '1m' })).toThrow(PolicyError)
    expect(() => createLimiter({ limit: 1, window: '401d' })).toThrow(PolicyError)
    expect(() => createLimiter({ limit: 1, window: '1m', store: {} as Store })).toThrow(RangeError)
  })
})
