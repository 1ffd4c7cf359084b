import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { RuleInput } from '../../rule-kinds.ts'
import { createTake, type Take } from '../../store.ts'
import { latePlan } from '../../testing/arrivals.ts'
import { openBatch } from './batch.ts'
import { codeOfTake, createKeyring, type RedisKey } from './keys.ts'
import { answerLocally } from './local.ts'
import { canSpend, notePaid, spend, unitsToAsk } from './prepaid.ts'

const keyring = createKeyring('a secret of the paid ahead', 'test')
const limit = { id: 'r', kind: 'rate-limit', by: 'account', limit: 1_000, window: '1m' } as const

function takesOf(rules: readonly RuleInput[], fields: Partial<Take> = {}): Take[] {
  return latePlan(rules).counts.map(({ counter, rule }) =>
    Object.assign(createTake(counter, rule.mode === 'live'), { active: true, values: ['ada'], ...fields }),
  )
}

function takeOf(fields: Partial<Take> = {}, rule: RuleInput = limit): Take {
  const [take] = takesOf([rule], fields)
  if (take === undefined) throw new Error('nothing is counted')
  return take
}

let accounts = 0
/** A take whose key nobody has seen. */
const fresh = (fields: Partial<Take> = {}, rule: RuleInput = limit): Take => {
  accounts += 1
  return takeOf({ values: [`account-${accounts}`], ...fields }, rule)
}

/** Asks for one key every so many milliseconds, and answers what was to be paid ahead each time. */
function ask(take: Take, gapMs: number, times: number, startMs = 0): number[] {
  const key = keyring.ofTake(take)
  return Array.from({ length: times }, (_, index) => unitsToAsk(take, codeOfTake(take), key, startMs + index * gapMs))
}

function pay(take: Take, paid: number, nowMs: number, travelMs = 0): RedisKey {
  const key = keyring.ofTake(take)
  const batch = openBatch(nowMs)
  vi.advanceTimersByTime(travelMs)
  notePaid(batch, take, codeOfTake(take), key, paid)
  return key
}

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

describe('units of a key are paid ahead', () => {
  it('from 50 requests a second on, as many as a quarter of a second needs', () => {
    // 51 requests in 100 ms are 510 a second: 127.5 units in 250 ms.
    expect(ask(fresh(), 2, 51)).toEqual([...Array.from({ length: 50 }, () => 0), 128])
    // Six in 100 ms are 60 a second, five in 100 ms are 50, five in 104 ms are less.
    expect(ask(fresh(), 20, 6).at(-1)).toBe(15)
    expect(ask(fresh(), 25, 5).at(-1)).toBe(13)
    expect(ask(fresh(), 26, 20).every((units) => units === 0)).toBe(true)
  })

  it('for what each request costs', () => {
    expect(ask(fresh({ cost: 3 }), 2, 51).at(-1)).toBe(128 * 3)
    expect(ask(fresh({ cost: 2 ** 30 }), 2, 51).at(-1)).toBe(2 ** 28 - 1)
  })

  it('once, until the answer has come or cannot come any more', () => {
    const take = fresh()
    expect(ask(take, 2, 51).at(-1)).toBe(128)
    expect(ask(take, 2, 49, 102).every((units) => units === 0)).toBe(true)
    expect(ask(take, 2, 1, 200)[0]).toBeGreaterThan(100)
    pay(take, 0, 200)
    expect(ask(take, 2, 1, 202)[0]).toBe(0)
    pay(Object.assign(take, { used: 10 }), 1, 202)
    take.cost = 2
    expect(ask(take, 2, 1, 204)[0]).toBeGreaterThan(100)
  })

  it('not while there are units that may be spent', () => {
    const take = fresh()
    ask(take, 2, 51)
    pay(take, 5, 100)
    expect(ask(take, 2, 50, 102).every((units) => units === 0)).toBe(true)
    expect(ask(take, 2, 100, 202).some((units) => units > 0)).toBe(true)
  })

  it('by the rate of the last tenth of a second, not by that of a burst long ago', () => {
    const take = fresh()
    expect(ask(take, 1, 101).at(-1)).toBeGreaterThan(0)
    expect(ask(take, 1_000, 3, 5_000)).toEqual([0, 0, 0])
  })

  it.each<[string, RuleInput]>([
    ['an exact log', { ...limit, limit: 32 }],
    ['attempts', { id: 'r', kind: 'lockout', by: 'account', attempts: 100, window: '1m', lock: '1m' }],
    ['slots', { id: 'r', kind: 'concurrency', by: 'account', slots: 100, lease: '1m' }],
  ])('never of %s', (_, rule) => {
    const take = fresh({}, rule)
    expect(ask(take, 1, 200).every((units) => units === 0)).toBe(true)
    expect(keyring.ofTake(take).prepaid).toBeUndefined()
  })
})

