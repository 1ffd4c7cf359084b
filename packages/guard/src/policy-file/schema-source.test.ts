import { Ajv } from 'ajv'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PolicyError, type PolicyFault } from '../faults.ts'
import { loadPolicies } from './load.ts'
import { presetNames, presets } from './presets/presets.ts'
import { policyFileSchema } from './schema-source.ts'

const validate = new Ajv({ strict: true, allowUnionTypes: true, strictRequired: false }).compile(policyFileSchema())

function faultsOf(file: unknown): readonly PolicyFault[] {
  try {
    loadPolicies(file, [])
  } catch (error) {
    if (error instanceof PolicyError) return error.faults
    throw error
  }
  return []
}

/** Faults that depend on more than the form of one place. Everything else, the schema has to see. */
const beyondForm = [
  /^no route declares this policy/,
  /^no such rule in this policy/,
  /is what the policy ".*" is for/,
  /400 days/,
  /bits set beyond its prefix|neither an address|must be in upper case|is none of the/,
  /IANA time zone/,
  /must be less than the rate|not a whole number of microseconds|earning the burst back/,
  /^must be below "deny"/,
  /^must not be below the step before|^has two waits|reaches its cap/,
  /^is named twice/,
  // A pattern's own grammar.
  /^has a segment|^has a "\*"|^has an e|^cannot contain/,
]

const duration = fc.oneof(
  fc.constantFrom('1ms', '60s', '15m', '2h', '30d', '4w', '007s'),
  fc.integer({ min: 1, max: 100_000 }),
)
const units = fc.oneof(fc.integer({ min: 1, max: 200 }), fc.constant(2 ** 31))
const subject = fc.constantFrom('ip', 'ip/56', 'fingerprint', 'account', 'tenant', 'api-key', 'route', 'header:x-app')
const by = fc.oneof(subject, fc.uniqueArray(subject, { minLength: 1, maxLength: 3 }))
const mode = fc.constantFrom('live', 'shadow')
const onStoreFailure = fc.constantFrom('open', 'closed', 'local-share')
const counting = { by, mode, onStoreFailure }
const jitter = fc.oneof(duration, fc.constantFrom(0, '0s'))
const told = fc.constantFrom('always', 'never')
const step = fc.oneof(
  fc.record({ after: fc.constant(3), do: fc.constantFrom('challenge', 'alert') }),
  fc.record(
    {
      after: fc.constant(3),
      do: fc.constantFrom('delay', 'lock'),
      for: duration,
      growth: fc.constant(2),
      cap: fc.constant('90d'),
    },
    { requiredKeys: ['after', 'do', 'for'] },
  ),
)
const sourceName = fc.constantFrom('userAgent', 'reputation', 'honeypot', 'custom:mine')
const source = fc.oneof(
  sourceName,
  fc.record({ source: sourceName, weight: fc.constant(0.5), missing: fc.constant(10) }, { requiredKeys: ['source'] }),
)
const kindOf = (kind: string) => fc.constant(kind)
const rule = fc.oneof(
  fc.record(
    {
      kind: kindOf('rate-limit'),
      ...counting,
      limit: units,
      window: duration,
      cooldown: fc.oneof(duration, fc.constantFrom(0, '0s')),
      retryAfter: fc.constantFrom('always', 'cooldown-only', 'never'),
      retryAfterJitter: jitter,
      cost: units,
    },
    { requiredKeys: ['kind', 'by', 'limit', 'window'] },
  ),
  fc.record(
    { kind: kindOf('rate-limit'), ...counting, rate: fc.constant(100), burst: units, window: fc.constant('100s') },
    { requiredKeys: ['kind', 'by', 'rate', 'burst', 'window'] },
  ),
  fc.record(
    {
      kind: kindOf('lockout'),
      ...counting,
      attempts: units,
      window: duration,
      lock: duration,
      retryAfter: told,
      retryAfterJitter: jitter,
    },
    { requiredKeys: ['kind', 'by', 'attempts', 'window', 'lock'] },
  ),
  fc.record(
    {
      kind: kindOf('escalation'),
      ...counting,
      window: duration,
      steps: fc.array(step, { minLength: 1, maxLength: 3 }),
      forgive: fc.constantFrom({}, { onSuccess: 'none' }),
      retryAfter: told,
      retryAfterJitter: jitter,
    },
    { requiredKeys: ['kind', 'by', 'window', 'steps'] },
  ),
  fc.record(
    { kind: kindOf('concurrency'), ...counting, slots: fc.constant(4), lease: duration },
    { requiredKeys: ['kind', 'by', 'slots', 'lease'] },
  ),
  fc.record(
    {
      kind: kindOf('signal'),
      mode,
      sources: fc.array(source, { minLength: 1, maxLength: 3 }),
      challenge: fc.constant(40),
      deny: fc.constant(80),
    },
    { requiredKeys: ['kind', 'sources', 'deny'] },
  ),
  fc.record(
    {
      kind: kindOf('quota'),
      mode,
      by,
      limit: units,
      period: fc.constantFrom('day', 'week', 'month', 'year'),
      timeZone: fc.constantFrom('Europe/Paris', 'Mars/Olympus'),
    },
    { requiredKeys: ['kind', 'by', 'limit', 'period'] },
  ),
  fc.record(
    {
      kind: kindOf('access-list'),
      mode,
      by: fc.constant('ip'),
      allow: fc.array(fc.constantFrom('192.0.2.1', '2001:db8::/32', '10.0.0.5/8')),
      deny: fc.array(fc.constantFrom('::/0', 'nowhere')),
    },
    { requiredKeys: ['kind', 'by', 'deny'] },
  ),
)
const id = fc.constantFrom('burst', 'a', 'b.c', 'x:y-z')
const path = fc.constantFrom('/a', '/b/:id', '/c/*', '/d/%C3%A9', '/e/**')
const method = fc.constantFrom('GET', 'POST', 'PURGE')
const match = fc.record(
  {
    method: fc.oneof(method, fc.array(method, { minLength: 1 })),
    path: fc.oneof(path, fc.array(path, { minLength: 1 })),
  },
  { requiredKeys: ['path'] },
)
const policy = fc.record({ match, mode, onStoreFailure, rules: fc.dictionary(id, rule) }, { requiredKeys: ['match'] })
const file = fc.record(
  {
    version: fc.constant(1),
    extends: fc.oneof(
      fc.constantFrom(...presetNames),
      fc.uniqueArray(fc.constantFrom(...presetNames), { minLength: 1 }),
    ),
    policies: fc.dictionary(id, policy, { maxKeys: 2 }),
  },
  { requiredKeys: ['version', 'policies'] },
)

