import { describe, expect, it } from 'vitest'
import { parseClientAddress } from '../client-address.ts'
import type { PolicyInput } from '../policy.ts'
import { diffPolicies } from './diff.ts'
import { explainRequests } from './explain.ts'
import { loadPolicies } from './load.ts'

const ip = parseClientAddress('203.0.113.7')
if (ip === undefined) throw new Error('no address')
const limit = { kind: 'rate-limit', by: 'ip', limit: 3, window: '60s' } as const
const contact: PolicyInput = { id: 'contact', rules: [{ id: 'burst', ...limit, cooldown: '5m' }] }
const atMs = Date.UTC(2026, 10, 21)

describe('what a client meets who asks again and again', () => {
  it('is told of the first request, the last one admitted and the first one refused', () => {
    const { requests, isEndless } = explainRequests([contact], { ip }, atMs)
    expect(isEndless).toBe(false)
    expect(requests.map(({ number, decision }) => [number, decision.outcome, decision.reason])).toEqual([
      [1, 'allow', undefined],
      [3, 'allow', undefined],
      [4, 'deny', 'cooldown'],
    ])
    expect(requests.map(({ counters: [counter] }) => [counter?.ruleId, counter?.before, counter?.after])).toEqual([
      ['burst', 0, 1],
      ['burst', 2, 3],
      ['burst', 3, 3],
    ])
    expect(requests.at(-1)?.headers).toMatchObject({
      'retry-after': '300',
      'x-ratelimit-reset': String(atMs / 1_000 + 300),
    })
  })

  it('stops at what a rule in shadow would refuse, too', () => {
    const { requests } = explainRequests([{ ...contact, mode: 'shadow' }], { ip }, atMs)
    expect(requests.at(-1)).toMatchObject({ number: 4, decision: { outcome: 'allow', shadowRuleId: 'burst' } })
  })

  it('asks each of several policies, early rules before late ones', () => {
    const late: PolicyInput = { id: 'late', rules: [{ id: 'volume', ...limit, by: 'account', limit: 2 }] }
    const free: PolicyInput = { id: 'free', rules: [] }
    const { requests } = explainRequests([free, contact, late], { ip, account: 'ada' }, atMs)
    expect(requests.at(-1)).toMatchObject({ number: 3, decision: { policyId: 'late', ruleId: 'volume' } })
    expect(requests.at(-1)?.counters.map(({ policyId, after }) => [policyId, after])).toEqual([
      ['contact', 3],
      ['late', 2],
    ])
  })

  it('says so where nobody is ever refused', () => {
    expect(explainRequests([{ id: 'free', rules: [] }], { ip }, atMs)).toEqual({ requests: [], isEndless: true })
    const wide: PolicyInput = { id: 'wide', rules: [{ id: 'burst', ...limit, limit: 2 ** 31 }] }
    const { requests, isEndless } = explainRequests([wide], { ip }, atMs)
    expect([isEndless, requests.map(({ number }) => number)]).toEqual([true, [1, 10_000]])
  })

  it('leaves nothing behind: asked twice, it says the same', () => {
    expect(explainRequests([contact], { ip }, atMs)).toEqual(explainRequests([contact], { ip }, atMs))
  })
})

describe('what differs between two sets of policies', () => {
  const load = (policies: unknown) => loadPolicies({ version: 1, policies }, [contact])
  const base = load({})

  it('is nothing between files that say the same in other words', () => {
    const same = load({ contact: { rules: { burst: { window: '60s', limit: 3 } } } })
    expect(diffPolicies(base, same)).toEqual([])
  })

  it('is told by policy, rule and field', () => {
    const made = { match: { method: 'POST', path: '/a' }, rules: { tries: limit } }
    const other = load({ contact: { mode: 'shadow', rules: { burst: { limit: 5 }, more: limit } }, made })
    expect(diffPolicies(base, other)).toEqual([
      { policyId: 'contact', field: 'mode', after: 'shadow' },
      { policyId: 'contact', ruleId: 'burst', field: 'limit', before: 3, after: 5 },
      { policyId: 'contact', ruleId: 'more', after: { id: 'more', ...limit } },
      { policyId: 'made', after: { id: 'made', match: ['POST /a'], rules: [{ id: 'tries', ...limit }] } },
    ])
    expect(diffPolicies(other, base)).toHaveLength(4)
    expect(diffPolicies(other, base)[3]).toEqual({ policyId: 'made', before: expect.anything() })
  })

  it('is also the order of rules, which is the order in which they decide, and what a policy is for', () => {
    const made = (path: string, rules: object) => load({ made: { match: { path }, rules } })
    expect(diffPolicies(made('/a', { x: limit, y: limit }), made('/b', { y: limit, x: limit }))).toEqual([
      { policyId: 'made', field: 'match', before: ['/a'], after: ['/b'] },
      { policyId: 'made', field: 'order of rules', before: ['x', 'y'], after: ['y', 'x'] },
    ])
  })
})
