import { PolicyError } from '@rempart/guard'
import { describe, expect, it } from 'vitest'
import { inFile, parsePolicyFile } from '../../policy-file.ts'
import type { RouteFacts } from '../request/route-table.ts'
import { type EvidenceSettings, unfillableRules } from './fillable-rules.ts'
import { createPolicySet } from './policy-set.ts'

const bare: EvidenceSettings = { countryHeader: undefined, reputationLists: [], abuseIpDbKey: undefined }
const settings = {
  bare,
  listed: { ...bare, reputationLists: [{ path: '/etc/rempart/bad.txt', score: 80 }] },
  service: { ...bare, abuseIpDbKey: 'k'.repeat(20) },
  country: { ...bare, countryHeader: 'cf-ipcountry' },
} satisfies Record<string, EvidenceSettings>

const faultsUnder = (text: string, given: EvidenceSettings, routes: readonly RouteFacts[] = []): readonly string[] => {
  const document = parsePolicyFile('rempart.policy.yaml', text)
  const base = { id: 'general', rules: [] }
  const faults = unfillableRules(createPolicySet([base], document.parsed), routes, given)
  const error = faults.length === 0 ? undefined : inFile(document, new PolicyError(faults))
  return error instanceof Error ? error.message.split('\n') : []
}

/** One rule in a policy file, its fields on lines of their own. */
const ruleOf = (fields: object): string => `version: 1
policies:
  general:
    rules:
      watched: ${JSON.stringify(fields)}
`

describe('the sources of a signal rule', () => {
  const sources = ['userAgent', 'reputation', 'country', 'honeypot', 'renderToken', 'proofOfWork', 'custom:score']
  const told: Readonly<Record<keyof typeof settings, readonly string[]>> = {
    bare: ['userAgent'],
    listed: ['userAgent', 'reputation'],
    service: ['userAgent', 'reputation'],
    country: ['userAgent'],
  }
  const names = Object.keys(settings) as (keyof typeof settings)[]
  const grid = names.flatMap((name) => sources.map((source) => [source, name, told[name].includes(source)] as const))

  it.each(grid)('%s alone, with the settings %s, is accepted: %s', (source, name, isTold) => {
    for (const threshold of ['deny', 'challenge']) {
      const faults = faultsUnder(ruleOf({ kind: 'signal', sources: [source], [threshold]: 50 }), settings[name])
      expect(faults.length).toBe(isTold ? 0 : 1)
    }
  })

  it.each(grid)(
    '%s beside one that is told, with the settings %s: only reputation may be wanting',
    (source, name, isTold) => {
      if (source === 'userAgent') return
      const rule = ruleOf({ kind: 'signal', sources: ['userAgent', source], deny: 50 })
      expect(faultsUnder(rule, settings[name]).length).toBe(isTold || source === 'reputation' ? 0 : 1)
    },
  )

  it('that could never add up to what the rule acts from are a fault, and with a list none', () => {
    const rule = ruleOf({ kind: 'signal', sources: ['userAgent', { source: 'reputation', weight: 2 }], deny: 150 })
    expect(faultsUnder(rule, settings.bare)).toEqual([
      expect.stringMatching(
        /^rempart\.policy\.yaml:5:7: .*add up to 100 at most; "reputation" needs REMPART_REPUTATION_LISTS/,
      ),
    ])
    expect(faultsUnder(rule, settings.listed)).toEqual([])
    const weak = ruleOf({ kind: 'signal', sources: [{ source: 'userAgent', weight: 0.5 }], challenge: 60, deny: 90 })
    expect(faultsUnder(weak, settings.listed)).toEqual([expect.stringContaining('add up to 50 at most; lower')])
    const filled = { source: 'reputation', missing: 100 }
    expect(faultsUnder(ruleOf({ kind: 'signal', sources: ['userAgent', filled], deny: 150 }), bare)).toEqual([])
  })

  it('that are wanting are told with file, line, column and what to do', () => {
    const text = `version: 1
policies:
  general:
    rules:
      robots:
        kind: signal
        sources:
          - userAgent
          - proofOfWork
          - country
          - honeypot
        deny: 80
`
    expect(faultsUnder(text, bare)).toEqual([
      expect.stringMatching(/^rempart\.policy\.yaml:9:13: .*"challenge", and it asks for a proof of work itself/),
      expect.stringMatching(/^rempart\.policy\.yaml:10:13: .*"access-list" by "country"/),
      expect.stringMatching(/^rempart\.policy\.yaml:11:13: .*the protection of each form/),
    ])
  })
})

describe('what a rule counts by', () => {
  const route = (config: Partial<RouteFacts['config']>): readonly RouteFacts[] => [
    // Only what tells who may call is read of a route.
    { method: 'POST', url: '/x', config: { url: '/x', method: 'POST', ...config } } as unknown as RouteFacts,
  ]
  const routes = {
    nobody: route({ access: 'none' }),
    anybody: route({ access: 'public' }),
    keyed: route({ access: 'public', keyScope: 'gates:register' }),
    staff: route({ access: 'leads:read' }),
    signIn: route({ access: 'public', accountRules: true }),
  }
  const known: Readonly<Record<keyof typeof routes, readonly string[]>> = {
    nobody: [],
    anybody: ['tenant'],
    keyed: ['tenant', 'api-key'],
    staff: ['tenant', 'api-key'],
    signIn: ['tenant', 'account'],
  }
  const always = ['ip', 'ip/56', 'fingerprint', 'route', 'header:x-device']
  const names = Object.keys(routes) as (keyof typeof routes)[]
  const grid = names.flatMap((name) =>
    [...always, 'tenant', 'api-key', 'account'].map(
      (by) => [by, name, always.includes(by) || known[name].includes(by)] as const,
    ),
  )
  const kinds = [
    { kind: 'rate-limit', limit: 5, window: '1m' },
    { kind: 'lockout', attempts: 5, window: '1m', lock: '1m' },
    { kind: 'escalation', window: '1h', steps: [{ after: 3, do: 'challenge' }] },
    { kind: 'concurrency', slots: 5, lease: '1m' },
  ]

  it.each(grid)('%s on a route for %s is accepted: %s', (by, name, isKnown) => {
    for (const kind of kinds) {
      expect(faultsUnder(ruleOf({ ...kind, by }), bare, routes[name]).length).toBe(isKnown ? 0 : 1)
    }
  })

  it('asks an access list by country for the header that tells it', () => {
    const rule = ruleOf({ kind: 'access-list', by: 'country', deny: ['XX'] })
    expect(faultsUnder(rule, bare)).toEqual([expect.stringContaining('REMPART_COUNTRY_HEADER')])
    expect(faultsUnder(rule, settings.country)).toEqual([])
  })
})
