/**
 * Keys used once, each with its expiry, in typed arrays of a fixed size. A key is searched in a run of
 * slots behind the place that its hash names. A live mark is never displaced: when its run is full, a
 * key cannot be kept, and who asks is told that it was used.
 */
export interface MarkTable {
  readonly high: Int32Array
  readonly low: Int32Array
  readonly expiresMs: Float64Array
}

const MARK_BYTES = 4 + 4 + 8
/** Slots searched for a key. Runs of this length are full only when nearly the whole table is. */
const RUN = 64

/** Creates the largest table within a budget, of one run at least. */
export function createMarkTable(budgetBytes: number): MarkTable {
  const slots = Math.max(RUN, Math.floor(budgetBytes / MARK_BYTES))
  return { high: new Int32Array(slots), low: new Int32Array(slots), expiresMs: new Float64Array(slots) }
}

/** Keeps a key until its expiry. False when it is kept already, or cannot be. */
export function addMark(table: MarkTable, high: number, low: number, expiresMs: number, nowMs: number): boolean {
  const slots = table.expiresMs.length
  const first = Math.floor(((high >>> 0) * slots) / 0x1_0000_0000)
  let free = -1
  for (let step = 0; step < RUN; step += 1) {
    const slot = (first + step) % slots
    if ((table.expiresMs[slot] ?? 0) <= nowMs) {
      if (free < 0) free = slot
    } else if (table.low[slot] === low && table.high[slot] === high) {
      return false
    }
  }
  if (free < 0) return false
  table.high[free] = high
  table.low[free] = low
  table.expiresMs[free] = expiresMs
  return true
}

/** Bytes of the table. */
export function markBytes(table: MarkTable): number {
  return table.expiresMs.length * MARK_BYTES
}
