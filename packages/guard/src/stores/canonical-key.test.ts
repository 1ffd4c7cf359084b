import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Counter } from '../store.ts'
import { latePlan } from '../testing/arrivals.ts'
import { canonicalKey } from './canonical-key.ts'

const [step] = latePlan([{ id: 'r', kind: 'rate-limit', by: 'account', limit: 1, window: '1h' }]).counts
const counterWith = (fields: Partial<Counter>): Counter => ({ ...step?.counter, ...fields }) as Counter

describe('the canonical key of a counter', () => {
  it('is another for every other list of names and values, however they are cut', () => {
    const text = fc.stringMatching(/^[a1:]{0,3}$/)
    const parts = fc.record({ policyId: text, ruleId: text, values: fc.array(text, { minLength: 1, maxLength: 3 }) })
    fc.assert(
      fc.property(parts, parts, (one, other) => {
        const [first, second] = [one, other].map(({ values, ...names }) => canonicalKey(counterWith(names), values))
        expect(first === second).toBe(JSON.stringify(one) === JSON.stringify(other))
      }),
      { numRuns: 2_000 },
    )
  })

  it('tells apart shapes and what is counted by, and not limits nor windows', () => {
    const keys = [
      {},
      { shape: 'gcra' },
      { by: ['tenant'] },
      { by: ['account', 'tenant'] },
      { by: [] },
    ] as Partial<Counter>[]
    const told = new Set(keys.map((fields) => canonicalKey(counterWith(fields), ['ada', 'acme'])))
    expect(told.size).toBe(keys.length)
    expect(canonicalKey(counterWith({ limit: 99, windowMs: 5 }), ['ada'])).toBe(canonicalKey(counterWith({}), ['ada']))
  })
})
