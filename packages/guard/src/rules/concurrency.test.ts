import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decide } from '../decide.ts'
import { PolicyError } from '../faults.ts'
import { rateLimitHeaders } from '../headers.ts'
import type { Lease } from '../lease.ts'
import { definePolicy } from '../policy.ts'
import { createMemoryStore } from '../stores/memory.ts'
import { earlyPlan, from } from '../testing/arrivals.ts'
import type { ConcurrencyInput } from './concurrency.ts'

const budgetBytes = 262_144
const client = from('192.0.2.1')

const slots = (fields: Partial<ConcurrencyInput> = {}): ConcurrencyInput => ({
  id: 'parallel',
  kind: 'concurrency',
  by: 'ip',
  slots: 2,
  lease: '30s',
  ...fields,
})

describe('slots', () => {
  it('are held by exactly those that a list of holders says, through any starts, ends and deaths', () => {
    const steps = fc.array(
      fc.oneof(
        { weight: 3, arbitrary: fc.record({ act: fc.constant('start'), gapMs: fc.nat({ max: 300 }) }) },
        { weight: 2, arbitrary: fc.record({ act: fc.constant('end'), gapMs: fc.nat({ max: 300 }) }) },
      ),
      { maxLength: 100, size: 'max' },
    )
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 1_000 }), steps, (most, leaseMs, sent) => {
        const store = createMemoryStore({ budgetBytes })
        const plan = earlyPlan([slots({ slots: most, lease: leaseMs })])
        const holders: { lease: Lease; expiresMs: number }[] = []
        const start = (nowMs: number): void => {
          const live = holders.filter(({ expiresMs }) => expiresMs > nowMs)
          const { outcome, lease } = decide(plan, store, client, 1, nowMs)
          expect(outcome).toBe(live.length < most ? 'allow' : 'deny')
          if (lease !== undefined) holders.push({ lease, expiresMs: nowMs + leaseMs })
        }
        let nowMs = 0
        for (const { act, gapMs } of sent) {
          nowMs += gapMs
          if (act === 'start') start(nowMs)
          // One whose lease has run out ends too, and must take no one's slot with it.
          else holders.shift()?.lease.release(nowMs)
        }
      }),
    )
  })

  it('are given back once, however often and from wherever a request ends', () => {
    const store = createMemoryStore({ budgetBytes })
    const plan = earlyPlan([slots({ slots: 1 })])
    const { lease: first } = decide(plan, store, client, 1, 0)
    first?.release(1)
    const { lease: second } = decide(plan, store, client, 1, 2)
    for (let times = 0; times < 5; times += 1) first?.release(3)
    expect(decide(plan, store, client, 1, 4).outcome).toBe('deny')
    second?.release(5)
    expect(decide(plan, store, client, 1, 6).outcome).toBe('allow')
  })

  it('are refused without a wait and without figures, since when one frees is not known', () => {
    const store = createMemoryStore({ budgetBytes })
    const plan = earlyPlan([slots({ slots: 1 })])
    decide(plan, store, client, 1, 0)
    const decision = decide(plan, store, client, 1, 1)
    expect(decision).toMatchObject({ reason: 'concurrency', ruleId: 'parallel', lease: undefined, counted: false })
    expect(rateLimitHeaders(decision, 0)).toEqual({})
  })

  it('are one for a request whatever it costs', () => {
    const store = createMemoryStore({ budgetBytes })
    const plan = earlyPlan([slots({ slots: 2 })])
    expect(decide(plan, store, client, 1_000, 0).outcome).toBe('allow')
    expect(decide(plan, store, client, 1_000, 0).outcome).toBe('allow')
  })

  it('are not taken by a request that a rate limit beside them refuses', () => {
    const store = createMemoryStore({ budgetBytes })
    const plan = earlyPlan([slots({ slots: 2 }), { id: 'burst', kind: 'rate-limit', by: 'ip', limit: 1, window: '1h' }])
    decide(plan, store, client, 1, 0)
    for (let sent = 0; sent < 5; sent += 1) expect(decide(plan, store, client, 1, 0).lease).toBeUndefined()
    expect(decide(earlyPlan([slots({ slots: 2 })]), store, client, 1, 0).outcome).toBe('allow')
  })

  it('are counted in shadow, and given back there too', () => {
    const store = createMemoryStore({ budgetBytes })
    const plan = earlyPlan([slots({ slots: 1, mode: 'shadow' })])
    const { lease } = decide(plan, store, client, 1, 0)
    expect(decide(plan, store, client, 1, 0)).toMatchObject({ outcome: 'allow', shadow: true })
    lease?.release(0)
    expect(decide(plan, store, client, 1, 0)).toMatchObject({ shadow: false })
  })

  it('never exceed what the memory of the store allows, and refuse beyond it', () => {
    const store = createMemoryStore({ budgetBytes })
    const plan = earlyPlan([slots({ slots: 1, lease: '1s' })])
    let admitted = 0
    const send = (nowMs: number): void => {
      for (let index = 0; index < 1_000; index += 1) {
        const ip = { text: '192.0.2.1', key: `k${index}`, family: 4 } as const
        if (decide(plan, store, { ip }, 1, nowMs).outcome === 'allow') admitted += 1
      }
    }
    send(0)
    const room = admitted
    expect(room).toBeLessThan(100)
    // Those who never let go lose their slots with their leases.
    send(1_000)
    expect(admitted).toBe(room * 2)
  })

  it.each([{ slots: 0 }, { slots: 10_001 }, { slots: 1.5 }, { lease: 0 }, { lease: '401d' }])(
    'are refused: %j',
    (fields) => {
      expect(() => definePolicy({ id: 'p', rules: [slots(fields)] })).toThrow(PolicyError)
    },
  )
})
