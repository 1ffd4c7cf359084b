import type { Counter, Take } from '../store.ts'
import { absorbText, copyHashState, finishHash, type HashState } from './keyed-hash.ts'
import type { Tables } from './memory-tables.ts'
import type { SlotTable } from './slot-table.ts'

/** What a memory store keeps of a take between calls: the hash of its key, and where it was found. */
export interface Binding {
  readonly owner: Tables
  /** The hash of what is common to all keys of the counter. */
  readonly prefix: HashState
  /** The subjects hashed last; the same client often comes again. */
  readonly last: string[]
  high: number
  low: number
  /** Where the counter was found by the reading that precedes a charge, -1 for nowhere. */
  slot: number
  /** The table of that slot, for the shape that has two. */
  table: SlotTable
}

/** The take's binding to the store of these tables, with the hash of its present subjects. */
export function bindTake(take: Take, owner: Tables, seed: HashState): Binding {
  const { scratch, values } = take
  // The scratch is only ever a binding that some memory store put there; the owner says which.
  const kept = scratch as Binding | undefined
  if (kept !== undefined && kept.owner === owner) {
    if (isSameKey(kept.last, values)) return kept
    hashKey(kept, values)
    return kept
  }
  const binding: Binding = {
    owner,
    prefix: hashPrefix(seed, take.counter),
    last: [...values],
    high: 0,
    low: 0,
    slot: -1,
    table: owner.small,
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
