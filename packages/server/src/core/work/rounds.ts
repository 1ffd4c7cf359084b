import type { Logger } from 'pino'
import { createTurns } from './turns.ts'

/** Work that is done every so often, beside the requests. */
export interface Rounds {
  /** Does a round that begins no earlier than now, one for all who ask meanwhile. Never rejects. */
  flush(): Promise<void>
  /** Begins no more rounds by the clock, and does a last one. Never rejects. */
  stop(): Promise<void>
}

export interface RoundsOptions {
  /** Milliseconds between two looks at the clock. One that comes during a round is left out. */
  readonly everyMs: number
  /**
   * Does what there is to do. Never called while it runs.
   *
   * @param isAsked - Somebody waits for this round: a caller of `flush` or `stop`, and not the clock alone.
   */
  readonly round: (isAsked: boolean) => Promise<void>
  /** Told why a round failed. The next one tries again. */
  readonly log: Logger
}

/** Starts the clock of such work. It keeps no process alive. */
export function startRounds({ everyMs, round, log }: RoundsOptions): Rounds {
  let isUnderWay = false
  let isAsked = false
  const turn = createTurns(
    async () => {
      const asked = isAsked
      isUnderWay = true
      isAsked = false
      try {
        await round(asked)
      } finally {
        isUnderWay = false
      }
    },
    (error) => log.error({ err: error }, 'work beside the requests failed; the next round tries again'),
  )
  const flush = (): Promise<void> => {
    isAsked = true
    return turn()
  }
  const timer = setInterval(() => {
    if (!isUnderWay) void turn()
  }, everyMs)
  timer.unref()
  return {
    flush,
    stop() {
      clearInterval(timer)
      return flush()
    },
  }
}
