import { createLogger, readConfig } from '@rempart/server'
import { isWorker, type RunningServer, serveAsWorker, startServer, startWorkers } from '@rempart/server/serve'
import type { Command } from 'commander'
import { explain } from '../explain.ts'
import { stopOnSignal } from '../stop-on-signal.ts'
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

/** For service managers. At a terminal the signal means that the terminal has gone, and ends the server as ever. */
function reloadOnHangUp({ reloadPolicies }: RunningServer): void {
  if (reloadPolicies !== undefined && !process.stdin.isTTY) process.on('SIGHUP', () => void reloadPolicies())
}
