import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decide } from '../decide.ts'
import type { Decision } from '../decision.ts'
import type { GuardEvent } from '../events.ts'
import { PolicyError } from '../faults.ts'
import { createGuard } from '../guard.ts'
import { definePolicy } from '../policy.ts'
import { createMemoryStore } from '../stores/memory.ts'
import { from, latePlan } from '../testing/arrivals.ts'
import { createNaiveLadder, type NaiveStep } from '../testing/naive-lockout.ts'
import type { EscalationInput, StepInput } from './escalation.ts'

const budgetBytes = 65_536
const minute = 60_000
const ada = from('192.0.2.1', { account: 'ada' })
const solver = from('192.0.2.1', { account: 'ada', evidence: { solved: true } })

const ladder = (fields: Partial<EscalationInput> = {}): EscalationInput => ({
  id: 'ladder',
  kind: 'escalation',
  by: 'account',
  window: '1h',
  steps: [
    { after: 3, do: 'challenge' },
    { after: 5, do: 'delay', for: '1s', growth: 2 },
    { after: 10, do: 'lock', for: '15m', growth: 2, cap: '24h' },
    { after: 12, do: 'alert' },
  ],
  ...fields,
})

function faultsOf(steps: unknown, fields: object = {}): readonly string[] {
  try {
    definePolicy({ id: 'p', rules: [ladder({ steps: steps as StepInput[], ...fields })] })
  } catch (error) {
    if (error instanceof PolicyError) return error.faults.map(({ path }) => path)
    throw error
  }
  return []
}

const naiveSteps: fc.Arbitrary<NaiveStep[]> = fc
  .uniqueArray(
    fc.record({
      after: fc.integer({ min: 1, max: 12 }),
      do: fc.constantFrom<NaiveStep['do'][]>('challenge', 'delay', 'lock'),
      forMs: fc.integer({ min: 1, max: 2_000 }),
      growth: fc.constantFrom(1, 1.5, 2, 3),
      capMs: fc.integer({ min: 2_000, max: 30_000 }),
    }),
    { selector: ({ after }) => after, minLength: 1, maxLength: 5 },
  )
  .map((steps) => steps.toSorted((a, b) => a.after - b.after))

const asInput = ({ after, do: act, forMs, growth, capMs }: NaiveStep): StepInput =>
  act === 'challenge' ? { after, do: act } : { after, do: act, for: forMs, growth, cap: capMs }

const answerOf = (decision: Decision | Promise<Decision>) => {
  if (decision instanceof Promise) throw new Error('the store is in the process')
  const { outcome, retryAfterMs } = decision
  return { admitted: outcome === 'allow', challenged: outcome === 'challenge', waitMs: retryAfterMs ?? 0 }
}

