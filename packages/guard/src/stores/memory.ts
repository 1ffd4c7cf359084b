import type { Counter, Store, Take, WindowCounter } from '../store.ts'
import { absorbText, copyHashState, createHashSeed, finishHash, type HashState } from './keyed-hash.ts'
import { blockKey, isBlockedUntil } from './memory/blocked.ts'
import { chargeGcra, clearGcra, readGcra } from './memory/gcra.ts'
import { type Binding, bindTake, NOWHERE } from './memory/key.ts'
import { chargeLadder, clearLadder, readLadder } from './memory/ladder.ts'
import { chargeLeases, readLeases, releaseLeases } from './memory/leases.ts'
import { takeAlone } from './memory/quick.ts'
import { advanceClock, createSteadyClock, type SteadyClock, steadyTime } from './memory/steady-clock.ts'
import { unblock } from './memory/tables/blocked-table.ts'
import { growLines } from './memory/tables/line-table.ts'
import { addMark } from './memory/tables/mark-table.ts'
import { createTables, readStats, setTime, type Tables } from './memory/tables.ts'
import { chargeWindow, clearWindow, readWindow, tellWindow } from './memory/window.ts'

/** How a memory store is sized. */
export interface MemoryStoreOptions {
  /** The most its tables may hold, at least 64 KiB. @default 33,554,432 (32 MiB) */
  readonly budgetBytes?: number
}

const DEFAULT_BUDGET_BYTES = 32 * 1_048_576
const LEAST_BUDGET_BYTES = 65_536

/**
 * Creates a store in the memory of this process, of a fixed size whatever the number of keys.
 *
 * A window's counter starts in eight bytes for each unit and moves to a ring of entries from the fourth on, so that
 * a flood of keys seen once or twice presses on the lines only. Under pressure an ended counter goes first, then
 * the one with the least spent. Keys that are refused are remembered in a table of their own, which keys that are not
 * refused cannot displace; when it is full, the address's prefix is refused in their place.
 *
 * @throws RangeError for a budget below 64 KiB.
 */
export function createMemoryStore(options: MemoryStoreOptions = {}): Store {
  const budgetBytes = options.budgetBytes ?? DEFAULT_BUDGET_BYTES
  if (!(Number.isSafeInteger(budgetBytes) && budgetBytes >= LEAST_BUDGET_BYTES)) {
    throw new RangeError('budgetBytes: a whole number of bytes, at least 64 KiB')
  }
  const tables = createTables(budgetBytes)
  const seed = createHashSeed()
  const clock = createSteadyClock()

  const store: Store = {
    remote: false,
    take(takes, count, nowMs) {
      beginCall(tables, clock, nowMs)
      if (count === 1 && takeAlone(takes, tables)) return
      settleAll(takes, count, tables, readAll(takes, count, tables, seed))
    },
    clear(takes, count, nowMs) {
      setTime(tables, advanceClock(clock, nowMs))
      for (const take of takes.slice(0, count)) if (take.active) clear(take, tables, seed)
    },
    release(leases) {
      releaseLeases(leases, tables)
    },
    mark(key, ttlMs, nowMs) {
      const now = advanceClock(clock, nowMs)
      const hash = copyHashState(seed)
      absorbText(hash, key)
      finishHash(hash)
      return addMark(tables.marks, hash.v0, hash.v1, now + ttlMs, now)
    },
    stats() {
      setTime(tables, steadyTime(clock))
      return readStats(tables, budgetBytes)
    },
  }
  memories.set(store, { tables, seed, clock })
  return store
}

/** What a memory store is made of, for callers in this package that take the short way. */
export interface Memory {
  readonly tables: Tables
  readonly seed: HashState
  readonly clock: SteadyClock
}

const memories = new WeakMap<Store, Memory>()

/** The memory behind a store; undefined for a store of another make. */
export function memoryOf(store: Store): Memory | undefined {
  return memories.get(store)
}

