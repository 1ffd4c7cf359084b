import cluster from 'node:cluster'
import type { Config } from '../config.ts'
import { createLogger } from '../core/logging/logging.ts'
import { createMetrics, type Metrics } from '../core/metrics/metrics.ts'
import { readConfig } from '../secret-stores/read-config.ts'
import { type RunningServer, startServer } from '../start.ts'
import type { Assignment, ToPrimary, ToWorker } from './messages.ts'

/** Whether this process is one of several that a primary started. */
export function isWorker(): boolean {
  return cluster.isWorker
}

/**
 * Serves as one of several until the primary, or a signal, says to stop. When the primary is gone it finishes what is in
 * flight, and leaves.
 *
 * @param explain - What went wrong, for a person.
 */
export async function serveAsWorker(explain: (error: unknown) => string): Promise<void> {
  const running: { server?: RunningServer } = {}
  const stop = (): void => {
    if (running.server === undefined) process.exit()
    running.server.stop().then(
      () => process.exit(),
      () => process.exit(1),
    )
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
  process.on('SIGHUP', () => running.server?.reloadPolicies?.())
  cluster.worker?.on('disconnect', () => {
    // Node ends a worker without its primary at once, unless this says that it was meant.
    if (cluster.worker !== undefined) cluster.worker.exitedAfterDisconnect = true
    stop()
  })
  const { assignment, all } = await untilAssigned(running, stop)
  try {
    const { number, databasePoolSize, maxConnections, database } = assignment
    const config: Config = { ...(await readConfig()), databasePoolSize, maxConnections }
    const log = createLogger({ level: config.logLevel }).child({ worker: number })
    running.server = await startServer(config, log, { number, metrics: all, database })
    tell({ type: 'ready', url: running.server.url })
  } catch (error) {
    process.send?.({ type: 'failed', reason: explain(error) } satisfies ToPrimary, undefined, undefined, () =>
      process.exit(1),
    )
  }
}

interface Begun {
  readonly assignment: Assignment
  /** Counts for this worker, and renders what all of them have counted. */
  readonly all: Metrics
}

/** Listens to the primary, and waits for its first word. */
function untilAssigned(running: { readonly server?: RunningServer }, stop: () => void): Promise<Begun> {
  const asked = new Map<number, (text: string) => void>()
  const askAll = (): Promise<string> =>
    new Promise((resolve) => {
      const id = asked.size === 0 ? 1 : Math.max(...asked.keys()) + 1
      asked.set(id, resolve)
      tell({ type: 'ask-metrics', id })
    })
  return new Promise((resolve) => {
    let own: Metrics | undefined
    process.on('message', (message: ToWorker) => {
      switch (message.type) {
        case 'begin':
          own = createMetrics({ labels: { worker: String(message.assignment.number) } })
          return resolve({ assignment: message.assignment, all: { ...own, render: askAll } })
        case 'stop':
          return stop()
        case 'reload':
          return void running.server?.reloadPolicies?.()
        case 'tell-metrics':
          return void own?.render().then((text) => tell({ type: 'metrics', id: message.id, text }))
        case 'all-metrics':
          asked.get(message.id)?.(message.text)
          asked.delete(message.id)
      }
    })
  })
}

function tell(message: ToPrimary): void {
  if (process.connected) process.send?.(message)
}
