/** Keeps requests from waiting for a server that does not answer. */
export interface Breaker {
  /** While open nothing is sent but the probe. */
  isOpen(): boolean
  /** Tells that a call was answered in time. */
  hit(): void
  /** Tells that a call failed, or was not answered in time. */
  miss(): void
  /** Misses so far. */
  misses(): number
  close(): void
}

/** How a breaker decides. */
export interface BreakerOptions {
  /** Misses closer together than this are one hiccup, however many calls it met. */
  readonly hiccupMs: number
  /** One small write, which rejects when it fails or is late. */
  readonly probe: () => Promise<unknown>
  readonly onOpen: () => void
}

/** Misses in a row that open it. */
const MOST_MISSES = 5
/** How long it waits before each probe. */
const PROBE_EVERY_MS = 250

/**
 * Creates a breaker. Five misses in a row, of more than one hiccup, open it; from then on one probe at a
 * time asks for the server, and the first that is answered in time closes it again.
 */
export function createBreaker({ hiccupMs, probe, onOpen }: BreakerOptions): Breaker {
  let missesInRow = 0
  let firstMissMs = 0
  let misses = 0
  let timer: NodeJS.Timeout | undefined
  let isClosed = false

  const schedule = (): void => {
    if (!isClosed) timer = setTimeout(ask, PROBE_EVERY_MS).unref()
  }
  const ask = (): void => {
    probe().then(shut, () => {
      misses += 1
      schedule()
    })
  }
  const shut = (): void => {
    timer = undefined
    missesInRow = 0
  }

  return {
    isOpen: () => timer !== undefined,
    hit() {
      missesInRow = 0
    },
    miss() {
      misses += 1
      if (missesInRow === 0) firstMissMs = performance.now()
      missesInRow += 1
      if (missesInRow < MOST_MISSES || performance.now() - firstMissMs < hiccupMs) return
      if (timer !== undefined || isClosed) return
      schedule()
      onOpen()
    },
    misses: () => misses,
    close() {
      isClosed = true
      clearTimeout(timer)
      timer = undefined
    },
  }
}
