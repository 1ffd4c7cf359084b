import type { Logger } from 'pino'

/** Whether the mail server answers, as the last deliveries have shown. */
export interface ServerAbsence {
  /** Nothing is tried before it is false: one mail finds out, not all of them. */
  isWaiting(): boolean
  /** How long until then, in milliseconds; 0 when it is false. */
  waitMs(): number
  left(reason: string): void
  returned(): void
}

/** @param firstWaitMs - doubles with each absence in a row, up to a minute. */
export function createServerAbsence(log: Logger, firstWaitMs: number): ServerAbsence {
  let waitMs = firstWaitMs
  let untilMs = 0
  let isAway = false
  return {
    isWaiting: () => performance.now() < untilMs,
    waitMs: () => Math.max(0, untilMs - performance.now()),
    left(reason) {
      if (!isAway) log.warn({ reason }, 'mails wait: the mail server cannot be reached, or takes none')
      isAway = true
      // The others of one batch tell nothing new.
      if (performance.now() < untilMs) return
      untilMs = performance.now() + waitMs
      waitMs = Math.min(waitMs * 2, 60_000)
    },
    returned() {
      if (isAway) log.info('the mail server is back')
      isAway = false
      untilMs = 0
      waitMs = firstWaitMs
    },
  }
}
