import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compilePolicy } from '../../plan.ts'
import { definePolicy } from '../../policy.ts'
import type { RuleInput } from '../../rule-kinds.ts'
import { createTake, type HeldLease, type Take } from '../../store.ts'
import { createNaiveStore } from '../../testing/naive-store.ts'
import { createMemoryStore } from '../memory.ts'

type Subject = 'account' | 'tenant'

type Drawn<From> = From extends fc.Arbitrary<infer Value> ? Value : never

interface RuleFigures {
  readonly by: Subject | readonly Subject[]
  readonly shape: number
  readonly units: number
  readonly cooldownMs: number
}

const day = 86_400_000

/** Rules of every shape; `more` units are what a policy that is loaded anew adds to a limit. */
function ruleOf(figures: RuleFigures, index: number, windowMs: number, more: number): RuleInput {
  const { by, shape, units, cooldownMs } = figures
  const common = { id: `r${index}`, by, window: windowMs } as const
  switch (shape) {
    case 0:
      return { ...common, kind: 'rate-limit', limit: 1 + (units % 4) + more, cooldown: cooldownMs } as RuleInput
    case 1:
      return { ...common, kind: 'rate-limit', limit: 1 + (units % 32) + more, cooldown: cooldownMs } as RuleInput
    case 2:
      return { ...common, kind: 'rate-limit', limit: 33 + units + more, cooldown: cooldownMs } as RuleInput
    case 3:
      return {
        ...common,
        kind: 'rate-limit',
        rate: 2 + (units % windowMs),
        burst: 1,
        cooldown: cooldownMs,
      } as RuleInput
    case 4: {
      // A whole number of milliseconds for each unit.
      const burst = 1 + (units % 9)
      return { ...common, window: windowMs * 10, kind: 'rate-limit', rate: burst + 10, burst } as RuleInput
    }
    case 5:
      return { ...common, kind: 'lockout', attempts: 1 + units + more, lock: Math.max(1, cooldownMs) } as RuleInput
    case 6:
      return {
        ...common,
        kind: 'escalation',
        steps: [
          { after: 1 + (units % 3), do: 'challenge' },
          { after: 4, do: 'delay', for: Math.max(1, Math.ceil(windowMs / 7)), growth: 2, cap: windowMs },
        ],
      } as RuleInput
    case 7:
      return { id: common.id, by, kind: 'concurrency', slots: 1 + (units % 5), lease: windowMs } as RuleInput
    default:
      return { ...common, kind: 'rate-limit', limit: 1 + (units % 40), mode: 'shadow' } as RuleInput
  }
}

/** What makes fresh takes of a plan, which is compiled once. */
function takesOf(rules: readonly RuleInput[]): () => Take[] {
  const { late } = compilePolicy(definePolicy({ id: 'p', rules }))
  const steps = late?.counts ?? []
  return () => steps.map(({ rule, counter }) => createTake(counter, rule.mode === 'live'))
}

/** What every call fills in of a take, kept from the call before or not. */
function fill(
  takes: readonly Take[],
  subjects: Readonly<Record<Subject, string>>,
  asked: Asked,
  leaseId: string,
): void {
  for (const take of takes) {
    const { shape, by } = take.counter
    take.active = true
    take.cost = shape === 'ladder' || shape === 'leases' ? 1 : asked.cost + unitsBeside(take)
    take.solved = asked.solved
    take.leaseId = leaseId
    for (const [place, subject] of by.entries()) take.values[place] = subjects[subject as Subject]
  }
}

/** Up to three units are kept one by one whatever their limit; above 32 only more of them are kept in cells. */
function unitsBeside({ counter }: Take): number {
  return counter.shape === 'window' && counter.limit > 32 ? 3 : 0
}

const readingsOf = (takes: readonly Take[]) =>
  takes.map(({ fits, charged, used, freesMs, waitMs, cooling }) => ({ fits, charged, used, freesMs, waitMs, cooling }))

