import type { WindowCounter } from '../store.ts'
import { wordAt } from './words.ts'

/**
 * Counts arrivals in a window as the engine would with no limit, for clients that have one counter under a rule: those
 * need no key and no hash. The arrivals of a cell share an entry, as in the engine above its exact counts.
 */
export interface ArrivalCounters {
  /** A counter of nothing; -1 where there is no room for another. */
  begin(): number
  /** Adds units, and answers how many there are within the window. */
  add(counter: number, shape: WindowCounter, nowMs: number, units: number): number
  /** Gives a counter up; its number goes to another. */
  end(counter: number): void
}

/** Entries of a counter: what a window has cells, and one that it has not left yet. */
const ENTRIES = 32
const HEADER = 4
const STRIDE = HEADER + ENTRIES * 2
/** The oldest entry's place, how many there are, the units in all, and when the newest entry was begun. */
const HEAD = 0
const LENGTH = 1
const TOTAL = 2
const BEGUN = 3
const FIRST_COUNTERS = 1_024

/** Creates counters that grow up to a budget. */
export function createArrivalCounters(budgetBytes: number): ArrivalCounters {
  const most = Math.max(1, Math.floor(budgetBytes / ((STRIDE + 1) * 4)))
  let words = new Int32Array(Math.min(FIRST_COUNTERS, most) * STRIDE)
  /** When a counter is empty again, in milliseconds: ticks wrap, and say nothing of one that was idle for weeks. */
  let emptyFrom = new Float64Array(Math.min(FIRST_COUNTERS, most))
  const free: number[] = []
  let size = 0

  const grow = (): void => {
    const count = Math.min(emptyFrom.length * 2, most)
    const larger = new Int32Array(count * STRIDE)
    larger.set(words)
    words = larger
    const later = new Float64Array(count)
    later.set(emptyFrom)
    emptyFrom = later
  }
  const clear = (counter: number): void => {
    words[counter * STRIDE + LENGTH] = 0
    words[counter * STRIDE + TOTAL] = 0
  }

  return {
    begin() {
      const given = free.pop()
      if (given !== undefined) return given
      if (size === most) return -1
      if (size === emptyFrom.length) grow()
      size += 1
      return size - 1
    },
    add(counter, { tickMs, windowTicks, cellTicks }, nowMs, units) {
      const tick = (tickMs === 1 ? nowMs : Math.floor(nowMs / tickMs)) | 0
      if (nowMs >= (emptyFrom[counter] ?? 0)) clear(counter)
      emptyFrom[counter] = nowMs + windowTicks * tickMs
      const at = counter * STRIDE
      prune(words, at, tick)
      charge(words, at, tick, windowTicks, cellTicks, units)
      return wordAt(words, at + TOTAL)
    },
    end(counter) {
      clear(counter)
      free.push(counter)
    },
  }
}

/** Drops the entries whose window is over. */
function prune(words: Int32Array, at: number, tick: number): void {
  let head = wordAt(words, at + HEAD)
  let length = wordAt(words, at + LENGTH)
  let total = wordAt(words, at + TOTAL)
  while (length > 0 && ((wordAt(words, at + HEADER + head * 2) - tick) | 0) <= 0) {
    total -= wordAt(words, at + HEADER + head * 2 + 1)
    head = (head + 1) % ENTRIES
    length -= 1
  }
  words[at + HEAD] = head
  words[at + LENGTH] = length
  words[at + TOTAL] = total
}

/** Adds units to the newest entry while its cell lasts, else to another. */
function charge(
  words: Int32Array,
  at: number,
  tick: number,
  windowTicks: number,
  cellTicks: number,
  units: number,
): void {
  const head = wordAt(words, at + HEAD)
  const length = wordAt(words, at + LENGTH)
  const isShared = length > 0 && ((tick - wordAt(words, at + BEGUN)) | 0) < cellTicks
  words[at + TOTAL] = wordAt(words, at + TOTAL) + units
  if (isShared || length === ENTRIES) {
    const newest = at + HEADER + ((head + length - 1) % ENTRIES) * 2
    words[newest] = tick + windowTicks
    words[newest + 1] = wordAt(words, newest + 1) + units
    return
  }
  const entry = at + HEADER + ((head + length) % ENTRIES) * 2
  words[entry] = tick + windowTicks
  words[entry + 1] = units
  words[at + LENGTH] = length + 1
  words[at + BEGUN] = tick
}
