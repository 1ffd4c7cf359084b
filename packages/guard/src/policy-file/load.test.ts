import { describe, expect, it } from 'vitest'
import { PolicyError, type PolicyFault } from '../faults.ts'
import { definePolicy, type PolicyInput } from '../policy.ts'
import { loadPolicyFile } from './load.ts'

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
    expect(resources).toBe(base[1])
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