const asks = (windowMs: number, accounts: readonly string[]) =>
  fc.record({
    gapMs: fc.oneof(
      { weight: 12, arbitrary: fc.nat({ max: Math.ceil(windowMs / 60) }) },
      { weight: 4, arbitrary: fc.nat({ max: windowMs }) },
      { weight: 2, arbitrary: fc.constantFrom(0, windowMs - 1, windowMs, windowMs * 3) },
      // Ticks of 32 bits wrap behind these, of milliseconds and of 32 of them.
      { weight: 1, arbitrary: fc.constantFrom(2 ** 30, 2 ** 31 - 1, 2 ** 32 - windowMs, 2 ** 32, 2 ** 36) },
    ),
    account: fc.constantFrom(...accounts),
    tenant: fc.constantFrom('acme', 'b'),
    cost: fc.oneof(
      { weight: 6, arbitrary: fc.constant(1) },
      fc.integer({ min: 1, max: 6 }),
      fc.nat({ max: 69 }).map((n) => n + 1),
    ),
    solved: fc.boolean(),
    // A request of a plan in force keeps its takes from call to call.
    isKept: fc.oneof({ weight: 3, arbitrary: fc.constant(true) }, fc.constant(false)),
    act: fc.oneof({ weight: 12, arbitrary: fc.constant('take') }, fc.constantFrom('clear', 'release')),
    isRaised: fc.oneof({ weight: 8, arbitrary: fc.constant(false) }, fc.constant(true)),
  })
type Asked = Drawn<ReturnType<typeof asks>>

const scenariosOf = (mostRules: number, accounts: readonly string[]) =>
  fc.oneof(fc.integer({ min: 62, max: 100_000 }), fc.integer({ min: day, max: 24 * day })).chain((windowMs) =>
    fc.record({
      windowMs: fc.constant(windowMs),
      startMs: fc.integer({ min: 0, max: 2 ** 41 }),
      more: fc.integer({ min: 1, max: 40 }),
      rules: fc.array(
        fc.record({
          by: fc.constantFrom<Subject | readonly Subject[]>('account', 'tenant', ['account', 'tenant']),
          shape: fc.nat({ max: 8 }),
          units: fc.nat({ max: 60 }),
          cooldownMs: fc.oneof(fc.constant(0), fc.nat({ max: windowMs * 2 })),
        }),
        { minLength: 1, maxLength: mostRules },
      ),
      sent: fc.array(asks(windowMs, accounts), { minLength: 1, maxLength: 80, size: 'max' }),
    }),
  )

type Scenario = Drawn<ReturnType<typeof scenariosOf>>

/** The same requests sent to both, and what both read. */
function sendToBoth({ windowMs, more, rules }: Pick<Scenario, 'windowMs' | 'more' | 'rules'>) {
  const store = createMemoryStore({ budgetBytes: 6_291_456 })
  const naive = createNaiveStore('with-arrival')
  const [inForce, raised] = [0, more].map((added) =>
    takesOf(rules.map((rule, index) => ruleOf(rule, index, windowMs, added))),
  )
  if (inForce === undefined || raised === undefined) throw new Error('two plans')
  const kept = inForce()
  const held: HeldLease[] = []

  const take = (takes: readonly Take[], expected: readonly Take[], nowMs: number, leaseId: string): void => {
    store.take(takes, takes.length, nowMs)
    naive.take(expected, nowMs)
    expect(readingsOf(takes)).toEqual(readingsOf(expected))
    held.push(...takes.map(({ counter, values }) => ({ counter, values: [...values], leaseId })))
  }
  const release = (nowMs: number): void => {
    const released = held.splice(0, 1)
    store.release(released, nowMs)
    naive.release(released)
  }
  const send = (asked: Asked, nowMs: number): void => {
    const fresh = asked.isRaised ? raised : inForce
    const takes = asked.isKept && !asked.isRaised ? kept : fresh()
    const expected = fresh()
    const leaseId = randomUUID()
    for (const one of [takes, expected]) fill(one, asked, asked, leaseId)
    if (asked.act === 'take') take(takes, expected, nowMs, leaseId)
    else if (asked.act === 'release') release(nowMs)
    else {
      store.clear(takes, takes.length, nowMs)
      naive.clear(expected)
    }
  }
  return { store, send }
}

describe('a memory store', () => {
  it.each<[string, number, readonly string[]]>([
    ['of several rules and clients', 4, ['ada', 'bob', 'éva', '日本', '']],
    ['of one rule and one client', 1, ['ada']],
  ])('reads and charges as the naive store does any requests %s, and as a limit changes', (_, mostRules, accounts) => {
    fc.assert(
      fc.property(scenariosOf(mostRules, accounts), ({ startMs, sent, ...given }) => {
        const { store, send } = sendToBoth(given)
        let nowMs = startMs
        for (const asked of sent) {
          nowMs += asked.gapMs
          send(asked, nowMs)
        }
        expect(store.stats().evictions).toBe(0)
      }),
      { numRuns: 200 },
    )
  })
})
