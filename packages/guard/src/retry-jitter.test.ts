import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decide } from './decide.ts'
import type { Decision } from './decision.ts'
import { PolicyError } from './faults.ts'
import { createGuard } from './guard.ts'
import { rateLimitHeaders } from './headers.ts'
import { compilePolicy, type Plan } from './plan.ts'
import { definePolicy } from './policy.ts'
import type { RuleInput } from './rule-kinds.ts'
import { createMemoryStore } from './stores/memory.ts'
import { earlyPlan, from, latePlan } from './testing/arrivals.ts'
import { createHeldStore } from './testing/remote-store.ts'

const budgetBytes = 262_144
const client = from('192.0.2.1', { evidence: { solved: true } })
const minute = 60_000

const newcomer = (index: number) => from(`198.51.${index >> 8}.${index & 255}`)

const limit = { id: 'burst', kind: 'rate-limit', by: 'ip', limit: 1, window: '1m', cooldown: '5m' } as const
const lockout = { id: 'tries', kind: 'lockout', by: 'ip', attempts: 1, window: '10m', lock: '15m' } as const
const ladder = {
  id: 'ladder',
  kind: 'escalation',
  by: 'ip',
  window: '1h',
  steps: [{ after: 1, do: 'lock', for: '15m' }],
} as const
const spread = { retryAfterJitter: '1m' } as const

const milliseconds = (most: number) => fc.integer({ min: 1, max: most })

/** Rules of each kind that announces a wait, of figures that arrivals seconds apart run into. */
const announcing: fc.Arbitrary<RuleInput> = fc.oneof(
  fc.record({
    id: fc.constant('window'),
    kind: fc.constant('rate-limit' as const),
    by: fc.constant('ip' as const),
    limit: fc.integer({ min: 1, max: 50 }),
    window: milliseconds(20_000),
    cooldown: fc.nat({ max: 20_000 }),
  }),
  fc.record({
    id: fc.constant('rate'),
    kind: fc.constant('rate-limit' as const),
    by: fc.constant('ip' as const),
    rate: fc.integer({ min: 6, max: 30 }),
    burst: fc.integer({ min: 1, max: 5 }),
    window: fc.integer({ min: 1_000, max: 20_000 }),
  }),
  fc.record({
    id: fc.constant('lockout'),
    kind: fc.constant('lockout' as const),
    by: fc.constant('ip' as const),
    attempts: fc.integer({ min: 1, max: 5 }),
    window: milliseconds(20_000),
    lock: milliseconds(20_000),
  }),
  fc.record({
    id: fc.constant('ladder'),
    kind: fc.constant('escalation' as const),
    by: fc.constant('ip' as const),
    window: milliseconds(60_000),
    steps: fc.record({ for: milliseconds(5_000), growth: fc.integer({ min: 1, max: 3 }) }).map((wait) => [
      { after: 1, do: 'challenge' as const },
      { after: 2, do: 'delay' as const, cap: '1m' as const, ...wait },
    ]),
  }),
)
/** From one that nobody notices to one that is longer than any wait. */
const jitter = fc.oneof(fc.constant(1), milliseconds(3_000), milliseconds(100_000), fc.constant('400d' as const))

/** The longest wait of the rules that refuse, as the store has read it. */
function trueWait({ slate }: Plan): number {
  return Math.max(...slate.takes.filter(({ fits }) => !fits).map(({ waitMs }) => waitMs))
}

/** What a request beyond the limit is told, by a store that has seen nobody before. */
function toldTo(subjects: typeof client, rule: RuleInput): number {
  const store = createMemoryStore({ budgetBytes })
  const plan = earlyPlan([rule])
  decide(plan, store, subjects, 1, 0)
  return decide(plan, store, subjects, 1, 0).retryAfterMs ?? Number.NaN
}

