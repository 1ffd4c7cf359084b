import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { RuleInput } from '../../rule-kinds.ts'
import { createTake, type Take } from '../../store.ts'
import { latePlan } from '../../testing/arrivals.ts'
import { openBatch } from './batch.ts'
import { createBlockedKeys, isBlocked, readBlock } from './blocked.ts'
import { createKeyring } from './keys.ts'

const keyring = createKeyring('a secret of the blocked keys', 'test')

const limit: RuleInput = { id: 'r', kind: 'rate-limit', by: 'account', limit: 3, window: '1h' }
const slots: RuleInput = { id: 'r', kind: 'concurrency', by: 'account', slots: 1, lease: '1h' }

function takeOf(fields: Partial<Take> = {}, rule = limit): Take {
  const { counts } = latePlan([rule])
  const counter = counts[0]?.counter
  if (counter === undefined) throw new Error('nothing is counted')
  return Object.assign(createTake(counter, true), { active: true, values: ['ada'], ...fields })
}

/** What a server has refused for ten seconds, of which two until a unit comes back. */
const refused = { fits: false, used: 3, waitMs: 10_000, freesMs: 2_000, cooling: true } as const

describe('a key that the server has refused', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  const note = (take: Take, nowMs = 50_000, travelMs = 0, blocked = createBlockedKeys(10)) => {
    const key = keyring.ofTake(take)
    const batch = openBatch(nowMs)
    vi.advanceTimersByTime(travelMs)
    blocked.note(batch, take, key)
    return key
  }

  it('is refused here for a second at most, or for as long as the server said', () => {
    const take = takeOf(refused)
    const key = note(take)
    expect([50_000, 50_999, 51_000].map((nowMs) => isBlocked(take, key, nowMs))).toEqual([true, true, false])
    const brief = takeOf({ ...refused, waitMs: 20, values: ['bob'] })
    const other = note(brief)
    expect([50_019, 50_020].map((nowMs) => isBlocked(brief, other, nowMs))).toEqual([true, false])
  })

  it('is told what is left of its wait, from the moment the answer came, rounded up and never none', () => {
    const take = takeOf(refused)
    const key = note(take, 50_000, 30)
    if (key.block === undefined) throw new Error('it is not blocked')
    const again = takeOf({ charged: true, fits: true })
    readBlock(again, key.block, 50_400.5)
    expect(again).toMatchObject({ fits: false, charged: false, used: 3, cooling: true, waitMs: 9_630, freesMs: 1_630 })
    readBlock(again, key.block, 99_000)
    expect(again).toMatchObject({ waitMs: 1, freesMs: 1 })
  })

  it('is refused for that counter and that cost only', () => {
    const take = takeOf(refused)
    const key = note(take)
    expect(isBlocked({ ...take, cost: 2 }, key, 50_001)).toBe(false)
    expect(isBlocked({ ...take, counter: { ...take.counter } }, key, 50_001)).toBe(false)
  })

  it.each<[string, Partial<Take>, RuleInput]>([
    ['fits', { fits: true }, limit],
    ['waits for a challenge only', { waitMs: 0 }, limit],
    ['never fits', { waitMs: Infinity }, limit],
    ['waits for a slot', {}, slots],
  ])('is not refused here when it %s', (_, fields, rule) => {
    const take = takeOf({ ...refused, ...fields }, rule)
    expect(note(take).block).toBeUndefined()
  })

  it('is asked for again when the server has let it through, or it was cleared', () => {
    const blocked = createBlockedKeys(10)
    const take = takeOf(refused)
    const key = note(take, 0, 0, blocked)
    take.fits = true
    note(take, 0, 0, blocked)
    expect([key.block, isBlocked(take, key, 0)]).toEqual([undefined, false])
    take.fits = false
    note(take, 0, 0, blocked)
    expect(isBlocked(take, key, 0)).toBe(true)
    blocked.forget(key)
    blocked.forget(key)
    expect([key.block, isBlocked(take, key, 0)]).toEqual([undefined, false])
  })

  it('is remembered among so many others, of which the oldest gives way', () => {
    const blocked = createBlockedKeys(3)
    const takes = ['a', 'b', 'c', 'd'].map((account) => takeOf({ ...refused, values: [account] }))
    const keys = takes.slice(0, 3).map((take) => note(take, 0, 0, blocked))
    const [first, second, third, fourth] = takes
    if (first === undefined || second === undefined || third === undefined || fourth === undefined) return
    // Refused again, the first is not the oldest any more.
    note(first, 0, 0, blocked)
    expect(keys.map((key) => key.block !== undefined)).toEqual([true, true, true])
    keys.push(note(fourth, 0, 0, blocked))
    expect(keys.map((key) => key.block !== undefined)).toEqual([true, false, true, true])
    // A key of another memory is none of this one's.
    const foreign = note(takeOf({ ...refused, values: ['z'] }), 0)
    blocked.forget(foreign)
    expect(foreign.block).toBeDefined()
  })

  it('is never remembered where none is to be', () => {
    expect(note(takeOf(refused), 0, 0, createBlockedKeys(0)).block).toBeUndefined()
  })
})
