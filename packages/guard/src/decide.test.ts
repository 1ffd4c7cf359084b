import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decide } from './decide.ts'
import { snapshotDecision } from './decision.ts'
import { compilePolicies, compilePolicy } from './plan.ts'
import { definePolicy } from './policy.ts'
import type { RuleInput } from './rule-kinds.ts'
import type { RateLimitInput } from './rules/rate-limit.ts'
import type { Store } from './store.ts'
import { createMemoryStore } from './stores/memory.ts'
import { earlyPlan, from, latePlan } from './testing/arrivals.ts'

const budgetBytes = 65_536
const client = from('192.0.2.1')

type Limit = Extract<RateLimitInput, { limit: number }>

const perMinute = (id: string, limit: number, fields: Partial<Limit> = {}): Limit => ({
  id,
  kind: 'rate-limit',
  by: 'ip',
  limit,
  window: '1m',
  ...fields,
})

/** What is left of each rule, told by asking each alone for more than it can ever give, which charges nothing. */
function remainders(store: Store, rules: readonly Limit[], nowMs: number): number[] {
  return rules.map((rule) => {
    const decision = decide(earlyPlan([{ ...rule, limit: 1_000, cooldown: 0 }]), store, client, 1_001, nowMs)
    return rule.limit - (1_000 - decision.remaining)
  })
}

describe('several rules', () => {
  it('charge nothing when one of them refuses', () => {
    const store = createMemoryStore({ budgetBytes })
    const rules = [perMinute('first', 5), perMinute('tight', 1), perMinute('last', 5)]
    const plan = earlyPlan(rules)
    decide(plan, store, client, 1, 0)
    for (let sent = 0; sent < 50; sent += 1) {
      expect(decide(plan, store, client, 1, 1)).toMatchObject({ outcome: 'deny', ruleId: 'tight' })
    }
    expect(remainders(store, rules, 2)).toEqual([4, 0, 4])
  })

  it('do not let one refused address spend the volume its whole tenant shares', () => {
    const store = createMemoryStore({ budgetBytes })
    const plan = latePlan([perMinute('burst', 1, { by: ['ip', 'tenant'] }), perMinute('volume', 10, { by: 'tenant' })])
    const greedy = from('203.0.113.1', { tenant: 'acme' })
    decide(plan, store, greedy, 1, 0)
    for (let sent = 0; sent < 50; sent += 1) expect(decide(plan, store, greedy, 1, 1).ruleId).toBe('burst')
    const other = from('203.0.113.2', { tenant: 'acme' })
    expect(decide(plan, store, other, 9, 2)).toMatchObject({ outcome: 'deny', ruleId: 'burst' })
    expect(decide(plan, store, other, 1, 2)).toMatchObject({ outcome: 'allow' })
  })

  it('charge all or none of K counters, whatever their limits and whatever the costs', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 2, maxLength: 6, size: 'max' }),
        fc.array(fc.integer({ min: 1, max: 8 }), { maxLength: 40, size: 'max' }),
        (limits, costs) => {
          const store = createMemoryStore({ budgetBytes })
          const rules = limits.map((limit, index) => perMinute(`rule-${index}`, limit))
          const plan = earlyPlan(rules)
          let spent = 0
          for (const [index, cost] of costs.entries()) {
            const admitted = spent + cost <= Math.min(...limits)
            expect(decide(plan, store, client, cost, index).outcome).toBe(admitted ? 'allow' : 'deny')
            if (admitted) spent += cost
            expect(remainders(store, rules, index)).toEqual(limits.map((limit) => limit - spent))
          }
        },
      ),
    )
  })

  it('name the first that refuses, and a wait that satisfies all that do', () => {
    const store = createMemoryStore({ budgetBytes })
    const plan = earlyPlan([perMinute('short', 2), perMinute('long', 2, { window: '1h' })])
    decide(plan, store, client, 2, 0)
    expect(decide(plan, store, client, 1, 1_000)).toMatchObject({
      outcome: 'deny',
      ruleId: 'short',
      resetMs: 59_000,
      retryAfterMs: 3_599_000,
    })
    expect(decide(plan, store, client, 1, 3_600_000).outcome).toBe('allow')
  })

  it('tell the figures of the one with the least left when all admit', () => {
    const store = createMemoryStore({ budgetBytes })
    const plan = earlyPlan([perMinute('wide', 100), perMinute('narrow', 3), perMinute('middle', 10)])
    expect(decide(plan, store, client, 1, 0)).toMatchObject({
      outcome: 'allow',
      ruleId: 'narrow',
      limit: 3,
      remaining: 2,
      resetMs: 60_000,
      windowMs: 60_000,
      counted: true,
    })
  })
})

