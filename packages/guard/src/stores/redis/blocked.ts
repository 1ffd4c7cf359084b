import type { Take } from '../../store.ts'
import type { Batch } from './batch.ts'
import type { Block, RedisKey } from './keys.ts'

/**
 * A refusal is answered here for this long at most. Whoever clears a counter, or lifts its limit, does it
 * in another process, and this one asks again.
 */
const LONGEST_MS = 1_000

/** Keys that are known to be refused, of a bounded number: the oldest gives way. */
export interface BlockedKeys {
  /** Notes what the server has read. */
  note(batch: Batch, take: Take, key: RedisKey): void
  forget(key: RedisKey): void
}

/** Creates an empty table. */
export function createBlockedKeys(most: number): BlockedKeys {
  // In the order of their notes; keys are held here also when nobody else remembers them.
  const keys = new Set<RedisKey>()

  const forget = (key: RedisKey): void => {
    if (key.block !== undefined && keys.delete(key)) key.block = undefined
  }
  return {
    note(batch, take, key) {
      forget(key)
      if (take.fits || !endsByTime(take) || most === 0) return
      const [oldest] = keys.size >= most ? keys : []
      if (oldest !== undefined) forget(oldest)
      keys.add(key)
      key.block = describe(batch, take)
    },
    forget,
  }
}

/** Whether the take is refused in any case; its readings are then written. */
export function isBlocked(take: Take, key: RedisKey, nowMs: number): key is RedisKey & { block: Block } {
  const { block } = key
  if (block === undefined || nowMs >= block.surelyUntilMs) return false
  return block.counter === take.counter && block.cost === take.cost
}

/** Writes what is known of a blocked key. */
export function readBlock(take: Take, block: Block, nowMs: number): void {
  take.fits = false
  take.charged = false
  take.used = block.used
  take.cooling = block.cooling
  take.freesMs = remaining(block.freesAtMs, nowMs)
  take.waitMs = remaining(block.endsMs, nowMs)
}

/** Slots come free at any moment, and a challenge is solved in the next request. */
function endsByTime({ counter, waitMs }: Take): boolean {
  return counter.shape !== 'leases' && waitMs > 0 && waitMs !== Infinity
}

/** The server's reading lies between the sending and the answer: what it promises is told from the later one. */
function describe({ nowMs, bornMs }: Batch, take: Take): Block {
  const answeredMs = nowMs + (performance.now() - bornMs)
  return {
    counter: take.counter,
    cost: take.cost,
    used: take.used,
    cooling: take.cooling,
    surelyUntilMs: nowMs + Math.min(take.waitMs, LONGEST_MS),
    endsMs: answeredMs + take.waitMs,
    freesAtMs: answeredMs + take.freesMs,
  }
}

function remaining(untilMs: number, nowMs: number): number {
  return Math.max(1, Math.ceil(untilMs - nowMs))
}
