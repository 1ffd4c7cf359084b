import { describe, expect, it } from 'vitest'
import type { RuleInput } from '../../rule-kinds.ts'
import type { Subject } from '../../subject.ts'
import { earlyPlan, latePlan } from '../../testing/arrivals.ts'
import { encodeCounter } from './counter.ts'

function codeOf(rule: RuleInput) {
  const [step] = latePlan([rule]).counts
  if (step === undefined) throw new Error('nothing is counted')
  return encodeCounter(step.counter)
}

const window = (limit: number, fields: object = {}): RuleInput =>
  ({ id: 'r', kind: 'rate-limit', by: 'account', limit, window: '1m', ...fields }) as RuleInput

describe('what the program is told of a counter', () => {
  it.each<[string, RuleInput, string]>([
    ['a log: each millisecond is a cell', window(32), '1,32,60000,0,61000,0,1,0'],
    ['cells: a thirty-first of the window, and paid ahead', window(33), '1,33,60000,0,61250,0,1936,250'],
    ['a short window of cells, paid ahead for a cell', window(33, { window: 700 }), '1,33,700,0,1722,0,23,22'],
    ['a cooldown that is longer', window(3, { cooldown: '5m' }), '1,3,60000,300000,301000,0,1,0'],
    ['a cooldown that is shorter', window(33, { cooldown: '10s' }), '1,33,60000,10000,61250,0,1936,250'],
    [
      'a rate with a burst',
      { id: 'r', kind: 'rate-limit', by: 'account', rate: 65, burst: 5, window: '1h' },
      '2,5,3600000,0,301000,0,60000000,0',
    ],
    [
      'a lockout: attempts count',
      { id: 'r', kind: 'lockout', by: 'account', attempts: 3, window: '1m', lock: '2m' },
      '1,3,60000,120000,121000,1,1,0',
    ],
    [
      'a ladder without a challenge',
      {
        id: 'r',
        kind: 'escalation',
        by: 'account',
        window: '1m',
        steps: [{ after: 2, do: 'delay', for: '10s', growth: 2, cap: '20s' }],
      },
      '3,0,60000,0,81000,1,-1,0,2,10000,3,20000',
    ],
    ['slots', { id: 'r', kind: 'concurrency', by: 'account', slots: 2, lease: '1m' }, '4,2,60000,0,61000,0,0,0'],
  ])('is %s', (_, rule, text) => {
    expect(codeOf(rule).text).toBe(text)
  })

  it('is the challenge of a ladder by its attempts', () => {
    const { text } = codeOf({
      id: 'r',
      kind: 'escalation',
      by: 'account',
      window: '1m',
      steps: [
        { after: 2, do: 'challenge' },
        { after: 4, do: 'lock', for: '10s' },
      ],
    })
    expect(text).toBe('3,0,60000,0,71000,1,2,0,4,10000')
  })

  it('is whole numbers', () => {
    const [step] = latePlan([window(3)]).counts
    if (step === undefined) throw new Error('nothing is counted')
    expect(encodeCounter({ ...step.counter, cooldownMs: 0.5 }).text).toBe('1,3,60000,1,61000,0,1,0')
    expect(encodeCounter({ ...step.counter, cooldownMs: 70_000.5 }).text).toBe('1,3,60000,70001,71001,0,1,0')
  })

  it('says of slots, and of no other shape, that they are named', () => {
    expect(codeOf({ id: 'r', kind: 'concurrency', by: 'account', slots: 2, lease: '1m' }).isSlots).toBe(true)
    expect(codeOf(window(3)).isSlots).toBe(false)
  })

  it('pays ahead above a limit of 32 only, for a quarter of a second at most', () => {
    expect([window(32), window(33), window(33, { window: 700 })].map((rule) => codeOf(rule).aheadMs)).toEqual([
      0, 250, 22,
    ])
    expect(codeOf({ id: 'r', kind: 'rate-limit', by: 'account', rate: 65, burst: 60, window: '1h' }).aheadMs).toBe(0)
  })
})

describe('the lane of a counter', () => {
  it.each<[readonly Subject[], number]>([
    [['account'], 0],
    [['tenant', 'account'], 1],
    [['ip', 'account', 'tenant'], 1],
    [['tenant', 'api-key'], 1],
    [['api-key', 'account'], 1],
    [['account', 'api-key'], 0],
    [['route', 'tenant'], 1],
    [['tenant', 'route'], 0],
  ])('of %j is that of the subject at place %i: of whom, before of where, before of which tenant', (by, place) => {
    expect(codeOf(window(3, { by })).laneBy).toBe(place)
  })

  it.each<[readonly Subject[], number]>([
    [['route', 'ip'], 1],
    [['ip', 'fingerprint'], 0],
    [['fingerprint', 'ip'], 1],
    [['ip/24', 'fingerprint'], 1],
    [['route', 'ip/24'], 1],
  ] as const)('of %j, known before anybody has signed in, is that at place %i', (by, place) => {
    const [step] = earlyPlan([window(3, { by })]).counts
    if (step === undefined) throw new Error('nothing is counted')
    expect(encodeCounter(step.counter).laneBy).toBe(place)
  })
})
