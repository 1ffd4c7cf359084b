/** Bounds how long a promise is waited for. */
export interface Deadline {
  /** The promise's own end, or a rejection with a {@link DeadlineError} once the time is up. */
  race<Value>(promise: Promise<Value>): Promise<Value>
}

/** A store has not answered in time. */
export class DeadlineError extends Error {
  override readonly name = 'DeadlineError'
}

interface Waiting {
  readonly dueMs: number
  readonly giveUp: () => void
}

/**
 * Creates a deadline of one length for any number of promises at once, over one timer: those who began
 * first are due first.
 */
export function createDeadline(lengthMs: number): Deadline {
  const waiting = new Set<Waiting>()
  let armed = false

  const arm = (delayMs: number): void => {
    armed = true
    // After a pause of the event loop an answer may lie unread in its socket: sockets are read before an
    // immediate runs.
    setTimeout(() => setImmediate(expire), Math.max(1, Math.ceil(delayMs)))
  }
  const expire = (): void => {
    armed = false
    const nowMs = performance.now()
    for (const one of waiting) {
      if (one.dueMs > nowMs) {
        arm(one.dueMs - nowMs)
        return
      }
      waiting.delete(one)
      one.giveUp()
    }
  }

  return {
    race(promise) {
      return new Promise((resolve, reject) => {
        const one: Waiting = {
          dueMs: performance.now() + lengthMs,
          giveUp: () => reject(new DeadlineError(`no answer within ${lengthMs} ms`)),
        }
        waiting.add(one)
        if (!armed) arm(lengthMs)
        promise.then(
          (value) => {
            waiting.delete(one)
            resolve(value)
          },
          (error: unknown) => {
            waiting.delete(one)
            reject(error)
          },
        )
      })
    },
  }
}
