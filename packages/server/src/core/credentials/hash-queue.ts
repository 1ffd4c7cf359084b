import { availableParallelism } from 'node:os'

/** What libuv starts when nobody says otherwise; `UV_THREADPOOL_SIZE` changes it before the process begins. */
const defaultThreads = 4

/** Bounds of `gather`, in milliseconds. */
const longestGatherMs = 50
const leastGatherMs = 10

/** Too many passwords are waiting to be hashed. Routes answer 503 with `Retry-After`. */
export class HashQueueFullError extends Error {
  override readonly name = 'HashQueueFullError'
  /** When the queue is likely to have room, in whole seconds, 1 to 60. */
  readonly retryAfterSeconds: number

  constructor(retryAfterSeconds: number) {
    super('too many passwords are waiting to be hashed')
    this.retryAfterSeconds = retryAfterSeconds
  }
}

/** A queue of costly jobs: a bounded number at once, a bounded number waiting, first come first served. */
export interface HashQueue {
  /**
   * Runs the job when its turn comes and answers what it answers. A job that fails gives its place back like any other.
   *
   * @throws HashQueueFullError at once, without starting the job, when `maxQueue` others are waiting.
   */
  run<Result>(job: () => Promise<Result>): Promise<Result>
  /**
   * Keeps a place for one job until the work ends, whoever comes meanwhile: the first `run` that the work is given takes it.
   *
   * @throws HashQueueFullError at once, without starting the work.
   */
  hold<Result>(work: (run: HashQueue['run']) => Promise<Result>): Promise<Result>
  /**
   * Where others wait, waits for company: whoever comes meanwhile goes on in the same turn of the event loop, so that what
   * each of them looks up before its job, or writes after it, travels together. It takes half of the wait that the next job
   * has ahead of it, 50 ms at most, and nothing where that is under 10 ms.
   */
  gather(): Promise<void>
  /** How many jobs are at work and how many wait. */
  load(): { readonly running: number; readonly waiting: number }
}

/** How a queue is bounded. */
export interface HashQueueOptions {
  /** Jobs at once, at least 1. */
  readonly concurrency: number
  /** Jobs that wait beyond those, 0 or more. */
  readonly maxQueue: number
}

/**
 * How many passwords to hash at once: one more than there are cores, so that none is idle between the end of a hash and the
 * turn of the event loop that starts the next; and always one thread of libuv's pool less than it has, so that files and
 * name look-ups go on while everybody signs in.
 *
 * @param threads - The size of the pool, when `UV_THREADPOOL_SIZE` was given. Default 4.
 */
export function defaultHashConcurrency(threads = defaultThreads): number {
  return Math.max(1, Math.min(availableParallelism() + 1, threads - 1))
}

/**
 * Makes a queue.
 *
 * @throws RangeError a bound is no integer or under its least value.
 */
export function createHashQueue({ concurrency, maxQueue }: HashQueueOptions): HashQueue {
  if (!Number.isInteger(concurrency) || concurrency < 1) throw new RangeError('concurrency is an integer of at least 1')
  if (!Number.isInteger(maxQueue) || maxQueue < 0) throw new RangeError('maxQueue is an integer of at least 0')

  const waiting: (() => void)[] = []
  let running = 0
  /** Places that are kept for jobs that have not come yet. */
  let held = 0
  let meanMs = 100
  let gathering: Promise<void> | undefined

  /** The place is handed over, not given back: whoever comes between two jobs must not overtake those who wait. */
  function leave(): void {
    const next = waiting.shift()
    if (next === undefined) running -= 1
    else next()
  }

  function assertRoom(): void {
    if (running + waiting.length + held >= concurrency + maxQueue) throw new HashQueueFullError(secondsToRoom())
  }

  async function enter(): Promise<void> {
    if (running < concurrency) {
      running += 1
      return
    }
    await new Promise<void>((resolve) => waiting.push(resolve))
  }

  function secondsToRoom(): number {
    const drainMs = (meanMs * (waiting.length + 1)) / concurrency
    return Math.min(60, Math.max(1, Math.ceil(drainMs / 1000)))
  }

  async function gather(): Promise<void> {
    const patienceMs = Math.min(longestGatherMs, (meanMs * waiting.length) / concurrency / 2)
    if (patienceMs < leastGatherMs) return
    gathering ??= new Promise((resolve) => {
      setTimeout(() => {
        gathering = undefined
        resolve()
      }, patienceMs)
    })
    await gathering
  }

  async function runInPlace<Result>(job: () => Promise<Result>): Promise<Result> {
    await enter()
    const startedMs = performance.now()
    try {
      return await job()
    } finally {
      meanMs += (performance.now() - startedMs - meanMs) / 8
      leave()
    }
  }

  async function run<Result>(job: () => Promise<Result>): Promise<Result> {
    if (running >= concurrency) assertRoom()
    return runInPlace(job)
  }

  return {
    run,
    async hold(work) {
      assertRoom()
      held += 1
      let isHeld = true
      const giveUp = (): boolean => {
        if (!isHeld) return false
        isHeld = false
        held -= 1
        return true
      }
      try {
        return await work((job) => (giveUp() ? runInPlace(job) : run(job)))
      } finally {
        giveUp()
      }
    },
    gather,
    load: () => ({ running, waiting: waiting.length }),
  }
}
