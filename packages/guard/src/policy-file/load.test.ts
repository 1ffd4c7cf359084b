import { describe, expect, it } from 'vitest'
import { PolicyError, type PolicyFault } from '../faults.ts'
import { definePolicy, type PolicyInput } from '../policy.ts'
import { loadPolicies, loadPolicyFile } from './load.ts'
import { presetNames } from './presets/presets.ts'
import { policyVersion } from './version.ts'

const base: readonly PolicyInput[] = [
  {
    id: 'contact.submit',
    rules: [
      { id: 'burst', kind: 'rate-limit', by: 'ip', limit: 3, window: '60s', cooldown: '5m' },
      { id: 'volume', kind: 'rate-limit', by: 'tenant', limit: 2_000, window: '1d' },
    ],
  },
  { id: 'resources.list', rules: [{ id: 'burst', kind: 'rate-limit', by: 'ip', limit: 60, window: '60s' }] },
]

const load = (policies: unknown) => loadPolicyFile({ version: 1, policies }, base)

function faultsOf(file: unknown): readonly PolicyFault[] {
  try {
    loadPolicyFile(file, base)
  } catch (error) {
    if (error instanceof PolicyError) return error.faults
    throw error
  }
  return []
}

describe('a policy file', () => {
  it('replaces the fields it names, removes what is "off", appends what is new, and leaves the rest', () => {
    const [contact, resources] = load({
      'contact.submit': {
        mode: 'shadow',
        onStoreFailure: 'closed',
        rules: {
          burst: { limit: 5, cooldown: 0 },
          volume: 'off',
          blocked: { kind: 'access-list', by: 'ip', deny: ['192.0.2.0/24'] },
        },
      },
    })
    expect(contact).toEqual({
      id: 'contact.submit',
      mode: 'shadow',
      onStoreFailure: 'closed',
      rules: [
        { id: 'burst', kind: 'rate-limit', by: 'ip', limit: 5, window: '60s', cooldown: 0 },
        { id: 'blocked', kind: 'access-list', by: 'ip', deny: ['192.0.2.0/24'] },
      ],
    })
    expect(resources).toEqual(base[1])
  })

  it('changes nothing of the policies it was laid over', () => {
    const before = structuredClone(base)
    load({ 'contact.submit': { rules: { burst: { limit: 5 }, volume: 'off' } } })
    expect(base).toEqual(before)
  })

  it('replaces a whole rule where it names another kind', () => {
    const [contact] = load({
      'contact.submit': { rules: { burst: { kind: 'access-list', by: 'ip', deny: ['::/0'] } } },
    })
    expect(contact?.rules[0]).toEqual({ id: 'burst', kind: 'access-list', by: 'ip', deny: ['::/0'] })
  })

  it('gives policies that definePolicy accepts', () => {
    const loaded = load({ 'contact.submit': { rules: { burst: { window: '2m' } } }, 'resources.list': {} })
    expect(loaded.map((policy) => definePolicy(policy).rules.length)).toEqual([2, 1])
  })

  it('with a typo does not start a route without protection: each is refused and told', () => {
    const faults = faultsOf({
      version: 1,
      policies: {
        'contact.sumbit': { rules: {} },
        'contact.submit': {
          mod: 'shadow',
          rules: { burts: { limit: 5 }, volume: { limit: '2000', windoww: '1d' }, burst: 'of' },
        },
        'resources.list': { rules: { burst: { window: '1 minute' } } },
      },
    })
    expect(faults).toMatchObject([
      { path: 'policies.contact.submit.mod', suggestion: 'mode' },
      { path: 'policies.contact.submit.rules.burst', suggestion: 'off' },
      { path: 'policies.contact.sumbit', suggestion: 'contact.submit' },
      { path: 'policies.contact.submit.rules.burts', suggestion: 'burst' },
      { path: 'policies.contact.submit.rules.volume.windoww', suggestion: 'window' },
      { path: 'policies.contact.submit.rules.volume.limit' },
      { path: 'policies.resources.list.rules.burst.window', suggestion: '1m' },
    ])
  })

  it.each([
    [null],
    ['version: 1'],
    [[]],
    [{ policies: {} }],
    [{ version: '1', policies: {} }],
    [{ version: 2, policies: {} }],
    [{ version: 1 }],
    [{ version: 1, policies: [] }],
    [{ version: 1, policies: {}, extra: true }],
    [{ version: 1, policies: { 'contact.submit': null } }],
    [{ version: 1, policies: { 'contact.submit': { rules: [] } } }],
    [{ version: 1, policies: { 'contact.submit': { rules: { burst: false } } } }],
    [{ version: 1, policies: { 'contact.submit': { rules: { ghost: 'off' } } } }],
  ])('is refused when it reads %j', (file) => {
    expect(faultsOf(file).length).toBeGreaterThan(0)
  })

  it('cannot lend fields to rules through prototypes', () => {
    const file: unknown = JSON.parse(
      '{"version":1,"policies":{"contact.submit":{"rules":{"__proto__":{"limit":99},"burst":{"__proto__":{"limit":99}}}}}}',
    )
    expect(faultsOf(file).map(({ path }) => path)).toEqual([
      'policies.contact.submit.rules.__proto__',
      'policies.contact.submit.rules.burst.__proto__',
    ])
    expect(Object.hasOwn(Object.prototype, 'limit')).toBe(false)
  })

  it('cannot rename a rule by an id inside it', () => {
    const [contact] = load({ 'contact.submit': { rules: { burst: { id: 'other', limit: 4 } } } })
    expect(contact?.rules.map(({ id }) => id)).toEqual(['burst', 'volume'])
  })
})