describe('a wait with a jitter', () => {
  it('is never shorter than the true one, never 0, and admits whoever waits as told, in milliseconds or in seconds', () => {
    const rules = fc.array(announcing, { minLength: 1, maxLength: 3 })
    const gaps = fc.array(fc.oneof(fc.constant(0), fc.nat({ max: 3_000 })), { maxLength: 60, size: 'max' })
    let refusals = 0
    fc.assert(
      fc.property(rules, jitter, gaps, fc.boolean(), (chosen, retryAfterJitter, sent, inSeconds) => {
        const plan = earlyPlan(
          chosen.map((rule, index) => ({ ...rule, id: `r${index}`, retryAfterJitter }) as RuleInput),
        )
        const store = createMemoryStore({ budgetBytes })
        let nowMs = 0
        for (const gapMs of sent) {
          nowMs += gapMs
          const decision = decide(plan, store, client, 1, nowMs)
          expect(decision.retryAfterMs === undefined).toBe(decision.outcome === 'allow')
          if (decision.retryAfterMs === undefined) continue
          refusals += 1
          expect(decision.retryAfterMs).toBeGreaterThan(0)
          expect(decision.retryAfterMs).toBeGreaterThanOrEqual(trueWait(plan))
          const seconds = Number(rateLimitHeaders(decision, 0)['retry-after'])
          expect(seconds).toBeGreaterThanOrEqual(1)
          nowMs += inSeconds ? seconds * 1_000 : decision.retryAfterMs
          expect(decide(plan, store, client, 1, nowMs).outcome).toBe('allow')
        }
      }),
    )
    expect(refusals).toBeGreaterThan(100)
  })

  it.each([
    ['a rate limit', limit],
    ['a lockout', lockout],
    ['a ladder', ladder],
  ])('spreads a thousand clients whom %s refuses at once: no second has more than twice its share', (_, rule) => {
    const waits = Array.from({ length: 1_000 }, (_, index) => toldTo(newcomer(index), { ...rule, ...spread }))
    const shortest = toldTo(client, rule)
    const bySecond = Array.from({ length: 60 }, () => 0)
    for (const waitMs of waits) {
      expect(waitMs).toBeGreaterThanOrEqual(shortest)
      expect(waitMs).toBeLessThan(shortest + minute)
      const second = Math.floor((waitMs - shortest) / 1_000)
      bySecond[second] = (bySecond[second] ?? 0) + 1
    }
    // A share is 16.7 clients; one second in 1,000 would have 30 or more by chance.
    expect(Math.max(...bySecond)).toBeLessThanOrEqual(33)
    expect(Math.min(...bySecond)).toBeGreaterThan(0)
  })

  it('ends for one client at one instant, however often it asks', () => {
    const store = createMemoryStore({ budgetBytes })
    const plan = earlyPlan([{ ...limit, ...spread }])
    decide(plan, store, client, 1, 0)
    const ends = [0, 1, 999, 60_000, 299_999].map(
      (nowMs) => nowMs + (decide(plan, store, client, 1, nowMs).retryAfterMs ?? 0),
    )
    expect(new Set(ends).size).toBe(1)
  })

  it('is the same by another process, whatever the limits have become', () => {
    const told = Array.from({ length: 20 }, (_, index) => toldTo(newcomer(index), { ...limit, ...spread }))
    const again = Array.from({ length: 20 }, (_, index) =>
      toldTo(newcomer(index), { ...limit, window: '2m', ...spread }),
    )
    expect(again).toEqual(told)
    // Written down: it would be another if the hash were drawn anew in each process.
    expect(toldTo(client, { ...limit, ...spread })).toBe(324_471)
  })

  it('is otherwise by another rule, so that nobody is always the last', () => {
    const offsets = (id: string) =>
      Array.from({ length: 20 }, (_, index) => toldTo(newcomer(index), { ...limit, id, ...spread }))
    expect(offsets('burst')).not.toEqual(offsets('volume'))
  })

  it('tells apart the clients of a combination', () => {
    const rule = { ...limit, by: ['ip', 'account'], ...spread } as const
    const plan = latePlan([rule])
    const told = ['ada', 'bob'].map((account) => {
      const store = createMemoryStore({ budgetBytes })
      decide(plan, store, { ...client, account }, 1, 0)
      return decide(plan, store, { ...client, account }, 1, 0).retryAfterMs
    })
    expect(told[0]).not.toBe(told[1])
  })

  it('is the same in each field that tells it', () => {
    const store = createMemoryStore({ budgetBytes })
    const plan = earlyPlan([{ ...limit, ...spread }])
    decide(plan, store, client, 1, 0)
    const decision = decide(plan, store, client, 1, 0)
    const { 'retry-after': retryAfter, 'x-ratelimit-reset': reset, ratelimit } = rateLimitHeaders(decision, 0)
    expect(Number(retryAfter)).toBeGreaterThan(300)
    expect([reset, ratelimit]).toEqual([retryAfter, `"test/burst";r=0;t=${retryAfter}`])
  })

  it('satisfies another rule that refuses too, with the jitter of either', () => {
    const long = { ...limit, id: 'long', cooldown: '1h', ...spread } as const
    const store = createMemoryStore({ budgetBytes })
    const plan = earlyPlan([limit, long])
    decide(plan, store, client, 1, 0)
    const { ruleId, retryAfterMs } = decide(plan, store, client, 1, 0)
    expect([ruleId, retryAfterMs]).toEqual(['burst', toldTo(client, long)])
    expect(retryAfterMs).toBeGreaterThan(60 * minute)
  })

  it('is told where there is a wait to tell, and nowhere else', () => {
    const store = createMemoryStore({ budgetBytes })
    const { cooldown: _, ...brief } = limit
    const silent = earlyPlan([{ ...brief, retryAfter: 'cooldown-only', ...spread }])
    decide(silent, store, client, 1, 0)
    expect(decide(silent, store, client, 1, 0)).toMatchObject({ retryAfterMs: undefined, resetMs: minute })
    const wide = earlyPlan([{ ...brief, id: 'wide', ...spread }])
    expect(decide(wide, store, client, 2, 0)).toMatchObject({ outcome: 'deny', retryAfterMs: undefined })
    expect(decide(wide, store, client, 1, 0)).toMatchObject({ outcome: 'allow', resetMs: minute })
  })

  it('is the same over a store that others share', async () => {
    const policies = [{ id: 'test', rules: [{ ...limit, ...spread }] }]
    const guard = createGuard({ policies, store: createHeldStore(), nowMs: () => 0 })
    await guard.early('test', client)
    expect((await guard.early('test', client)).retryAfterMs).toBe(toldTo(client, { ...limit, ...spread }))
  })

  it('is the same where a store that has failed leaves the rule to this process', async () => {
    const store = createHeldStore()
    store.behaviour = 'fail'
    const rule = { ...limit, ...spread, onStoreFailure: 'local-share' } as const
    const guard = createGuard({ policies: [{ id: 'test', rules: [rule] }], store, nowMs: () => 0 })
    await guard.early('test', client)
    expect(await guard.early('test', client)).toMatchObject({ degraded: true, retryAfterMs: toldTo(client, rule) })
  })
})

