import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { type Config, weakSecrets } from './config.ts'
import type { App } from './core/fastify.ts'
import { createMetrics, type Metrics } from './core/metrics/metrics.ts'
import { deriveKey, keyLabels, loadMasters, type Masters } from './core/secrets.ts'
import { startTenantFeed, type TenantFeed } from './core/tenant/feed.ts'
import { createTenantResolver, type TenantResolver } from './core/tenant/resolver.ts'
import { createSigningKeys, type SigningKeys } from './core/tokens/signing-keys.ts'
import { type JoinedTarget, type OpenDatabase, openDatabase } from './database/open.ts'
import { type FirstStart, firstStart } from './first-start.ts'
import { type OpenGuardStore, openGuardStore } from './guard-store.ts'
import { startBackground } from './jobs/background.ts'
import { startJobsProcess } from './jobs-process.ts'
import { closeListener, listenForMetrics, urlOf } from './listeners.ts'
import { scheduleEventDays } from './modules/security-events/retention.ts'
import { inFile, type PolicyDocument, readPolicyFile } from './policy-file.ts'
import { watchPolicyFile } from './policy-reload.ts'
import { buildServer } from './server.ts'

/** A server that listens. */
export interface RunningServer {
  /** `http://127.0.0.1:3000`, with the port the system chose when 0 was asked for. */
  readonly url: string
  readonly metricsUrl: string | undefined
  readonly database: Pick<OpenDatabase, 'origin' | 'version'>
  /** Made on this very start. */
  readonly isFirstStart: boolean
  /** Where the first owner of the demo tenant makes their account. On its first start alone, and stored nowhere. */
  readonly ownerLink: string | undefined
  /** Reads the policy file again at once; undefined without one. */
  readonly reloadPolicies: (() => unknown) | undefined
  /** Stops gracefully: takes nothing new, finishes what is in flight, then closes the database. Safe to repeat. */
  stop(): Promise<void>
}

/** What is otherwise with a server that is one of several on one port. */
export interface WorkerRole {
  /** From 1. The first runs the jobs, if any does. */
  readonly number: number
  /** The primary closes nothing of it: it ends with the process. */
  readonly metrics: Metrics
  /** The embedded database, which the primary keeps. */
  readonly database: JoinedTarget | undefined
}

/** The version of this release. */
export const version: string = JSON.parse(readFileSync(join(import.meta.dirname, '../package.json'), 'utf8')).version

/**
 * Starts everything in order: database, checks, policies, routes, jobs, and the port last, so that nothing is served by a
 * server that is not whole. A process without the part `api` runs jobs alone.
 *
 * @param worker - When it is one of several: the primary has prepared the database and listens for scrapes.
 */
export async function startServer(config: Config, log: Logger, worker?: WorkerRole): Promise<RunningServer> {
  return config.run.includes('api') ? await startServing(config, log, worker) : await startWithoutServing(config, log)
}

async function startWithoutServing(config: Config, log: Logger): Promise<RunningServer> {
  const { stop, ...started } = await startJobsProcess(config, log)
  return { ...started, isFirstStart: false, ownerLink: undefined, reloadPolicies: undefined, stop: once(stop) }
}

