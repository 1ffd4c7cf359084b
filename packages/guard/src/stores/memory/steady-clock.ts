/** A clock may jitter back by this much: time then stands still rather than being taken up anew. */
const JITTER_MS = 1_000

/** A clock in whole milliseconds that never runs back. Its fields are numbers, so that telling it allocates nothing. */
export interface SteadyClock {
  /** The caller's last reading. */
  readMs: number
  /** What steady time is ahead of it. */
  aheadMs: number
}

/** Creates a clock that stands at 0. */
export function createSteadyClock(): SteadyClock {
  return { readMs: 0, aheadMs: 0 }
}

/**
 * Takes the caller's reading in, and answers the steady time. A step back of a second or less holds time still until
 * the caller's clock has caught up; after a longer one time goes on from where it stood, so that nobody stays refused
 * for the length of the step.
 */
export function advanceClock(clock: SteadyClock, nowMs: number): number {
  const readMs = Math.floor(nowMs)
  if (readMs >= clock.readMs) {
    clock.readMs = readMs
  } else if (clock.readMs - readMs > JITTER_MS) {
    clock.aheadMs += clock.readMs - readMs
    clock.readMs = readMs
  }
  return clock.readMs + clock.aheadMs
}

/** The steady time as it was last told. */
export function steadyTime({ readMs, aheadMs }: SteadyClock): number {
  return readMs + aheadMs
}
