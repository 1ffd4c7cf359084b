import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  askForLines,
  clampEnds,
  countAhead,
  countUnits,
  createLineTable,
  dropUnits,
  endOf,
  FREE_SHIFT,
  freeSlot,
  growLines,
  hasRoom,
  homeLine,
  isElsewhere,
  isInPartner,
  isOutside,
  LINE_UNITS,
  type LineTable,
  lineBytes,
  lineSlots,
  lookInPartner,
  lookOutside,
  MATCHES,
  makeRoom,
  makeRoomBeside,
  matchLine,
  moveEnd,
  moveUnits,
  partnerLine,
  putUnit,
  renewLines,
  scanLine,
  untilEnds,
  untilFirstEnd,
} from './line-table.ts'

const SLOTS = 7
const WORDS = 16
const budgetBytes = 65_536

interface Unit {
  readonly tag: number
  end: number
}

const aheadOf = (units: readonly Unit[], tick: number) => units.filter(({ end }) => ((end - tick) | 0) > 0)
const ticksOf = (units: readonly Unit[], tick: number) =>
  aheadOf(units, tick)
    .map(({ end }) => (end - tick) | 0)
    .sort((one, other) => one - other)
/** A tag that is some number of lines away from others: the upper bits say which line is its partner. */
const tags = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
/** Where 32 bits wrap, and anywhere else. */
const ticks = fc.oneof(fc.integer({ min: 2 ** 31 - 60, max: 2 ** 31 - 1 }), fc.constantFrom(-30, 1), tags)

/** A table that has been in use until a tick. */
function tableAt(tick: number): LineTable {
  const table = createLineTable(budgetBytes)
  renewLines(table, 0, 0, tick, undefined)
  return table
}

/** Fills the free slots of a line with keys of one unit each, and answers their tags. */
function fill(table: LineTable, line: number, tick: number, firstTag: number, end = tick + 1_000): number[] {
  const filled: number[] = []
  for (let tag = firstTag; filled.length < SLOTS; tag += 1) {
    const slot = freeSlot(table, line, tick)
    if (slot < 0) break
    putUnit(table, line, slot, 0, tag, end, 8)
    filled.push(tag)
  }
  return filled
}

