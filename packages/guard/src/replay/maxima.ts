/** How many clients reached which count at most, and no further. */
export interface Maxima {
  /** Counts in ascending order. */
  readonly counts: readonly number[]
  /** For each count, the clients that reached it. */
  readonly clients: readonly number[]
  /** All clients. */
  readonly total: number
}

/** A limit, and how many clients it would refuse at least once. */
export interface LimitPoint {
  readonly limit: number
  readonly clients: number
  /** Of all clients of the rule, 0 to 1. */
  readonly share: number
}

/** Collects the maxima of clients. */
export function readMaxima(maxima: Iterable<number>, departed: ReadonlyMap<number, number>): Maxima {
  const byCount = new Map(departed)
  for (const count of maxima) byCount.set(count, (byCount.get(count) ?? 0) + 1)
  const entries = [...byCount].sort(([one], [other]) => one - other)
  return {
    counts: entries.map(([count]) => count),
    clients: entries.map(([, clients]) => clients),
    total: entries.reduce((sum, [, clients]) => sum + clients, 0),
  }
}

/** The clients that a limit would refuse: those whose maximum is above it. */
export function refusedBy({ counts, clients }: Maxima, limit: number): number {
  let refused = 0
  for (let index = counts.length - 1; index >= 0; index -= 1) {
    if ((counts[index] ?? 0) <= limit) break
    refused += clients[index] ?? 0
  }
  return refused
}

/**
 * The least limit that refuses at most a share of the clients.
 *
 * A client is refused by a limit exactly when it comes more often than that in some window; so the limit is one of the
 * maxima, or 1.
 *
 * @param share - 0 to 1.
 * @returns Undefined where no client came.
 */
export function suggestLimit(maxima: Maxima, share: number): LimitPoint | undefined {
  const { counts, clients, total } = maxima
  if (total === 0) return undefined
  const allowed = Math.floor(share * total + 1e-9)
  let refused = 0
  for (let index = counts.length - 1; index >= 0; index -= 1) {
    const next = refused + (clients[index] ?? 0)
    if (next > allowed) return pointAt(maxima, Math.max(1, counts[index] ?? 1))
    refused = next
  }
  return pointAt(maxima, 1)
}

const MOST_POINTS = 64

/** The refused share against the limit, from a limit of 1 to the one that refuses nobody. */
export function limitCurve(maxima: Maxima): readonly LimitPoint[] {
  const highest = maxima.counts.at(-1) ?? 0
  if (highest === 0) return []
  const limits = new Set<number>([1, highest])
  for (let step = 1; step < MOST_POINTS; step += 1) limits.add(Math.round(highest ** (step / MOST_POINTS)))
  return [...limits].sort((one, other) => one - other).map((limit) => pointAt(maxima, limit))
}

function pointAt(maxima: Maxima, limit: number): LimitPoint {
  const clients = refusedBy(maxima, limit)
  return { limit, clients, share: maxima.total === 0 ? 0 : clients / maxima.total }
}

/** Rounds a count up so that few different ones remain: exact up to 256, then by at most 0.8 %. */
export function coarsen(count: number): number {
  if (count <= 256) return count
  const step = 2 ** (Math.floor(Math.log2(count)) - 7)
  return Math.ceil(count / step) * step
}
