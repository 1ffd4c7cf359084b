import { describe, expect, it } from 'vitest'
import {
  addHolder,
  countHolders,
  createLeaseTable,
  hasLeaseRoom,
  leaseBytes,
  removeHolder,
  untilFirstExpiry,
} from './lease-table.ts'

describe('a table of leases', () => {
  it('counts the holders of a key whose lease runs, and says when the first of them ends', () => {
    const table = createLeaseTable(512 * 10)
    expect([countHolders(table, 'k', 0), untilFirstExpiry(table, 'k', 0)]).toEqual([0, 0])
    addHolder(table, 'k', 'long', 100)
    addHolder(table, 'k', 'short', 30)
    addHolder(table, 'other', 'long', 10)
    expect([countHolders(table, 'k', 5), untilFirstExpiry(table, 'k', 5)]).toEqual([2, 25])
    expect([countHolders(table, 'k', 29), countHolders(table, 'k', 30)]).toEqual([2, 1])
    expect(untilFirstExpiry(table, 'k', 30)).toBe(70)
    expect(table.held).toBe(2)
    expect([countHolders(table, 'k', 100), untilFirstExpiry(table, 'k', 100)]).toEqual([0, 0])
    expect(countHolders(table, 'other', 10)).toBe(0)
    expect([table.held, table.holders.size]).toEqual([0, 0])
  })

  it('removes a holder once, and no key stays behind that nobody holds', () => {
    const table = createLeaseTable(512 * 10)
    addHolder(table, 'k', 'one', 100)
    addHolder(table, 'k', 'two', 100)
    for (const name of ['one', 'one', 'absent']) removeHolder(table, 'k', name)
    expect([table.held, countHolders(table, 'k', 0), table.holders.size]).toEqual([1, 1, 1])
    removeHolder(table, 'nobody', 'two')
    expect(table.held).toBe(1)
    removeHolder(table, 'k', 'two')
    expect([table.held, table.holders.size]).toEqual([0, 0])
  })

  it('counts a lease that is taken again once, with its later end', () => {
    const table = createLeaseTable(512 * 10)
    addHolder(table, 'k', 'one', 100)
    addHolder(table, 'k', 'one', 200)
    expect([table.held, countHolders(table, 'k', 0), untilFirstExpiry(table, 'k', 0)]).toEqual([1, 1, 200])
  })

  it('holds as many as its budget says, one at least, and has room again when any has ended', () => {
    const table = createLeaseTable(512 * 3 + 511)
    expect([table.most, leaseBytes(table)]).toEqual([3, 1_536])
    expect(createLeaseTable(1).most).toBe(1)
    for (const [index, key] of ['a', 'a', 'b'].entries()) {
      expect(hasLeaseRoom(table, 0)).toBe(true)
      addHolder(table, key, `lease-${index}`, key === 'a' ? 50 : 90)
    }
    expect([hasLeaseRoom(table, 49), table.held]).toEqual([false, 3])
    expect([hasLeaseRoom(table, 50), table.held, [...table.holders.keys()]]).toEqual([true, 1, ['b']])
  })
})
