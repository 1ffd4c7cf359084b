import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decide } from '../decide.ts'
import { PolicyError } from '../faults.ts'
import { rateLimitHeaders } from '../headers.ts'
import { definePolicy } from '../policy.ts'
import { createMemoryStore } from '../stores/memory.ts'
import { earlyPlan, from } from '../testing/arrivals.ts'
import { createNaiveBurst } from '../testing/naive-gcra.ts'
import { mostInAnyWindow } from '../testing/naive-limit.ts'

const budgetBytes = 65_536
const client = from('192.0.2.1')
const DAY_MS = 86_400_000

const burstRule = (rate: number, burst: number, window: number | string, fields: object = {}) =>
  earlyPlan([{ id: 'burst', kind: 'rate-limit', by: 'ip', rate, burst, window, ...fields }])

function faultsOf(fields: object): readonly string[] {
  try {
    definePolicy({ id: 'p', rules: [{ id: 'r', kind: 'rate-limit', by: 'ip', window: '1m', ...fields } as never] })
  } catch (error) {
    if (error instanceof PolicyError) return error.faults.map(({ path, message }) => `${path}: ${message}`)
    throw error
  }
  return []
}

/** Figures that can be kept: at most a unit a millisecond. */
const figures = fc
  .record({ windowMs: fc.integer({ min: 2, max: 100_000 }), burst: fc.integer({ min: 1, max: 60 }) })
  .chain(({ windowMs, burst }) =>
    fc.record({
      windowMs: fc.constant(windowMs),
      burst: fc.constant(burst),
      rate: fc.integer({ min: 1, max: Math.min(120, windowMs) }).map((earned) => burst + earned),
    }),
  )

const arrivals = (windowMs: number) =>
  fc.array(
    fc.record({
      gapMs: fc.oneof(
        { weight: 6, arbitrary: fc.integer({ min: 0, max: Math.ceil(windowMs / 60) }) },
        { weight: 2, arbitrary: fc.integer({ min: 0, max: windowMs }) },
        { weight: 1, arbitrary: fc.constantFrom(0, windowMs - 1, windowMs * 3) },
      ),
      cost: fc.oneof({ weight: 4, arbitrary: fc.constant(1) }, fc.integer({ min: 1, max: 70 })),
    }),
    { maxLength: 150, size: 'max' },
  )

const scenario = figures.chain((chosen) =>
  fc.record({ chosen: fc.constant(chosen), sent: arrivals(chosen.windowMs), startMs: fc.nat({ max: 2 ** 41 }) }),
)

