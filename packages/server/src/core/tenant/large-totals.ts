import { LRUCache } from 'lru-cache'

/** How many rows of a list there are, of which the large ones are not counted for each request. */
export interface LargeTotals {
  /**
   * Exact up to 10,000; beyond, as it was ten seconds ago at most.
   *
   * @param filter - which of the tenant's rows, as JSON can hold it.
   * @param count - counts them.
   * @throws what `count` throws.
   */
  of(tenantId: string, filter: object, count: () => Promise<number>): Promise<number>
}

/** Up to here a total is counted each time: it takes a few milliseconds, and somebody may look at it after each change. */
const exactUpTo = 10_000
const rememberedMs = 10_000

/**
 * Remembers the totals of one list. A page takes a millisecond, and counting the 250,000 rows that it is of takes thirty:
 * who leafs through them waits for that once.
 *
 * @param nowMs - monotonic milliseconds, never 0; of the process when absent.
 */
export function createLargeTotals(nowMs: () => number = () => performance.now()): LargeTotals {
  const perf = { now: nowMs }
  const totals = new LRUCache<string, number>({ max: 1_000, ttl: rememberedMs, ttlResolution: 0, perf })
  const pending = new Map<string, Promise<number>>()

  async function countOnce(name: string, count: () => Promise<number>): Promise<number> {
    const counting = count().finally(() => pending.delete(name))
    pending.set(name, counting)
    const total = await counting
    if (total > exactUpTo) totals.set(name, total)
    return total
  }

  return {
    async of(tenantId, filter, count) {
      const name = `${tenantId} ${JSON.stringify(filter)}`
      const known = totals.get(name)
      if (known !== undefined) return known
      // What somebody else is counting may have begun before a change that this caller has made: it is taken where it is
      // large. Where it fails, it fails for whoever asked.
      const counting = pending.get(name)
      if (counting === undefined) return countOnce(name, count)
      const total = await counting.catch(() => 0)
      return total > exactUpTo ? total : countOnce(name, count)
    },
  }
}
