import { LRUCache } from 'lru-cache'

/** What look-ups by name have found, and what they have found missing. */
export interface LookupMemory<T extends object> {
  /** What the name stood for a moment ago, `null` for nothing; undefined when it has to be looked up. */
  peek(name: string): T | null | undefined
  /** What the name stood for when it was last found, up to an hour ago; for what may be out of date. */
  recall(name: string): T | undefined
  learn(name: string, found: T | null): void
  /** Drops what was found, however long ago, or found missing, where `isGone` says so. */
  forget(isGone: (name: string, found: T | null) => boolean): void
  clear(): void
}

export interface LookupMemoryOptions {
  /** Names found, and as many again that stand for nothing. */
  readonly max: number
  readonly freshMs: number
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
export function createLookupMemory<T extends object>(options: LookupMemoryOptions): LookupMemory<T> {
  const { max, freshMs, nowMs = () => performance.now() } = options
  const shared = { max, ttl: freshMs, ttlResolution: 0, perf: { now: nowMs } }
  const found = new LRUCache<string, T>({ ...shared, allowStale: true, noDeleteOnStaleGet: true })
  const missing = new LRUCache<string, true>(shared)

  return {
    peek: (name) => found.get(name, fresh) ?? (missing.get(name) ? null : undefined),
    recall: (name) => (found.getRemainingTTL(name) > freshMs - recalledMs ? found.get(name) : undefined),
    learn(name, value) {
      if (value === null) {
        found.delete(name)
        missing.set(name, true)
      } else {
        missing.delete(name)
        found.set(name, value)
      }
    },
    forget(isGone) {
      for (const [name, value] of found.entries()) if (isGone(name, value)) found.delete(name)
      for (const name of missing.keys()) if (isGone(name, null)) missing.delete(name)
    },
    clear() {
      found.clear()
      missing.clear()
    },
  }
}