describe('a line', () => {
  const line = 3 * WORDS
  const beside = [2 * WORDS, 4 * WORDS]
  const acts = fc.array(
    fc.record({
      act: fc.constantFrom('put', 'put', 'put', 'drop', 'clamp', 'redate'),
      which: fc.nat({ max: 4 }),
      ticks: fc.integer({ min: 1, max: 40 }),
      passes: fc.nat({ max: 9 }),
    }),
    { minLength: 1, maxLength: 60, size: 'max' },
  )

  it('tells of each key its units, when they come back and how much room is left, and touches no other line', () => {
    fc.assert(
      fc.property(fc.uniqueArray(tags, { minLength: 5, maxLength: 5 }), ticks, acts, (keys, startTick, sent) => {
        const table = tableAt(startTick)
        let units: Unit[] = []
        let tick = startTick
        const ownOf = (tag: number) => aheadOf(units, tick).filter((unit) => unit.tag === tag)
        const does = {
          put(tag: number, mask: number, ahead: number) {
            const slot = freeSlot(table, line, tick)
            if (slot < 0 || ownOf(tag).length === LINE_UNITS) return
            putUnit(table, line, slot, mask, tag, (tick + ahead) | 0, 3)
            units = [...aheadOf(units, tick), { tag, end: (tick + ahead) | 0 }]
          },
          drop(tag: number, mask: number) {
            dropUnits(table, line, mask, tick)
            units = units.filter((unit) => unit.tag !== tag)
          },
          clamp(tag: number, mask: number, most: number) {
            clampEnds(table, line, mask, tick, most)
            for (const unit of ownOf(tag)) if (((unit.end - tick) | 0) > most) unit.end = (tick + most) | 0
          },
          redate(tag: number, mask: number, ahead: number) {
            const own = ownOf(tag)
            const [only] = own
            if (only === undefined || own.length > 1) return
            expect(endOf(table, line, mask)).toBe(only.end)
            moveEnd(table, line, mask, (tick + ahead) | 0, 3)
            only.end = (tick + ahead) | 0
          },
        }
        for (const { act, which, ticks: ahead, passes } of sent) {
          tick = (tick + passes) | 0
          const key = keys[which] ?? 0
          does[act](key, matchLine(table, line, key, tick), ahead)
          for (const tag of keys) expectUnits(table, line, tag, tick, ticksOf(ownOf(tag), tick))
          const room = SLOTS - aheadOf(units, tick).length
          expectRoom(table, line, tick, room)
          expect(countAhead(table, tick)).toBe(SLOTS - room)
          for (const other of beside) expect(matchLine(table, other, key, tick)).toBe(0)
        }
      }),
    )
  })

  function expectUnits(table: LineTable, at: number, tag: number, tick: number, own: readonly number[]): void {
    const mask = matchLine(table, at, tag, tick)
    expect(countUnits(mask)).toBe(own.length)
    expect(scanLine(table, at, tag, tick) & MATCHES).toBe(mask)
    if (mask !== 0) expect(untilFirstEnd(table, at, mask, tick)).toBe(own[0])
    for (let units = 1; units <= LINE_UNITS + 1; units += 1) {
      expect(untilEnds(table, at, mask, tick, units)).toBe(own[units - 1] ?? Infinity)
    }
  }

  function expectRoom(table: LineTable, at: number, tick: number, room: number): void {
    const free = scanLine(table, at, 0, tick) >>> FREE_SHIFT
    expect(free.toString(2).replaceAll('0', '').length).toBe(room)
    const slot = freeSlot(table, at, tick)
    expect(slot).toBe(room === 0 ? -1 : 31 - Math.clz32(free & -free))
    for (let units = 1; units <= SLOTS + 1; units += 1) expect(hasRoom(table, at, tick, units)).toBe(units <= room)
  }
})

