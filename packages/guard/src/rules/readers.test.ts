import { describe, expect, it } from 'vitest'
import type { PolicyFault } from '../faults.ts'
import type { FieldReader } from '../fields.ts'
import type { RuleDefaults } from '../rule-settings.ts'
import { readAccessList } from './access-list.ts'
import { readConcurrency } from './concurrency.ts'
import { readEscalation } from './escalation.ts'
import { readLockout } from './lockout.ts'
import { readQuota } from './quota.ts'
import { readRateLimit } from './rate-limit.ts'
import { readSignal } from './signal.ts'

type Fields = Readonly<Record<string, unknown>>
type Read = (id: string, reader: FieldReader, defaults: RuleDefaults) => unknown

const defaults: RuleDefaults = { mode: 'live', onStoreFailure: 'open' }

function readWith(read: Read, fields: Fields): { readonly rule: unknown; readonly faults: readonly PolicyFault[] } {
  const faults: PolicyFault[] = []
  return { rule: read('r', { path: 'p.r', fields, faults }, defaults), faults }
}

/** Of each kind: how it is read, what suffices for it, and fields that each alone makes it unenforceable. */
const kinds: readonly (readonly [name: string, read: Read, enough: Fields, broken: readonly Fields[]])[] = [
  [
    'a limit in a window',
    readRateLimit,
    { by: 'ip', limit: 3, window: '1m' },
    [
      { limit: 0 },
      { window: 0 },
      { cooldown: -1 },
      { retryAfter: 'sometimes' },
      { retryAfterJitter: '60' },
      { cost: 0 },
    ],
  ],
  [
    'a rate with a burst',
    readRateLimit,
    { by: 'ip', rate: 10, burst: 2, window: '1m' },
    [{ rate: 1 }, { burst: 0 }, { burst: 10 }, { window: '' }, { cooldown: 'x' }, { retryAfter: 7 }, { cost: 1.5 }],
  ],
  [
    'a lockout',
    readLockout,
    { by: 'ip', attempts: 3, window: '1m', lock: '1h' },
    [{ attempts: 0 }, { window: 0 }, { lock: 0 }, { retryAfter: 'cooldown-only' }, { retryAfterJitter: -1 }],
  ],
  [
    'a ladder',
    readEscalation,
    { by: 'ip', window: '1h', steps: [{ after: 1, do: 'challenge' }] },
    [
      { window: 0 },
      { retryAfter: 'cooldown-only' },
      { retryAfterJitter: '401d' },
      { forgive: { onSuccess: 'halve' } },
      { forgive: 'clear' },
      { steps: [] },
      { steps: [7] },
      { steps: [{ after: 0, do: 'alert' }] },
      { steps: [{ after: 1, do: 'delay' }] },
      { steps: [{ after: 1, do: 'delay', for: '1s', growth: 17 }] },
      { steps: [{ after: 1, do: 'delay', for: '1s', cap: '500ms' }] },
      { steps: [{ after: 1, do: 'wait' }] },
    ],
  ],
  ['a limit on requests at once', readConcurrency, { by: 'ip', slots: 2, lease: '30s' }, [{ slots: 0 }, { lease: 0 }]],
  [
    'a quota',
    readQuota,
    { by: 'tenant', limit: 1, period: 'day' },
    [{ limit: 0 }, { period: 'hour' }, { timeZone: 'Europe/Pariss' }],
  ],
  ['a list', readAccessList, { by: 'ip', deny: ['192.0.2.0/24'] }, [{ by: 'account' }]],
  ['a signal rule', readSignal, { sources: ['userAgent'], deny: 50 }, [{ deny: 0 }, { challenge: 1_001 }]],
]

