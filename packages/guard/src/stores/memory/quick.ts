import type { Take } from '../../store.ts'
import { isBlockedUntil } from './blocked.ts'
import { type Binding, IN_LINE, IN_SLOT, knownBinding, NOWHERE } from './key.ts'
import { findBlocked } from './tables/blocked-table.ts'
import {
  askForLines,
  clampEnds,
  countUnits,
  FREE_SHIFT,
  isInPartner,
  isOutside,
  LINE_UNITS,
  lookInPartner,
  lookOutside,
  MATCHES,
  partnerLine,
  putUnit,
  scanLine,
  untilFirstEnd,
} from './tables/line-table.ts'
import { findSlot, holdsKey, spendSlot } from './tables/slot-table.ts'
import type { Tables } from './tables.ts'
import { debtOf } from './window.ts'

/** What the quick way has to say: nothing, and nothing is changed; or what it has done. */
export type Spent = typeof UNDECIDED | typeof ADMITTED | typeof REFUSED
export const UNDECIDED = 0
export const ADMITTED = 1
export const REFUSED = 2

/** What a line was found to hold is less than this when no slot of it is free. */
const FIRST_FREE = 1 << FREE_SHIFT

/**
 * Answers for a call of one window counter, reading and charging it in one go. It does what the reading and the
 * settling of `memory.ts` do in the cases that make up nearly all requests, and leaves the others to them.
 *
 * @returns Whether it has answered; if not, nothing is changed.
 */
export function takeAlone(takes: readonly Take[], tables: Tables): boolean {
  const take = takes[0]
  const binding = take?.active ? knownBinding(take, tables) : undefined
  if (take === undefined || binding === undefined || !binding.isQuick) return false
  const spent = spend(binding, take.cost, tables)
  if (spent === UNDECIDED) return false
  const isAdmitted = spent === ADMITTED
  const { freesMs } = binding
  take.fits = isAdmitted
  take.charged = isAdmitted
  take.cooling = false
  take.used = binding.used
  take.freesMs = freesMs
  take.waitMs = isAdmitted ? 0 : freesMs
  return true
}

/**
 * Spends units of the key that a binding of {@link Binding.isQuick} has hashed last. Where it admits or refuses, the
 * units in the window and the time until the next comes back are in `used` and `freesMs`; who is refused is
 * admitted then.
 */
export function spend(binding: Binding, cost: number, tables: Tables): Spent {
  if (binding.place === IN_SLOT && holdsKey(binding.table, binding.slot, binding.low, tables.coarseTick)) {
    return spendInSlot(binding, cost, tables)
  }
  return cost === 1 ? spendInLine(binding, tables) : UNDECIDED
}

function spendInSlot(binding: Binding, cost: number, tables: Tables): Spent {
  const { limit, windowTicks, table } = binding
  if (isHeldBack(binding, tables)) return UNDECIDED
  const { tick } = tables
  const coarseEnd = (tables.coarseTick + binding.coarseTicks) | 0
  const total = spendSlot(table, binding.slot, tick, windowTicks, binding.cellTicks, cost, limit, coarseEnd)
  if (total < 0) return UNDECIDED
  const freesMs = table.oldestTicks
  if (total > limit) return cost === 1 ? refuse(binding, tables, total - 1, freesMs) : UNDECIDED
  if (binding.datedTick !== tick) {
    binding.datedTick = tick
    lookOutside(tables.lines, binding.home, tick, (tick + windowTicks) | 0)
  }
  binding.used = total
  binding.freesMs = freesMs
  return ADMITTED
}

function spendInLine(binding: Binding, tables: Tables): Spent {
  const { lines, tick } = tables
  const { home, low } = binding
  const found = scanLine(lines, home, low, tick)
  if ((found & MATCHES) !== 0) return spendAt(binding, tables, home, found)
  binding.place = NOWHERE
  if (tables.prefixes.latestMs > tables.nowMs) return UNDECIDED
  if (isOutside(lines, home, tick)) {
    if (findRing(binding, tables)) return spendInSlot(binding, 1, tables)
    if (findBlocked(tables.blocked, binding.high, low, tables.nowMs) >= 0) return UNDECIDED
  }
  if (found < FIRST_FREE || isInPartner(lines, home, low, tick)) return spendInPartner(binding, tables, found)
  return spendAt(binding, tables, home, found)
}

/** Points the binding to the ring of its key; false where it has none. */
function findRing(binding: Binding, { small, large, tick, coarseTick }: Tables): boolean {
  const { high, low } = binding
  let table = small
  let slot = findSlot(small, high, low, coarseTick)
  if (slot < 0) {
    table = large
    slot = findSlot(large, high, low, coarseTick)
  }
  if (slot < 0) return false
  binding.place = IN_SLOT
  binding.table = table
  binding.slot = slot
  // Not dated in this tick, as far as is known.
  binding.datedTick = (tick - 1) | 0
  return true
}

/** Spends where a key is not in its home, and may be in its partner or has room only there. */
function spendInPartner(binding: Binding, tables: Tables, atHome: number): Spent {
  const { lines, tick } = tables
  const { home, low } = binding
  const partner = partnerLine(lines, home, low)
  const found = scanLine(lines, partner, low, tick)
  if ((found & MATCHES) === 0) {
    if (atHome >= FIRST_FREE) return spendAt(binding, tables, home, atHome)
    askForLines(lines)
  }
  const spent = spendAt(binding, tables, partner, found)
  if (spent === ADMITTED) lookInPartner(lines, home, low, tick, (tick + binding.windowTicks) | 0)
  return spent
}

/** Spends a unit in a line that was found to hold this of the key, and so many free slots. */
function spendAt(binding: Binding, tables: Tables, line: number, found: number): Spent {
  const { lines, tick } = tables
  const { windowTicks, limit } = binding
  const mask = found & MATCHES
  let used = 0
  let freesMs = windowTicks
  if (mask !== 0) {
    if (isHeldBack(binding, tables)) return UNDECIDED
    clampEnds(lines, line, mask, tick, windowTicks)
    used = countUnits(mask)
    freesMs = untilFirstEnd(lines, line, mask, tick)
    binding.place = IN_LINE
    binding.line = line
    binding.mask = mask
  }
  if (used >= limit) return refuse(binding, tables, used, freesMs)
  if (used >= LINE_UNITS || found < FIRST_FREE) return UNDECIDED
  used += 1
  const free = found >>> FREE_SHIFT
  putUnit(
    lines,
    line,
    31 - Math.clz32(free & -free),
    mask,
    binding.low,
    (tick + windowTicks) | 0,
    debtOf(used, binding),
  )
  binding.used = used
  binding.freesMs = freesMs
  return ADMITTED
}

/** Whether a cooldown may refuse a key that has a counter. */
function isHeldBack({ hasCooldown, high, low }: Binding, { blocked, prefixes, nowMs }: Tables): boolean {
  return hasCooldown && (prefixes.latestMs > nowMs || findBlocked(blocked, high, low, nowMs) >= 0)
}

/** Refuses one unit for which its limit has no room, where that is known to the blocked already. */
function refuse(binding: Binding, tables: Tables, used: number, freesMs: number): Spent {
  // Where a limit has been lowered, more than one unit must come back first.
  if (used !== binding.limit || binding.hasCooldown) return UNDECIDED
  if (!isBlockedUntil(binding, tables, tables.nowMs + freesMs)) return UNDECIDED
  binding.used = used
  binding.freesMs = freesMs
  return REFUSED
}
