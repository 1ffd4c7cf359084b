import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { countStamps, createStampTable, dropStamp, findStamp, stampBytes, writeStamp } from './stamp-table.ts'

const GROUP = 8
const SLOT_BYTES = 4 + 4 + 8 + 8 + 4
const budgetBytes = SLOT_BYTES * GROUP * 5

interface Stamped {
  readonly high: number
  readonly low: number
  readonly stamp: number
  readonly weight: number
  readonly expiresMs: number
}

describe('a table of stamps', () => {
  const acts = fc.array(
    fc.record({
      act: fc.constantFrom('write', 'write', 'write', 'drop'),
      high: fc.constantFrom(0, 5, 0x7fff_ffff, -1),
      low: fc.constantFrom(0, 5, -1),
      weight: fc.constantFrom(0, 7, 2 ** 32 - 1),
      forMs: fc.integer({ min: 1, max: 40 }),
      passes: fc.nat({ max: 9 }),
    }),
    { minLength: 1, maxLength: 60, size: 'max' },
  )

  it('keeps of each key what was written last until it expires or is dropped', () => {
    fc.assert(
      fc.property(acts, (sent) => {
        const table = createStampTable(budgetBytes)
        const model = new Map<string, Stamped>()
        let nowMs = 1_700_000_000_000
        for (const { act, high, low, weight, forMs, passes } of sent) {
          nowMs += passes
          const expiresMs = nowMs + forMs
          if (act === 'drop') {
            dropStamp(table, high, low, nowMs)
            model.delete(`${high} ${low}`)
          } else {
            writeStamp(table, high, low, nowMs, nowMs / 2, weight, expiresMs)
            model.set(`${high} ${low}`, { high, low, stamp: nowMs / 2, weight, expiresMs })
          }
          const running = [...model.values()].filter((one) => one.expiresMs > nowMs)
          expect(countStamps(table, nowMs)).toBe(running.length)
          for (const one of running) {
            const slot = findStamp(table, one.high, one.low, nowMs)
            expect(slot).toBeGreaterThanOrEqual(0)
            expect([table.stamps[slot], table.weights[slot], table.expiresMs[slot]]).toEqual([
              one.stamp,
              one.weight,
              one.expiresMs,
            ])
            expect(findStamp(table, one.high, one.low, one.expiresMs)).toBe(-1)
          }
          expect(findStamp(table, 5, 6, nowMs)).toBe(-1)
          expect(table.evictions).toBe(0)
        }
      }),
    )
  })

  it('has whole groups within its budget, one at least, and keys in the one that their upper bits choose', () => {
    expect(createStampTable(budgetBytes).groups).toBe(5)
    expect(createStampTable(budgetBytes - 1).groups).toBe(4)
    expect(createStampTable(1).groups).toBe(1)
    const table = createStampTable(budgetBytes)
    expect(stampBytes(table)).toBe(budgetBytes)
    const groups = [0, 0x3333_3333, 0x6666_6667, -0x6666_6666, -0x3333_3333, -1].map((high) => {
      writeStamp(table, high, 1, 0, 1, 1, 10)
      return Math.floor(findStamp(table, high, 1, 0) / GROUP)
    })
    expect(groups).toEqual([0, 0, 2, 3, 4, 4])
  })

  it('forgets of a full group the one with the least weight, and of those the first to expire', () => {
    const held = fc.array(fc.record({ weight: fc.nat({ max: 3 }), ahead: fc.integer({ min: 1, max: 6 }) }), {
      minLength: GROUP,
      maxLength: GROUP,
    })
    fc.assert(
      fc.property(held, (slots) => {
        const table = createStampTable(budgetBytes)
        for (const [index, { weight, ahead }] of slots.entries()) writeStamp(table, 9, index, 0, 1, weight, ahead)
        expect([table.evictions, countStamps(table, 0)]).toEqual([0, GROUP])
        const least = Math.min(...slots.map(({ weight }) => weight))
        const soonest = Math.min(...slots.filter(({ weight }) => weight === least).map(({ ahead }) => ahead))
        const victim = slots.findIndex(({ weight, ahead }) => weight === least && ahead === soonest)
        writeStamp(table, 9, 50, 0, 1, 0, 9)
        expect(table.evictions).toBe(1)
        for (const index of slots.keys()) expect(findStamp(table, 9, index, 0) < 0).toBe(index === victim)
        expect(findStamp(table, 9, 50, 0)).toBe(victim)
      }),
    )
  })

  it('forgets nobody while a slot of the group is free, and writes a key over itself in a full one', () => {
    const table = createStampTable(budgetBytes)
    for (let index = 0; index < GROUP; index += 1) writeStamp(table, 9, index, 0, 1, 5, index === 4 ? 10 : 99)
    writeStamp(table, 9, 3, 5, 2, 0, 99)
    expect([table.evictions, countStamps(table, 5)]).toEqual([0, GROUP])
    writeStamp(table, 9, 50, 10, 1, 1, 99)
    expect([table.evictions, findStamp(table, 9, 50, 10)]).toEqual([0, 4])
  })
})
