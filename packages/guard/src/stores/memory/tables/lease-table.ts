/**
 * Slots held, by key. Unlike the counters these are objects: each stands for a request in flight, which
 * holds more memory than its slot, and their number is bounded all the same.
 */
export interface LeaseTable {
  /** By key, then by the lease's name: when it expires. */
  readonly holders: Map<string, Map<string, number>>
  readonly most: number
  /** Leases in all, expired ones that nobody has looked at included. */
  held: number
}

/** What a lease takes in the maps, its key and its name counted; measured with room to spare. */
const LEASE_BYTES = 512

/** Creates a table that never holds more leases than fit a budget. */
export function createLeaseTable(budgetBytes: number): LeaseTable {
  return { holders: new Map(), most: Math.max(1, Math.floor(budgetBytes / LEASE_BYTES)), held: 0 }
}

/** The most bytes that the table may come to hold. */
export function leaseBytes(table: LeaseTable): number {
  return table.most * LEASE_BYTES
}

/** Holders of a key whose lease runs, after those whose has expired are dropped. */
export function countHolders(table: LeaseTable, key: string, nowMs: number): number {
  const holders = table.holders.get(key)
  return holders === undefined ? 0 : dropExpired(table, key, holders, nowMs)
}

/** Until the first holder of a key expires; 0 without any. */
export function untilFirstExpiry(table: LeaseTable, key: string, nowMs: number): number {
  const holders = table.holders.get(key)
  let first = Infinity
  if (holders !== undefined) for (const expiresMs of holders.values()) first = Math.min(first, expiresMs)
  return first === Infinity ? 0 : first - nowMs
}

/** Whether there is room for one more lease, of any key. */
export function hasLeaseRoom(table: LeaseTable, nowMs: number): boolean {
  if (table.held < table.most) return true
  for (const [key, holders] of table.holders) dropExpired(table, key, holders, nowMs)
  return table.held < table.most
}

/** Adds a holder. There must be room. */
export function addHolder(table: LeaseTable, key: string, leaseId: string, expiresMs: number): void {
  let holders = table.holders.get(key)
  if (holders === undefined) {
    holders = new Map()
    table.holders.set(key, holders)
  }
  if (!holders.has(leaseId)) table.held += 1
  holders.set(leaseId, expiresMs)
}

/** Removes a holder; one that is not there is passed over. */
export function removeHolder(table: LeaseTable, key: string, leaseId: string): void {
  const holders = table.holders.get(key)
  if (holders?.delete(leaseId)) table.held -= 1
  if (holders?.size === 0) table.holders.delete(key)
}

function dropExpired(table: LeaseTable, key: string, holders: Map<string, number>, nowMs: number): number {
  for (const [leaseId, expiresMs] of holders) {
    // A lease that a longer rule gave stands before shorter ones: all are looked at.
    if (expiresMs <= nowMs && holders.delete(leaseId)) table.held -= 1
  }
  if (holders.size === 0) table.holders.delete(key)
  return holders.size
}