describe('a policy that no route declares', () => {
  const limit = { kind: 'rate-limit', by: 'ip', limit: 5, window: '15m' }
  const site = (match: unknown, more: object = {}) =>
    faultsOf({ version: 1, policies: { 'legacy.login': { match, rules: { tries: limit } }, ...more } })

  it('is made by its match, with whole rules', () => {
    const loaded = loadPolicies(
      {
        version: 1,
        policies: {
          'legacy.login': {
            match: { method: ['POST', 'PUT'], path: ['/wp-login.php', '/login/:step'] },
            mode: 'shadow',
            rules: { tries: limit },
          },
        },
      },
      base,
    )
    expect(loaded.map(({ policy }) => policy.id)).toEqual(['contact.submit', 'resources.list', 'legacy.login'])
    expect(loaded[2]).toMatchObject({
      policy: { id: 'legacy.login', mode: 'shadow', rules: [{ id: 'tries', ...limit }] },
      matches: [
        { methods: ['POST', 'PUT'], path: '/wp-login.php' },
        { methods: ['POST', 'PUT'], path: '/login/:step' },
      ],
    })
  })

  it('may exempt: a match without rules is under no limit, and says so by standing there', () => {
    const loaded = loadPolicies({ version: 1, policies: { health: { match: { path: '/health/*' } } } }, [])
    expect(loaded).toMatchObject([{ policy: { id: 'health', rules: [] } }])
  })

  it.each([
    [{ path: '/a', methods: 'GET' }, 'policies.legacy.login.match.methods', 'method'],
    [{ path: '/a', method: 'PSOT' }, 'policies.legacy.login.match.method', 'POST'],
    [{ path: '/a', method: 'post' }, 'policies.legacy.login.match.method', 'POST'],
    [{ path: '/a', method: '*' }, 'policies.legacy.login.match.method', undefined],
    [{ path: '/a', method: [] }, 'policies.legacy.login.match.method', undefined],
    [{ path: '/a', method: null }, 'policies.legacy.login.match.method', undefined],
    [{ method: 'GET' }, 'policies.legacy.login.match.path', undefined],
    [{ path: [] }, 'policies.legacy.login.match.path', undefined],
    [{ path: 'wp-login.php' }, 'policies.legacy.login.match.path', '/wp-login.php'],
    [{ path: '/users/{user_id}' }, 'policies.legacy.login.match.path', ':user_id'],
    [{ path: '/users/<int:pk>' }, 'policies.legacy.login.match.path', ':pk'],
    [{ path: '/a/**' }, 'policies.legacy.login.match.path', '*'],
    [{ path: '/a/*/b' }, 'policies.legacy.login.match.path', ':any'],
    [{ path: '/*.php' }, 'policies.legacy.login.match.path', undefined],
    [{ path: '/a//b' }, 'policies.legacy.login.match.path', undefined],
    [{ path: '/a/../b' }, 'policies.legacy.login.match.path', undefined],
    [{ path: '/a/%2e%2E/b' }, 'policies.legacy.login.match.path', undefined],
    [{ path: '/a%2fb' }, 'policies.legacy.login.match.path', undefined],
    [{ path: '/a?b=c' }, 'policies.legacy.login.match.path', undefined],
    [{ path: '/a b' }, 'policies.legacy.login.match.path', undefined],
    [{ path: '/:7' }, 'policies.legacy.login.match.path', undefined],
    [{ path: ['/a', 'b'] }, 'policies.legacy.login.match.path[1]', '/b'],
    [{ path: '/x'.repeat(300) }, 'policies.legacy.login.match.path', undefined],
    [{ path: 7 }, 'policies.legacy.login.match.path', undefined],
    ['/a', 'policies.legacy.login.match', undefined],
  ])('is refused with the match %j', (match, path, suggestion) => {
    expect(site(match)).toMatchObject([{ path, ...(suggestion !== undefined && { suggestion }) }])
    expect(site(match)[0]?.suggestion).toBe(suggestion)
  })

  it('is refused without a match, with the policy probably meant', () => {
    expect(faultsOf({ version: 1, policies: { 'contact.sbmit': { rules: { tries: limit } } } })).toMatchObject([
      { path: 'policies.contact.sbmit', message: expect.stringContaining('no "match"'), suggestion: 'contact.submit' },
    ])
  })

  it.each([
    ['the same words', '/a/:x', '/a/:other'],
    ['another case', '/Login', '/login'],
    ['another spelling', '/login/', '/%6cogin'],
  ])('is refused for requests that another policy is for, in %s', (_what, one, other) => {
    const faults = site({ method: 'POST', path: one }, { second: { match: { method: 'POST', path: other } } })
    expect(faults).toMatchObject([{ path: 'policies.second.match', message: expect.stringContaining('legacy.login') }])
    expect(site({ method: 'POST', path: one }, { second: { match: { method: 'GET', path: other } } })).toEqual([])
    expect(site({ method: 'POST', path: one }, { second: { match: { path: other } } })).toEqual([])
  })

  it('needs whole rules and a sound id', () => {
    const faults = faultsOf({
      version: 1,
      policies: { 'a b': { match: { path: '/' }, rules: { tries: { limit: 5 }, off: 'off', ok: limit } } },
    })
    expect(faults.map(({ path }) => path)).toEqual([
      'policies.a b.rules.tries',
      'policies.a b.rules.off',
      'policies.a b.id',
    ])
  })
})

