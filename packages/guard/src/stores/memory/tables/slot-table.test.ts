import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  chargeSlot,
  claimSlot,
  countLive,
  createSlotTable,
  dropSlot,
  findSlot,
  holdsKey,
  isRingFull,
  moveSlot,
  pruneSlot,
  renewSlots,
  type SlotTable,
  slotCount,
  spendSlot,
  tableBytes,
  untilFreed,
  untilOldest,
} from './slot-table.ts'

const GROUP = 8
const RING = 8
/** What a slot of that ring takes: a tag, an end, a head of five words and two words for each entry. */
const SLOT_BYTES = (2 + 5 + RING * 2) * 4
const budgetBytes = GROUP * SLOT_BYTES * 5 + 48

interface Entry {
  begun: number
  end: number
  units: number
}

/** A ring written as a list. Ticks are numbers that do not wrap; the table is told them in 32 bits. */
function createList(windowTicks: number, cellTicks: number) {
  let entries: Entry[] = []
  const units = () => entries.reduce((sum, entry) => sum + entry.units, 0)
  const isShared = (tick: number): boolean => {
    const newest = entries.at(-1)
    return newest !== undefined && tick - newest.begun < cellTicks
  }
  return {
    units,
    length: () => entries.length,
    isShared,
    prune(tick: number, most: number) {
      for (const entry of entries) entry.end = Math.min(entry.end, tick + most)
      entries = entries.filter(({ end }) => end > tick)
      return units()
    },
    charge(tick: number, cost: number) {
      const newest = entries.at(-1)
      if (newest !== undefined && (isShared(tick) || entries.length === RING)) {
        newest.end = tick + windowTicks
        newest.units += cost
      } else {
        entries.push({ begun: tick, end: tick + windowTicks, units: cost })
      }
    },
    untilOldest: (tick: number) => (entries[0] === undefined ? 0 : entries[0].end - tick),
    untilFreed(tick: number, wanted: number) {
      let freed = 0
      for (const entry of entries) {
        freed += entry.units
        if (freed >= wanted) return entry.end - tick
      }
      return Infinity
    },
  }
}

const figures = fc.record({
  startTick: fc.oneof(fc.constantFrom(-20, 1, 2 ** 31 - 30), fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })),
  windowTicks: fc.integer({ min: 8, max: 60 }),
  cellTicks: fc.integer({ min: 1, max: 9 }),
  limit: fc.integer({ min: 1, max: 40 }),
  sent: fc.array(
    fc.record({ passes: fc.nat({ max: 12 }), cost: fc.integer({ min: 1, max: 5 }), shrinks: fc.nat({ max: 12 }) }),
    { minLength: 1, maxLength: 60, size: 'max' },
  ),
})

type Figures = typeof figures extends fc.Arbitrary<infer Value> ? Value : never

const key = { high: 0x7000_0000, tag: 0x1234_5678 }

function claimed(table: SlotTable, limit = 10): number {
  return claimSlot(table, key.high, key.tag, 0, limit)
}

