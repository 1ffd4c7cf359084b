import { describe, expect, it } from 'vitest'
import { PolicyError, type PolicyFault } from './faults.ts'
import { definePolicy, type PolicyInput } from './policy.ts'

/** The faults of a policy that no type checker has seen. */
function faultsOf(input: unknown): readonly PolicyFault[] {
  try {
    // The very point is what happens to a policy that is not of this type.
    definePolicy(input as PolicyInput)
  } catch (error) {
    if (error instanceof PolicyError) return error.faults
    throw error
  }
  return []
}

const limit = { id: 'burst', kind: 'rate-limit', by: 'ip', limit: 3, window: '60s' }
const ruleFaults = (fields: object) => faultsOf({ id: 'contact', rules: [{ ...limit, ...fields }] })

describe('a policy', () => {
  it('is read with its durations in milliseconds and its defaults filled in', () => {
    const policy = definePolicy({
      id: 'contact.submit',
      onStoreFailure: 'closed',
      rules: [
        { id: 'burst', kind: 'rate-limit', by: 'ip', limit: 3, window: '60s', cooldown: '5m' },
        { id: 'pair', kind: 'rate-limit', by: ['ip', 'tenant'], limit: 9, window: 500, onStoreFailure: 'open' },
      ],
    })
    expect(policy).toEqual({
      id: 'contact.submit',
      rules: [
        {
          id: 'burst',
          kind: 'rate-limit',
          by: ['ip'],
          limit: 3,
          windowMs: 60_000,
          cooldownMs: 300_000,
          retryAfter: 'always',
          cost: 1,
          mode: 'live',
          onStoreFailure: 'closed',
        },
        {
          id: 'pair',
          kind: 'rate-limit',
          by: ['ip', 'tenant'],
          limit: 9,
          windowMs: 500,
          cooldownMs: 0,
          retryAfter: 'always',
          cost: 1,
          mode: 'live',
          onStoreFailure: 'open',
        },
      ],
    })
    expect(Object.isFrozen(policy)).toBe(true)
  })

  it('that is misspelt is refused with the path and the spelling meant', () => {
    expect(ruleFaults({ limt: 5 })).toMatchObject([{ path: 'contact.rules.burst.limt', suggestion: 'limit' }])
    expect(ruleFaults({ kind: 'ratelimit' })).toMatchObject([{ suggestion: 'rate-limit' }])
    expect(ruleFaults({ kind: undefined })).toMatchObject([{ path: 'contact.rules.burst.kind' }])
    expect(ruleFaults({ by: 'IP' })).toMatchObject([{ path: 'contact.rules.burst.by', suggestion: 'ip' }])
    expect(ruleFaults({ by: ['ip', 'tenent'] })).toMatchObject([{ suggestion: 'tenant' }])
    expect(ruleFaults({ window: '1min' })).toMatchObject([{ path: 'contact.rules.burst.window', suggestion: '1m' }])
    expect(ruleFaults({ mode: 'shadows' })).toMatchObject([{ suggestion: 'shadow' }])
    expect(ruleFaults({ retryAfter: 'cooldown' })).toMatchObject([{ path: 'contact.rules.burst.retryAfter' }])
    expect(faultsOf({ id: 'contact', rule: [], rules: [] })).toMatchObject([{ suggestion: 'rules' }])
  })

  it.each([0, -1, 2.5, Number.NaN, Infinity, 2 ** 31 + 1, '3', null, undefined])('refuses a limit of %s', (figure) => {
    expect(ruleFaults({ limit: figure })).toMatchObject([{ path: 'contact.rules.burst.limit' }])
  })

  it.each([0, '0s', '401d', '60', -5, null, undefined])('refuses a window of %s', (window) => {
    expect(ruleFaults({ window })).toMatchObject([{ path: 'contact.rules.burst.window' }])
  })

  it('takes a cooldown of 0 as none, so that a policy file can take one away', () => {
    expect(ruleFaults({ cooldown: 0 })).toEqual([])
    expect(ruleFaults({ cooldown: '0s' })).toEqual([])
    expect(ruleFaults({ cooldown: '-1s' })).toHaveLength(1)
  })

  it.each(['', 'a b', 'a"b', 'a\r\nb', '../x', '__proto__', 'é', 'x'.repeat(65), 7, undefined])(
    'refuses the id %j, which would reach headers and logs',
    (id) => {
      expect(faultsOf({ id, rules: [] })).toHaveLength(1)
      expect(ruleFaults({ id })).toHaveLength(1)
    },
  )

  it('refuses two rules of one id, whose counters would be one', () => {
    expect(faultsOf({ id: 'contact', rules: [limit, limit] })).toMatchObject([{ path: 'contact.rules.burst' }])
  })

  it('refuses a subject named twice or none at all', () => {
    expect(ruleFaults({ by: ['ip', 'ip'] })).toHaveLength(1)
    expect(ruleFaults({ by: [] })).toHaveLength(1)
    expect(ruleFaults({ by: undefined })).toHaveLength(1)
  })

  it.each([null, undefined, 7, 'policy', [], { id: 'x' }, { id: 'x', rules: {} }, { id: 'x', rules: [null] }])(
    'refuses %j, which is no policy',
    (input) => {
      expect(faultsOf(input).length).toBeGreaterThan(0)
    },
  )

  it('reports every fault at once, on a line each can be found by', () => {
    const faults = faultsOf({
      id: 'contact',
      mode: 'dry-run',
      rules: [
        { ...limit, limt: 1, window: '1min' },
        { id: 'second', kind: 'nothing' },
      ],
    })
    expect(faults.map(({ path }) => path)).toEqual([
      'contact.mode',
      'contact.rules.burst.limt',
      'contact.rules.burst.window',
      'contact.rules.second.kind',
    ])
    expect(() => definePolicy({ id: 'x', rules: [{ ...limit, by: 'ipp' } as never] })).toThrow(
      'x.rules.burst.by: unknown subject "ipp", expected one of ip, ip/56, ip/48, fingerprint, account, tenant, api-key, route, header:<name> (did you mean "ip"?)',
    )
  })
})

describe('an access list', () => {
  const list = (fields: object) =>
    faultsOf({ id: 'p', rules: [{ id: 'list', kind: 'access-list', by: 'ip', ...fields }] })

  it('names addresses and blocks of either family', () => {
    expect(list({ allow: ['192.0.2.1', '10.0.0.0/8'], deny: ['2001:db8::/32'] })).toEqual([])
    expect(list({ deny: [] })).toEqual([])
  })

  it('is refused with a block that is none, or that has bits beyond its prefix', () => {
    expect(list({ deny: ['10.0.0.5/8', 'example.org', '10.0.0.0/33', '10.0.0.0/08', 5] })).toMatchObject([
      { path: 'p.rules.list.deny[0]', suggestion: '10.0.0.0/8' },
      { path: 'p.rules.list.deny[1]' },
      { path: 'p.rules.list.deny[2]' },
      { path: 'p.rules.list.deny[3]' },
      { path: 'p.rules.list.deny[4]' },
    ])
  })

  it('is refused when it lists nothing, counts by another subject or has fields of another kind', () => {
    expect(list({})).toHaveLength(1)
    expect(list({ deny: '10.0.0.0/8' })).toHaveLength(1)
    expect(list({ deny: [], by: 'tenant' })).toMatchObject([{ path: 'p.rules.list.by' }])
    expect(list({ deny: [], limit: 3 })).toMatchObject([{ path: 'p.rules.list.limit' }])
    expect(list({ deny: [], onStoreFailure: 'open' })).toHaveLength(1)
  })
})
