import type { Take, WindowCounter } from '../../store.ts'
import { blockedFor } from './blocked.ts'
import { type Binding, IN_LINE, IN_SLOT, NOWHERE } from './key.ts'
import {
  askForLines,
  clampEnds,
  countUnits,
  dropUnits,
  endOf,
  freeSlot,
  hasRoom,
  isInPartner,
  isOutside,
  LINE_UNITS,
  lookInPartner,
  lookOutside,
  makeRoom,
  makeRoomBeside,
  matchLine,
  moveUnits,
  partnerLine,
  putUnit,
  untilEnds,
  untilFirstEnd,
} from './tables/line-table.ts'
import {
  chargeSlot,
  claimSlot,
  dropSlot,
  findSlot,
  holdsKey,
  isRingFull,
  moveSlot,
  pruneSlot,
  untilFreed,
  untilOldest,
} from './tables/slot-table.ts'
import type { Tables } from './tables.ts'

/**
 * Reads where a counter of units in a window stands, without charging it. When the request fits, what is
 * given back next is told once it is settled.
 */
export function readWindow(take: Take, counter: WindowCounter, binding: Binding, tables: Tables): void {
  const used = locate(counter, binding, tables)
  take.used = used
  take.cooling = false
  const blockedMs = mayBeBlocked(counter, binding, tables)
    ? blockedFor(take, binding, tables, binding.place !== NOWHERE)
    : 0
  if (blockedMs === 0 && used + take.cost <= counter.limit) {
    take.fits = true
    take.waitMs = 0
  } else {
    tellRefusal(take, counter, binding, tables, blockedMs)
  }
}

function tellRefusal(take: Take, counter: WindowCounter, binding: Binding, tables: Tables, blockedMs: number): void {
  take.fits = false
  take.freesMs = untilFirst(counter, binding, tables)
  take.waitMs = Math.max(blockedMs, waitForRoom(take, counter, binding, tables))
  if (blockedMs > 0 && !take.cooling) {
    // The counter was evicted with its limit spent.
    take.used = counter.limit
    take.freesMs = blockedMs
  }
}

/** Charges a counter that has just been read. */
export function chargeWindow(take: Take, counter: WindowCounter, binding: Binding, tables: Tables): void {
  const used = take.used + take.cost
  if (binding.place === IN_SLOT && holdsKey(binding.table, binding.slot, binding.low, tables.coarseTick)) {
    chargeRing(take, counter, binding, tables)
  } else if (
    used > LINE_UNITS ||
    counter.tickMs !== 1 ||
    !chargeLine(take, counter, binding, tables, debtOf(used, binding))
  ) {
    claimRing(counter, binding, tables)
    chargeRing(take, counter, binding, tables)
  }
  take.used = used
}

/** Tells what is given back next of a counter that fits and is not charged, because another refuses. */
export function tellWindow(take: Take, counter: WindowCounter, binding: Binding, tables: Tables): void {
  take.freesMs = untilFirst(counter, binding, tables)
}

/** Empties a counter. */
export function clearWindow(counter: WindowCounter, binding: Binding, tables: Tables): void {
  locate(counter, binding, tables)
  if (binding.place === IN_LINE) dropUnits(tables.lines, binding.line, binding.mask, tables.tick)
  else if (binding.place === IN_SLOT) dropSlot(binding.table, binding.slot, tables.coarseTick)
}

/** Points the binding to its counter, and answers the units in it. */
function locate(counter: WindowCounter, binding: Binding, tables: Tables): number {
  const { low, home } = binding
  const { lines } = tables
  if (binding.place === IN_SLOT && holdsKey(binding.table, binding.slot, low, tables.coarseTick)) {
    const used = pruneSlot(binding.table, binding.slot, tickOf(counter, tables), counter.windowTicks)
    // A slot outlives its units a little: whoever else came meanwhile may have begun anew in a line.
    if (used > 0) return used
  }
  binding.place = NOWHERE
  if (counter.tickMs !== 1) return locateSlot(counter, binding, tables)
  const mask = matchLine(lines, home, low, tables.tick)
  if (mask !== 0) return foundInLine(counter, binding, tables, home, mask)
  return locateElsewhere(counter, binding, tables)
}

function foundInLine(counter: WindowCounter, binding: Binding, tables: Tables, line: number, mask: number): number {
  clampEnds(tables.lines, line, mask, tables.tick, counter.windowTicks)
  binding.place = IN_LINE
  binding.line = line
  binding.mask = mask
  return countUnits(mask)
}

function locateElsewhere(counter: WindowCounter, binding: Binding, tables: Tables): number {
  const { lines, tick } = tables
  const { home, low } = binding
  const used = isOutside(lines, home, tick) ? locateSlot(counter, binding, tables) : 0
  if (binding.place === IN_SLOT || !isInPartner(lines, home, low, tick)) return used
  const partner = partnerLine(lines, home, low)
  const mask = matchLine(lines, partner, low, tick)
  return mask === 0 ? 0 : foundInLine(counter, binding, tables, partner, mask)
}

function locateSlot(counter: WindowCounter, binding: Binding, tables: Tables): number {
  const { small, large, coarseTick } = tables
  const { high, low } = binding
  let table = small
  let slot = findSlot(small, high, low, coarseTick)
  if (slot < 0) {
    table = large
    slot = findSlot(large, high, low, coarseTick)
  }
  if (slot < 0) return 0
  binding.place = IN_SLOT
  binding.table = table
  binding.slot = slot
  // Not dated in this tick, as far as is known.
  binding.datedTick = (tables.tick - 1) | 0
  return pruneSlot(table, slot, tickOf(counter, tables), counter.windowTicks)
}