describe('a rate with a burst', () => {
  it('answers any sequence of arrivals exactly as a bucket of exact fractions would', () => {
    fc.assert(
      fc.property(scenario, ({ chosen, sent, startMs }) => {
        const { rate, burst, windowMs } = chosen
        const plan = burstRule(rate, burst, windowMs)
        const store = createMemoryStore({ budgetBytes })
        const earned = BigInt(rate - burst)
        const naive = createNaiveBurst({ burst, intervalUs: (BigInt(windowMs) * 1_000n + earned - 1n) / earned })
        let nowMs = startMs
        for (const { gapMs, cost } of sent) {
          nowMs += gapMs
          const { outcome, remaining, retryAfterMs } = decide(plan, store, client, cost, nowMs)
          expect({
            admitted: outcome === 'allow',
            remaining,
            waitMs: outcome === 'allow' ? 0 : (retryAfterMs ?? Infinity),
          }).toEqual(naive(nowMs, cost))
        }
      }),
    )
  })

  it('admits at most the rate in any window, the burst included, whatever arrives when', () => {
    fc.assert(
      fc.property(scenario, ({ chosen, sent }) => {
        const { rate, burst, windowMs } = chosen
        const plan = burstRule(rate, burst, windowMs)
        const store = createMemoryStore({ budgetBytes })
        const admittedAtMs: number[] = []
        let nowMs = 0
        for (const { gapMs, cost } of sent) {
          nowMs += gapMs
          if (decide(plan, store, client, cost, nowMs).outcome !== 'allow') continue
          admittedAtMs.push(...Array.from({ length: cost }, () => nowMs))
        }
        expect(mostInAnyWindow(admittedAtMs, windowMs)).toBeLessThanOrEqual(rate)
      }),
    )
  })

  it('admits whoever waits as told, in milliseconds or in seconds rounded up', () => {
    fc.assert(
      fc.property(scenario, fc.boolean(), ({ chosen, sent }, inSeconds) => {
        const plan = burstRule(chosen.rate, chosen.burst, chosen.windowMs)
        const store = createMemoryStore({ budgetBytes })
        let nowMs = 0
        for (const { gapMs, cost } of sent) {
          nowMs += gapMs
          const { outcome, retryAfterMs } = decide(plan, store, client, cost, nowMs)
          expect(retryAfterMs === undefined).toBe(outcome === 'allow' || cost > chosen.burst)
          if (retryAfterMs === undefined) continue
          expect(retryAfterMs).toBeGreaterThan(0)
          nowMs += inSeconds ? Math.ceil(retryAfterMs / 1_000) * 1_000 : retryAfterMs
          expect(decide(plan, store, client, cost, nowMs).outcome).toBe('allow')
        }
      }),
    )
  })

  it('still limits at a million units a second, where an interval is a clock tick', () => {
    const plan = burstRule(1_000_010, 10, '1s')
    const store = createMemoryStore({ budgetBytes })
    let admitted = 0
    for (let sent = 0; sent < 5_000; sent += 1) {
      if (decide(plan, store, client, 1, 7 + Math.floor(sent / 1_000)).outcome === 'allow') admitted += 1
    }
    expect(admitted).toBe(50)
  })

  it('holds for 400 days', () => {
    const plan = burstRule(2, 1, '400d')
    const store = createMemoryStore({ budgetBytes })
    decide(plan, store, client, 1, 1_234)
    expect(decide(plan, store, client, 1, 1_233 + 400 * DAY_MS).outcome).toBe('deny')
    expect(decide(plan, store, client, 1, 1_234 + 400 * DAY_MS).outcome).toBe('allow')
  })

  it('prints what was asked for, and the burst that is left', () => {
    const store = createMemoryStore({ budgetBytes })
    const headers = rateLimitHeaders(decide(burstRule(100, 20, '1m'), store, client, 1, 0), 0)
    expect(headers).toMatchObject({
      'x-ratelimit-limit': '100',
      'x-ratelimit-remaining': '19',
      ratelimit: '"test/burst";r=19;t=1',
      'ratelimit-policy': '"test/burst";q=100;w=60',
    })
  })

  it('cools down like any other limit', () => {
    const plan = burstRule(65, 5, '1h', { cooldown: '2h' })
    const store = createMemoryStore({ budgetBytes })
    decide(plan, store, client, 5, 0)
    expect(decide(plan, store, client, 1, 0)).toMatchObject({ reason: 'cooldown', retryAfterMs: 7_200_000 })
    expect(decide(plan, store, client, 1, 7_199_999).retryAfterMs).toBe(1)
    expect(decide(plan, store, client, 5, 7_200_000).outcome).toBe('allow')
  })

  it('that the policy makes smaller does not lock anyone out for longer than its own burst takes', () => {
    const store = createMemoryStore({ budgetBytes })
    decide(burstRule(1_001, 1_000, '1m'), store, client, 1_000, 0)
    expect(decide(burstRule(2, 1, '1s'), store, client, 1, 0)).toMatchObject({ outcome: 'deny', retryAfterMs: 1_000 })
  })

  it('does not forget under a flood who has spent the burst', () => {
    const store = createMemoryStore({ budgetBytes })
    const plan = burstRule(65, 5, '1h')
    decide(plan, store, client, 5, 0)
    expect(decide(plan, store, client, 1, 0).outcome).toBe('deny')
    for (let index = 0; index < 20_000; index += 1) {
      decide(plan, store, { ip: { text: '192.0.2.1', key: `flood-${index}`, family: 4 } }, 1, 1)
    }
    expect(decide(plan, store, client, 1, 2).outcome).toBe('deny')
  })
})

describe('a rate and a burst that cannot be kept', () => {
  it('are refused: a burst that is not a part of the rate', () => {
    expect(faultsOf({ rate: 10, burst: 10 })[0]).toContain('p.rules.r.burst: must be less than the rate')
    expect(faultsOf({ rate: 10, burst: 11 })).toHaveLength(1)
    expect(faultsOf({ rate: 1, burst: 1 })[0]).toContain('p.rules.r.rate')
  })

  it('are refused: an interval that the clock cannot tell, rather than rounded', () => {
    expect(faultsOf({ rate: 3_000_001, burst: 1, window: '1s' })[0]).toContain('whole number of microseconds')
    expect(faultsOf({ rate: 2_000_001, burst: 1, window: '1s' })).toHaveLength(1)
    expect(faultsOf({ rate: 1_000_001, burst: 1, window: '1s' })).toEqual([])
    expect(faultsOf({ rate: 7_001, burst: 1, window: '1s' })).toHaveLength(1)
    expect(faultsOf({ rate: 701, burst: 1, window: '1s' })).toEqual([])
  })

  it('are refused: a burst that takes more than 400 days to earn back', () => {
    expect(faultsOf({ rate: 100, burst: 99, window: '10d' })[0]).toContain('longer than 400 days')
    expect(faultsOf({ rate: 41, burst: 40, window: '10d' })).toEqual([])
  })

  it('are refused: half of one form and half of the other', () => {
    expect(faultsOf({ limit: 5, rate: 10, burst: 5 })).toHaveLength(1)
    expect(faultsOf({ rate: 10 })[0]).toContain('p.rules.r.burst: is required')
    expect(faultsOf({ burst: 10 })[0]).toContain('p.rules.r.rate: is required')
  })
})
