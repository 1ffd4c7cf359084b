import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decide } from '../decide.ts'
import { createGuard } from '../guard.ts'
import { rateLimitHeaders } from '../headers.ts'
import { createMemoryStore } from '../stores/memory.ts'
import { from, latePlan } from '../testing/arrivals.ts'
import { createNaiveLockout } from '../testing/naive-lockout.ts'
import type { LockoutInput } from './lockout.ts'

const budgetBytes = 65_536
const ada = from('192.0.2.1', { account: 'ada' })
const minute = 60_000

const lockout = (fields: Partial<LockoutInput> = {}): LockoutInput => ({
  id: 'insistence',
  kind: 'lockout',
  by: 'account',
  attempts: 5,
  window: '10m',
  lock: '15m',
  ...fields,
})

describe('a lockout', () => {
  it('answers any sequence of attempts and successes exactly as a list of every attempt would', () => {
    const steps = fc.array(
      fc.record({ gapMs: fc.oneof(fc.nat({ max: 400 }), fc.nat({ max: 4_000 })), success: fc.nat({ max: 12 }) }),
      { maxLength: 120, size: 'max' },
    )
    const chosen = fc.record({
      attempts: fc.integer({ min: 1, max: 32 }),
      windowMs: fc.integer({ min: 1, max: 5_000 }),
      lockMs: fc.integer({ min: 1, max: 8_000 }),
    })
    fc.assert(
      fc.property(chosen, steps, (figures, sent) => {
        let nowMs = 0
        const { attempts, windowMs: window, lockMs: lock } = figures
        const guard = createGuard({
          policies: [{ id: 'p', rules: [lockout({ attempts, window, lock })] }],
          store: createMemoryStore({ budgetBytes }),
          nowMs: () => nowMs,
        })
        const naive = createNaiveLockout(figures)
        for (const { gapMs, success } of sent) {
          nowMs += gapMs
          if (success === 0) {
            guard.reportSuccess('p', ada)
            naive.succeed()
          }
          const decision = guard.late('p', ada)
          if (decision instanceof Promise) throw new Error('the store is in the process')
          expect({
            admitted: decision.outcome === 'allow',
            challenged: decision.outcome === 'challenge',
            waitMs: decision.retryAfterMs ?? 0,
          }).toEqual(naive.attempt(nowMs))
        }
      }),
    )
  })

  it('counts what a rate limit beside it refuses, and the rate limit does not count what the lock refuses', () => {
    const store = createMemoryStore({ budgetBytes })
    const limit = { id: 'burst', kind: 'rate-limit', by: 'account', limit: 2, window: '1s' } as const
    const plan = latePlan([limit, lockout({ attempts: 4 })])
    const reasons = Array.from({ length: 5 }, () => decide(plan, store, ada, 1, 0).reason)
    expect(reasons).toEqual([undefined, undefined, 'rate-limit', 'rate-limit', 'rate-limit'])
    expect(decide(plan, store, ada, 1, 5_000)).toMatchObject({ reason: 'lockout', retryAfterMs: 15 * minute - 5_000 })
    // Nothing is left of the burst of a window that refused nothing but by the lock.
    expect(decide(latePlan([limit]), store, ada, 2, 5_000).outcome).toBe('allow')
  })

  it('tells a client how long to wait and no figures', () => {
    const store = createMemoryStore({ budgetBytes })
    const plan = latePlan([lockout({ attempts: 1 })])
    expect(decide(plan, store, ada, 1, 0)).toMatchObject({ outcome: 'allow', counted: false })
    const decision = decide(plan, store, ada, 1, 0)
    expect(decision).toMatchObject({ reason: 'lockout', ruleId: 'insistence', limit: 0, counted: false })
    expect(rateLimitHeaders(decision, 0)).toEqual({ 'retry-after': '900' })
    const silent = latePlan([lockout({ attempts: 1, retryAfter: 'never' })])
    expect(rateLimitHeaders(decide(silent, store, ada, 1, 0), 0)).toEqual({})
  })

  it('is what a refusal names, also before a rate limit that would admit', () => {
    const store = createMemoryStore({ budgetBytes })
    const limit = { id: 'burst', kind: 'rate-limit', by: 'account', limit: 9, window: '1m' } as const
    const plan = latePlan([lockout({ attempts: 1 }), limit])
    decide(plan, store, ada, 1, 0)
    expect(decide(plan, store, ada, 1, 0)).toMatchObject({ ruleId: 'insistence', counted: false, quota: undefined })
  })

  it('is not lengthened by knocking, and counts one for a request whatever it costs', () => {
    const store = createMemoryStore({ budgetBytes })
    const plan = latePlan([lockout({ attempts: 2 })])
    for (let sent = 0; sent < 3; sent += 1) decide(plan, store, ada, 1_000, 0)
    for (let knock = 1; knock < 15; knock += 1) {
      expect(decide(plan, store, ada, 1, knock * minute).retryAfterMs).toBe((15 - knock) * minute)
    }
    expect(decide(plan, store, ada, 1, 15 * minute).outcome).toBe('allow')
  })

  it('holds under a flood of other accounts', () => {
    const store = createMemoryStore({ budgetBytes })
    const plan = latePlan([lockout({ attempts: 2 })])
    for (let sent = 0; sent < 3; sent += 1) decide(plan, store, ada, 1, 0)
    for (let index = 0; index < 50_000; index += 1)
      decide(plan, store, from('192.0.2.1', { account: `x${index}` }), 1, 1)
    expect(decide(plan, store, ada, 1, 2).reason).toBe('lockout')
  })

  it('only reports in shadow', () => {
    const store = createMemoryStore({ budgetBytes })
    const plan = latePlan([lockout({ attempts: 1, mode: 'shadow' })])
    decide(plan, store, ada, 1, 0)
    expect(decide(plan, store, ada, 1, 0)).toMatchObject({ outcome: 'allow', shadowRuleId: 'insistence' })
  })
})
