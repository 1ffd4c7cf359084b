import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type BlockedTable,
  block,
  blockedBytes,
  blockedSlots,
  countBlocked,
  createBlockedTable,
  displaceBlock,
  endOfBlock,
  findBlocked,
  holdsBlocked,
  isCooldown,
  unblock,
} from './blocked-table.ts'

const GROUP = 8
const budgetBytes = 16 * GROUP * 5 + 48
/** Milliseconds of more than 32 bits, as those of a clock are. */
const startMs = 1_700_000_000_000

interface Blocked {
  readonly high: number
  readonly low: number
  readonly untilMs: number
  readonly cooldown: boolean
}

describe('the keys that are blocked', () => {
  const acts = fc.array(
    fc.record({
      act: fc.constantFrom('block', 'block', 'block', 'unblock'),
      high: fc.constantFrom(0, 5, 0x3000_0000, 0x7fff_ffff, -0x8000_0000, -1),
      low: fc.constantFrom(0, 5, -1),
      forMs: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constantFrom(2 ** 31, 2 ** 32, 400 * 86_400_000)),
      cooldown: fc.boolean(),
      passes: fc.nat({ max: 9 }),
    }),
    { minLength: 1, maxLength: 60, size: 'max' },
  )

  it('are blocked until the time that was last said, to the millisecond, or until they are freed', () => {
    fc.assert(
      fc.property(acts, (sent) => {
        const table = createBlockedTable(budgetBytes)
        const blocked = new Map<string, Blocked>()
        let nowMs = startMs
        for (const { passes, forMs, ...asked } of sent) {
          nowMs += passes
          act(table, blocked, { ...asked, untilMs: nowMs + forMs }, nowMs)
          const running = [...blocked.values()].filter(({ untilMs }) => untilMs > nowMs)
          expect(countBlocked(table, nowMs)).toBe(running.length)
          for (const one of running) expectBlocked(table, one, nowMs)
          expect(findBlocked(table, 0x1111, 7, nowMs)).toBe(-1)
        }
      }),
    )
  })

  function act(
    table: BlockedTable,
    blocked: Map<string, Blocked>,
    { act: kind, ...one }: Blocked & { readonly act: string },
    nowMs: number,
  ): void {
    const { high, low, untilMs, cooldown } = one
    if (kind === 'unblock') {
      unblock(table, high, low, nowMs)
      blocked.delete(`${high} ${low}`)
    } else if (block(table, high, low, untilMs, cooldown, nowMs) >= 0) {
      blocked.set(`${high} ${low}`, one)
    }
  }

  function expectBlocked(table: BlockedTable, { high, low, untilMs, cooldown }: Blocked, nowMs: number): void {
    const slot = findBlocked(table, high, low, nowMs)
    expect(slot).toBeGreaterThanOrEqual(0)
    expect([endOfBlock(table, slot), isCooldown(table, slot)]).toEqual([untilMs, cooldown])
    expect(holdsBlocked(table, slot, high, low, untilMs - 1)).toBe(true)
    expect(holdsBlocked(table, slot, high, low, untilMs)).toBe(false)
    expect(holdsBlocked(table, slot, high ^ 1, low, nowMs) || holdsBlocked(table, slot, high, low ^ 1, nowMs)).toBe(
      false,
    )
    expect(findBlocked(table, high, low, untilMs)).toBe(-1)
    expect(table.latestMs).toBeGreaterThanOrEqual(untilMs)
  }

  it('are looked for nowhere once the last of them is over', () => {
    const table = createBlockedTable(budgetBytes)
    block(table, 1, 2, 100, true, 0)
    block(table, 3, 4, 50, true, 0)
    expect(table.latestMs).toBe(100)
    // A slot that is written behind the table's back is not even looked at.
    const slot = findBlocked(table, 1, 2, 99)
    table.words[slot + 2] = 500
    expect(findBlocked(table, 1, 2, 100)).toBe(-1)
  })

  it('have a table of whole groups within the budget, one at least', () => {
    expect(createBlockedTable(budgetBytes).groups).toBe(5)
    expect(createBlockedTable(budgetBytes - 1).groups).toBe(4)
    expect(createBlockedTable(1).groups).toBe(1)
    const table = createBlockedTable(budgetBytes)
    expect([blockedSlots(table), blockedBytes(table)]).toEqual([40, budgetBytes])
    expect(table.words.byteLength + table.words.byteOffset).toBe(budgetBytes)
    expect(table.words.byteOffset).toBe(48)
  })

  it('lie in the group that the upper bits of their hash choose, the highest included', () => {
    const table = createBlockedTable(budgetBytes)
    const groups = [0, 0x3333_3333, 0x6666_6667, -0x6666_6666, -0x3333_3333, -1].map((high) =>
      Math.floor(block(table, high, 1, 10, true, 0) / (GROUP * 4)),
    )
    expect(groups).toEqual([0, 0, 2, 3, 4, 4])
  })
})

describe('a key whose group is full', () => {
  const held = fc.array(fc.record({ ahead: fc.integer({ min: 1, max: 6 }), cooldown: fc.boolean() }), {
    minLength: GROUP,
    maxLength: GROUP,
  })

  it('is blocked in place of the spent limit that ends first, and of a cooldown only when there is nothing else', () => {
    fc.assert(
      fc.property(held, fc.boolean(), (slots, cooldown) => {
        const table = createBlockedTable(budgetBytes)
        for (const [index, one] of slots.entries()) {
          expect(block(table, 7, index, startMs + one.ahead, one.cooldown, startMs)).toBe(index * 4)
        }
        expect(block(table, 7, 50, startMs + 9, cooldown, startMs)).toBe(-1)
        expect(table.evictions).toBe(0)
        const spent = slots.filter((one) => !one.cooldown)
        const kind = spent.length > 0 ? spent : slots
        const soonest = Math.min(...kind.map(({ ahead }) => ahead))
        const victim = slots.findIndex((one) => kind.includes(one) && one.ahead === soonest)
        expect(displaceBlock(table, 7, 50, startMs + 9, cooldown)).toBe(victim * 4)
        expect(table.evictions).toBe(1)
        expectBlockedBut(table, victim, slots)
        expect([endOfBlock(table, victim * 4), isCooldown(table, victim * 4)]).toEqual([startMs + 9, cooldown])
      }),
    )
  })

  function expectBlockedBut(table: BlockedTable, victim: number, slots: readonly { readonly ahead: number }[]): void {
    for (const [index, { ahead }] of slots.entries()) {
      const slot = findBlocked(table, 7, index, startMs)
      expect(slot).toBe(index === victim ? -1 : index * 4)
      if (slot >= 0) expect(endOfBlock(table, slot)).toBe(startMs + ahead)
    }
  }

  it('has room again as soon as one of the others is over', () => {
    const table = createBlockedTable(budgetBytes)
    for (let index = 0; index < GROUP; index += 1) block(table, 7, index, index === 6 ? 20 : 90, true, 0)
    expect(block(table, 7, 50, 90, true, 19)).toBe(-1)
    expect(block(table, 7, 50, 90, true, 20)).toBe(24)
    expect(block(table, 7, 50, 95, false, 30)).toBe(24)
    expect(endOfBlock(table, 24)).toBe(95)
  })
})
