import { describe, expect, it } from 'vitest'
import { type Counted, createLargeTotals, type LargeTotals } from './large-totals.ts'

/** The total beside a page of a list. */
async function totalOf(totals: LargeTotals, tenantId: string, filter: object, list: ReturnType<typeof listOf>) {
  return (await totals.page(tenantId, filter, list)).total
}

/** A list that is as long as it is said to be, and counts how often it was counted. */
function listOf(length: number) {
  const list = {
    length,
    counted: 0,
    async count(): Promise<number> {
      list.counted += 1
      return list.length
    },
    async list(isCounted: boolean): Promise<readonly Counted[]> {
      return isCounted ? [{ total: await list.count() }] : [{}]
    },
  }
  return list
}

describe('the totals of a list', () => {
  it('are counted each time up to 10,000', async () => {
    const totals = createLargeTotals()
    const list = listOf(10_000)
    expect(await totalOf(totals, 'a', {}, list)).toBe(10_000)
    list.length = 9_999
    expect(await totalOf(totals, 'a', {}, list)).toBe(9_999)
  })

  it('are as they were ten seconds ago at most beyond', async () => {
    let nowMs = 1
    const totals = createLargeTotals(() => nowMs)
    const list = listOf(10_001)
    expect(await totalOf(totals, 'a', {}, list)).toBe(10_001)
    list.length = 20_000
    nowMs += 9_999
    expect(await totalOf(totals, 'a', {}, list)).toBe(10_001)
    nowMs += 2
    expect(await totalOf(totals, 'a', {}, list)).toBe(20_000)
    expect(list.counted).toBe(2)
  })

  it('are those of one tenant and one filter', async () => {
    const totals = createLargeTotals()
    const ask = (tenantId: string, filter: object, length: number) => totalOf(totals, tenantId, filter, listOf(length))
    expect(await ask('a', { status: 'new' }, 20_000)).toBe(20_000)
    expect(await ask('a', { status: 'won' }, 30_000)).toBe(30_000)
    expect(await ask('b', { status: 'new' }, 40_000)).toBe(40_000)
    expect(await ask('a', {}, 50_000)).toBe(50_000)
  })

  it('are counted once for all who ask at once for a large one', async () => {
    const totals = createLargeTotals()
    const list = listOf(250_000)
    expect(new Set(await Promise.all(Array.from({ length: 16 }, () => totalOf(totals, 'a', {}, list))))).toEqual(
      new Set([250_000]),
    )
    expect(list.counted).toBe(1)
  })

  it('are counted by whoever asks where somebody else failed to', async () => {
    const totals = createLargeTotals()
    const list = listOf(250_000)
    const cancelled = () => Promise.reject(new Error('cancelled'))
    const failing = totals.page('a', {}, { list: cancelled, count: cancelled })
    const second = totalOf(totals, 'a', {}, list)
    await expect(failing).rejects.toThrow('cancelled')
    expect(await second).toBe(250_000)
  })

  it('come with the page in one statement where there is one to count, and are counted apart behind the end', async () => {
    const totals = createLargeTotals()
    const asked: string[] = []
    const reads = (rows: readonly Counted[]) => ({
      list: async (isCounted: boolean) => {
        asked.push(isCounted ? 'page with total' : 'page')
        return rows
      },
      count: async () => {
        asked.push('total')
        return 20_000
      },
    })
    expect(await totals.page('a', {}, reads([{ total: 3 }]))).toMatchObject({ total: 3 })
    expect(await totals.page('a', {}, reads([]))).toEqual({ rows: [], total: 20_000 })
    // It is large, and known from here on.
    expect(await totals.page('a', {}, reads([{}]))).toEqual({ rows: [{}], total: 20_000 })
    expect(asked).toEqual(['page with total', 'page with total', 'total', 'page'])
  })
})