describe('retryAfterJitter', () => {
  const versionOf = (rule: RuleInput): string => compilePolicy(definePolicy({ id: 'test', rules: [rule] })).version
  const pathsOf = (rule: object): readonly string[] => {
    try {
      definePolicy({ id: 'test', rules: [rule as RuleInput] })
    } catch (error) {
      if (error instanceof PolicyError) return error.faults.map(({ path }) => path)
      throw error
    }
    return []
  }

  it.each([limit, lockout, ladder])('is off by default, and 0 is off: $kind', (rule) => {
    expect(Object.keys(definePolicy({ id: 'test', rules: [rule] }).rules[0] ?? {})).not.toContain('retryAfterJitterMs')
    const { retryAfterMs } = { retryAfterMs: toldTo(client, rule) }
    expect(retryAfterMs).toBe(toldTo(newcomer(1), rule))
    expect(retryAfterMs % minute).toBe(0)
    for (const none of [0, '0s'] as const) {
      expect(versionOf({ ...rule, retryAfterJitter: none })).toBe(versionOf(rule))
      expect(toldTo(client, { ...rule, retryAfterJitter: none })).toBe(retryAfterMs)
    }
    expect(versionOf({ ...rule, ...spread })).not.toBe(versionOf(rule))
  })

  it('is refused where it is no duration, and where no wait is announced', () => {
    for (const rule of [limit, lockout, ladder]) {
      for (const retryAfterJitter of [-1, '60', '401d', 1.5]) {
        expect(pathsOf({ ...rule, retryAfterJitter })).toEqual([`test.rules.${rule.id}.retryAfterJitter`])
      }
    }
    const slots = { id: 'slots', kind: 'concurrency', by: 'ip', slots: 1, lease: '30s', retryAfterJitter: '1m' }
    expect(pathsOf(slots)).toEqual(['test.rules.slots.retryAfterJitter'])
  })
})

