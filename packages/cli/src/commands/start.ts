import {
  createLogger,
  isWorker,
  type RunningServer,
  readConfig,
  serveAsWorker,
  startServer,
  startWorkers,
} from '@rempart/server'
import type { Command } from 'commander'
import { explain } from '../failure.ts'
import { note } from '../terminal.ts'
import { welcome } from '../welcome.ts'
import { words } from '../words.ts'

/** `rempart start`: serves until it is told to stop. */
export function addStartCommand(program: Command): void {
  program
    .command('start')
    .description(words.commands.start)
    .action(async () => {
      // The same command, started by its own primary.
      if (isWorker()) return await serveAsWorker(explain)
      const config = await readConfig()
      const log = createLogger({ level: config.logLevel })
      const startedMs = performance.now()
      const server = await (config.workers > 1 ? startWorkers : startServer)(config, log)
      log.info(
        { at: server.url, database: server.database.origin, startMs: Math.round(performance.now() - startedMs) },
        'listening',
      )
      if (process.stdout.isTTY || config.embedded) note(welcome(server, config))
      stopOnSignal(server, log)
      reloadOnHangUp(server)
    })
}

/** Stops what serves on SIGINT and SIGTERM, once what is in flight has ended; a second signal ends the process at once. */
export function stopOnSignal(server: Pick<RunningServer, 'stop'>, log: ReturnType<typeof createLogger>): void {
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

/** For service managers. At a terminal the signal means that the terminal has gone, and ends the server as ever. */
function reloadOnHangUp({ reloadPolicies }: RunningServer): void {
  if (reloadPolicies !== undefined && !process.stdin.isTTY) process.on('SIGHUP', () => void reloadPolicies())
}