const junk = fc.constantFrom<unknown[]>(
  ...[null, true, 0, -1, 1.5, 2 ** 31 + 1, '', 'x', '5', 'off', '0s', '60', '401d', 'IP', [], {}, ['ip', 'ip'], [null]],
)

type Change = 'replace' | 'drop' | 'add'

/** Changes one place of a file: another value there, a field the less, or a field the more. */
function changed(value: unknown, [pick = 0, ...deeper]: readonly number[], how: Change, put: unknown): unknown {
  if (typeof value !== 'object' || value === null) return put
  const entries = Object.entries(value)
  const at = pick % Math.max(1, entries.length)
  const inner = entries[at]?.[1]
  const list = Array.isArray(value)
  if (deeper.length > 0 && typeof inner === 'object' && inner !== null) {
    return rebuilt(list, entries.with(at, [entries[at]?.[0] ?? '', changed(inner, deeper, how, put)]))
  }
  if (how === 'add') return rebuilt(list, [...entries, ['nonsense', put]])
  if (how === 'drop' || entries.length === 0) return rebuilt(list, entries.toSpliced(at, 1))
  return rebuilt(list, entries.with(at, [entries[at]?.[0] ?? '', put]))
}

const rebuilt = (isList: boolean, entries: readonly (readonly [string, unknown])[]): unknown =>
  isList ? entries.map(([, value]) => value) : Object.fromEntries(entries)

const whole = (value: unknown): string => JSON.stringify({ value, faults: validate.errors }, null, 1)

describe('the JSON Schema of a policy file', () => {
  it('and the loader agree on every file of sound form', () => {
    fc.assert(
      fc.property(file, (value) => {
        expect(validate(value), whole(value)).toBe(true)
        for (const { message } of faultsOf(value)) {
          expect(
            beyondForm.some((known) => known.test(message)),
            message,
          ).toBe(true)
        }
      }),
      { numRuns: 300 },
    )
  })

  it('and the loader agree on files with a fault: what one refuses for its form, the other does', () => {
    const where = fc.array(fc.nat(20), { minLength: 1, maxLength: 7 })
    const how = fc.constantFrom('replace' as const, 'drop' as const, 'add' as const)
    let refused = 0
    fc.assert(
      fc.property(file, where, how, junk, (sound, place, way, put) => {
        const value = changed(sound, place, way, put)
        const faults = faultsOf(value)
        const isSound = validate(value)
        if (faults.length === 0) expect(isSound, whole(value)).toBe(true)
        if (!isSound) refused += 1
        const ofForm = faults.filter(({ message }) => !beyondForm.some((known) => known.test(message)))
        if (isSound) expect(ofForm, whole(value)).toEqual([])
      }),
      { numRuns: 2_000 },
    )
    expect(refused).toBeGreaterThan(500)
  })

  it('takes adjustments of rules that are declared elsewhere', () => {
    const rules = { burst: { limit: 5, cooldown: '1m' }, volume: 'off', tries: { lock: '1h' } }
    expect(validate({ version: 1, policies: { 'contact.submit': { rules } } })).toBe(true)
    expect(validate({ version: 1, policies: { 'contact.submit': { rules: { burst: { limt: 5 } } } } })).toBe(false)
    expect(validate({ version: 1, policies: { 'contact.submit': { rules: { burst: { limit: '5' } } } } })).toBe(false)
  })

  it.each(presetNames)('takes the preset %s written out', (name) => {
    expect(validate({ version: 1, policies: presets[name].policies }), whole(name)).toBe(true)
  })
})
