/** Readings that a turn of the event loop may share; a longer one reads again. */
const MOST_SHARED = 64

/** The clocks that have been read in this turn. */
const readInTurn: (() => void)[] = []

function endTurn(): void {
  for (const forget of readInTurn) forget()
  readInTurn.length = 0
}

/**
 * A clock that is read once in a turn of the event loop, and again after 64 answers in one turn: reading the system's
 * costs more than counting a request. Requests of one turn count as simultaneous. The reading is never older than the
 * turn; a request that the turn found waiting has come before it.
 *
 * @param read - The clock itself. @default whole milliseconds since the process started, which never run back
 */
export function createTurnClock(read: () => number = monotonicMs): () => number {
  let now = 0
  let left = 0
  let isArmed = false
  const forget = (): void => {
    left = 0
    isArmed = false
  }
  return () => {
    if (left > 0) {
      left -= 1
      return now
    }
    left = MOST_SHARED - 1
    now = read()
    if (!isArmed) {
      isArmed = true
      // One callback ends the turn of all clocks.
      if (readInTurn.push(forget) === 1) setImmediate(endTurn)
    }
    return now
  }
}

function monotonicMs(): number {
  return Math.floor(performance.now())
}