describe('a counter in a ring', () => {
  it('gives each entry back at its end, shares one within a cell or when there is no other, and tells when', () => {
    fc.assert(
      fc.property(figures, ({ startTick, windowTicks, cellTicks, sent }) => {
        const table = createSlotTable(budgetBytes, RING)
        const list = createList(windowTicks, cellTicks)
        const slot = claimed(table)
        let at = 0
        for (const { passes, cost, shrinks } of sent) {
          at += passes
          const tick = (startTick + at) | 0
          // Now and then the window is shorter than it was.
          const most = shrinks === 0 ? Math.ceil(windowTicks / 2) : windowTicks
          expect(pruneSlot(table, slot, tick, most)).toBe(list.prune(at, most))
          expect(untilOldest(table, slot, tick)).toBe(list.untilOldest(at))
          expect(isRingFull(table, slot, tick, cellTicks)).toBe(list.length() === RING && !list.isShared(at))
          for (const wanted of [1, cost, 12, 100]) {
            expect(untilFreed(table, slot, tick, wanted)).toBe(list.untilFreed(at, wanted))
          }
          chargeSlot(table, slot, tick, cellTicks, cost, (tick + windowTicks) | 0, 100)
          list.charge(at, cost)
          expect(pruneSlot(table, slot, tick, windowTicks)).toBe(list.units())
          expect(holdsKey(table, slot, key.tag, 99)).toBe(true)
        }
      }),
    )
  })

  it('is read and charged in one as it is in two, or left as it is', () => {
    fc.assert(
      fc.property(figures, ({ startTick, sent, ...rule }) => {
        const [quick, slow] = [createSlotTable(budgetBytes, RING), createSlotTable(budgetBytes, RING)]
        const slot = claimed(quick)
        expect(claimed(slow)).toBe(slot)
        let tick = startTick
        for (const [index, { passes, cost }] of sent.entries()) {
          tick = (tick + passes) | 0
          spendBothWays(quick, slow, slot, { tick, cost, coarseEnd: index + 1, ...rule })
        }
      }),
    )
  })

  interface Spending {
    readonly tick: number
    readonly cost: number
    readonly coarseEnd: number
    readonly windowTicks: number
    readonly cellTicks: number
    readonly limit: number
  }

  function spendBothWays(quick: SlotTable, slow: SlotTable, slot: number, spending: Spending): void {
    const { tick, cost, coarseEnd, windowTicks, cellTicks, limit } = spending
    const before = [...quick.records]
    const charge = (table: SlotTable): void => {
      pruneSlot(table, slot, tick, windowTicks)
      chargeSlot(table, slot, tick, cellTicks, cost, (tick + windowTicks) | 0, coarseEnd)
    }
    const oldest = untilOldest(slow, slot, tick)
    const isFull = isRingFull(slow, slot, tick, cellTicks)
    const total = spendSlot(quick, slot, tick, windowTicks, cellTicks, cost, limit, coarseEnd)
    const held = pruneSlot(slow, slot, tick, windowTicks)
    const isReady = (oldest - 1) >>> 0 < windowTicks
    const outcome = outcomeOf(isReady, isFull, held + cost <= limit)
    expect(total).toBe(outcome === 'left' ? -1 : held + cost)
    if (outcome !== 'charged') expect([...quick.records]).toEqual(before)
    for (const table of { left: [quick, slow], refused: [], charged: [slow] }[outcome]) charge(table)
    if (outcome !== 'left') expect(quick.oldestTicks).toBe(untilOldest(slow, slot, tick))
    expect(pruneSlot(quick, slot, tick, windowTicks)).toBe(pruneSlot(slow, slot, tick, windowTicks))
    expect(untilOldest(quick, slot, tick)).toBe(untilOldest(slow, slot, tick))
  }

  function outcomeOf(isReady: boolean, isFull: boolean, fits: boolean): 'left' | 'refused' | 'charged' {
    if (!isReady || (isFull && fits)) return 'left'
    return fits ? 'charged' : 'refused'
  }

  it('moves whole into a larger ring, where it goes on', () => {
    fc.assert(fc.property(figures, fc.nat({ max: 59 }), (chosen, movesAt) => goOnAfterMove(chosen, movesAt)))
  })

  function goOnAfterMove({ startTick, windowTicks, cellTicks, sent }: Figures, movesAt: number): void {
    const stays = createSlotTable(budgetBytes, RING)
    const small = createSlotTable(budgetBytes, RING)
    const slot = claimed(small)
    const where = [
      { table: small, slot },
      { table: stays, slot: claimed(stays) },
    ]
    let tick = startTick
    for (const [index, { passes, cost }] of sent.entries()) {
      tick = (tick + passes) | 0
      if (index === movesAt) where[0] = moveTo(createSlotTable(budgetBytes * 4, 32), small, slot)
      expectSame(where.map((one) => pruneSlot(one.table, one.slot, tick, windowTicks)))
      expectSame(where.map((one) => untilFreed(one.table, one.slot, tick, cost * 3)))
      // Where the small ring would have to share, they part.
      if (isRingFull(stays, slot, tick, cellTicks)) return
      for (const one of where) {
        chargeSlot(one.table, one.slot, tick, cellTicks, cost, (tick + windowTicks) | 0, 100)
      }
      expectSame(where.map((one) => untilOldest(one.table, one.slot, tick)))
    }
  }

  function moveTo(large: SlotTable, small: SlotTable, slot: number) {
    const target = claimSlot(large, key.high, key.tag, 0, 10)
    moveSlot(small, slot, large, target, 0)
    expect(holdsKey(small, slot, key.tag, 0)).toBe(false)
    return { table: large, slot: target }
  }

  function expectSame([one, other]: readonly number[]): void {
    expect(one).toBe(other)
  }
})

