import { describe, expect, it } from 'vitest'
import { decide } from '../decide.ts'
import { PolicyError } from '../faults.ts'
import { compilePolicy } from '../plan.ts'
import { definePolicy } from '../policy.ts'
import { createMemoryStore } from '../stores/memory.ts'
import type { Evidence } from '../subject.ts'
import { earlyPlan, from, latePlan } from '../testing/arrivals.ts'
import type { SignalInput } from './signal.ts'

const store = () => createMemoryStore({ budgetBytes: 65_536 })

const bots = (fields: Partial<SignalInput> = {}): SignalInput => ({
  id: 'bots',
  kind: 'signal',
  sources: ['userAgent', { source: 'reputation', weight: 0.5 }],
  challenge: 50,
  deny: 90,
  ...fields,
})
const judge = (evidence: Evidence | undefined, fields: Partial<SignalInput> = {}) =>
  decide(earlyPlan([bots(fields)]), store(), from('192.0.2.1', { evidence }), 1, 0)

describe('signals', () => {
  it.each([
    [{ userAgent: 49 }, 'allow'],
    [{ userAgent: 50 }, 'challenge'],
    [{ reputation: 100 }, 'challenge'],
    [{ userAgent: 20, reputation: 58 }, 'allow'],
    [{ userAgent: 39, reputation: 100 }, 'challenge'],
    [{ userAgent: 40, reputation: 100 }, 'deny'],
    [{ userAgent: 90 }, 'deny'],
    [{}, 'allow'],
  ] as const)('add up by their weights: %j is %s', (signals, outcome) => {
    expect(judge({ signals }).outcome).toBe(outcome)
  })

  it('name their rule and why', () => {
    expect(judge({ signals: { userAgent: 60 } })).toMatchObject({ ruleId: 'bots', reason: 'signal-challenge' })
    expect(judge({ signals: { userAgent: 100 } })).toMatchObject({ ruleId: 'bots', reason: 'signal', counted: false })
  })

  it('are answered by a solved challenge where they challenge, not where they refuse', () => {
    expect(judge({ solved: true, signals: { userAgent: 60 } }).outcome).toBe('allow')
    expect(judge({ solved: true, signals: { userAgent: 100 } }).outcome).toBe('deny')
  })

  it('that a request does not carry count as its author says', () => {
    const fields: Partial<SignalInput> = { sources: [{ source: 'userAgent', missing: 70 }], challenge: 60, deny: 90 }
    expect(judge(undefined, fields).outcome).toBe('challenge')
    expect(judge({ signals: {} }, fields).outcome).toBe('challenge')
    expect(judge({ signals: { userAgent: 0 } }, fields).outcome).toBe('allow')
    expect(judge({ signals: { userAgent: Number.NaN } }, fields).outcome).toBe('challenge')
  })

  it('are held to 0 to 100, and are not found on a prototype', () => {
    expect(judge({ signals: { userAgent: 1e9 } }, { deny: 101 }).outcome).toBe('challenge')
    expect(judge({ signals: { userAgent: -1e9, reputation: 95 } }).outcome).toBe('allow')
    const inherited: Record<string, number> = Object.create({ userAgent: 100 })
    expect(judge({ signals: inherited }).outcome).toBe('allow')
  })

  it('that refuse or challenge charge no rate limit, and let attempts count', () => {
    const counters = store()
    const limit = { id: 'burst', kind: 'rate-limit', by: 'ip', limit: 2, window: '1h' } as const
    const lockout = { id: 'tries', kind: 'lockout', by: 'ip', attempts: 2, window: '1h', lock: '1h' } as const
    const plan = earlyPlan([limit, bots(), lockout])
    const bot = from('192.0.2.1', { evidence: { signals: { userAgent: 100 } } })
    const human = from('192.0.2.1')
    expect(decide(plan, counters, bot, 1, 0).reason).toBe('signal')
    expect(decide(earlyPlan([{ ...limit, limit: 1 }]), counters, human, 1, 0).outcome).toBe('allow')
    expect(decide(plan, counters, bot, 1, 0).reason).toBe('signal')
    expect(decide(plan, counters, human, 1, 0).reason).toBe('lockout')
  })

  it('give way to an access list, wherever it stands, and spare who is allowed before them', () => {
    const bot = from('192.0.2.1', { evidence: { signals: { userAgent: 100 } } })
    const deny = { id: 'list', kind: 'access-list', by: 'ip', deny: ['192.0.2.0/24'] } as const
    const allow = { id: 'list', kind: 'access-list', by: 'ip', allow: ['192.0.2.0/24'] } as const
    expect(decide(earlyPlan([bots(), deny]), store(), bot, 1, 0).reason).toBe('access-list')
    expect(decide(earlyPlan([allow, bots()]), store(), bot, 1, 0).outcome).toBe('allow')
    expect(decide(earlyPlan([bots(), allow]), store(), bot, 1, 0).outcome).toBe('deny')
  })

  it('only report in shadow', () => {
    expect(judge({ signals: { userAgent: 100 } }, { mode: 'shadow' })).toMatchObject({
      outcome: 'allow',
      shadowRuleId: 'bots',
    })
  })

  it('of the headers are judged early, those of the body late', () => {
    const moments = (sources: SignalInput['sources']) => {
      const { early, late } = compilePolicy(definePolicy({ id: 'p', rules: [bots({ sources })] }))
      return [early !== undefined, late !== undefined]
    }
    expect(moments(['userAgent', 'reputation', 'country'])).toEqual([true, false])
    expect(moments(['userAgent', 'renderToken'])).toEqual([false, true])
    expect(moments(['custom:behaviour'])).toEqual([false, true])
    expect(
      decide(
        latePlan([bots({ sources: ['honeypot'] })]),
        store(),
        from('192.0.2.1', { evidence: { signals: { honeypot: 100 } } }),
        1,
        0,
      ).outcome,
    ).toBe('deny')
  })
})