describe('a ladder', () => {
  it('answers any sequence of attempts, solved or not, and successes as one that looks its steps up anew', () => {
    const sent = fc.array(
      fc.record({
        gapMs: fc.oneof(fc.constant(0), fc.nat({ max: 600 }), fc.nat({ max: 40_000 })),
        solved: fc.boolean(),
        success: fc.nat({ max: 15 }),
      }),
      { maxLength: 120, size: 'max' },
    )
    fc.assert(
      fc.property(naiveSteps, fc.integer({ min: 1, max: 20_000 }), sent, (steps, windowMs, attempts) => {
        let nowMs = 5
        const guard = createGuard({
          policies: [{ id: 'p', rules: [ladder({ window: windowMs, steps: steps.map(asInput) })] }],
          store: createMemoryStore({ budgetBytes }),
          nowMs: () => nowMs,
        })
        const naive = createNaiveLadder({ windowMs, steps })
        for (const { gapMs, solved, success } of attempts) {
          nowMs += gapMs
          if (success === 0) {
            guard.reportSuccess('p', ada)
            naive.succeed()
          }
          expect(answerOf(guard.late('p', solved ? solver : ada))).toEqual(naive.attempt(nowMs, solved))
        }
      }),
    )
  })

  it('challenges, delays and locks at its steps, longer each time, and says which', () => {
    const store = createMemoryStore({ budgetBytes })
    const plan = latePlan([ladder()])
    let nowMs = 0
    const seen: (string | number | undefined)[] = []
    for (let sent = 0; sent < 3; sent += 1) decide(plan, store, ada, 1, nowMs)
    expect(decide(plan, store, ada, 1, nowMs)).toMatchObject({ outcome: 'challenge', reason: 'escalation' })
    for (let counted = 3; counted < 13; counted += 1) {
      expect(decide(plan, store, solver, 1, nowMs).outcome).toBe('allow')
      const { reason, retryAfterMs = 0 } = decide(plan, store, ada, 1, nowMs)
      seen.push(reason, retryAfterMs)
      nowMs += retryAfterMs
    }
    const waits = [1, 2, 4, 8, 16].flatMap((seconds) => ['delay', seconds * 1_000])
    const locks = [15, 30, 60, 120].flatMap((minutes) => ['lock', minutes * minute])
    expect(seen).toEqual(['escalation', 0, ...waits, ...locks])
  })

  it('locks no longer than its cap', () => {
    const store = createMemoryStore({ budgetBytes })
    const plan = latePlan([ladder({ steps: [{ after: 1, do: 'lock', for: '15m', growth: 4, cap: '2h' }] })])
    let nowMs = 0
    const waits = Array.from({ length: 6 }, () => {
      decide(plan, store, ada, 1, nowMs)
      const { retryAfterMs = 0 } = decide(plan, store, ada, 1, nowMs)
      nowMs += retryAfterMs
      return retryAfterMs / minute
    })
    expect(waits).toEqual([15, 60, 120, 120, 120, 120])
  })

  it('cannot be used by those who solve nothing to lock somebody else out', () => {
    const store = createMemoryStore({ budgetBytes })
    const plan = latePlan([ladder()])
    for (let sent = 0; sent < 1_000; sent += 1) decide(plan, store, ada, 1, sent)
    expect(decide(plan, store, solver, 1, 1_000).outcome).toBe('allow')
  })

  it('counts an attempt that another rule refuses, and lets that rule charge nothing when it refuses itself', () => {
    const store = createMemoryStore({ budgetBytes })
    const limit = { id: 'burst', kind: 'rate-limit', by: 'account', limit: 1, window: '1h' } as const
    const plan = latePlan([limit, ladder()])
    expect(Array.from({ length: 5 }, () => decide(plan, store, ada, 1, 0).reason)).toEqual([
      undefined,
      ...Array.from({ length: 4 }, () => 'rate-limit'),
    ])
    expect(decide(latePlan([ladder()]), store, ada, 1, 0).outcome).toBe('challenge')
    const wide = { ...limit, id: 'wide' }
    decide(latePlan([wide, ladder()]), store, ada, 1, 0)
    expect(decide(latePlan([wide]), store, ada, 1, 0).outcome).toBe('allow')
  })

  it('alerts once in a climb, whatever comes at once', () => {
    const events: GuardEvent[] = []
    let nowMs = 0
    const guard = createGuard({
      policies: [
        {
          id: 'login',
          rules: [
            ladder({
              steps: [
                { after: 3, do: 'alert' },
                { after: 4, do: 'delay', for: '1s' },
              ],
            }),
          ],
        },
      ],
      store: createMemoryStore({ budgetBytes }),
      nowMs: () => nowMs,
      onEvent: (event) => events.push(event),
    })
    for (let sent = 0; sent < 400; sent += 1) {
      guard.late('login', ada)
      nowMs += 100
    }
    expect(events.filter(({ type }) => type === 'alert')).toHaveLength(1)
    guard.reportSuccess('login', ada)
    for (let sent = 0; sent < 3; sent += 1) guard.late('login', ada)
    expect(events.filter(({ type }) => type === 'alert')).toHaveLength(2)
    expect(events.find(({ type }) => type === 'alert')).toMatchObject({
      policyId: 'login',
      ruleId: 'ladder',
      counters: [{ ruleId: 'ladder', before: 2, after: 3, fits: true }],
    })
  })

  it('tells of each lock, with its length, and of nothing that a lock refuses', () => {
    const events: GuardEvent[] = []
    let nowMs = 0
    const steps: StepInput[] = [
      { after: 1, do: 'delay', for: '1s' },
      { after: 2, do: 'lock', for: '1m', growth: 2, cap: '4m' },
      { after: 3, do: 'alert' },
    ]
    const guard = createGuard({
      policies: [
        { id: 'live', rules: [ladder({ steps })] },
        { id: 'shadow', mode: 'shadow', rules: [ladder({ steps })] },
      ],
      store: createMemoryStore({ budgetBytes }),
      nowMs: () => nowMs,
      onEvent: (event) => events.push(event),
    })
    for (let sent = 0; sent < 4 * 60; sent += 1) {
      for (const id of ['live', 'shadow']) guard.late(id, ada)
      nowMs += 1_000
    }
    const of = (type: GuardEvent['type']) =>
      events.flatMap((each) => (each.type === type ? [[each.policyId, each.counters[0]?.after, each.lockMs]] : []))
    expect(of('locked')).toEqual([
      ['live', 2, minute],
      ['live', 3, 2 * minute],
      ['live', 4, 4 * minute],
    ])
    expect(of('alert')).toEqual([
      ['live', 3, 2 * minute],
      ['shadow', 3, undefined],
    ])
    expect(new Set(of('refused').map(([, , lockMs]) => lockMs))).toEqual(new Set([undefined]))
  })

  it('is not forgiven by a success where it says so', () => {
    const guard = createGuard({
      policies: [{ id: 'login', rules: [ladder({ forgive: { onSuccess: 'none' } })] }],
      store: createMemoryStore({ budgetBytes }),
      nowMs: () => 0,
    })
    for (let sent = 0; sent < 3; sent += 1) guard.late('login', ada)
    guard.reportSuccess('login', ada)
    expect(guard.late('login', ada)).toMatchObject({ outcome: 'challenge' })
  })

  it('keeps its locks under a flood of other accounts', () => {
    const store = createMemoryStore({ budgetBytes })
    const plan = latePlan([ladder({ steps: [{ after: 2, do: 'lock', for: '15m' }] })])
    for (let sent = 0; sent < 3; sent += 1) decide(plan, store, ada, 1, 0)
    for (let index = 0; index < 50_000; index += 1)
      decide(plan, store, from('192.0.2.1', { account: `x${index}` }), 1, 1)
    expect(decide(plan, store, ada, 1, 2)).toMatchObject({ reason: 'lock', retryAfterMs: 15 * minute - 2 })
  })

  it('keeps its locks when accounts that have climbed higher take its place', () => {
    const store = createMemoryStore({ budgetBytes })
    const plan = latePlan([ladder({ steps: [{ after: 2, do: 'lock', for: '15m' }] })])
    const other = latePlan([ladder({ steps: [{ after: 9, do: 'alert' }] })], { id: 'other' })
    for (let sent = 0; sent < 3; sent += 1) decide(plan, store, ada, 1, 0)
    for (let index = 0; index < 50_000; index += 1) {
      const climber = from('192.0.2.1', { account: `x${index}` })
      for (let sent = 0; sent < 3; sent += 1) decide(other, store, climber, 1, 1)
    }
    expect(store.stats().evictions).toBeGreaterThan(40_000)
    expect(decide(plan, store, ada, 1, 2)).toMatchObject({ outcome: 'deny', retryAfterMs: 15 * minute - 2 })
    expect(decide(plan, store, ada, 1, 15 * minute).outcome).toBe('allow')
  })

  it('only reports in shadow, its challenges too', () => {
    const store = createMemoryStore({ budgetBytes })
    const plan = latePlan([ladder({ mode: 'shadow' })])
    for (let sent = 0; sent < 3; sent += 1) decide(plan, store, ada, 1, 0)
    expect(decide(plan, store, ada, 1, 0)).toMatchObject({ outcome: 'allow', shadow: true, shadowRuleId: 'ladder' })
  })
})