describe('the lines of a table', () => {
  it('take as much of the budget as whole lines can, 128 of them at least, and no more than can be numbered', () => {
    expect(lineBytes(createLineTable(1_048_576))).toBeLessThanOrEqual(1_048_576)
    expect(lineBytes(createLineTable(1_048_576))).toBeGreaterThan(1_048_576 - 4_096 - 48)
    expect(lineBytes(createLineTable(4_096 * 3 + 48))).toBe(4_096 * 3 + 48)
    expect(lineBytes(createLineTable(4_096 * 3 + 47))).toBe(4_096 * 2 + 48)
    expect(createLineTable(1).words).toHaveLength(128 * WORDS)
    expect(lineSlots(createLineTable(1))).toBe(128 * SLOTS)
    expect(createLineTable(budgetBytes).words.byteOffset).toBe(48)
  })

  it('are homes of all keys evenly, and each of two lines of a key is the partner of the other', () => {
    const table = createLineTable(budgetBytes)
    const homes = new Map<number, number>()
    const partners = new Map<number, number>()
    for (let index = 0; index < 30_000; index += 1) {
      const high = Math.imul(index, 0x9e37_79b1)
      const tag = Math.imul(index, 0x85eb_ca6b)
      const home = homeLine(table, high, tag)
      const partner = partnerLine(table, home, tag)
      expect(partnerLine(table, partner, tag)).toBe(home)
      homes.set(home, (homes.get(home) ?? 0) + 1)
      partners.set(partner, (partners.get(partner) ?? 0) + 1)
    }
    for (const counted of [homes, partners]) {
      expect([...counted.keys()].sort((one, other) => one - other)).toEqual(
        Array.from({ length: table.inUse }, (_, index) => index * WORDS),
      )
      for (const keys of counted.values()) expect(Math.abs(keys / (30_000 / table.inUse) - 1)).toBeLessThan(0.2)
    }
  })

  it('come into use four at a time when they are asked for, until all are, and lose no key on the way', () => {
    const table = createLineTable(budgetBytes)
    const tick = 5
    const most = table.words.length / WORDS
    const keys = Array.from({ length: 60 }, (_, index) => ({
      high: Math.imul(index + 1, 0x9e37_79b1),
      tag: Math.imul(index + 1, 0xc2b2_ae35),
      inPartner: index % 3 === 0,
    }))
    const lineOf = ({ high, tag, inPartner }: (typeof keys)[number]) => {
      const home = homeLine(table, high, tag)
      return inPartner ? partnerLine(table, home, tag) : home
    }
    const placed = keys.filter((key) => {
      const slot = freeSlot(table, lineOf(key), tick)
      if (slot >= 0) putUnit(table, lineOf(key), slot, 0, key.tag, 1_000, 1)
      if (key.inPartner) lookInPartner(table, homeLine(table, key.high, key.tag), key.tag, tick, 1_000)
      return slot >= 0
    })
    for (let inUse = table.inUse; inUse < most; inUse = Math.min(most, inUse + 4)) {
      expect(table.inUse).toBe(inUse)
      askForLines(table)
      growLines(table, tick)
      expect(countAhead(table, tick)).toBe(placed.length)
      for (const key of placed) {
        const home = homeLine(table, key.high, key.tag)
        expect(matchLine(table, lineOf(key), key.tag, tick)).toBeGreaterThan(0)
        expect(partnerLine(table, partnerLine(table, home, key.tag), key.tag)).toBe(home)
        if (key.inPartner) expect(isInPartner(table, home, key.tag, tick)).toBe(true)
      }
    }
    askForLines(table)
    expect(table.wanted).toBe(0)
    table.wanted = 4
    growLines(table, tick)
    expect(table.inUse).toBe(most)
  })

  it('are all homes once they are in use, evenly however far they have grown', () => {
    const table = createLineTable(budgetBytes)
    for (const share of [1, 2, 5, 64]) {
      for (let asked = 0; asked < table.base * 16 && table.inUse < table.base * share; asked += 1) {
        askForLines(table)
        growLines(table, 1)
      }
      const homes = new Map<number, number>()
      for (let index = 0; index < 40_000; index += 1) {
        const home = homeLine(table, Math.imul(index, 0x9e37_79b1), Math.imul(index, 0xc2b2_ae35))
        homes.set(home, (homes.get(home) ?? 0) + 1)
      }
      expect(homes.size).toBe(table.inUse)
      // Between two doublings the lines that are split already hold half as many keys.
      expect(Math.max(...homes.values())).toBeLessThan((40_000 / table.inUse) * 2.5)
    }
  })
})

