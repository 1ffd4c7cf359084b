import { LRUCache } from 'lru-cache'
import type { CacheReading } from '../metrics/readings.ts'

/** What look-ups by name have found, and what they have found missing. */
export interface LookupMemory<T extends object> {
  /** What the name stood for a moment ago, `null` for nothing; undefined when it has to be looked up. */
  peek(name: string): T | null | undefined
  /** What the name stood for when it was last found, up to an hour ago; for what may be out of date. */
  recall(name: string): T | undefined
  /** @param also - other names that the same was found by at once. */
  learn(name: string, found: T | null, also?: readonly string[]): void
  /** Says that what was found has grown, and what else it goes by; where it is still there, others may have to go for it. */
  reweigh(grown: T, names: readonly string[]): void
  /** Drops what was found, however long ago, or found missing, where `isGone` says so. */
  forget(isGone: (name: string, found: T | null) => boolean): void
  clear(): void
  /** How much there is, how often it was the answer, and how often something was learnt for want of one. */
  reading(): CacheReading
}

export interface LookupMemoryOptions<T> {
  /** Names found. */
  readonly max: number
  /** Names that stand for nothing; as many when absent. */
  readonly maxMissing?: number
  /** How long an answer is believed. */
  readonly freshMs: number
  /** How long what was found is believed while changes are heard of; as long when absent. */
  readonly heard?: { readonly freshMs: number; readonly hears: () => boolean }
  /** A bound on what is found besides its number, in bytes. */
  readonly size?: { readonly maxBytes: number; readonly bytesOf: (found: T) => number }
  /** Monotonic milliseconds, never 0; of the process when absent. */
  readonly nowMs?: () => number
}

/** As long as a page may stay open before it is sent. */
const recalledMs = 3_600_000
/** Of a memory that keeps what is stale. */
const fresh = { allowStale: false } as const

/**
 * A bounded memory of look-ups by names that anybody may make up. What is missing is kept apart from what was found: a
 * flood of names that nobody has makes room for itself among its like alone.
 */
export function createLookupMemory<T extends object>(options: LookupMemoryOptions<T>): LookupMemory<T> {
  const { max, maxMissing = max, freshMs, heard, size, nowMs = () => performance.now() } = options
  const ttl = heard?.freshMs ?? freshMs
  const shared = { ttlResolution: 0, perf: { now: nowMs } }
  const found = new LRUCache<string, T>({
    ...{ ...shared, max, ttl, allowStale: true, noDeleteOnStaleGet: true },
    ...(size && { maxSize: size.maxBytes, sizeCalculation: size.bytesOf }),
  })
  const missing = new LRUCache<string, true>({ ...shared, max: maxMissing, ttl: freshMs })
  let hits = 0
  let misses = 0

  // While changes are heard of, an answer lasts; once they are not, it is as old as it is.
  const isBelieved = (name: string): boolean =>
    heard === undefined || heard.hears() || found.getRemainingTTL(name) > ttl - freshMs

  function peek(name: string): T | null | undefined {
    const known = found.get(name, fresh)
    if (known !== undefined) return isBelieved(name) ? known : undefined
    return missing.get(name) ? null : undefined
  }

  return {
    peek(name) {
      const known = peek(name)
      if (known !== undefined) hits += 1
      return known
    },
    recall: (name) => (found.getRemainingTTL(name) > ttl - recalledMs ? found.get(name) : undefined),
    learn(name, value, also = []) {
      misses += 1
      for (const each of [name, ...also]) {
        if (value === null) {
          found.delete(each)
          missing.set(each, true)
        } else {
          missing.delete(each)
          found.set(each, value)
        }
      }
    },
    reweigh(grown, names) {
      const kept = names.filter((name) => found.peek(name) === grown)
      // It does not get any younger.
      const starts = kept.map((name) => nowMs() - (ttl - found.getRemainingTTL(name)))
      // Set over itself, it would keep the size it had; and the first of its names would drive out the next.
      for (const name of kept) found.delete(name)
      for (const [index, name] of kept.entries()) found.set(name, grown, { start: starts[index] ?? 0 })
    },
    forget(isGone) {
      for (const [name, value] of found.entries()) if (isGone(name, value)) found.delete(name)
      for (const name of missing.keys()) if (isGone(name, null)) missing.delete(name)
    },
    clear() {
      found.clear()
      missing.clear()
    },
    reading: () => ({ entries: found.size + missing.size, hits, misses }),
  }
}
