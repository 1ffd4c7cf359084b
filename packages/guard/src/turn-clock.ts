/** Readings that a turn of the event loop may share; a longer one reads again. */
const MOST_SHARED = 64

/**
 * A clock that never runs back and reads the system's once in a turn of the event loop, and again after 64 answers in
 * one turn: reading it costs more than counting a request. Requests of one turn count as simultaneous.
 *
 * @returns Whole milliseconds since the process started.
 */
export function createTurnClock(): () => number {
  let readMs = 0
  let left = 0
  let isArmed = false
  const forget = (): void => {
    left = 0
    isArmed = false
  }
  return () => {
    if (left > 0) {
      left -= 1
      return readMs
    }
    left = MOST_SHARED - 1
    readMs = Math.floor(performance.now())
    if (!isArmed) {
      isArmed = true
      setImmediate(forget)
    }
    return readMs
  }
}