describe('a rule as it is read', () => {
  it.each(kinds)('%s is a rule without a fault when it says enough', (_, read, enough) => {
    const { rule, faults } = readWith(read, enough)
    expect(faults).toEqual([])
    expect(rule).toMatchObject({ id: 'r' })
  })

  it.each(kinds.flatMap(([name, read, enough, broken]) => broken.map((fields) => ({ name, read, enough, fields }))))(
    '$name is no rule with $fields, and exactly one fault names the field',
    ({ read, enough, fields }) => {
      const { rule, faults } = readWith(read, { ...enough, ...fields })
      expect(rule).toBeUndefined()
      expect(faults).toHaveLength(1)
      const [name] = Object.keys(fields)
      expect(faults[0]?.path.startsWith(`p.r.${name}`)).toBe(true)
      expect(faults[0]?.message).not.toBe('')
    },
  )

  it('names every field at fault, not only the first', () => {
    const paths = (read: Read, fields: Fields) => readWith(read, fields).faults.map(({ path }) => path)
    expect(paths(readRateLimit, { by: 'ip', limit: 0, window: 0, cooldown: -1, retryAfter: '', cost: 0 })).toEqual([
      'p.r.window',
      'p.r.cooldown',
      'p.r.retryAfter',
      'p.r.cost',
      'p.r.limit',
    ])
    expect(paths(readRateLimit, { by: 'ip', rate: 1, burst: 0, window: '1m' })).toEqual(['p.r.rate', 'p.r.burst'])
    expect(paths(readLockout, { by: 'ip' })).toEqual(['p.r.attempts', 'p.r.window', 'p.r.lock'])
    expect(paths(readEscalation, { by: 'ip' })).toEqual(['p.r.window', 'p.r.steps'])
    expect(paths(readConcurrency, { by: 'ip' })).toEqual(['p.r.slots', 'p.r.lease'])
    expect(paths(readQuota, { by: 'ip' })).toEqual(['p.r.limit', 'p.r.period'])
  })

  it('is no rate and burst where the window that earns it back is missing', () => {
    const { rule, faults } = readWith(readRateLimit, { by: 'ip', rate: 10, burst: 2 })
    expect(rule).toBeUndefined()
    expect(faults.map(({ path }) => path)).toEqual(['p.r.window'])
  })

  it.each(['always', 'cooldown-only', 'never'] as const)('a rate limit announces its wait %s', (retryAfter) => {
    const fields = { by: 'ip', limit: 3, window: '1m', retryAfter }
    expect(readWith(readRateLimit, fields)).toMatchObject({ rule: { retryAfter }, faults: [] })
  })

  it.each(['always', 'never'] as const)('a lockout and a ladder announce their wait %s', (retryAfter) => {
    const lockout = { by: 'ip', attempts: 3, window: '1m', lock: '1h', retryAfter }
    expect(readWith(readLockout, lockout)).toMatchObject({ rule: { retryAfter }, faults: [] })
    const ladder = { by: 'ip', window: '1h', steps: [{ after: 1, do: 'challenge' }], retryAfter }
    expect(readWith(readEscalation, ladder)).toMatchObject({ rule: { retryAfter }, faults: [] })
  })

  it.each(['clear', 'none'] as const)('a ladder takes a success that does %s', (onSuccess) => {
    const fields = { by: 'ip', window: '1h', steps: [{ after: 1, do: 'alert' }], forgive: { onSuccess } }
    expect(readWith(readEscalation, fields)).toMatchObject({ rule: { onSuccess, alertsAfter: [1] }, faults: [] })
  })

  it.each(['day', 'week', 'month', 'year'] as const)('a quota takes a %s', (period) => {
    expect(readWith(readQuota, { by: 'ip', limit: 1, period })).toMatchObject({ rule: { period }, faults: [] })
  })

  it('has a mode, which a policy in shadow does not let it leave', () => {
    const fields = { by: 'tenant', limit: 1, period: 'day', mode: 'live' }
    const reader = { path: 'p.r', fields, faults: [] }
    expect(readQuota('r', reader, defaults)?.mode).toBe('live')
    expect(readQuota('r', reader, { ...defaults, mode: 'shadow' })?.mode).toBe('shadow')
  })
})