describe('the slots of a table', () => {
  it('take as much of the budget as whole groups can, one of them at least', () => {
    expect(createSlotTable(budgetBytes, RING).groups).toBe(5)
    expect(createSlotTable(budgetBytes - 1, RING).groups).toBe(4)
    expect(createSlotTable(1, RING).groups).toBe(1)
    const table = createSlotTable(budgetBytes, RING)
    expect(tableBytes(table)).toBe(budgetBytes)
    expect(table.lines.byteLength + table.records.byteLength + 48).toBe(budgetBytes)
    expect(slotCount(table)).toBe(40)
    expect(table.lines.byteOffset).toBe(48)
  })

  it('hold a key until the end that it was charged with, and are then free', () => {
    const table = createSlotTable(budgetBytes, RING)
    const slot = claimSlot(table, key.high, key.tag, 10, 5)
    expect(findSlot(table, key.high, key.tag, 10)).toBe(-1)
    chargeSlot(table, slot, 1, 1, 2, 50, 12)
    expect([findSlot(table, key.high, key.tag, 11), findSlot(table, key.high, key.tag, 12)]).toEqual([slot, -1])
    expect([countLive(table, 11), countLive(table, 12)]).toEqual([1, 0])
    expect(findSlot(table, key.high, key.tag + 1, 11)).toBe(-1)
    expect(findSlot(table, key.high ^ 0x8000_0000, key.tag, 11)).toBe(-1)
    dropSlot(table, slot, 11)
    expect(findSlot(table, key.high, key.tag, 11)).toBe(-1)
  })

  it('are chosen evenly by the upper bits of the hash, the highest included', () => {
    const table = createSlotTable(budgetBytes, RING)
    const groups = [0, 0x3333_3333, 0x6666_6667, -0x6666_6666, -0x3333_3333, -1].map(
      (high) => claimSlot(table, high, 1, 0, 5) >>> 4,
    )
    expect(groups).toEqual([0, 0, 2, 3, 4, 4])
  })

  it('that a key has left are its own again, empty', () => {
    const table = createSlotTable(budgetBytes, RING)
    const slot = claimed(table)
    chargeSlot(table, slot, 1, 1, 3, 50, 12)
    const other = claimSlot(table, key.high, 99, 0, 5)
    chargeSlot(table, other, 1, 1, 3, 50, 12)
    expect(claimSlot(table, key.high, key.tag, 11, 7)).toBe(slot)
    expect(pruneSlot(table, slot, 2, 50)).toBe(0)
    expect(untilOldest(table, slot, 2)).toBe(0)
    expect(untilFreed(table, slot, 2, 1)).toBe(Infinity)
    expect(table.evictions).toBe(0)
    expect(other).not.toBe(slot)
  })

  it('of a full group give way first where least of the limit is spent, in 255 parts, and then by their end', () => {
    const held = fc.array(
      fc.record({
        limit: fc.constantFrom(5, 10, 2_000_000_000, 2 ** 31),
        part: fc.integer({ min: 1, max: 5 }),
        coarseEnd: fc.integer({ min: 1, max: 9 }),
      }),
      { minLength: GROUP, maxLength: GROUP },
    )
    fc.assert(
      fc.property(held, fc.constantFrom(0, 2 ** 31 - 4), (slots, coarseTick) => {
        const table = createSlotTable(budgetBytes, RING)
        renewSlots(table, 0, 0, coarseTick)
        const parts = slots.map(({ limit, part, coarseEnd }, index) => {
          const slot = claimSlot(table, key.high, index + 1, coarseTick, limit)
          const units = Math.floor((limit * part) / 5)
          chargeSlot(table, slot, 1, 1, units, 50, (coarseTick + coarseEnd) | 0)
          return { tag: index + 1, part: Math.floor((units * 255) / limit), coarseEnd, slot }
        })
        expect(table.evictions).toBe(0)
        expect(countLive(table, coarseTick)).toBe(GROUP)
        const least = Math.min(...parts.map(({ part }) => part))
        const soonest = Math.min(...parts.filter(({ part }) => part === least).map(({ coarseEnd }) => coarseEnd))
        const victim = parts.find(({ part, coarseEnd }) => part === least && coarseEnd === soonest)
        expect(claimSlot(table, key.high, 77, coarseTick, 5)).toBe(victim?.slot)
        expect(table.evictions).toBe(1)
        for (const { tag } of parts) {
          expect(findSlot(table, key.high, tag, coarseTick) >= 0).toBe(tag !== victim?.tag)
        }
      }),
    )
  })

  it('are dated anew by a charge in one step, unless they were in this very tick', () => {
    const table = createSlotTable(budgetBytes, RING)
    const slot = claimed(table)
    chargeSlot(table, slot, 10, 5, 1, 60, 20)
    expect(spendSlot(table, slot, 10, 50, 5, 1, 9, 30)).toBe(2)
    expect([holdsKey(table, slot, key.tag, 19), holdsKey(table, slot, key.tag, 20)]).toEqual([true, false])
    expect(spendSlot(table, slot, 11, 50, 5, 1, 9, 30)).toBe(3)
    expect([holdsKey(table, slot, key.tag, 29), holdsKey(table, slot, key.tag, 30)]).toEqual([true, false])
    expect(spendSlot(table, slot, 15, 50, 5, 1, 9, 40)).toBe(4)
    expect([holdsKey(table, slot, key.tag, 39), holdsKey(table, slot, key.tag, 40)]).toEqual([true, false])
  })

  it('are left as they are by a charge in one step when another window has charged last, or nothing is left in them', () => {
    const table = createSlotTable(budgetBytes, RING)
    const slot = claimed(table)
    const spend = (tick: number) => {
      const before = [...table.records]
      const total = spendSlot(table, slot, tick, 50, 1, 1, 9, 30)
      if (total < 0) expect([...table.records]).toEqual(before)
      return total
    }
    expect(spend(10)).toBe(-1)
    chargeSlot(table, slot, 10, 1, 1, 60, 20)
    expect(spend(11)).toBe(2)
    chargeSlot(table, slot, 12, 1, 1, 72, 20)
    expect(spend(12)).toBe(-1)
    expect(pruneSlot(table, slot, 13, 50)).toBe(3)
    chargeSlot(table, slot, 13, 1, 1, 63, 20)
    expect(spend(14)).toBe(5)
    expect([pruneSlot(table, slot, 62, 50), pruneSlot(table, slot, 63, 50)]).toEqual([3, 1])
    expect(pruneSlot(table, slot, 64, 50)).toBe(0)
    expect(spend(65)).toBe(-1)
  })

  it('that are free are taken before any that holds a counter', () => {
    const table = createSlotTable(budgetBytes, RING)
    const slots = Array.from({ length: GROUP }, (_, index) => {
      const slot = claimSlot(table, key.high, index + 1, 0, 100)
      chargeSlot(table, slot, 1, 1, index === 5 ? 90 : 1, 50, index === 5 ? 3 : 9)
      return slot
    })
    expect(new Set(slots).size).toBe(GROUP)
    expect(claimSlot(table, key.high, 50, 3, 100)).toBe(slots[5])
    expect(table.evictions).toBe(0)
  })

  it('keep their counters and stay free when their ticks are about to wrap', () => {
    const ahead = fc.integer({ min: -(2 ** 30), max: 2 ** 31 - 1 })
    const ends = fc.array(ahead, { minLength: GROUP, maxLength: GROUP })
    fc.assert(
      fc.property(
        ends,
        fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
        fc.nat({ max: 2 ** 31 }),
        (held, tick, passed) => {
          const table = createSlotTable(budgetBytes, RING)
          renewSlots(table, 0, 0, tick)
          expect(countLive(table, tick)).toBe(0)
          const first = claimSlot(table, -1, 1, tick, 5)
          for (const [index, end] of held.entries()) table.lines[first + index + GROUP] = (tick + end) | 0
          const newTick = (tick + passed) | 0
          renewSlots(table, tick, passed, newTick)
          expect(countLive(table, newTick)).toBe(held.filter((end) => end > passed).length)
          expect(table.lines.filter((_, word) => word % 16 >= GROUP && word < first)).toEqual(
            new Int32Array(4 * GROUP).fill(newTick),
          )
        },
      ),
    )
  })
})