describe('where a line says that its keys are to be sought', () => {
  const line = 2 * WORDS
  const looks = fc.array(
    fc.record({
      where: fc.constantFrom('outside', 'partner'),
      tag: tags,
      ticks: fc.integer({ min: 1, max: 50 }),
      passes: fc.nat({ max: 30 }),
    }),
    { minLength: 1, maxLength: 20, size: 'max' },
  )

  it('is every place that was said until the time that was said, and then none; and no other line', () => {
    fc.assert(
      fc.property(looks, ticks, (said, startTick) => {
        const table = tableAt(startTick)
        const untils: { readonly where: string; readonly tag: number; readonly end: number }[] = []
        let tick = startTick
        for (const { where, tag, ticks: ahead, passes } of said) {
          tick = (tick + passes) | 0
          const end = (tick + ahead) | 0
          if (where === 'outside') lookOutside(table, line, tick, end)
          else lookInPartner(table, line, tag, tick, end)
          untils.push({ where, tag, end })
          expectTold(table, untils, tick)
          for (const other of [line - WORDS, line + WORDS]) expect(isElsewhere(table, other, tick)).toBe(false)
        }
        const last = Math.max(...untils.map(({ end }) => (end - tick) | 0))
        const lastTick = (tick + last) | 0
        expect(isElsewhere(table, line, (lastTick - 1) | 0)).toBe(true)
        expect(isElsewhere(table, line, lastTick)).toBe(false)
        expect(isOutside(table, line, lastTick)).toBe(false)
      }),
    )
  })

  function expectTold(
    table: LineTable,
    untils: readonly { readonly where: string; readonly tag: number; readonly end: number }[],
    tick: number,
  ): void {
    for (const { where, tag, end } of untils.filter((until) => ((until.end - tick) | 0) > 0)) {
      expect([where, end, isElsewhere(table, line, tick)]).toEqual([where, end, true])
      expect(where === 'outside' ? isOutside(table, line, tick) : isInPartner(table, line, tag, tick)).toBe(true)
    }
  }

  it('is said anew once its time is over: what was before is not true any more', () => {
    const table = createLineTable(budgetBytes)
    lookOutside(table, line, 1, 10)
    lookInPartner(table, line, 0x0100_0000, 10, 20)
    expect([isOutside(table, line, 10), isInPartner(table, line, 0x0100_0000, 10)]).toEqual([false, true])
    lookOutside(table, line, 20, 30)
    expect([isOutside(table, line, 20), isInPartner(table, line, 0x0100_0000, 20)]).toEqual([true, false])
  })

  it('is said for a third of the keys each, so that the others cost one line', () => {
    const table = createLineTable(budgetBytes)
    lookInPartner(table, line, 0, 1, 10)
    const told = Array.from({ length: 256 }, (_, byte) => isInPartner(table, line, byte << 16, 1))
    expect(told.filter(Boolean)).toHaveLength(86)
    expect(told.lastIndexOf(true)).toBe(85)
    expect(isInPartner(table, line, 0xff00_ffff | 0, 1)).toBe(true)
    lookInPartner(table, line, 0x00ff_0000, 1, 10)
    lookInPartner(table, line, 0x0080_0000, 1, 10)
    expect(Array.from({ length: 256 }, (_, byte) => isInPartner(table, line, byte << 16, 1))).not.toContain(false)
    expect(isOutside(table, line, 1)).toBe(false)
  })
})

/** Two full lines of a key that is new to them. */
function fullPair(tick = 100) {
  const table = tableAt(tick)
  const tag = 0x1234_5678
  const home = homeLine(table, 0x4000_0000, tag)
  const partner = partnerLine(table, home, tag)
  expect(partner).not.toBe(home)
  return { table, tag, home, partner }
}