/** A counter answers for itself but in a cooldown. A key's home says when it is blocked. */
function mayBeBlocked(counter: WindowCounter, { place, home }: Binding, tables: Tables): boolean {
  if (place !== NOWHERE && counter.cooldownMs === 0) return false
  return isOutside(tables.lines, home, tables.tick) || tables.prefixes.latestMs > tables.nowMs
}

function untilFirst(counter: WindowCounter, binding: Binding, tables: Tables): number {
  if (binding.place === IN_SLOT) {
    return untilOldest(binding.table, binding.slot, tickOf(counter, tables)) * counter.tickMs
  }
  return binding.place === IN_LINE ? untilFirstEnd(tables.lines, binding.line, binding.mask, tables.tick) : 0
}

function waitForRoom(take: Take, counter: WindowCounter, binding: Binding, tables: Tables): number {
  const { cost, used } = take
  if (cost > counter.limit) return Infinity
  const excess = used + cost - counter.limit
  if (excess <= 0) return 0
  if (excess === 1) return take.freesMs
  return binding.place === IN_SLOT
    ? untilFreed(binding.table, binding.slot, tickOf(counter, tables), excess) * counter.tickMs
    : untilEnds(tables.lines, binding.line, binding.mask, tables.tick, excess)
}

/** Charges in a line; false where that has no room for the request's units. */
function chargeLine(take: Take, counter: WindowCounter, binding: Binding, tables: Tables, debt: number): boolean {
  const { lines, tick } = tables
  const { low, place } = binding
  const end = (tick + counter.windowTicks) | 0
  const line = place === IN_LINE ? ownLine(take.cost, binding, tables) : lineFor(take.cost, binding, tables, end)
  if (line < 0) return false
  if (line !== binding.home) lookInPartner(lines, binding.home, low, tick, end)
  let mask = place === IN_LINE ? binding.mask : 0
  take.freesMs = mask === 0 ? counter.windowTicks : untilFirstEnd(lines, line, mask, tick)
  for (let units = take.cost; units > 0; units -= 1) {
    const slot = freeSlot(lines, line, tick)
    putUnit(lines, line, slot, mask, low, end, debt)
    mask |= 1 << slot
  }
  return true
}

/**
 * The line of a key that has units, with room for more: for one, another key gives way, else this one goes; -1 where
 * there is none.
 */
function ownLine(cost: number, binding: Binding, { lines, tick }: Tables): number {
  const { low, line } = binding
  if (hasRoom(lines, line, tick, cost)) return line
  if (cost > 1) {
    askForLines(lines)
    return -1
  }
  if (makeRoomBeside(lines, line, low, tick)) return line
  const moved = moveUnits(lines, line, binding.mask, low, tick)
  if (moved === 0) return -1
  binding.line = partnerLine(lines, line, low)
  binding.mask = moved
  return binding.line
}

/** A line for a key that has no units: with room, which is made for one; -1 where there is none for several. */
function lineFor(cost: number, { home, low }: Binding, { lines, tick }: Tables, end: number): number {
  if (hasRoom(lines, home, tick, cost)) return home
  if (cost === 1) return makeRoom(lines, home, low, tick, end)
  askForLines(lines)
  const partner = partnerLine(lines, home, low)
  return hasRoom(lines, partner, tick, cost) ? partner : -1
}

const arrivals = new Int32Array(LINE_UNITS)

/** Gives a key a ring, with the units that it has in a line. The line may have lost some to another take of the call. */
function claimRing(counter: WindowCounter, binding: Binding, tables: Tables): void {
  const { lines, small, tick, coarseTick } = tables
  const { low, line, place } = binding
  const mask = place === IN_LINE ? matchLine(lines, line, low, tick) : 0
  const slot = claimSlot(small, binding.high, low, coarseTick, counter.limit)
  let units = 0
  for (let rest = mask; rest !== 0; rest &= rest - 1) {
    arrivals[units] = endOf(lines, line, rest) - tick
    units += 1
  }
  arrivals.subarray(0, units).sort()
  for (let index = 0; index < units; index += 1) {
    const end = ((arrivals[index] ?? 0) + tick) | 0
    const began = (end - counter.windowTicks) | 0
    chargeSlot(small, slot, began, 1, 1, end, (coarseTick + binding.coarseTicks) | 0)
  }
  dropUnits(lines, line, mask, tick)
  binding.place = IN_SLOT
  binding.table = small
  binding.slot = slot
}

function chargeRing(take: Take, counter: WindowCounter, binding: Binding, tables: Tables): void {
  const { coarseTick } = tables
  const { cellTicks } = counter
  const tick = tickOf(counter, tables)
  const end = (tick + counter.windowTicks) | 0
  if (binding.table === tables.small && isRingFull(tables.small, binding.slot, tick, cellTicks)) {
    const target = claimSlot(tables.large, binding.high, binding.low, coarseTick, counter.limit)
    moveSlot(tables.small, binding.slot, tables.large, target, coarseTick)
    binding.table = tables.large
    binding.slot = target
  }
  const { table, slot } = binding
  chargeSlot(table, slot, tick, cellTicks, take.cost, end, (coarseTick + binding.coarseTicks) | 0)
  if (counter.tickMs === 1) lookOutside(tables.lines, binding.home, tick, end)
  binding.datedTick = tick
  take.freesMs = untilOldest(table, slot, tick) * counter.tickMs
}

/** What eviction spares of a line that holds so many units of a key. */
export function debtOf(used: number, { debts }: Binding): number {
  return (debts >>> (used * 4)) & 15
}

function tickOf({ tickMs }: WindowCounter, tables: Tables): number {
  return tickMs === 1 ? tables.tick : tables.coarseTick
}