describe('a file that extends presets', () => {
  it.each(presetNames)('has the policies of %s, each with a match, without a word of its own', (name) => {
    const loaded = loadPolicies({ version: 1, extends: name }, [])
    expect(loaded.length).toBeGreaterThan(2)
    for (const { policy, matches } of loaded) {
      expect(matches.length).toBeGreaterThan(0)
      expect(() => definePolicy(policy)).not.toThrow()
    }
  })

  it('lays them over what routes declare, and itself over them', () => {
    const file = { version: 1, extends: 'pixel', policies: { 'contact.submit': { rules: { burst: { limit: 4 } } } } }
    const contact = loadPolicies(file, base).find(({ policy }) => policy.id === 'contact.submit')
    expect(contact?.policy.rules).toMatchObject([
      { id: 'burst', limit: 4, window: '60s', cooldown: '300s', retryAfter: 'cooldown-only' },
      { id: 'volume', by: 'tenant' },
    ])
    expect(Object.fromEntries(contact?.origins ?? [])).toMatchObject({
      match: 'preset:pixel',
      'rules.burst': 'code',
      'rules.burst.limit': 'file',
      'rules.burst.retryAfter': 'preset:pixel',
      'rules.volume': 'code',
      'rules.volume.limit': 'code',
    })
  })

  it('may take several, of which a later one is laid over an earlier', () => {
    const limitOf = (...names: string[]) => {
      const loaded = loadPolicies({ version: 1, extends: names }, [])
      return loaded.find(({ policy }) => policy.id === 'general')?.policy.rules[0]
    }
    expect(limitOf('caddy', 'platform')).toMatchObject({ limit: 60 })
    expect(limitOf('platform', 'caddy')).toMatchObject({ limit: 120 })
  })

  it('takes rules away from them', () => {
    const off = { rules: { burst: 'off' } }
    const loaded = loadPolicies({ version: 1, extends: 'caddy', policies: { general: off } }, [])
    const general = loaded.find(({ policy }) => policy.id === 'general')
    expect(general?.policy.rules).toEqual([])
    expect(general?.origins.get('rules.burst')).toBe('file')
  })

  it('is refused for a preset that is none, or is named twice', () => {
    expect(faultsOf({ version: 1, extends: 'pixl' })).toMatchObject([{ path: 'file.extends', suggestion: 'pixel' }])
    expect(faultsOf({ version: 1, extends: ['pixel', 'pixel'] })).toMatchObject([{ path: 'file.extends' }])
    expect(faultsOf({ version: 1, extends: 7 })).toHaveLength(1)
    expect(faultsOf({ version: 1, extends: [] })).toMatchObject([{ path: 'file.extends' }])
  })
})

