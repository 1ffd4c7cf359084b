import type { Logger } from 'pino'
import type { Pool } from '../../database/connect.ts'
import { dropDays, makeDays } from './queries.ts'

export interface EventDaysDependencies {
  /** As rempart_app. */
  readonly app: Pool
  readonly log: Logger
}

const dayMs = 86_400_000

/** Makes the days to come. A failure is logged, and tried again. */
async function makeEventDays({ app, log }: EventDaysDependencies): Promise<void> {
  try {
    const made = await makeDays(app)
    if (made > 0) log.debug({ made }, 'made days of the security events')
  } catch (error) {
    log.warn({ err: error }, 'the days of the security events could not be made; tried again within the hour')
  }
}

/** Forgets the days that ended long enough ago. Returns how many. @param worker - as rempart_worker, which alone may. */
export function dropEventDays(worker: Pool, keptMs: number): Promise<number> {
  return dropDays(worker, Math.max(1, Math.floor(keptMs / dayMs)))
}

/** Makes the days that a serving process writes to, now and every hour until stopped. */
export function scheduleEventDays(dependencies: EventDaysDependencies, everyMs = 3_600_000): { stop(): Promise<void> } {
  let running = makeEventDays(dependencies)
  const timer = setInterval(() => {
    running = makeEventDays(dependencies)
  }, everyMs)
  timer.unref()
  return {
    stop() {
      clearInterval(timer)
      return running
    },
  }
}
