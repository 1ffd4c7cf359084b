import { describe, expect, it } from 'vitest'
import { decide } from '../../decide.ts'
import type { Plan } from '../../plan.ts'
import type { RuleInput } from '../../rule-kinds.ts'
import type { Store } from '../../store.ts'
import { earlyPlan, from } from '../../testing/arrivals.ts'
import { createMemoryStore } from '../memory.ts'

const open = (): Store => createMemoryStore({ budgetBytes: 65_536 })
const planOf = (fields: object = {}): Plan =>
  earlyPlan([{ id: 'r', kind: 'rate-limit', by: 'ip', limit: 1, window: '1h', cooldown: '2h', ...fields } as RuleInput])

/** Has each of so many addresses refused; they lie in two networks of a width of 24 or 48 bits. */
function refuse(plan: Plan, store: Store, addressOf: (index: number) => string, count = 400): void {
  for (let index = 0; index < count * 2; index += 1) decide(plan, store, from(addressOf(index % count)), 1, 0)
}

const outcomeOf = (plan: Plan, store: Store, address: string, nowMs = 1) =>
  decide(plan, store, from(address), 1, nowMs).outcome

describe('a network', () => {
  it('is not refused while its addresses can be remembered one by one', () => {
    const store = open()
    refuse(planOf(), store, (index) => `10.0.1.${index}`, 25)
    expect(store.stats()).toMatchObject({ blocked: 25, aggregated: 0 })
    expect(outcomeOf(planOf(), store, '10.0.1.200')).toBe('allow')
  })

  it('is told from one whose numbers read alike without their dots', () => {
    const store = open()
    refuse(planOf(), store, (index) => `${11 + (index & 1)}.1.1.${index >>> 1}`)
    expect(store.stats().aggregated).toBeGreaterThan(0)
    expect(outcomeOf(planOf(), store, '11.1.1.250')).toBe('deny')
    expect(outcomeOf(planOf(), store, '1.11.1.250')).toBe('allow')
    expect(outcomeOf(planOf(), store, '1.1.11.250')).toBe('allow')
  })

  it('is that of the address among several subjects', () => {
    const store = open()
    const plan = planOf({ by: ['fingerprint', 'ip'] })
    const ask = (address: string, nowMs: number) => decide(plan, store, from(address, { fingerprint: 'x' }), 1, nowMs)
    for (let index = 0; index < 800; index += 1) ask(`10.0.1.${index % 200}`, 0)
    for (let index = 0; index < 800; index += 1) ask(`10.0.2.${index % 200}`, 0)
    expect(store.stats().aggregated).toBeGreaterThan(0)
    expect([ask('10.0.2.250', 1).outcome, ask('10.0.3.250', 1).outcome]).toEqual(['deny', 'allow'])
  })

  it('is that of a block of addresses too', () => {
    const store = open()
    const plan = planOf({ by: 'ip/56' })
    refuse(plan, store, (index) => `2001:db8:${index & 1}:${(index >>> 1).toString(16)}00::7`)
    expect(store.stats().aggregated).toBeGreaterThan(0)
    expect(outcomeOf(plan, store, '2001:db8:1:ff00::1')).toBe('deny')
    expect(outcomeOf(plan, store, '2001:db8:9:ff00::1')).toBe('allow')
  })

  it('is free at once from a cooldown that the policy removes', () => {
    const store = open()
    refuse(planOf(), store, (index) => `10.0.${index & 1}.${index >>> 1}`)
    expect(outcomeOf(planOf(), store, '10.0.1.250')).toBe('deny')
    expect(outcomeOf(planOf({ cooldown: 0 }), store, '10.0.1.250')).toBe('allow')
  })

  it('that is refused for spent limits lets whoever is counted spend a limit that is raised', () => {
    const store = open()
    const [plan, raised] = [planOf({ limit: 2, cooldown: 0 }), planOf({ limit: 3 })]
    const counted = Array.from({ length: 20 }, (_, index) => `10.0.1.${220 + index}`)
    for (const address of counted) outcomeOf(plan, store, address, 0)
    for (let round = 0; round < 3; round += 1) refuse(plan, store, (index) => `10.0.${index & 1}.${index >>> 1}`)
    expect(store.stats()).toMatchObject({ evictions: 0 })
    expect(new Set(counted.map((address) => outcomeOf(raised, store, address)))).toEqual(new Set(['allow']))
    expect(outcomeOf(raised, store, '10.0.1.250')).toBe('deny')
  })

  it('of 16 bits is refused where there is no room for all of 24', () => {
    const store = open()
    refuse(planOf(), store, (index) => `10.${index % 30}.${Math.floor(index / 30)}.7`, 3_000)
    const strangers = Array.from({ length: 30 }, (_, index) => outcomeOf(planOf(), store, `10.${index}.250.1`))
    expect(strangers).toContain('deny')
    expect(outcomeOf(planOf(), store, '11.0.0.1')).toBe('allow')
  })
})
