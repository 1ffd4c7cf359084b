import { LRUCache } from 'lru-cache'
import type { Pool } from '../../database/connect.ts'
import type { CacheReading } from '../metrics/readings.ts'

/** Which browser origins some active tenant lists. */
export interface KnownOrigins {
  /** The answer from memory; undefined when the database must be asked. */
  peek(origin: string): boolean | undefined
  /** Never rejects: with the database away, the last answer holds, and an origin without one is not known. */
  ask(origin: string): Promise<boolean>
  reading(): CacheReading
}

/** How long another process's change may stay unseen. */
const staleMs = 5_000
/** Origins of one statement, and of those that wait for the next one. */
const batchSize = 500
const maxWaiting = 5_000

/**
 * Remembers which origins are known. The header is anybody's to write and is judged before the guard has counted, so
 * the work a flood can cause is bounded: one statement at a time, for all the origins that came meanwhile.
 */
export function createKnownOrigins(pool: Pick<Pool, 'query'>, nowMs: () => number): KnownOrigins {
  const answers = new LRUCache<string, { readonly isKnown: boolean; readonly atMs: number }>({ max: 10_000 })
  const waiting = new Map<string, PromiseWithResolvers<boolean>>()
  let isAsking = false
  let hits = 0
  let misses = 0

  async function askAll(): Promise<void> {
    isAsking = true
    while (waiting.size > 0) {
      const batch = [...waiting].slice(0, batchSize)
      const known = await findKnown(batch.map(([origin]) => origin)).catch(() => undefined)
      for (const [origin, answer] of batch) {
        const isKnown = known?.has(origin)
        misses += 1
        if (isKnown !== undefined) answers.set(origin, { isKnown, atMs: nowMs() })
        waiting.delete(origin)
        answer.resolve(isKnown ?? answers.get(origin)?.isKnown ?? false)
      }
    }
    isAsking = false
  }

  async function findKnown(origins: readonly string[]): Promise<ReadonlySet<string>> {
    const found = await pool.query<{ origin: string }>({
      name: 'known-origins',
      text: 'select origin from auth.known_origins($1)',
      values: [origins],
    })
    return new Set(found.rows.map((row) => row.origin))
  }

  function peek(origin: string): boolean | undefined {
    const answer = answers.get(origin)
    if (answer === undefined || nowMs() - answer.atMs >= staleMs) return undefined
    hits += 1
    return answer.isKnown
  }

  return {
    peek,
    ask(origin) {
      const answered = peek(origin)
      if (answered !== undefined) return Promise.resolve(answered)
      const asked = waiting.get(origin)
      if (asked !== undefined) return asked.promise
      if (waiting.size >= maxWaiting) return Promise.resolve(false)
      const answer = Promise.withResolvers<boolean>()
      waiting.set(origin, answer)
      if (!isAsking) void askAll()
      return answer.promise
    },
    reading: () => ({ entries: answers.size, hits, misses }),
  }
}
