import { describe, expect, it } from 'vitest'
import type { RuleInput } from '../../rule-kinds.ts'
import { createTake, type Take } from '../../store.ts'
import { latePlan } from '../../testing/arrivals.ts'
import { createMemoryStore } from '../memory.ts'

const day = 86_400_000
/** Long windows are told in ticks of 32 ms: nothing comes back early, and at most two ticks late. */
const LATE_MS = 64

function openCounter(fields: object) {
  const store = createMemoryStore({ budgetBytes: 262_144 })
  const [step] = latePlan([{ id: 'r', kind: 'rate-limit', by: 'account', ...fields } as RuleInput]).counts
  if (step === undefined) throw new Error('nothing is counted')
  const takeOf = (cost: number): Take =>
    Object.assign(createTake(step.counter, true), { active: true, values: ['ada'], cost })
  const ask = (nowMs: number, cost = 1): Take => {
    const take = takeOf(cost)
    store.take([take], 1, nowMs)
    return take
  }
  return { store, ask, clear: (nowMs: number) => store.clear([takeOf(1)], 1, nowMs) }
}

function expectAbout(ms: number, exactMs: number): void {
  expect(ms).toBeGreaterThanOrEqual(exactMs)
  expect(ms).toBeLessThanOrEqual(exactMs + LATE_MS)
}

describe.each([
  ['a limit of 3', 3],
  ['a limit of 40, in cells', 40],
])('%s in a window of 100 days', (_, limit) => {
  it('gives its units back one by one, each after a hundred days', () => {
    const { ask } = openCounter({ limit, window: '100d' })
    const startMs = 1_000_007
    const third = Math.floor(limit / 3)
    for (const index of [0, 1, 2]) {
      const take = ask(startMs + index * 10 * day, index === 2 ? limit - 2 * third : third)
      expect(take).toMatchObject({ fits: true, charged: true })
      expectAbout(take.freesMs, (100 - index * 10) * day)
    }
    const nowMs = startMs + 30 * day
    const refused = ask(nowMs)
    expect(refused).toMatchObject({ fits: false, charged: false, used: limit, cooling: false })
    expectAbout(refused.waitMs, 70 * day)
    expectAbout(refused.freesMs, 70 * day)
    expectAbout(ask(nowMs, third + 1).waitMs, 80 * day)
    expectAbout(ask(nowMs, limit).waitMs, 90 * day)
    expect(ask(nowMs, limit + 1).waitMs).toBe(Infinity)
    expect(ask(startMs + 100 * day - 1).fits).toBe(false)
    expect(ask(startMs + 100 * day + LATE_MS, third)).toMatchObject({ fits: true, used: limit })
    expect(ask(startMs + 100 * day + LATE_MS).fits).toBe(false)
    expect(ask(startMs + 400 * day)).toMatchObject({ fits: true, used: 1 })
  })

  it('is empty when it is cleared', () => {
    const { ask, clear } = openCounter({ limit, window: '100d' })
    ask(5, limit)
    expect(ask(5).fits).toBe(false)
    clear(6)
    expect(ask(6)).toMatchObject({ fits: true, used: 1 })
  })

  it('cools down as any other, and ends that to the millisecond', () => {
    const { ask } = openCounter({ limit, window: '30d', cooldown: '60d' })
    ask(5, limit)
    expect(ask(6)).toMatchObject({ fits: false, cooling: true, waitMs: 60 * day })
    expect(ask(7 + 40 * day)).toMatchObject({ fits: false, cooling: true, waitMs: 20 * day - 1 })
    expect(ask(5 + 60 * day).fits).toBe(false)
    expect(ask(6 + 60 * day)).toMatchObject({ fits: true, used: 1, cooling: false })
  })

  it('keeps its units over the wrapping of its ticks', () => {
    const { ask } = openCounter({ limit, window: '400d' })
    let nowMs = 3
    for (let unit = 0; unit < limit; unit += 1) {
      expect(ask(nowMs).fits).toBe(true)
      nowMs += 9 * day
    }
    // The first of forty are back, those of the last 400 days are not.
    const held = Math.min(limit, Math.floor(399 / 9) + 1)
    expect(ask(nowMs, 1_000).used).toBeGreaterThanOrEqual(held)
  })
})