describe('units that were paid ahead', () => {
  it('may be spent by the counter that has paid, as far as they reach, until Redis dates them', () => {
    const take = fresh({ used: 60, freesMs: 900 })
    ask(take, 2, 51)
    const key = pay(take, 10, 1_000)
    expect(canSpend(take, key, 1_249.9)).toBe(true)
    expect(canSpend(take, key, 1_250)).toBe(false)
    expect(canSpend({ ...take, cost: 10 }, key, 1_000)).toBe(true)
    expect(canSpend({ ...take, cost: 11 }, key, 1_000)).toBe(false)
    expect(canSpend({ ...take, counter: { ...take.counter } }, key, 1_000)).toBe(false)
    expect(canSpend(take, { ...key, prepaid: undefined }, 1_000)).toBe(false)
  })

  it('are not told as used before they are spent, and each one that is', () => {
    const take = fresh({ used: 60, freesMs: 900, cost: 2 })
    ask(take, 2, 51)
    const key = pay(take, 10, 1_000, 40)
    expect(take.used).toBe(50)
    if (key.prepaid === undefined) throw new Error('nothing is paid')
    Object.assign(take, { fits: false, cooling: true, waitMs: 9 })
    spend(take, key.prepaid, true, 1_100.5)
    expect(take).toMatchObject({ fits: true, charged: true, cooling: false, waitMs: 0, used: 52, freesMs: 840 })
    expect(key.prepaid.units).toBe(8)
    spend(take, key.prepaid, false, 1_200)
    expect(take).toMatchObject({ fits: true, charged: false, used: 52, freesMs: 740 })
    spend(take, key.prepaid, true, 9_000)
    expect(take).toMatchObject({ used: 54, freesMs: 1 })
    expect(key.prepaid.units).toBe(6)
  })

  it('are noted for keys only whose requests were counted', () => {
    const take = fresh({ used: 60 })
    expect(pay(take, 10, 0).prepaid).toBeUndefined()
    expect(take.used).toBe(60)
  })
})

describe('a request without a call', () => {
  const shadow: RuleInput = { ...limit, id: 's', mode: 'shadow' }
  const other: RuleInput = { ...limit, id: 'o' }
  const account = () => {
    accounts += 1
    return { values: [`account-${accounts}`] }
  }
  const paid = (take: Take): Take => {
    ask(take, 2, 51)
    Object.assign(take, { used: 60, freesMs: 500 })
    pay(take, 10, 1_000)
    return Object.assign(take, { used: -1 })
  }
  const blocked = (take: Take): Take => {
    keyring.ofTake(take).block = {
      counter: take.counter,
      cost: 1,
      used: 1_000,
      cooling: false,
      surelyUntilMs: 2_000,
      endsMs: 5_000,
      freesAtMs: 3_000,
    }
    return take
  }
  const answer = (takes: readonly Take[], nowMs = 1_100) => answerLocally(takes, takes.length, keyring, nowMs)

  it('is admitted when all it takes is paid, and spends of each', () => {
    const takes = takesOf([limit, other], account()).map(paid)
    expect(answer(takes)).toBe(true)
    expect(takes.map(({ fits, charged, used }) => [fits, charged, used])).toEqual([
      [true, true, 51],
      [true, true, 51],
    ])
  })

  it('is refused when one refuses, and spends of none', () => {
    const [first, second] = takesOf([limit, other], account())
    if (first === undefined || second === undefined) throw new Error('two are counted')
    const takes = [paid(first), blocked(second)]
    expect(answer(takes)).toBe(true)
    expect(takes.map(({ fits, charged, used }) => [fits, charged, used])).toEqual([
      [true, false, 50],
      [false, false, 1_000],
    ])
    expect(answer([second, first])).toBe(true)
    expect(first.charged).toBe(false)
  })

  it('is not held up by a rule in shadow', () => {
    const [first, second] = takesOf([shadow, other], account())
    if (first === undefined || second === undefined) throw new Error('two are counted')
    const takes = [blocked(first), paid(second)]
    expect(answer(takes)).toBe(true)
    expect(takes.map(({ fits, charged }) => [fits, charged])).toEqual([
      [false, false],
      [true, true],
    ])
  })

  it('is not answered while anything of it is not known, and nothing is written', () => {
    const [first, second] = takesOf([limit, other], account())
    if (first === undefined || second === undefined) throw new Error('two are counted')
    const takes = [paid(first), second]
    expect(answer(takes)).toBe(false)
    expect([first.used, second.used]).toEqual([-1, 0])
    expect(answer([blocked(second), first], 2_000)).toBe(false)
  })

  it('passes over what it does not take', () => {
    const [first, second] = takesOf([limit, other], account())
    if (first === undefined || second === undefined) throw new Error('two are counted')
    second.active = false
    expect(answer([second, paid(first)])).toBe(true)
    expect([first.charged, second.charged]).toEqual([true, false])
    expect(answerLocally([first, takeOf({ values: ['unknown'] })], 1, keyring, 1_100)).toBe(true)
  })
})
