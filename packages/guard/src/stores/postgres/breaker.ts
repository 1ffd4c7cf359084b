/** Keeps calls from a database that does not answer. */
export interface Breaker {
  /** Runs a call, and notes whether it was answered in time. Rejects at once while open, but for one probe at a time. */
  run<Value>(call: () => Promise<Value>): Promise<Value>
  isOpen(): boolean
  /** Whether the next call would be let through to see whether the database is back. */
  mayProbe(): boolean
}

/** Misses in a row that open it. */
const MOST_MISSES = 5
/** A call unanswered for so long is a miss, whatever becomes of it. */
const PATIENCE_MS = 250
/** How long an open breaker waits before it tries again. */
const REST_MS = 500

/** Creates a breaker: closed, until five calls in a row fail or go unanswered. */
export function createPostgresBreaker(nowMs: () => number = () => performance.now()): Breaker {
  let misses = 0
  let probeAtMs = 0
  let isProbing = false

  const isOpen = (): boolean => misses >= MOST_MISSES
  const mayProbe = (): boolean => !isProbing && nowMs() >= probeAtMs
  const miss = (): void => {
    misses += 1
    probeAtMs = nowMs() + REST_MS
  }

  /** Lets the call have its patience; what is answered later than that counts as a miss already noted. */
  const watch = async <Value>(call: () => Promise<Value>): Promise<Value> => {
    let isLate = false
    const patience = setTimeout(() => {
      isLate = true
      isProbing = false
      miss()
    }, PATIENCE_MS)
    try {
      const value = await call()
      misses = 0
      return value
    } catch (error) {
      if (!isLate) miss()
      throw error
    } finally {
      clearTimeout(patience)
    }
  }

  return {
    isOpen,
    mayProbe,
    async run(call) {
      if (!isOpen()) return watch(call)
      if (!mayProbe()) throw new Error('PostgreSQL has not answered lately')
      isProbing = true
      try {
        return await watch(call)
      } finally {
        isProbing = false
      }
    },
  }
}