describe('room for a key whose home is full', () => {
  const tick = 100

  it('is in its partner when that has some, which the home then says until the key’s end', () => {
    const { table, tag, home, partner } = fullPair()
    fill(table, home, tick, 1)
    expect(makeRoom(table, home, tag, tick, 500)).toBe(partner)
    expect(isInPartner(table, home, tag, 499)).toBe(true)
    expect(isInPartner(table, home, tag, 500)).toBe(false)
    expect(table).toMatchObject({ wanted: 4, evictions: 0 })
    expect(countAhead(table, tick)).toBe(SLOTS)
  })

  it('is made by moving another key to its own partner, where its home says that it is, and nothing is forgotten', () => {
    const { table, tag, home, partner } = fullPair()
    const others = fill(table, home, tick, 0x0055_0000, 700)
    fill(table, partner, tick, 0x0077_0000)
    expect(makeRoom(table, home, tag, tick, 500)).toBe(home)
    expect(table.evictions).toBe(0)
    expect(countAhead(table, tick)).toBe(2 * SLOTS)
    expect(freeSlot(table, home, tick)).toBeGreaterThanOrEqual(0)
    const moved = others.filter((other) => matchLine(table, home, other, tick) === 0)
    expect(moved).toHaveLength(1)
    for (const other of moved) {
      const target = partnerLine(table, home, other)
      expect(endOf(table, target, matchLine(table, target, other, tick))).toBe(700)
      expect(isInPartner(table, home, other, 699)).toBe(true)
      expect(isInPartner(table, home, other, 700)).toBe(false)
    }
    // The home has room: nobody is to look in the partner for the new key.
    expect(isInPartner(table, home, tag, tick)).toBe(((moved[0] ?? 0) >>> 16) % 256 < 86 && ((tag >>> 16) & 255) < 86)
  })

  it('is made in the partner when no key of the home can be moved', () => {
    const { table, tag, home, partner } = fullPair()
    // Every key of the home has two units or more: it stays where it is.
    for (const [slot, other] of [1, 1, 2, 2, 3, 3, 3].entries()) putUnit(table, home, slot, 0, other, 900, 1)
    fill(table, partner, tick, 0x0077_0000)
    expect(makeRoom(table, home, tag, tick, 500)).toBe(partner)
    expect(freeSlot(table, partner, tick)).toBeGreaterThanOrEqual(0)
    expect(isInPartner(table, home, tag, 499)).toBe(true)
    expect(table).toMatchObject({ evictions: 0, futile: 0 })
    expect(countAhead(table, tick)).toBe(2 * SLOTS)
  })

  it('is taken, when nothing can be moved, from the key that has spent least, and of those from the first to end', () => {
    const unit = fc.record({ debt: fc.integer({ min: 0, max: 15 }), ahead: fc.integer({ min: 1, max: 40 }) })
    const lines = fc.array(unit, { minLength: 2 * SLOTS, maxLength: 2 * SLOTS })
    fc.assert(
      fc.property(lines, ticks, (units, now) => {
        const { table, tag, home, partner } = fullPair(now)
        // As after many vain attempts: nothing is moved.
        table.skips = 1
        for (const [index, { debt, ahead }] of units.entries()) {
          putUnit(table, index < SLOTS ? home : partner, index % SLOTS, 0, index + 1, (now + ahead) | 0, debt)
        }
        const line = makeRoom(table, home, tag, now, (now + 500) | 0)
        const least = Math.min(...units.map(({ debt }) => debt))
        const soonest = Math.min(...units.filter(({ debt }) => debt === least).map(({ ahead }) => ahead))
        const chosen = units.findIndex(({ debt, ahead }) => debt === least && ahead === soonest)
        const kept = units.map((_, index) => matchLine(table, index < SLOTS ? home : partner, index + 1, now) !== 0)
        expect(kept).toEqual(units.map((_, index) => index !== chosen))
        expect(line).toBe(chosen < SLOTS ? home : partner)
        expect(isInPartner(table, home, tag, now)).toBe(line === partner)
        expect(table).toMatchObject({ evictions: 1, skips: 0 })
      }),
    )
  })

  it('is taken from a key whole: with a part of its units it would seem to have that much left', () => {
    const { table, tag, home, partner } = fullPair()
    for (let slot = 0; slot < SLOTS; slot += 1) putUnit(table, home, slot, 0, slot, 900, 15)
    for (const slot of [0, 3, 5]) putUnit(table, home, slot, 0, 77, slot === 3 ? 110 : 900, 15)
    for (let slot = 0; slot < SLOTS; slot += 1) putUnit(table, partner, slot, 0, 50 + slot, 900, 15)
    table.skips = 1
    expect(makeRoom(table, home, tag, tick, 500)).toBe(home)
    expect(matchLine(table, home, 77, tick)).toBe(0)
    expect([countAhead(table, tick), table.evictions]).toEqual([2 * SLOTS - 3, 3])
  })

  it('is made by moving ever less often while that is in vain, and at once again when it is not', () => {
    const { table, tag, home, partner } = fullPair()
    for (let line = 0; line < table.inUse * WORDS; line += WORDS) fill(table, line, tick, line + 1, tick + 1_000 + line)
    const skips: number[] = []
    for (let attempt = 0; attempt < 9; attempt += 1) {
      table.skips = 0
      expect(makeRoomBeside(table, home, tag, tick)).toBe(false)
      skips.push(table.skips)
    }
    expect(skips).toEqual([1, 3, 7, 15, 31, 63, 63, 63, 63])
    expect(table.futile).toBe(6)
    for (let skipped = 63; skipped > 0; skipped -= 1) {
      expect(table.skips).toBe(skipped)
      expect(makeRoomBeside(table, home, tag, tick)).toBe(false)
    }
    // Room in every line but these two: the next attempt moves one.
    for (let line = 0; line < table.inUse * WORDS; line += WORDS) {
      if (line !== home && line !== partner) dropUnits(table, line, 1, tick)
    }
    expect(makeRoomBeside(table, home, tag, tick)).toBe(true)
    expect(table).toMatchObject({ futile: 0, skips: 0, wanted: 4 })
    expect(freeSlot(table, home, tick)).toBeGreaterThanOrEqual(0)
  })

  it('is never made by moving the key itself, nor one that has several units, which stay in one line', () => {
    const { table, home } = fullPair()
    const own = 5
    for (const [slot, tag] of [own, 6, 6, own, 7, 7, 6].entries()) putUnit(table, home, slot, 0, tag, 900, 1)
    expect(makeRoomBeside(table, home, own, tick)).toBe(false)
    dropUnits(table, home, 0b1000, tick)
    putUnit(table, home, 3, 0, 7, 900, 1)
    expect(makeRoomBeside(table, home, own, tick)).toBe(false)
    expect([own, 6, 7].map((tag) => countUnits(matchLine(table, home, tag, tick)))).toEqual([1, 3, 3])
  })
})