/** Brings the tables to the caller's time, and makes the room that the calls before have asked for. */
export function beginCall(tables: Tables, clock: SteadyClock, nowMs: number): void {
  // Most calls come within the millisecond of the one before.
  if (nowMs !== tables.readMs) {
    setTime(tables, advanceClock(clock, nowMs))
    tables.readMs = nowMs
  }
  if (tables.lines.wanted > 0) growLines(tables.lines, tables.tick)
}

/** Reads every take; whether all the enforced ones fit. */
function readAll(takes: readonly Take[], count: number, tables: Tables, seed: HashState): boolean {
  let admitted = true
  for (let index = 0; index < count; index += 1) {
    const take = takes[index]
    if (!take?.active) continue
    read(take, bindTake(take, tables, seed), tables)
    if (take.enforced && !take.fits) admitted = false
  }
  return admitted
}

/** The commonest shape is kept apart from the others, so that the compiler inlines its path. */
function read(take: Take, binding: Binding, tables: Tables): void {
  const { counter } = take
  if (counter.shape === 'window') readWindow(take, counter, binding, tables)
  else readOther(take, counter, binding, tables)
}

type OtherCounter = Exclude<Counter, WindowCounter>

function readOther(take: Take, counter: OtherCounter, binding: Binding, tables: Tables): void {
  switch (counter.shape) {
    case 'gcra':
      readGcra(take, counter, binding, tables)
      break
    case 'ladder':
      readLadder(take, counter, binding, tables)
      break
    case 'leases':
      readLeases(take, counter, tables, tables.nowMs)
      break
  }
}

/**
 * Charges what fits: attempts in any case, the rest when the request is admitted. What does not fit is
 * marked whether it is or not.
 */
function settleAll(takes: readonly Take[], count: number, tables: Tables, admitted: boolean): void {
  for (let index = 0; index < count; index += 1) {
    const take = takes[index]
    if (!take?.active) continue
    take.charged = take.fits && (admitted || take.counter.charge === 'attempt')
    // The reading has just bound the take.
    const binding = take.scratch as Binding
    if (take.charged) charge(take, binding, tables)
    else if (!take.fits) refuse(take, binding, tables)
    else if (take.counter.shape === 'window') tellWindow(take, take.counter, binding, tables)
  }
}

function charge(take: Take, binding: Binding, tables: Tables): void {
  const { counter } = take
  if (counter.shape === 'window') chargeWindow(take, counter, binding, tables)
  else chargeOther(take, counter, binding, tables)
}

function chargeOther(take: Take, counter: OtherCounter, binding: Binding, tables: Tables): void {
  switch (counter.shape) {
    case 'gcra':
      chargeGcra(take, counter, binding, tables)
      break
    case 'ladder':
      chargeLadder(take, counter, binding, tables)
      break
    case 'leases':
      chargeLeases(take, counter, tables, tables.nowMs)
      break
  }
}

/** Starts the cooldown of a counter whose limit is passed, or remembers that nothing is left. */
function refuse(take: Take, binding: Binding, tables: Tables): void {
  const { counter } = take
  if (take.cooling) return
  if (counter.cooldownMs > 0) {
    blockKey(take, binding, tables, tables.nowMs + counter.cooldownMs, true)
    take.cooling = true
    take.waitMs = Math.max(take.waitMs, counter.cooldownMs)
  } else if (counter.capacity > 0 && take.used >= counter.capacity && binding.place !== NOWHERE) {
    const untilMs = tables.nowMs + take.freesMs
    if (!isBlockedUntil(binding, tables, untilMs)) blockKey(take, binding, tables, untilMs, false)
  }
}

function clear(take: Take, tables: Tables, seed: HashState): void {
  const { counter } = take
  const binding = bindTake(take, tables, seed)
  unblock(tables.blocked, binding.high, binding.low, tables.nowMs)
  switch (counter.shape) {
    case 'window':
      clearWindow(counter, binding, tables)
      break
    case 'gcra':
      clearGcra(counter, binding, tables)
      break
    case 'ladder':
      clearLadder(binding, tables)
      break
    case 'leases':
      // Slots are held by requests, which give them back themselves.
      break
  }
}
