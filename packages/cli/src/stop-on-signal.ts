import type { createLogger } from '@rempart/server'
import { explain } from './explain.ts'
import { note } from './terminal.ts'

type Logger = ReturnType<typeof createLogger>

/** Stops what serves on SIGINT and SIGTERM, once what is in flight has ended; a second signal ends the process at once. */
export function stopOnSignal(server: { stop(): Promise<void> }, log: Pick<Logger, 'info' | 'warn'>): void {
  let asked = 0
  const stop = (signal: NodeJS.Signals): void => {
    asked += 1
    if (asked > 1) {
      log.warn({ signal }, 'second signal: leaving at once')
      process.exit(1)
    }
    log.info({ signal }, 'stopping: finishing what is in flight')
    server.stop().then(
      () => {
        log.info('stopped')
        process.exitCode = 0
      },
      (error: unknown) => {
        note(explain(error))
        process.exit(1)
      },
    )
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
}