describe('the units of a key', () => {
  const tick = 100

  it('move together to the other line, with their ends and what they have spent, where there is room for one more', () => {
    const { table, tag, home, partner } = fullPair()
    putUnit(table, home, 1, 0, tag, 300, 5)
    putUnit(table, home, 4, 0b10, tag, 200, 9)
    for (const slot of [0, 1, 2]) putUnit(table, partner, slot, 0, slot + 1, 10_000, 10)
    for (const slot of [3]) putUnit(table, partner, slot, 0, slot + 1, 10_000, 8)
    const moved = moveUnits(table, home, matchLine(table, home, tag, tick), tag, tick)
    expect(moved).toBe(0b11_0000)
    expect(matchLine(table, home, tag, tick)).toBe(0)
    expect(matchLine(table, partner, tag, tick)).toBe(moved)
    expect(
      ticksOf(
        [
          { tag, end: endOf(table, partner, 0b1_0000) },
          { tag, end: endOf(table, partner, 0b10_0000) },
        ],
        tick,
      ),
    ).toEqual([100, 200])
    // Of the two lines, full again, gives way first who has spent 8, then of those with 9 the sooner.
    putUnit(table, partner, 6, 0, 77, 10_000, 15)
    fill(table, home, tick, 500)
    for (let slot = 0; slot < SLOTS; slot += 1) putUnit(table, home, slot, 0, 500 + slot, 10_000, 15)
    const gone: (boolean | number)[] = []
    for (let room = 0; room < 3; room += 1) {
      table.skips = 1
      makeRoom(table, home, tag, tick, 500)
      gone.push(matchLine(table, partner, 4, tick) === 0, countUnits(matchLine(table, partner, tag, tick)))
      const slot = freeSlot(table, partner, tick)
      putUnit(table, partner, slot, 0, 900 + room, 10_000, 15)
    }
    expect(gone).toEqual([true, 2, true, 0, true, 0])
  })

  it('stay where they are when the other line has room for them only, or is the same', () => {
    const { table, tag, home, partner } = fullPair()
    putUnit(table, home, 0, 0, tag, 300, 5)
    putUnit(table, home, 1, 1, tag, 300, 5)
    for (const slot of [0, 1, 2, 3, 4]) putUnit(table, partner, slot, 0, slot + 1, 900, 1)
    expect(moveUnits(table, home, 0b11, tag, tick)).toBe(0)
    expect(matchLine(table, home, tag, tick)).toBe(0b11)
    dropUnits(table, partner, 1, tick)
    expect(moveUnits(table, home, 0b11, tag, tick)).toBe(0b10_0001)
    const twin = findTwin(table)
    putUnit(table, twin.line, 6, 0, twin.tag, 900, 1)
    expect(moveUnits(table, twin.line, 0b100_0000, twin.tag, tick)).toBe(0)
    expect(matchLine(table, twin.line, twin.tag, tick)).toBe(0b100_0000)
  })

  it('share what their key has spent, the newest as the others', () => {
    const { table, tag, home, partner } = fullPair()
    putUnit(table, home, 0, 0, tag, 110, 2)
    for (let slot = 1; slot < SLOTS - 1; slot += 1) putUnit(table, home, slot, 0, slot, 900, 7)
    putUnit(table, home, 6, 1, tag, 900, 12)
    for (let slot = 0; slot < SLOTS; slot += 1) putUnit(table, partner, slot, 0, 50 + slot, 900, 13)
    table.skips = 1
    expect(makeRoom(table, home, tag, tick, 500)).toBe(home)
    expect(countUnits(matchLine(table, home, tag, tick))).toBe(2)
    // Dated anew with what it owes then, it is the next.
    moveEnd(table, home, 1, 950, 0)
    putUnit(table, home, freeSlot(table, home, tick), 0, 99, 900, 7)
    table.skips = 1
    makeRoom(table, home, tag, tick, 500)
    expect(matchLine(table, home, tag, tick)).toBe(0)
    expect(table.evictions).toBe(3)
  })

  /** A key whose two lines are one. */
  function findTwin(table: LineTable): { readonly line: number; readonly tag: number } {
    for (let tag = 1; tag < 10_000; tag += 1) {
      const line = homeLine(table, 0x4000_0000, tag)
      if (partnerLine(table, line, tag) === line) return { line, tag }
    }
    throw new Error('every key has two lines')
  }
})