describe('the steps of a ladder', () => {
  it('are refused when one is misspelt, misplaced or means nothing', () => {
    expect(faultsOf([])).toEqual(['p.rules.ladder.steps'])
    expect(faultsOf('challenge')).toEqual(['p.rules.ladder.steps'])
    expect(faultsOf(Array.from({ length: 17 }, (_, index) => ({ after: index + 1, do: 'challenge' })))).toHaveLength(1)
    expect(faultsOf([{ after: 3, do: 'chalenge' }])).toEqual(['p.rules.ladder.steps[0].do'])
    expect(faultsOf([{ after: 3, do: 'challenge', for: '2s' }])).toEqual(['p.rules.ladder.steps[0].for'])
    expect(faultsOf([{ after: 3, do: 'lock' }])).toEqual(['p.rules.ladder.steps[0].for'])
    expect(faultsOf([{ after: 0, do: 'alert' }])).toEqual(['p.rules.ladder.steps[0].after'])
    expect(faultsOf([7])).toEqual(['p.rules.ladder.steps[0]'])
    const backwards = [
      { after: 5, do: 'challenge' },
      { after: 3, do: 'alert' },
    ]
    expect(faultsOf(backwards)).toEqual(['p.rules.ladder.steps[1].after'])
    const twoWaits = [
      { after: 5, do: 'delay', for: '1s' },
      { after: 5, do: 'lock', for: '1m' },
    ]
    expect(faultsOf(twoWaits)).toEqual(['p.rules.ladder.steps[1].after'])
  })

  it('are refused when a wait grows past counting or is capped below itself', () => {
    expect(faultsOf([{ after: 1, do: 'lock', for: '1s', growth: 1.01 }])).toEqual(['p.rules.ladder.steps[0].growth'])
    expect(faultsOf([{ after: 1, do: 'lock', for: '1s', growth: 0.5 }])).toEqual(['p.rules.ladder.steps[0].growth'])
    expect(faultsOf([{ after: 1, do: 'lock', for: '1h', cap: '1m' }])).toEqual(['p.rules.ladder.steps[0].cap'])
    expect(faultsOf([{ after: 1, do: 'lock', for: '1s', growth: 2 }])).toEqual([])
    expect(faultsOf([{ after: 1, do: 'lock', for: '400d', growth: 2 }])).toEqual([])
  })

  it('take a forgiveness that is one', () => {
    const steps = [{ after: 1, do: 'challenge' }]
    expect(faultsOf(steps, { forgive: {} })).toEqual([])
    expect(faultsOf(steps, { forgive: { onSuccess: 'halve' } })).toEqual(['p.rules.ladder.forgive.onSuccess'])
    expect(faultsOf(steps, { forgive: 'clear' })).toEqual(['p.rules.ladder.forgive'])
  })
})
