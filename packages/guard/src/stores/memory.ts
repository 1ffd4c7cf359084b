import type { Counter, Store, StoreStats, Take } from '../store.ts'
import {
  type BlockedTable,
  block,
  blockedBytes,
  countBlocked,
  createBlockedTable,
  findBlocked,
} from './blocked-table.ts'
import { absorbText, copyHashState, createHashSeed, finishHash, type HashState } from './keyed-hash.ts'
import {
  chargeSlot,
  claimSlot,
  countLive,
  createSlotTable,
  findSlot,
  isLive,
  isRingFull,
  moveSlot,
  pruneSlot,
  type SlotTable,
  slotBytes,
  ticksUntilFreed,
} from './slot-table.ts'

/** How a memory store is sized. */
export interface MemoryStoreOptions {
  /** The most its tables may hold, at least 64 KiB. @default 33,554,432 (32 MiB) */
  readonly budgetBytes?: number
}

const DEFAULT_BUDGET_BYTES = 32 * 1_048_576
const LEAST_BUDGET_BYTES = 65_536

/** Entries of a counter that has been used little: most keys, and nearly all of a flood's. */
const SMALL_RING = 5
/** Entries of any counter: an exact log of 32, or a window's 31 cells and one more. */
const LARGE_RING = 32

/** A clock may jitter back by this much: time then stands still rather than being taken up anew. */
const JITTER_MS = 1_000

/** What a store keeps of a take between calls. */
interface Binding {
  readonly owner: object
  /** The hash of what is common to all keys of the counter. */
  readonly prefix: HashState
  /** The subjects hashed last; the same client often comes again. */
  readonly last: string[]
  high: number
  low: number
  /** Where the counter was found by the reading that precedes a charge. */
  table: SlotTable
  slot: number
}

interface Tables {
  readonly small: SlotTable
  readonly large: SlotTable
  readonly blocked: BlockedTable
}

/**
 * Creates a store in the memory of this process, of a fixed size whatever the number of keys.
 *
 * A counter starts in a small slot and moves to a large one when it needs more entries, so that a
 * flood of keys seen once or twice presses on small slots only. Under pressure an ended counter goes
 * first, then the one with the least spent. Keys that are refused are remembered in a table of their
 * own, which keys that are not refused cannot displace.
 *
 * @throws RangeError for a budget below 64 KiB.
 */
export function createMemoryStore(options: MemoryStoreOptions = {}): Store {
  const budgetBytes = options.budgetBytes ?? DEFAULT_BUDGET_BYTES
  if (!(Number.isSafeInteger(budgetBytes) && budgetBytes >= LEAST_BUDGET_BYTES)) {
    throw new RangeError('budgetBytes: a whole number of bytes, at least 64 KiB')
  }
  const tables: Tables = {
    small: createSlotTable(budgetBytes * 0.4, SMALL_RING),
    large: createSlotTable(budgetBytes * 0.5, LARGE_RING),
    blocked: createBlockedTable(budgetBytes * 0.1),
  }
  const seed = createHashSeed()
  const clock = createSteadyClock()

  return {
    take(takes, count, cost, nowMs) {
      const now = clock.advance(nowMs)
      const admitted = readAll(takes, count, cost, now, tables, seed)
      settleAll(takes, count, cost, now, tables, admitted)
    },
    stats: () => readStats(tables, budgetBytes, clock.now()),
  }
}

/** Reads every take; whether all the enforced ones fit. */
function readAll(
  takes: readonly Take[],
  count: number,
  cost: number,
  nowMs: number,
  tables: Tables,
  seed: HashState,
): boolean {
  let admitted = true
  for (let index = 0; index < count; index += 1) {
    const take = takes[index]
    if (!take?.active) continue
    read(take, bind(take, tables, seed), tables, cost, nowMs)
    if (take.enforced && !take.fits) admitted = false
  }
  return admitted
}

/** Charges what fits when the request is admitted, and marks what does not fit whether it is or not. */
function settleAll(
  takes: readonly Take[],
  count: number,
  cost: number,
  nowMs: number,
  tables: Tables,
  admitted: boolean,
): void {
  for (let index = 0; index < count; index += 1) {
    const take = takes[index]
    if (!take?.active) continue
    // The reading has just bound the take.
    const binding = take.scratch as Binding
    if (!take.fits) refuse(take, binding, tables.blocked, nowMs)
    else if (admitted) charge(take, binding, tables, cost, nowMs)
  }
}