describe('shadow', () => {
  it('reports what a shadow rule would have refused, and refuses nobody', () => {
    const store = createMemoryStore({ budgetBytes })
    const plan = earlyPlan([perMinute('trial', 1, { mode: 'shadow', cooldown: '1h' }), perMinute('live', 5)])
    expect(decide(plan, store, client, 1, 0)).toMatchObject({ outcome: 'allow', shadow: false })
    expect(decide(plan, store, client, 1, 1)).toMatchObject({ outcome: 'allow', shadow: true, shadowRuleId: 'trial' })
    expect(decide(plan, store, client, 1, 1)).toMatchObject({ outcome: 'allow', ruleId: 'live', remaining: 2 })
  })

  it('does not charge a shadow counter for a request that a live rule refuses', () => {
    const store = createMemoryStore({ budgetBytes })
    const plan = earlyPlan([perMinute('trial', 2, { mode: 'shadow' }), perMinute('live', 1)])
    decide(plan, store, client, 1, 0)
    for (let sent = 0; sent < 9; sent += 1) expect(decide(plan, store, client, 1, 1)).toMatchObject({ shadow: false })
  })

  it('covers every rule of a policy in shadow, even one that says it is live', () => {
    const store = createMemoryStore({ budgetBytes })
    const plan = earlyPlan([perMinute('burst', 1, { mode: 'live' })], { mode: 'shadow' })
    for (let sent = 0; sent < 5; sent += 1) expect(decide(plan, store, client, 1, 0).outcome).toBe('allow')
  })

  it('tells no figures to the client when all that counts is in shadow', () => {
    const store = createMemoryStore({ budgetBytes })
    const plan = earlyPlan([perMinute('burst', 1)], { mode: 'shadow' })
    expect(decide(plan, store, client, 1, 0)).toMatchObject({ limit: 0, counted: false, quota: undefined })
  })
})

describe('access lists', () => {
  const list = (fields: object): RuleInput => ({ id: 'list', kind: 'access-list', by: 'ip', ...fields })

  it('refuse a denied address at once, without a wait and without spending anything', () => {
    const store = createMemoryStore({ budgetBytes })
    const counting = perMinute('burst', 5)
    const plan = earlyPlan([counting, list({ deny: ['192.0.2.0/24'] })])
    expect(decide(plan, store, client, 1, 0)).toMatchObject({
      outcome: 'deny',
      reason: 'access-list',
      ruleId: 'list',
      retryAfterMs: undefined,
      counted: false,
    })
    expect(remainders(store, [counting], 0)).toEqual([5])
  })

  it('let an allowed address skip the counting rules behind them, not those before', () => {
    const store = createMemoryStore({ budgetBytes })
    const plan = earlyPlan([perMinute('before', 2), list({ allow: ['192.0.2.1'] }), perMinute('behind', 1)])
    expect(decide(plan, store, client, 1, 0).outcome).toBe('allow')
    expect(decide(plan, store, client, 1, 0).outcome).toBe('allow')
    expect(decide(plan, store, client, 1, 0)).toMatchObject({ outcome: 'deny', ruleId: 'before' })
  })

  it('exempt an allowed address from the late rules too', () => {
    const store = createMemoryStore({ budgetBytes })
    const plan = latePlan([list({ allow: ['192.0.2.1'] }), perMinute('volume', 1, { by: 'tenant' })])
    const member = from('192.0.2.1', { tenant: 'acme' })
    for (let sent = 0; sent < 5; sent += 1) expect(decide(plan, store, member, 1, 0).outcome).toBe('allow')
    const stranger = from('192.0.2.2', { tenant: 'acme' })
    decide(plan, store, stranger, 1, 0)
    expect(decide(plan, store, stranger, 1, 0).outcome).toBe('deny')
  })

  it('take an address allowed as the exception to the block denied', () => {
    const plan = earlyPlan([list({ deny: ['2001:db8::/32'], allow: ['2001:db8::1'] })])
    const store = createMemoryStore({ budgetBytes })
    expect(decide(plan, store, from('2001:db8::1'), 1, 0).outcome).toBe('allow')
    expect(decide(plan, store, from('2001:db8::2'), 1, 0).outcome).toBe('deny')
  })

  it('recognise a denied IPv4 address in its IPv6 disguises', () => {
    const plan = earlyPlan([list({ deny: ['192.0.2.0/24'] })])
    const store = createMemoryStore({ budgetBytes })
    for (const disguise of ['::ffff:192.0.2.9', '::FFFF:C000:0209', '64:ff9b::192.0.2.9', '::192.0.2.9']) {
      expect(decide(plan, store, from(disguise), 1, 0).outcome).toBe('deny')
    }
  })

  it('only report in shadow', () => {
    const plan = earlyPlan([list({ deny: ['0.0.0.0/0'], mode: 'shadow' })])
    const decision = decide(plan, createMemoryStore({ budgetBytes }), client, 1, 0)
    expect(decision).toMatchObject({ outcome: 'allow', shadow: true, shadowRuleId: 'list' })
  })
})

