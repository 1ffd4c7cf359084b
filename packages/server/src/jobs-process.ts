import type { Logger } from 'pino'
import type { Config } from './config.ts'
import { createMetrics } from './core/metrics/metrics.ts'
import { loadMasters } from './core/secrets.ts'
import { type OpenDatabase, openDatabase } from './database/open.ts'
import { startBackground } from './jobs/background.ts'
import { closeListener, listenForMetrics, listenOn, urlOf } from './listeners.ts'

/** A process that runs jobs and answers no API. */
export interface JobsProcess {
  /** Of `/health` and `/health/ready`, which are all it answers. */
  readonly url: string
  readonly metricsUrl: string | undefined
  readonly database: Pick<OpenDatabase, 'origin' | 'version'>
  /** Safe to call once. */
  stop(): Promise<void>
}

/** Starts jobs alone: database, checks, jobs, and the port of the health checks last. */
export async function startJobsProcess(config: Config, log: Logger): Promise<JobsProcess> {
  const database = await openDatabase(config, { log: ({ level, msg, ...details }) => log[level](details, msg) })
  const metrics = createMetrics()
  const opened: (() => unknown)[] = [() => database.close(), () => metrics.close()]
  const stop = async (): Promise<void> => {
    for (const close of opened.splice(0).reverse()) await close()
  }
  try {
    const masters = await loadMasters(config)
    const background = await startBackground(config, { database, masters, metrics, log })
    opened.push(() => background.stop())
    const metricsServer = await listenForMetrics(config, metrics)
    opened.push(() => closeListener(metricsServer))
    const health = await listenForHealth(config, database)
    opened.push(() => closeListener(health))
    return {
      url: urlOf(config.host, health.address()),
      metricsUrl: metricsServer && urlOf(config.host, metricsServer.address()),
      database,
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

function listenForHealth(config: Config, { worker }: OpenDatabase) {
  return listenOn(config.port, config.host, (request, response) => {
    const path = request.url?.replace(/^\/api\/v1(?=\/)/, '').replace(/\/$/, '')
    const answer = (status: number, body: object): void => {
      response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
      response.end(JSON.stringify(body))
    }
    if (request.method !== 'GET' || (path !== '/health' && path !== '/health/ready'))
      return void response.writeHead(404).end()
    if (path === '/health') return answer(200, { status: 'ok' })
    worker.query('select 1').then(
      () => answer(200, { status: 'ready', checks: { database: 'ok' } }),
      () => answer(503, { status: 'not-ready', checks: { database: 'failed' } }),
    )
  })
}
