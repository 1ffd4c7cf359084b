import { describe, expect, it } from 'vitest'
import { PolicyError, type PolicyFault } from '../faults.ts'
import { definePolicy } from '../policy.ts'

/** What an author is told of one rule, of which `rule` says what matters. */
function told(rule: object): readonly PolicyFault[] {
  try {
    definePolicy({ id: 'p', rules: [{ id: 'r', ...rule } as never] })
  } catch (error) {
    if (error instanceof PolicyError) return error.faults
    throw error
  }
  return []
}

describe('the author of a list is told', () => {
  const list = (fields: object) => told({ kind: 'access-list', by: 'ip', ...fields })

  it('that it names nobody', () => {
    expect(list({})).toEqual([{ path: 'p.rules.r', message: 'needs "allow" or "deny"' }])
  })

  it.each([
    ['ip', 'addresses and CIDR blocks'],
    ['country', 'ISO 3166-1 alpha-2 codes in upper case'],
    ['api-key', 'ids of keys'],
  ])('what a list by %s is made of', (by, form) => {
    expect(list({ by, deny: 'FR' })).toEqual([{ path: 'p.rules.r.deny', message: `must be a list of ${form}` }])
  })

  it('which of its entries is none', () => {
    const message = 'is none of the ISO 3166-1 alpha-2 codes in upper case'
    for (const entry of ['FRA', 'F', 'xfr', 'frx', '12', 7, ['FR'], null, '']) {
      expect(list({ by: 'country', allow: ['FR', entry] })).toEqual([{ path: 'p.rules.r.allow[1]', message }])
    }
    for (const entry of ['a b', 'fr ', 7, ['key'], null]) {
      const fault = { path: 'p.rules.r.deny[0]', message: 'is none of the ids of keys' }
      expect(list({ by: 'api-key', deny: [entry] })).toEqual([fault])
    }
    expect(list({ deny: ['192.0.2.0/33'] })).toMatchObject([{ path: 'p.rules.r.deny[0]' }])
  })

  it('how a country in lower case is written', () => {
    const fault = { path: 'p.rules.r.deny[0]', message: 'must be in upper case', suggestion: 'FR' }
    expect(list({ by: 'country', deny: ['Fr'] })).toEqual([fault])
    // A key's id of two letters is one in any case.
    expect(list({ by: 'api-key', deny: ['fr'] })).toEqual([])
  })
})

describe('the author of a rate is told', () => {
  const rate = (fields: object) => told({ kind: 'rate-limit', by: 'ip', window: '1m', ...fields })

  it('to choose between a limit and a rate with a burst', () => {
    const message = 'cannot stand beside "rate" and "burst": it is one form or the other'
    expect(rate({ rate: 10, burst: 2, limit: 3 })).toEqual([{ path: 'p.rules.r.limit', message }])
    expect(rate({ rate: 10, limit: 3 })).toMatchObject([{ message }, { path: 'p.rules.r.burst' }])
  })

  it('that a burst is a part of its rate', () => {
    expect(rate({ rate: 10, burst: 10 })).toMatchObject([
      { path: 'p.rules.r.burst', message: expect.stringContaining('must be less than the rate (10)') },
    ])
    expect(rate({ rate: 10, burst: 9 })).toEqual([])
  })

  it('the figures that no whole microsecond divides', () => {
    expect(rate({ rate: 7_003, burst: 2, window: '1s' })).toMatchObject([
      { path: 'p.rules.r.burst', message: expect.stringContaining('7001 units in 1000 ms') },
    ])
    expect(rate({ rate: 1_003, burst: 1, window: '1s' })).toMatchObject([{ path: 'p.rules.r.burst' }])
    // Rounded up, an interval of a thousand microseconds is off by a thousandth at most.
    expect(rate({ rate: 1_002, burst: 1, window: '1s' })).toEqual([])
    expect(rate({ rate: 2_001, burst: 1, window: '1s' })).toEqual([])
  })

  it('that a burst takes longer to earn back than anything is kept', () => {
    expect(rate({ rate: 4, burst: 3, window: '400d' })).toEqual([
      {
        path: 'p.rules.r.burst',
        message: 'cannot be kept as written: earning the burst back takes longer than 400 days',
      },
    ])
    expect(rate({ rate: 2, burst: 1, window: '400d' })).toEqual([])
    expect(rate({ rate: 4, burst: 2, window: '400d' })).toEqual([])
  })
})