describe('a signal rule', () => {
  const faultsOf = (fields: object): readonly string[] => {
    try {
      definePolicy({
        id: 'p',
        rules: [{ id: 's', kind: 'signal', sources: ['userAgent'], deny: 50, ...fields } as SignalInput],
      })
    } catch (error) {
      if (error instanceof PolicyError) return error.faults.map(({ path }) => path)
      throw error
    }
    return []
  }

  it('is refused with a source that nobody fills in, which would never refuse anyone', () => {
    expect(faultsOf({ sources: ['useragent'] })).toEqual(['p.rules.s.sources[0]'])
    expect(faultsOf({ sources: ['custom:<name>'] })).toHaveLength(1)
    expect(faultsOf({ sources: ['custom:'] })).toHaveLength(1)
    expect(faultsOf({ sources: [] })).toHaveLength(1)
    expect(faultsOf({ sources: 'userAgent' })).toHaveLength(1)
    expect(faultsOf({ sources: ['userAgent', { source: 'userAgent' }] })).toHaveLength(1)
    expect(faultsOf({ sources: ['custom:mouse'] })).toEqual([])
  })

  it('is refused with figures out of bounds or thresholds that never decide', () => {
    expect(faultsOf({ deny: undefined })).toEqual(['p.rules.s'])
    expect(faultsOf({ challenge: 50 })).toEqual(['p.rules.s.challenge'])
    expect(faultsOf({ deny: 0 })).toHaveLength(1)
    expect(faultsOf({ sources: [{ source: 'userAgent', weight: 0 }] })).toHaveLength(1)
    expect(faultsOf({ sources: [{ source: 'userAgent', missing: 101 }] })).toHaveLength(1)
    expect(faultsOf({ sources: [{ source: 'userAgent', wait: 1 }] })).toHaveLength(1)
    expect(faultsOf({ by: 'ip' })).toEqual(['p.rules.s.by'])
  })
})
