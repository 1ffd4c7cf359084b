import { describe, expect, it } from 'vitest'
import { createLargeTotals } from './large-totals.ts'

/** A list that is as long as it is said to be, and counts how often it was counted. */
function listOf(length: number) {
  const list = {
    length,
    counted: 0,
    async count(): Promise<number> {
      list.counted += 1
      return list.length
    },
  }
  return list
}

describe('the totals of a list', () => {
  it('are counted each time up to 10,000', async () => {
    const totals = createLargeTotals()
    const list = listOf(10_000)
    expect(await totals.of('a', {}, list.count)).toBe(10_000)
    list.length = 9_999
    expect(await totals.of('a', {}, list.count)).toBe(9_999)
  })

  it('are as they were ten seconds ago at most beyond', async () => {
    let nowMs = 1
    const totals = createLargeTotals(() => nowMs)
    const list = listOf(10_001)
    expect(await totals.of('a', {}, list.count)).toBe(10_001)
    list.length = 20_000
    nowMs += 9_999
    expect(await totals.of('a', {}, list.count)).toBe(10_001)
    nowMs += 2
    expect(await totals.of('a', {}, list.count)).toBe(20_000)
    expect(list.counted).toBe(2)
  })

  it('are those of one tenant and one filter', async () => {
    const totals = createLargeTotals()
    const ask = (tenantId: string, filter: object, length: number) => totals.of(tenantId, filter, listOf(length).count)
    expect(await ask('a', { status: 'new' }, 20_000)).toBe(20_000)
    expect(await ask('a', { status: 'won' }, 30_000)).toBe(30_000)
    expect(await ask('b', { status: 'new' }, 40_000)).toBe(40_000)
    expect(await ask('a', {}, 50_000)).toBe(50_000)
  })

  it('are counted once for all who ask at once for a large one', async () => {
    const totals = createLargeTotals()
    const list = listOf(250_000)
    expect(new Set(await Promise.all(Array.from({ length: 16 }, () => totals.of('a', {}, list.count))))).toEqual(
      new Set([250_000]),
    )
    expect(list.counted).toBe(1)
  })

  it('are counted by whoever asks where somebody else failed to', async () => {
    const totals = createLargeTotals()
    const list = listOf(250_000)
    const failing = totals.of('a', {}, () => Promise.reject(new Error('cancelled')))
    const second = totals.of('a', {}, list.count)
    await expect(failing).rejects.toThrow('cancelled')
    expect(await second).toBe(250_000)
  })
})
