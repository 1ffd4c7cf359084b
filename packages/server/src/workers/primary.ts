import cluster from 'node:cluster'
import { resolve } from 'node:path'
import type { Logger } from 'pino'
import type { Config } from '../config.ts'
import { createMetrics } from '../core/metrics/metrics.ts'
import { loadMasters } from '../core/secrets.ts'
import { type OpenDatabase, openDatabase } from '../database/open.ts'
import { firstStart } from '../first-start.ts'
import { closeListener, listenForMetrics, urlOf } from '../listeners.ts'
import { readPolicyFile } from '../policy-file.ts'
import type { RunningServer } from '../start.ts'
import { createCrew } from './crew.ts'
import type { Assignment } from './messages.ts'
import { connectionsAllowed, poolShare } from './pool-share.ts'

/** What jobs may take to end, and some air. */
const beyondShutdownMs = 15_000

/**
 * Starts as many processes as `REMPART_WORKERS` says, each a whole server, on one port. This one answers nothing itself:
 * it keeps the embedded database, hands out connections, starts again what ends, and gathers the metrics.
 *
 * @throws WorkersError when none of them can start; else as `startServer`.
 */
export async function startWorkers(config: Config, log: Logger): Promise<RunningServer> {
  // Workers accept connections themselves. Handed out in turn by the primary, those that a worker was sent and had not
  // taken when it was killed would stay open and unanswered for as long as their clients wait.
  cluster.schedulingPolicy = cluster.SCHED_NONE
  // A fault in it is told once, and before a process is made.
  if (config.policyFile !== undefined) readPolicyFile(resolve(config.policyFile))
  const database = await openDatabase(config, { log: ({ level, msg, ...details }) => log[level](details, msg) })
  const metrics = createMetrics({ labels: { worker: 'primary' } })
  const opened: (() => unknown)[] = [() => database.close(), () => metrics.close()]
  let closing: Promise<void> | undefined
  const stop = (): Promise<void> => {
    closing ??= (async () => {
      for (const close of opened.splice(0).reverse()) await close()
    })()
    return closing
  }
  try {
    // The embedded mode makes its secret here, where nobody else makes another one meanwhile.
    await loadMasters(config)
    const first = await firstStart(database, config)
    const crew = createCrew({
      count: config.workers,
      assign: await assignments(config, database, log),
      metrics,
      log,
      stopWithinMs: config.shutdownDelayMs + config.shutdownTimeoutMs + beyondShutdownMs,
    })
    opened.push(() => crew.stop())
    endWithPrimary()
    const url = await crew.start()
    const metricsServer = await listenForMetrics(config, { contentType: metrics.contentType, render: crew.metrics })
    opened.push(() => closeListener(metricsServer))
    return {
      url,
      metricsUrl: metricsServer && urlOf(config.host, metricsServer.address()),
      database,
      ...first,
      reloadPolicies: config.policyFile === undefined ? undefined : () => crew.reload(),
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

async function assignments(
  config: Config,
  database: OpenDatabase,
  log: Logger,
): Promise<(number: number) => Assignment> {
  const { workers, databasePoolSize } = config
  const allowed = await connectionsAllowed(database.worker)
  const share = poolShare(workers, databasePoolSize, allowed)
  if (share < databasePoolSize) {
    log.warn(
      { workers, poolSize: share, wanted: databasePoolSize, maxConnections: allowed },
      'the database allows fewer connections than the workers would take: their pools are smaller than REMPART_DATABASE_POOL_SIZE',
    )
  }
  const { appTarget: app, workerTarget: worker, version } = database
  return (number) => ({
    number,
    databasePoolSize: share,
    maxConnections: Math.ceil(config.maxConnections / workers),
    database: config.embedded ? { app, worker, version } : undefined,
  })
}

/** A primary that leaves at once, as on a second signal, leaves no worker behind. */
function endWithPrimary(): void {
  process.once('exit', () => {
    for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill('SIGKILL')
  })
}
