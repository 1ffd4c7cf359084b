import { blockOfAddress, parseAddress } from '../../ip-address.ts'
import type { Take } from '../../store.ts'
import { type Binding, hashOf } from './key.ts'
import { block, displaceBlock, endOfBlock, findBlocked, holdsBlocked, isCooldown } from './tables/blocked-table.ts'
import { lookOutside } from './tables/line-table.ts'
import { type Tables, tickAhead } from './tables.ts'

/**
 * How long the key of a take is still blocked, 0 when it is not; tells the take whether a cooldown does it. A spent
 * limit is remembered for the case that its counter has been evicted: where there is a counter, it knows better.
 */
export function blockedFor(take: Take, binding: Binding, tables: Tables, isCounted: boolean): number {
  const { blocked, prefixes, nowMs } = tables
  const { blockedSlot, high, low } = binding
  const isKnown = blockedSlot >= 0 && holdsBlocked(blocked, blockedSlot, high, low, nowMs)
  const slot = isKnown ? blockedSlot : findBlocked(blocked, high, low, nowMs)
  binding.blockedSlot = slot
  take.cooling = false
  if (slot >= 0) {
    const cooldown = isCooldown(blocked, slot)
    if (cooldown ? take.counter.cooldownMs === 0 : isCounted) return 0
    take.cooling = cooldown
    return endOfBlock(blocked, slot) - nowMs
  }
  return prefixes.latestMs > nowMs ? blockedByPrefix(take, binding, tables, isCounted) : 0
}

/** Blocks the key of a take until a time: itself, else the prefix it comes from. */
export function blockKey(take: Take, binding: Binding, tables: Tables, untilMs: number, cooldown: boolean): void {
  const { blocked, nowMs } = tables
  const { high, low } = binding
  // Before anything else is decided about the key, its home sends the reader here.
  lookOutside(tables.lines, binding.home, tables.tick, tickAhead(tables, untilMs))
  binding.blockedSlot = block(blocked, high, low, untilMs, cooldown, nowMs)
  if (binding.blockedSlot >= 0 || blockPrefix(take, binding, tables, untilMs, cooldown)) return
  binding.blockedSlot = displaceBlock(blocked, high, low, untilMs, cooldown)
}

/** Whether the key of a take is blocked until this very time, as its last refusal left it. */
export function isBlockedUntil(binding: Binding, { blocked, nowMs }: Tables, untilMs: number): boolean {
  const { blockedSlot, high, low } = binding
  return (
    blockedSlot >= 0 &&
    holdsBlocked(blocked, blockedSlot, high, low, nowMs) &&
    endOfBlock(blocked, blockedSlot) === untilMs
  )
}

/** The prefixes that stand for an address, the narrower first: bits of IPv4 and of IPv6. */
const widths: readonly (readonly [number, number])[] = [
  [24, 48],
  [16, 32],
]

/** Blocks the narrowest prefix of a take's address that there is room for; false where it has none, or there is none. */
function blockPrefix(take: Take, binding: Binding, tables: Tables, untilMs: number, cooldown: boolean): boolean {
  const { prefixes, nowMs } = tables
  for (const width of widths) {
    const values = aggregate(take, width)
    if (values === undefined) return false
    const { v0, v1 } = hashOf(binding.prefix, values)
    const slot = findBlocked(prefixes, v0, v1, nowMs)
    // A prefix that is refused for longer stays so.
    const endMs = slot < 0 ? untilMs : Math.max(untilMs, endOfBlock(prefixes, slot))
    const isCooling = cooldown || (slot >= 0 && isCooldown(prefixes, slot))
    if (block(prefixes, v0, v1, endMs, isCooling, nowMs) < 0) continue
    tables.aggregated += 1
    return true
  }
  return false
}

function blockedByPrefix(take: Take, binding: Binding, { prefixes, nowMs }: Tables, isCounted: boolean): number {
  for (const width of widths) {
    const values = aggregate(take, width)
    if (values === undefined) return 0
    const { v0, v1 } = hashOf(binding.prefix, values)
    const slot = findBlocked(prefixes, v0, v1, nowMs)
    if (slot < 0) continue
    const cooldown = isCooldown(prefixes, slot)
    if (cooldown ? take.counter.cooldownMs === 0 : isCounted) continue
    take.cooling = cooldown
    return endOfBlock(prefixes, slot) - nowMs
  }
  return 0
}

/** A take's subjects with the prefix in the address's place; undefined where there is none. */
function aggregate(take: Take, width: readonly [number, number]): readonly string[] | undefined {
  const { by } = take.counter
  const place = by.findIndex((subject) => subject === 'ip' || subject.startsWith('ip/'))
  const prefix = place < 0 ? undefined : prefixOf(take.values[place] ?? '', width)
  return prefix === undefined ? undefined : take.values.with(place, prefix)
}

const words = new Uint32Array(4)

function prefixOf(value: string, [bits4, bits6]: readonly [number, number]): string | undefined {
  const slash = value.indexOf('/')
  const text = slash < 0 ? value : value.slice(0, slash)
  const family = parseAddress(text, words)
  if (family === 4)
    return text
      .split('.')
      .slice(0, bits4 / 8)
      .join('.')
  return family === 6 ? blockOfAddress(text, bits6) : undefined
}