describe('where a fault stands', () => {
  const known = new Map([
    ['', { line: 1, column: 1 }],
    ['version', { line: 1, column: 1 }],
    ['policies', { line: 2, column: 1 }],
    ['policies.contact.submit', { line: 3, column: 3 }],
    ['policies.contact.submit.rules', { line: 4, column: 5 }],
    ['policies.contact.submit.rules.burst', { line: 5, column: 7 }],
    ['policies.contact.submit.rules.burst.limit', { line: 6, column: 9 }],
  ])
  const positions = (file: unknown) => {
    try {
      loadPolicies(file, base, { locate: (path) => known.get(path) })
    } catch (error) {
      if (error instanceof PolicyError) return error.faults.map(({ position }) => [position?.line, position?.column])
      throw error
    }
    return []
  }

  it('is told by line and column: its own, or those of the nearest thing around it', () => {
    const burst = { limit: 0, window: 'never', by: [] }
    expect(positions({ version: 2, policies: { 'contact.submit': { rules: { burst } } } })).toEqual([
      [1, 1],
      [5, 7],
      [5, 7],
      [6, 9],
    ])
    expect(positions({ version: 1, policies: { 'contact.sub': {} } })).toEqual([[2, 1]])
    expect(positions(null)).toEqual([[1, 1]])
  })
})

describe('the version of policies', () => {
  const versionOf = (policies: unknown) => policyVersion(loadPolicies({ version: 1, policies }, base))
  const burst = (fields: object) => ({ 'contact.submit': { rules: { burst: fields } } })

  it('is the same for the same rules, in whatever order their fields are written', () => {
    expect(versionOf({})).toMatch(/^[\da-f]{12}$/)
    expect(versionOf(burst({ limit: 3, window: '60s' }))).toBe(versionOf({}))
    expect(versionOf(burst({ window: '2m', limit: 4 }))).toBe(versionOf(burst({ limit: 4, window: '2m' })))
  })

  it('is another for another figure, rule, mode, match or order of rules', () => {
    const limit = { kind: 'rate-limit', by: 'ip', limit: 5, window: '1m' }
    const made = (fields: object) => ({ made: { match: { path: '/a' }, rules: { a: limit, b: limit }, ...fields } })
    const versions = [
      versionOf({}),
      versionOf(burst({ limit: 4 })),
      versionOf(burst({ mode: 'shadow' })),
      versionOf(made({})),
      versionOf(made({ match: { path: '/b' } })),
      versionOf(made({ match: { path: '/a', method: 'GET' } })),
      versionOf(made({ rules: { b: limit, a: limit } })),
      versionOf(made({ rules: {} })),
    ]
    expect(new Set(versions).size).toBe(versions.length)
  })
})
