import { LRUCache } from 'lru-cache'

/** Pages of a list with how many rows there are of all of them, of which the large totals are not counted each time. */
export interface LargeTotals {
  /**
   * A page and its total: exact up to 10,000; beyond, as it was ten seconds ago at most. Where there is one to count, both are
   * read in one statement.
   *
   * @param filter - which of the tenant's rows, as JSON can hold it.
   * @throws what `list` and `count` throw.
   */
  page<Row extends Counted>(
    tenantId: string,
    filter: object,
    reads: PageReads<Row>,
  ): Promise<{ readonly rows: readonly Row[]; readonly total: number }>
}

/** A row of a page that was read with its total. */
export interface Counted {
  readonly total?: number | null
}

/** Reads of one list. */
export interface PageReads<Row extends Counted> {
  /** @param isCounted - whether each row is to say the total of the list. */
  list(isCounted: boolean): Promise<readonly Row[]>
  /** For a page behind the end, which has no row to say it. */
  count(): Promise<number>
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

  async function totalOf(name: string, count: () => Promise<number>): Promise<number> {
    const known = totals.get(name)
    if (known !== undefined) return known
    // What somebody else is counting may have begun before a change that this caller has made: it is taken where it is
    // large. Where it fails, it fails for whoever asked.
    const counting = pending.get(name)
    if (counting === undefined) return countOnce(name, count)
    const total = await counting.catch(() => 0)
    return total > exactUpTo ? total : countOnce(name, count)
  }

  return {
    async page<Row extends Counted>(tenantId: string, filter: object, { list, count }: PageReads<Row>) {
      const name = `${tenantId} ${JSON.stringify(filter)}`
      if (totals.has(name) || pending.has(name)) {
        const [rows, total] = await Promise.all([list(false), totalOf(name, count)])
        return { rows, total }
      }
      let rows: readonly Row[] = []
      const total = await countOnce(name, async () => {
        rows = await list(true)
        return rows[0]?.total ?? count()
      })
      return { rows, total }
    },
  }
}