/** The take's binding to this store, with the hash of its present subjects. */
function bind(take: Take, tables: Tables, seed: HashState): Binding {
  const { scratch, values } = take
  // The scratch is only ever a binding that some memory store put there; the owner says which.
  const kept = scratch as Binding | undefined
  if (kept !== undefined && kept.owner === tables) {
    if (isSameKey(kept.last, values)) return kept
    hashKey(kept, values)
    return kept
  }
  const binding: Binding = {
    owner: tables,
    prefix: hashPrefix(seed, take.counter),
    last: [...values],
    high: 0,
    low: 0,
    table: tables.small,
    slot: -1,
  }
  hashKey(binding, values)
  take.scratch = binding
  return binding
}

function isSameKey(last: readonly string[], values: readonly string[]): boolean {
  for (let index = 0; index < values.length; index += 1) {
    if (last[index] !== values[index]) return false
  }
  return true
}

/**
 * Policy, rule, what it counts by, and its ticks. A limit changed by a reload keeps its counters;
 * another unit of time must not read them.
 */
function hashPrefix(seed: HashState, counter: Counter): HashState {
  const prefix = copyHashState(seed)
  absorbText(prefix, counter.policyId)
  absorbText(prefix, counter.ruleId)
  absorbText(prefix, counter.by.join(' '))
  absorbText(prefix, String(counter.tickMs))
  return prefix
}

const working: HashState = { v0: 0, v1: 0, v2: 0, v3: 0 }

function hashKey(binding: Binding, values: readonly string[]): void {
  const { prefix, last } = binding
  working.v0 = prefix.v0
  working.v1 = prefix.v1
  working.v2 = prefix.v2
  working.v3 = prefix.v3
  for (let index = 0; index < values.length; index += 1) {
    const value = values[index] ?? ''
    absorbText(working, value)
    last[index] = value
  }
  finishHash(working)
  binding.high = working.v0
  binding.low = working.v1
}

/** Reads where a counter stands, without charging it. */
function read(take: Take, binding: Binding, tables: Tables, cost: number, nowMs: number): void {
  const { counter } = take
  const found = locate(binding, tables, nowMs)
  const nowTick = tickOf(nowMs, counter.tickMs)
  const used = found ? pruneSlot(binding.table, binding.slot, nowTick, counter.windowTicks) : 0
  const blockedMs = blockedFor(take, binding, tables.blocked, found, nowMs)
  take.used = used
  take.fits = blockedMs === 0 && used + cost <= counter.limit
  take.freesMs = used === 0 ? 0 : ticksUntil(binding, counter, nowTick, 1)
  take.waitMs = take.fits ? 0 : Math.max(blockedMs, waitForRoom(take, binding, nowTick, cost))
  if (blockedMs > 0 && !take.cooling) {
    // The counter was evicted with its limit spent.
    take.used = counter.limit
    take.freesMs = blockedMs
  }
}

/** Points the binding to its counter; whether it has one with something in it. */
function locate(binding: Binding, tables: Tables, nowMs: number): boolean {
  const { high, low } = binding
  if (holds(binding, nowMs)) return true
  const small = findSlot(tables.small, high, low)
  if (small >= 0 && isLive(tables.small, small, nowMs)) {
    binding.table = tables.small
    binding.slot = small
    return true
  }
  const large = findSlot(tables.large, high, low)
  if (large >= 0 && isLive(tables.large, large, nowMs)) {
    binding.table = tables.large
    binding.slot = large
    return true
  }
  binding.slot = -1
  return false
}

/**
 * How long the key is still blocked, 0 when it is not. A spent limit is remembered for the case that
 * its counter has been evicted: where there is a counter, it knows better.
 */
function blockedFor(take: Take, binding: Binding, blocked: BlockedTable, counted: boolean, nowMs: number): number {
  take.cooling = false
  const slot = findBlocked(blocked, binding.high, binding.low, nowMs)
  if (slot < 0) return 0
  const cooldown = blocked.cooldowns[slot] === 1
  if (cooldown ? take.counter.cooldownMs === 0 : counted) return 0
  take.cooling = cooldown
  return (blocked.untilMs[slot] ?? 0) - nowMs
}

function waitForRoom(take: Take, binding: Binding, nowTick: number, cost: number): number {
  const { counter, used } = take
  if (cost > counter.limit) return Infinity
  const excess = used + cost - counter.limit
  return excess <= 0 ? 0 : ticksUntil(binding, counter, nowTick, excess)
}