async function startServing(config: Config, log: Logger, worker: WorkerRole | undefined): Promise<RunningServer> {
  const policyFile = config.policyFile === undefined ? undefined : readPolicyFile(resolve(config.policyFile))
  const database = await openDatabase(config, {
    log: ({ level, msg, ...details }) => log[level](details, msg),
    join: worker?.database,
  })
  const metrics = worker?.metrics ?? createMetrics()
  const stopping = { is: false }
  // What has to be closed, in the order in which it was opened.
  const opened: (() => unknown)[] = [() => database.close(), () => metrics.close()]
  const closeAll = async (): Promise<void> => {
    for (const close of opened.splice(0).reverse()) await close()
  }
  try {
    const masters = await loadMasters(config)
    const first: FirstStart =
      worker === undefined ? await firstStart(database, config) : { isFirstStart: false, ownerLink: undefined }
    const { app: serving, appTarget } = database
    const tenantFeed = startTenantFeed({ target: appTarget, pool: serving, log })
    opened.push(() => tenantFeed.stop())
    const tenants = createTenantResolver(serving, { onLookUp: metrics.tenantLookUp, hears: tenantFeed.hears })
    tenantFeed.follow(tenants)
    const days = scheduleEventDays({ app: serving, log })
    opened.push(() => days.stop())
    const signingKeys = createSigningKeys({ pool: serving, masters, log })
    opened.push(() => signingKeys.stop())
    await signingKeys.follow(appTarget)
    const secret = deriveKey(masters.current, keyLabels.guardStore)
    const guardStore = await openGuardStore(config, { target: database.appTarget, secret, metrics, log })
    opened.push(() => guardStore.close())
    const fed = { tenants, tenantFeed, signingKeys }
    const parts = { database, metrics, log, masters, policyFile, stopping, guardStore, ...fed }
    const app = await createApp(config, parts)
    warnAbout(config, log)
    if (config.run.includes('jobs') && (worker === undefined || worker.number === 1)) {
      const background = await startBackground(config, parts)
      opened.push(() => background.stop())
    }
    await app.listen({ port: config.port, host: config.host })
    const metricsServer = worker === undefined ? await listenForMetrics(config, metrics) : undefined
    const watch = policyFile && watchPolicyFile(policyFile, { policies: app.policies, metrics, log })
    return {
      url: urlOf(config.host, app.server.address()),
      metricsUrl: metricsServer && urlOf(config.host, metricsServer.address()),
      database,
      ...first,
      reloadPolicies: watch?.reload,
      stop: once(async () => {
        stopping.is = true
        watch?.stop()
        await sleep(config.shutdownDelayMs)
        await closeApp(app, config.shutdownTimeoutMs, log)
        await closeListener(metricsServer)
        await closeAll()
      }),
    }
  } catch (error) {
    await closeAll()
    throw error
  }
}

interface Parts {
  readonly database: OpenDatabase
  readonly metrics: Metrics
  readonly log: Logger
  readonly masters: Masters
  readonly policyFile: PolicyDocument | undefined
  readonly stopping: { readonly is: boolean }
  readonly guardStore: OpenGuardStore
  readonly tenants: TenantResolver
  readonly tenantFeed: TenantFeed
  readonly signingKeys: SigningKeys
}

async function createApp(config: Config, parts: Parts): Promise<App> {
  const { database, metrics, stopping, policyFile, guardStore, masters } = parts
  for (const [name, pool] of [['app', database.app] as const, ['worker', database.worker] as const]) {
    metrics.watchPool(name, () => ({ total: pool.totalCount, idle: pool.idleCount, waiting: pool.waitingCount }))
  }
  const app = buildServer({
    ...parts,
    secretKey: masters.current.toString(),
    policyFile: policyFile?.parsed,
    config,
    pool: database.app,
    store: guardStore.store,
    ...(guardStore.health && { redis: guardStore.health }),
    clock: { now: () => Date.now() },
    nowMs: () => performance.now(),
    version,
    isStopping: () => stopping.is,
  })
  return await app.catch((error: unknown) => {
    throw policyFile === undefined ? error : inFile(policyFile, error)
  })
}

function warnAbout(config: Config, log: Logger): void {
  for (const name of weakSecrets(config))
    log.warn({ setting: name }, 'a default or an example secret: production refuses it')
  if (config.publicUrl.startsWith('https:') && config.trustedProxies.length === 0) {
    log.warn(
      'REMPART_PUBLIC_URL is https and REMPART_TRUSTED_PROXIES is empty: no request but health is answered, pages are sent to https and calls of the API are refused',
    )
  }
}

// A client that never finishes must not hold the process for ever: after the deadline its connection is cut.
async function closeApp(app: App, timeoutMs: number, log: Logger): Promise<void> {
  const deadline = setTimeout(() => {
    log.warn('requests were still in flight at the end of the shutdown timeout; their connections are closed')
    app.server.closeAllConnections()
  }, timeoutMs)
  // A connection whose request was in flight goes idle later, and its client may keep it open for as long as it likes.
  const sweep = setInterval(() => app.server.closeIdleConnections(), 50)
  await app.close()
  clearInterval(sweep)
  clearTimeout(deadline)
}

function once(work: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined
  return () => {
    done ??= work()
    return done
  }
}
