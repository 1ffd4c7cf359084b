import type { Logger } from 'pino'
import type { Pool } from '../../database/connect.ts'
import { dropDays, makeDays } from './queries.ts'

export interface EventDaysDependencies {
  /** As rempart_app. */
  readonly app: Pool
  /** As rempart_worker, which alone may forget. */
  readonly worker: Pool
  readonly keptMs: number
  readonly log: Logger
}

const dayMs = 86_400_000

/** Makes the days to come and forgets those that are over long enough. Failures are logged, and tried again. */
export async function turnEventDays({ app, worker, keptMs, log }: EventDaysDependencies): Promise<void> {
  try {
    const made = await makeDays(app)
    const dropped = await dropDays(worker, Math.max(1, Math.floor(keptMs / dayMs)))
    if (made + dropped > 0) log.debug({ made, dropped }, 'turned the days of the security events')
  } catch (error) {
    log.warn({ err: error }, 'the days of the security events could not be turned; tried again within the hour')
  }
}

/** Turns the days now and every hour until stopped. */
export function scheduleEventDays(dependencies: EventDaysDependencies, everyMs = 3_600_000): { stop(): Promise<void> } {
  let running = turnEventDays(dependencies)
  const timer = setInterval(() => {
    running = turnEventDays(dependencies)
  }, everyMs)
  timer.unref()
  return {
    stop() {
      clearInterval(timer)
      return running
    },
  }
}