describe('the author of a ladder is told', () => {
  const ladder = (steps: unknown) => told({ kind: 'escalation', by: 'ip', window: '1h', steps })
  const challenges = (count: number) => Array.from({ length: count }, (_, index) => ({ after: index + 1, do: 'alert' }))

  it('how many steps it may have', () => {
    const fault = { path: 'p.rules.r.steps', message: 'must be a list of 1 to 16 steps' }
    expect(ladder([])).toEqual([fault])
    expect(ladder({ 0: { after: 1, do: 'alert' } })).toEqual([fault])
    expect(ladder(challenges(17))).toEqual([fault])
    expect(ladder(challenges(16))).toEqual([])
  })

  it('which step stands wrong', () => {
    const backwards = [
      { after: 2, do: 'alert' },
      { after: 1, do: 'challenge' },
    ]
    expect(ladder(backwards)).toEqual([
      { path: 'p.rules.r.steps[1].after', message: 'must not be below the step before' },
    ])
    const twice = [
      { after: 2, do: 'delay', for: '1s' },
      { after: 2, do: 'lock', for: '1m' },
    ]
    expect(ladder(twice)).toEqual([{ path: 'p.rules.r.steps[1].after', message: 'has two waits' }])
  })

  it('what means nothing where it stands', () => {
    for (const field of ['for', 'growth', 'cap']) {
      expect(ladder([{ after: 1, do: 'alert', [field]: 1 }])).toEqual([
        { path: `p.rules.r.steps[0].${field}`, message: 'has no meaning for "alert"' },
      ])
    }
  })

  it('that a wait grows too slowly to be written out', () => {
    const message = 'cannot be kept as written: it reaches its cap in more than 64 attempts'
    const growing = (growth: number, cap: number) => ladder([{ after: 1, do: 'lock', for: 1_000, growth, cap }])
    expect(growing(1.01, 86_400_000)).toEqual([{ path: 'p.rules.r.steps[0].growth', message }])
    // The sixty-fourth attempt waits 1.1^63 times as long as the first: the last cap within reach, and the first beyond.
    expect(growing(1.1, Math.floor(1_000 * 1.1 ** 63))).toEqual([])
    expect(growing(1.1, Math.ceil(1_000 * 1.1 ** 63) + 1)).toEqual([{ path: 'p.rules.r.steps[0].growth', message }])
  })
})

describe('the author of a signal rule is told', () => {
  const signal = (fields: object) => told({ kind: 'signal', sources: ['userAgent'], deny: 50, ...fields })
  const custom = (count: number) => Array.from({ length: count }, (_, index) => `custom:s${index}`)

  it('how many sources it may have', () => {
    const fault = { path: 'p.rules.r.sources', message: 'must be a list of 1 to 16 sources' }
    expect(signal({ sources: [] })).toEqual([fault])
    expect(signal({ sources: 'userAgent' })).toEqual([fault])
    expect(signal({ sources: custom(17) })).toEqual([fault])
    expect(signal({ sources: custom(16) })).toEqual([])
  })

  it('which source is named twice', () => {
    expect(signal({ sources: ['userAgent', 'country', { source: 'userAgent', weight: 2 }] })).toEqual([
      { path: 'p.rules.r.sources[2]', message: 'is named twice' },
    ])
  })

  it('which source is none, and which there are', () => {
    const known = 'userAgent, reputation, country, honeypot, renderToken, proofOfWork, custom:<name>'
    for (const [source, word] of [
      ['userAgents', 'userAgents'],
      ['acustom:mouse', 'acustom:mouse'],
      ['custom:mouse!', 'custom:mouse!'],
      [`custom:${'m'.repeat(33)}`, `custom:${'m'.repeat(33)}`],
      [['userAgent'], 'userAgent'],
      [['custom:mouse'], 'custom:mouse'],
      ['', ''],
    ] as const) {
      const message = `unknown source "${word}", expected one of ${known}`
      expect(signal({ sources: [{ source }] })).toMatchObject([{ path: 'p.rules.r.sources[0]', message }])
    }
    expect(signal({ sources: [`custom:${'m'.repeat(32)}`] })).toEqual([])
  })

  it('what a source that is neither a name nor an object is', () => {
    expect(signal({ sources: [7] })).toMatchObject([{ path: 'p.rules.r.sources[0]' }])
    expect(signal({ sources: [null] })).toMatchObject([{ path: 'p.rules.r.sources[0]' }])
  })

  it('which weight or missing score is out of bounds, once each', () => {
    const sources = [{ source: 'userAgent', weight: 11, missing: -1 }]
    expect(signal({ sources }).map(({ path }) => path)).toEqual([
      'p.rules.r.sources[0].weight',
      'p.rules.r.sources[0].missing',
    ])
  })

  it('which thresholds never decide', () => {
    expect(signal({ deny: undefined })).toEqual([{ path: 'p.rules.r', message: 'needs "challenge" or "deny"' }])
    expect(signal({ challenge: 50 })).toEqual([{ path: 'p.rules.r.challenge', message: 'must be below "deny"' }])
    expect(signal({ challenge: 49 })).toEqual([])
    expect(signal({ challenge: 60, deny: undefined })).toEqual([])
  })
})

describe('the author of a quota is told', () => {
  it('what a time zone looks like', () => {
    const quota = (timeZone: unknown) => told({ kind: 'quota', by: 'tenant', limit: 1, period: 'day', timeZone })
    const fault = { path: 'p.rules.r.timeZone', message: 'must be an IANA time zone such as "Europe/Paris"' }
    for (const zone of ['Europe/Pariss', '', 7, ['Europe/Paris'], null, 'x'.repeat(65)]) {
      expect(quota(zone)).toEqual([fault])
    }
    expect(quota('Europe/Paris')).toEqual([])
  })
})
