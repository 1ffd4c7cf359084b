/** A clock may jitter back by this much: time then stands still rather than being taken up anew. */
const JITTER_MS = 1_000

/** A clock in whole milliseconds that never runs back. */
export interface SteadyClock {
  /** Takes the caller's reading in, and answers the steady time. */
  advance(nowMs: number): number
  now(): number
}

/**
 * Creates a clock that never runs back. A step back of a second or less holds time still until the
 * caller's clock has caught up; after a longer one time goes on from where it stood, so that nobody
 * stays refused for the length of the step.
 */
export function createSteadyClock(): SteadyClock {
  let lastMs = 0
  let offsetMs = 0
  return {
    advance(nowMs) {
      const readMs = Math.floor(nowMs)
      if (readMs >= lastMs) {
        lastMs = readMs
      } else if (lastMs - readMs > JITTER_MS) {
        offsetMs += lastMs - readMs
        lastMs = readMs
      }
      return lastMs + offsetMs
    },
    now: () => lastMs + offsetMs,
  }
}
