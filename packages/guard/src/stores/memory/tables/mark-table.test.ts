import { describe, expect, it } from 'vitest'
import { addMark, createMarkTable, markBytes } from './mark-table.ts'

const RUN = 64

describe('a table of marks', () => {
  it('keeps a key until its expiry, once', () => {
    const table = createMarkTable(16 * 1_000)
    expect([addMark(table, 5, 6, 100, 0), addMark(table, 5, 6, 200, 0), addMark(table, 5, 6, 200, 99)]).toEqual([
      true,
      false,
      false,
    ])
    // Half of a hash is not the hash.
    expect([addMark(table, 5, 7, 100, 0), addMark(table, 4, 6, 100, 0)]).toEqual([true, true])
    expect([addMark(table, 5, 6, 200, 100), addMark(table, 5, 6, 300, 199)]).toEqual([true, false])
  })

  it('has as many slots as its budget holds, a run at least', () => {
    expect(markBytes(createMarkTable(16 * 1_000 + 15))).toBe(16_000)
    expect(markBytes(createMarkTable(1))).toBe(16 * RUN)
    expect(createMarkTable(16_000).expiresMs).toHaveLength(1_000)
  })

  it('keeps keys that belong to one place in the run behind it, over the end of the table', () => {
    const table = createMarkTable(16 * 1_000)
    const kept = Array.from({ length: RUN + 1 }, (_, low) => addMark(table, -1, low, 100, 0))
    expect(kept).toEqual([...Array.from({ length: RUN }, () => true), false])
    const slots = [...table.expiresMs.entries()].flatMap(([slot, expiresMs]) => (expiresMs > 0 ? [slot] : []))
    expect(slots).toEqual([...Array.from({ length: RUN - 1 }, (_, slot) => slot), 999])
    expect(Array.from({ length: RUN }, (_, low) => addMark(table, -1, low, 100, 0))).not.toContain(true)
    // The next place has room, and the keys of the first find theirs again in the first slot that is over.
    expect(addMark(table, 0x4000_0000, 7, 100, 0)).toBe(true)
    expect(table.expiresMs[250]).toBe(100)
    table.expiresMs[3] = 20
    table.expiresMs[9] = 20
    expect(addMark(table, -1, RUN, 100, 19)).toBe(false)
    expect(addMark(table, -1, RUN, 100, 20)).toBe(true)
    expect([table.low[3], table.expiresMs[9]]).toEqual([RUN, 20])
  })

  it('refuses a key that it holds behind a slot that has come free', () => {
    const table = createMarkTable(16 * 1_000)
    addMark(table, 7, 1, 10, 0)
    addMark(table, 7, 2, 100, 0)
    expect(addMark(table, 7, 2, 100, 10)).toBe(false)
  })
})
