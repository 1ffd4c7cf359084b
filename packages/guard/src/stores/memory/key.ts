import type { Counter, Take } from '../../store.ts'
import { absorbText, copyHashState, finishHash, type HashState, hashText } from '../keyed-hash.ts'
import { homeLine, LINE_UNITS } from './tables/line-table.ts'
import type { SlotTable } from './tables/slot-table.ts'
import type { Tables } from './tables.ts'

/** Where a counter was found by the reading that precedes a charge. */
export type Place = typeof NOWHERE | typeof IN_LINE | typeof IN_SLOT
export const NOWHERE = 0
export const IN_LINE = 1
export const IN_SLOT = 2

/** What a memory store keeps of a take between calls: the hash of its key, and where it was found. */
export interface Binding {
  readonly owner: Tables
  /** The hash of what is common to all keys of the counter. */
  readonly prefix: HashState
  /** The first of the subjects hashed last: the same client often comes again. */
  key: string
  /** The others, at their places. */
  readonly last: string[]
  /** Whether the counter is a window in milliseconds, of figures in 31 bits, for which there is a quick way. */
  readonly isQuick: boolean
  /** The window's figures where `isQuick`, else 0. */
  readonly limit: number
  readonly windowTicks: number
  readonly cellTicks: number
  readonly hasCooldown: boolean
  /** What eviction spares of a line, by its units: the part of the limit that is spent, of 15; four bits each. */
  readonly debts: number
  /** Ticks of 32 ms after which a slot of this counter is free. */
  readonly coarseTicks: number
  high: number
  low: number
  /** The key's home in the lines, of which so many were in use then. */
  home: number
  inUse: number
  /** When the home was last told to look elsewhere for the slot. */
  datedTick: number
  place: Place
  /** Where `place` says that it is in a line: which, and which slots of it. */
  line: number
  mask: number
  /** Where `place` says that it is in a slot: of which table, and which. */
  table: SlotTable
  slot: number
  /** Where the key was found among the blocked, -1 for nowhere. */
  blockedSlot: number
  /** What the quick way has read: units in the window, and milliseconds until the next comes back. */
  used: number
  freesMs: number
}

/** Above it, units and their sums leave 31 bits. */
const MOST_QUICK = 2 ** 30

/** The binding that a take has from an earlier call of this store, with the hash of its present subjects; undefined where it has none. */
export function knownBinding({ scratch, values }: Take, owner: Tables): Binding | undefined {
  // The scratch is only ever a binding that some memory store put there; the owner says which.
  const kept = scratch as Binding | undefined
  if (kept === undefined || kept.owner !== owner) return undefined
  if (!isSameKey(kept, values)) hashKey(kept, values)
  else if (kept.inUse !== owner.lines.inUse) rehome(kept)
  return kept
}

/** The take's binding to the store of these tables, with the hash of its present subjects. */
export function bindTake(take: Take, owner: Tables, seed: HashState): Binding {
  return knownBinding(take, owner) ?? createBinding(take, owner, seed)
}

function createBinding(take: Take, owner: Tables, seed: HashState): Binding {
  const { counter, values } = take
  const quick = counter.shape === 'window' && counter.tickMs === 1 && counter.limit <= MOST_QUICK ? counter : undefined
  const binding: Binding = {
    owner,
    prefix: hashPrefix(seed, counter),
    key: '',
    last: [...values],
    isQuick: quick !== undefined,
    limit: quick?.limit ?? 0,
    windowTicks: quick?.windowTicks ?? 0,
    cellTicks: quick?.cellTicks ?? 0,
    hasCooldown: counter.cooldownMs > 0,
    debts: debtsOf(counter.capacity),
    coarseTicks: Math.ceil(counter.windowMs / 32) + 1,
    high: 0,
    low: 0,
    home: 0,
    inUse: 0,
    datedTick: 0,
    place: NOWHERE,
    line: 0,
    mask: 0,
    table: owner.small,
    slot: -1,
    blockedSlot: -1,
    used: 0,
    freesMs: 0,
  }
  hashKey(binding, values)
  take.scratch = binding
  return binding
}

function debtsOf(capacity: number): number {
  let debts = 0
  for (let units = 1; units <= LINE_UNITS; units += 1) {
    debts |= Math.min(15, Math.floor((units * 15) / Math.max(1, capacity))) << (units * 4)
  }
  return debts
}

function isSameKey({ key, last }: Binding, values: readonly string[]): boolean {
  if (key !== values[0]) return false
  for (let index = 1; index < values.length; index += 1) {
    if (last[index] !== values[index]) return false
  }
  return true
}

/**
 * Policy, rule, what it counts by, its shape and its ticks. A limit changed by a reload keeps its
 * counters; another unit of time must not read them.
 */
function hashPrefix(seed: HashState, counter: Counter): HashState {
  const prefix = copyHashState(seed)
  absorbText(prefix, counter.policyId)
  absorbText(prefix, counter.ruleId)
  absorbText(prefix, counter.by.join(' '))
  absorbText(prefix, counter.shape)
  absorbText(prefix, String(counter.shape === 'window' ? counter.tickMs : 0))
  return prefix
}

const working: HashState = { v0: 0, v1: 0, v2: 0, v3: 0 }

/** The hash of a counter's key for these subjects, in the two words of a state that the next call overwrites. */
export function hashOf(prefix: HashState, values: readonly string[]): HashState {
  working.v0 = prefix.v0
  working.v1 = prefix.v1
  working.v2 = prefix.v2
  working.v3 = prefix.v3
  for (let index = 0; index < values.length; index += 1) absorbText(working, values[index] ?? '')
  finishHash(working)
  return working
}

function hashKey(binding: Binding, values: readonly string[]): void {
  if (values.length === 1) {
    aim(binding, values[0] ?? '')
    return
  }
  const { v0, v1 } = hashOf(binding.prefix, values)
  for (let index = 0; index < values.length; index += 1) binding.last[index] = values[index] ?? ''
  point(binding, values[0] ?? '', v0, v1)
}

/** Points the binding of a counter by one subject to a key. */
export function aim(binding: Binding, key: string): void {
  hashText(binding.prefix, key, working)
  point(binding, key, working.v0, working.v1)
}

function point(binding: Binding, key: string, high: number, low: number): void {
  binding.key = key
  binding.high = high
  binding.low = low
  rehome(binding)
  binding.place = NOWHERE
  binding.blockedSlot = -1
}

/** Finds the key's home among the lines that are in use now. */
export function rehome(binding: Binding): void {
  const { lines } = binding.owner
  binding.home = homeLine(lines, binding.high, binding.low)
  binding.inUse = lines.inUse
}