describe('a store that fails', () => {
  const fail = (): never => {
    throw new Error('out of reach')
  }
  const broken: Store = { remote: false, take: fail, clear: fail, release: fail, mark: fail, stats: fail }

  it('lets requests through where the policy says open, which is the default', () => {
    const plan = earlyPlan([perMinute('burst', 1)])
    expect(decide(plan, broken, client, 1, 0)).toMatchObject({ outcome: 'allow', counted: false })
  })

  it('refuses them, as a value and without a wait, where a live rule says closed', () => {
    const plan = earlyPlan([perMinute('burst', 1), perMinute('volume', 9, { onStoreFailure: 'closed' })])
    expect(decide(plan, broken, client, 1, 0)).toMatchObject({
      outcome: 'deny',
      reason: 'store-failure',
      ruleId: 'volume',
      retryAfterMs: undefined,
    })
  })

  it('asks a rule of its policy, and asks no rule in shadow', () => {
    const closed = { onStoreFailure: 'closed' } as const
    expect(decide(earlyPlan([perMinute('a', 1)], closed), broken, client, 1, 0).outcome).toBe('deny')
    const shadow = earlyPlan([perMinute('a', 1, { mode: 'shadow' })], closed)
    expect(decide(shadow, broken, client, 1, 0).outcome).toBe('allow')
  })
})