function ticksUntil(binding: Binding, counter: Counter, nowTick: number, units: number): number {
  return ticksUntilFreed(binding.table, binding.slot, nowTick, counter.windowTicks, units) * counter.tickMs
}

/** Starts the cooldown of a counter whose limit is passed, or remembers that nothing is left. */
function refuse(take: Take, binding: Binding, blocked: BlockedTable, nowMs: number): void {
  const { counter } = take
  if (take.cooling) return
  if (counter.cooldownMs > 0) {
    block(blocked, binding.high, binding.low, nowMs + counter.cooldownMs, true, nowMs)
    take.cooling = true
    take.waitMs = Math.max(take.waitMs, counter.cooldownMs)
  } else if (take.used >= counter.limit && binding.slot >= 0) {
    block(blocked, binding.high, binding.low, nowMs + take.freesMs, false, nowMs)
  }
}

function charge(take: Take, binding: Binding, tables: Tables, cost: number, nowMs: number): void {
  const { counter } = take
  const ticks = Math.floor(nowMs / counter.tickMs)
  // A remainder of doubles is several times slower than this.
  const cellPhase = ticks - Math.floor(ticks / counter.cellTicks) * counter.cellTicks
  const nowTick = ticks >>> 0
  holdSlot(binding, tables, nowTick, cellPhase, nowMs)
  const { table, slot } = binding
  const used = take.used + cost
  const expiresMs = (ticks + counter.windowTicks) * counter.tickMs
  const debt = Math.min(255, Math.floor((used * 255) / counter.limit))
  chargeSlot(table, slot, nowTick, cellPhase, cost, expiresMs, debt)
  take.used = used
  take.freesMs = ticksUntil(binding, counter, nowTick, 1)
}

/**
 * Makes sure the binding points to a slot of its own with room for an arrival. The slot found by the
 * reading may have been evicted since, by another take of the same call.
 */
function holdSlot(binding: Binding, tables: Tables, nowTick: number, cellPhase: number, nowMs: number): void {
  const { small, large } = tables
  const { table, slot, high, low } = binding
  if (!holds(binding, nowMs)) {
    binding.table = small
    binding.slot = claimSlot(small, high, low, nowMs)
  } else if (table === small && isRingFull(small, slot, nowTick, cellPhase)) {
    const target = claimSlot(large, high, low, nowMs)
    moveSlot(small, slot, large, target)
    binding.table = large
    binding.slot = target
  }
}

/** Whether the binding's slot is still its key's, with its window running. */
function holds({ table, slot, high, low }: Binding, nowMs: number): boolean {
  return slot >= 0 && table.low[slot] === low && table.high[slot] === high && isLive(table, slot, nowMs)
}

/** Times in 32 bits of ticks: only their differences are read. */
function tickOf(nowMs: number, tickMs: number): number {
  return Math.floor(nowMs / tickMs) >>> 0
}

/**
 * A clock that never runs back. A step back of a second or less holds time still until the caller's
 * clock has caught up; after a longer one time goes on from where it stood, so that nobody stays
 * refused for the length of the step.
 */
function createSteadyClock(): { advance: (nowMs: number) => number; now: () => number } {
  let lastMs = 0
  let offsetMs = 0
  return {
    advance(nowMs) {
      const readMs = Math.floor(nowMs)
      if (readMs >= lastMs) {
        lastMs = readMs
      } else if (lastMs - readMs > JITTER_MS) {
        offsetMs += lastMs - readMs
        lastMs = readMs
      }
      return lastMs + offsetMs
    },
    now: () => lastMs + offsetMs,
  }
}

function readStats(tables: Tables, budgetBytes: number, nowMs: number): StoreStats {
  const { small, large, blocked } = tables
  const smallSlots = small.expiresMs.length
  const largeSlots = large.expiresMs.length
  return {
    budgetBytes,
    bytes: smallSlots * slotBytes(SMALL_RING) + largeSlots * slotBytes(LARGE_RING) + blockedBytes(blocked),
    entries: countLive(small, nowMs) + countLive(large, nowMs),
    capacity: smallSlots + largeSlots,
    blocked: countBlocked(blocked, nowMs),
    blockedCapacity: blocked.untilMs.length,
    evictions: small.evictions + large.evictions,
    blockedEvictions: blocked.evictions,
  }
}