describe('a wait', () => {
  const ada = from('192.0.2.1', { account: 'ada' })
  const burst = { id: 'burst', kind: 'rate-limit', by: 'account', limit: 2, window: '1s' } as const

  it.each<[string, RuleInput, number]>([
    ['a lockout', { ...lockout, by: 'account', attempts: 3 }, 10 * minute],
    ['a ladder', { ...ladder, by: 'account', steps: [{ after: 3, do: 'lock', for: '15m' }] }, 15 * minute],
  ])('outlasts what the refused attempt has set going: %s beside a limit', (_, rule, waitMs) => {
    for (const rules of [
      [burst, rule],
      [rule, burst],
    ]) {
      const store = createMemoryStore({ budgetBytes })
      const plan = latePlan(rules)
      for (let sent = 0; sent < 2; sent += 1) expect(decide(plan, store, ada, 1, 0).outcome).toBe('allow')
      expect(decide(plan, store, ada, 1, 0)).toMatchObject({ reason: 'rate-limit', retryAfterMs: waitMs })
      expect(decide(plan, store, ada, 1, waitMs).outcome).toBe('allow')
    }
  })

  it('is not lengthened by a rule in shadow', () => {
    const store = createMemoryStore({ budgetBytes })
    const plan = latePlan([burst, { ...lockout, by: 'account', attempts: 3, mode: 'shadow' }])
    for (let sent = 0; sent < 2; sent += 1) decide(plan, store, ada, 1, 0)
    expect(decide(plan, store, ada, 1, 0)).toMatchObject({ reason: 'rate-limit', retryAfterMs: 1_000 })
  })

  it('outlasts it over a store that others share, too', async () => {
    const rules = [burst, { ...lockout, by: 'account', attempts: 3 } as const]
    const guard = createGuard({ policies: [{ id: 'test', rules }], store: createHeldStore(), nowMs: () => 0 })
    for (let sent = 0; sent < 2; sent += 1) await guard.late('test', ada)
    expect((await guard.late('test', ada)).retryAfterMs).toBe(10 * minute)
  })
})

describe('a refusal that no wait is known to end', () => {
  it.each<[string, RuleInput]>([
    ['slots', { id: 'r', kind: 'concurrency', by: 'ip', slots: 1, lease: '30s' }],
    ['an access list', { id: 'r', kind: 'access-list', by: 'ip', deny: ['192.0.2.1'] }],
    ['a signal', { id: 'r', kind: 'signal', sources: ['userAgent'], deny: 50 }],
  ])('tells none: %s', (_, rule) => {
    const plan = earlyPlan([rule])
    const store = createMemoryStore({ budgetBytes })
    const suspect = from('192.0.2.1', { evidence: { signals: { userAgent: 100 } } })
    let decision: Decision = decide(plan, store, suspect, 1, 0)
    if (decision.outcome === 'allow') decision = decide(plan, store, suspect, 1, 0)
    expect(decision.outcome).toBe('deny')
    expect(rateLimitHeaders(decision, 0)).toEqual({})
  })
})
