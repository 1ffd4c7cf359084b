import type { Take, WindowCounter } from '../store.ts'
import {
  clampEnds,
  countUnits,
  FREE_SHIFT,
  isElsewhere,
  LINE_UNITS,
  lookElsewhere,
  MATCHES,
  putUnit,
  scanLine,
  untilFirstEnd,
} from './line-table.ts'
import { blockedFor, isBlockedUntil } from './memory-blocked.ts'
import { type Binding, IN_LINE, IN_SLOT, knownBinding, NOWHERE } from './memory-key.ts'
import type { Tables } from './memory-tables.ts'
import { debtOf } from './memory-window.ts'
import { holdsKey, spendSlot } from './slot-table.ts'

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
  const counter = take.counter as WindowCounter
  if (binding.place === IN_SLOT && holdsKey(binding.table, binding.slot, binding.low, tables.coarseTick)) {
    return takeFromSlot(take, counter, binding, tables)
  }
  return take.cost === 1 && takeFromLine(take, counter, binding, tables)
}

function takeFromSlot(take: Take, counter: WindowCounter, binding: Binding, tables: Tables): boolean {
  const { cost } = take
  const { limit, windowTicks } = counter
  if (counter.cooldownMs !== 0 && blockedFor(take, binding, tables, true) > 0) return false
  const { tick } = tables
  const { table } = binding
  const coarseEnd = (tables.coarseTick + binding.coarseTicks) | 0
  const total = spendSlot(table, binding.slot, tick, windowTicks, counter.cellTicks, cost, limit, coarseEnd)
  if (total < 0) return false
  if (total > limit) return refuseQuickly(take, counter, binding, tables, total - cost, table.oldestTicks)
  if (binding.datedTick !== tick) {
    binding.datedTick = tick
    lookElsewhere(tables.lines, binding.home, tick, (tick + windowTicks) | 0)
  }
  admit(take, total, table.oldestTicks)
  return true
}

function takeFromLine(take: Take, counter: WindowCounter, binding: Binding, tables: Tables): boolean {
  const { lines, tick } = tables
  const { home, low } = binding
  const found = scanLine(lines, home, low, tick)
  const mask = found & MATCHES
  const free = found >>> FREE_SHIFT
  if (mask === 0 ? mayBeElsewhere(binding, tables) : isHeldBack(take, counter, binding, tables)) return false
  const { windowTicks, limit } = counter
  let used = 0
  let freesMs = windowTicks
  if (mask !== 0) {
    clampEnds(lines, home, mask, tick, windowTicks)
    used = countUnits(mask)
    freesMs = untilFirstEnd(lines, home, mask, tick)
    binding.place = IN_LINE
    binding.line = home
    binding.mask = mask
  }
  if (used >= limit) return refuseQuickly(take, counter, binding, tables, used, freesMs)
  if (used >= LINE_UNITS || free === 0) return false
  used += 1
  const slot = 31 - Math.clz32(free & -free)
  putUnit(lines, home, slot, mask, low, (tick + windowTicks) | 0, debtOf(used, binding))
  admit(take, used, freesMs)
  return true
}

/** Whether a key that is not in its home may be in another place, or blocked. */
function mayBeElsewhere(binding: Binding, { lines, prefixes, tick, nowMs }: Tables): boolean {
  binding.place = NOWHERE
  return isElsewhere(lines, binding.home, tick) || prefixes.latestMs > nowMs
}

/** Whether a cooldown refuses a key that has a counter. */
function isHeldBack(take: Take, counter: WindowCounter, binding: Binding, tables: Tables): boolean {
  return counter.cooldownMs !== 0 && blockedFor(take, binding, tables, true) > 0
}

function admit(take: Take, used: number, freesMs: number): void {
  take.fits = true
  take.charged = true
  take.cooling = false
  take.used = used
  take.freesMs = freesMs
  take.waitMs = 0
}

/** Refuses one unit for which its limit has no room, where that is known to the blocked already. */
function refuseQuickly(
  take: Take,
  counter: WindowCounter,
  binding: Binding,
  tables: Tables,
  used: number,
  freesMs: number,
): boolean {
  // Where a limit has been lowered, more than one unit must come back first.
  if (take.cost !== 1 || used !== counter.limit || counter.cooldownMs !== 0) return false
  if (!isBlockedUntil(binding, tables, tables.nowMs + freesMs)) return false
  take.fits = false
  take.charged = false
  take.cooling = false
  take.used = used
  take.freesMs = freesMs
  take.waitMs = freesMs
  return true
}