describe('lines whose ticks are about to wrap', () => {
  it('keep what lies ahead and forget for good what is over', () => {
    const ahead = fc.integer({ min: -(2 ** 30), max: 2 ** 31 - 1 })
    fc.assert(
      fc.property(
        fc.array(ahead, { minLength: 7, maxLength: 7 }),
        ticks,
        fc.nat({ max: 2 ** 31 }),
        (ends, tick, passed) => {
          const table = tableAt(tick)
          for (const [slot, end] of ends.entries()) putUnit(table, 0, slot, 0, slot + 1, (tick + end) | 0, 1)
          lookOutside(table, 0, tick, (tick + 10) | 0)
          const newTick = (tick + passed) | 0
          renewLines(table, tick, passed, newTick, undefined)
          for (const [slot, end] of ends.entries()) {
            const isAhead = end > passed
            expect(matchLine(table, 0, slot + 1, newTick) !== 0).toBe(isAhead)
            // Half of all ticks later, what was over would seem to lie ahead.
            if (!isAhead) expect(matchLine(table, 0, slot + 1, (newTick + 2 ** 30) | 0)).toBe(0)
          }
          expect(isOutside(table, 0, newTick)).toBe(passed < 10)
          expect(isElsewhere(table, 0, (newTick + 2 ** 30) | 0)).toBe(false)
        },
      ),
    )
  })

  it('have all keys sought outside as long as they are told, whatever each of them said', () => {
    const table = createLineTable(budgetBytes)
    lookInPartner(table, WORDS, 0, 1, 1_000)
    renewLines(table, 1, 9, 10, 500)
    for (let line = 0; line < table.inUse * WORDS; line += WORDS) {
      expect([isOutside(table, line, 499), isOutside(table, line, 500)]).toEqual([true, false])
    }
    expect(isInPartner(table, WORDS, 0, 499)).toBe(true)
  })
})