describe('subjects', () => {
  it('do not run together: "a" with "bc" is not "ab" with "c"', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), fc.nat(), (account, tenant, cut) => {
        const joined = account + tenant
        const at = cut % (joined.length + 1)
        const other = { account: joined.slice(0, at), tenant: joined.slice(at) }
        fc.pre(other.account !== account)
        const store = createMemoryStore({ budgetBytes })
        const plan = latePlan([perMinute('pair', 1, { by: ['account', 'tenant'] })])
        decide(plan, store, from('192.0.2.1', { account, tenant }), 1, 0)
        expect(decide(plan, store, from('192.0.2.1', other), 1, 0).outcome).toBe('allow')
        expect(decide(plan, store, from('192.0.2.9', { account, tenant }), 1, 0).outcome).toBe('deny')
      }),
    )
  })

  it('are counted apart by each rule and each policy', () => {
    const store = createMemoryStore({ budgetBytes })
    const rules = [perMinute('burst', 1)]
    expect(decide(earlyPlan(rules, { id: 'a' }), store, client, 1, 0).outcome).toBe('allow')
    expect(decide(earlyPlan(rules, { id: 'b' }), store, client, 1, 0).outcome).toBe('allow')
    expect(decide(earlyPlan([perMinute('burst-2', 1)], { id: 'a' }), store, client, 1, 0).outcome).toBe('allow')
    expect(decide(earlyPlan(rules, { id: 'a' }), store, client, 1, 0).outcome).toBe('deny')
  })

  it('share one counter for all addresses of a /64', () => {
    const store = createMemoryStore({ budgetBytes })
    const plan = earlyPlan([perMinute('burst', 1)])
    decide(plan, store, from('2001:db8::1'), 1, 0)
    expect(decide(plan, store, from('2001:db8::ffff:ffff:ffff:ffff'), 1, 0).outcome).toBe('deny')
    expect(decide(plan, store, from('2001:db8:0:1::1'), 1, 0).outcome).toBe('allow')
  })

  it('that a request does not have leave their rule aside', () => {
    const store = createMemoryStore({ budgetBytes })
    const plan = latePlan([perMinute('volume', 1, { by: 'account' })])
    for (let sent = 0; sent < 3; sent += 1) {
      expect(decide(plan, store, client, 1, 0)).toMatchObject({ outcome: 'allow', counted: false })
    }
  })

  it.each(['fingerprint', 'account', 'tenant', 'api-key'] as const)('count by %s apart from any other', (subject) => {
    const store = createMemoryStore({ budgetBytes })
    const counting = [perMinute('burst', 1, { by: subject })]
    const plan = subject === 'fingerprint' ? earlyPlan(counting) : latePlan(counting)
    expect(decide(plan, store, from('192.0.2.1', { [subject]: 'one' }), 1, 0).outcome).toBe('allow')
    expect(decide(plan, store, from('192.0.2.2', { [subject]: 'one' }), 1, 0).outcome).toBe('deny')
    expect(decide(plan, store, from('192.0.2.1', { [subject]: 'two' }), 1, 0).outcome).toBe('allow')
  })

  it('that no rule counts by are never computed', () => {
    const lazy = {
      ...client,
      get fingerprint(): string {
        throw new Error('computed')
      },
    }
    const plan = earlyPlan([perMinute('burst', 1)])
    expect(decide(plan, createMemoryStore({ budgetBytes }), lazy, 1, 0).outcome).toBe('allow')
  })
})

describe('plans', () => {
  it('decide early what the address and the fingerprint tell, and late the rest', () => {
    const { early, late } = compilePolicy(
      definePolicy({
        id: 'mixed',
        rules: [
          perMinute('burst', 1),
          perMinute('print', 1, { by: ['ip', 'fingerprint'] }),
          perMinute('account', 1, { by: 'account' }),
          perMinute('pair', 1, { by: ['ip', 'tenant'] }),
        ],
      }),
    )
    expect(early?.counts.map(({ rule }) => rule.id)).toEqual(['burst', 'print'])
    expect(late?.counts.map(({ rule }) => rule.id)).toEqual(['account', 'pair'])
  })

  it('are absent where a policy has nothing to decide', () => {
    expect(compilePolicy(definePolicy({ id: 'none', rules: [] }))).toMatchObject({
      early: undefined,
      late: undefined,
      quotas: [],
    })
    const list = { id: 'list', kind: 'access-list', by: 'ip', deny: ['192.0.2.1'] } as const
    expect(compilePolicy(definePolicy({ id: 'list', rules: [list] })).late).toBeUndefined()
  })

  it('refuse two policies of one name, whose counters would be one', () => {
    const policy = definePolicy({ id: 'twice', rules: [perMinute('burst', 1)] })
    expect(() => compilePolicies([policy, policy])).toThrow(RangeError)
    expect([...compilePolicies([policy]).keys()]).toEqual(['twice'])
  })

  it('overwrite their decision at the next call, and a snapshot outlives it', () => {
    const store = createMemoryStore({ budgetBytes })
    const plan = earlyPlan([perMinute('burst', 1)])
    const first = decide(plan, store, client, 1, 0)
    const kept = snapshotDecision(first)
    expect(decide(plan, store, client, 1, 0)).toBe(first)
    expect([first.outcome, kept.outcome]).toEqual(['deny', 'allow'])
  })
})

describe('arguments', () => {
  it.each([0, -1, 1.5, Number.NaN, 2 ** 31 + 1])('refuse a cost of %s', (cost) => {
    expect(() => decide(earlyPlan([perMinute('a', 1)]), createMemoryStore(), client, cost, 0)).toThrow(RangeError)
  })

  it.each([-1, Number.NaN, Infinity])('refuse a time of %s', (nowMs) => {
    expect(() => decide(earlyPlan([perMinute('a', 1)]), createMemoryStore(), client, 1, nowMs)).toThrow(RangeError)
  })
})
