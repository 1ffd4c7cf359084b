import { createMemoryStore, type RemoteStore, type Store } from '@rempart/guard'
import type { Config } from '../config.ts'
import { loadConfig } from '../config.ts'
import type { Scope } from '../core/access/access.ts'
import type { App } from '../core/fastify.ts'
import { createLogger } from '../core/logging/logging.ts'
import { createMetrics, type Metrics } from '../core/metrics/metrics.ts'
import { createTenantResolver, type TenantResolver } from '../core/tenant/resolver.ts'
import { createApiKey } from '../modules/api-keys/service.ts'
import { createTenant, type NewTenant } from '../modules/tenants/service.ts'
import { buildServer } from '../server.ts'
import type { TestDatabase } from './database.ts'

/** A server over a real database, called through `app.inject`, with a clock that tests move. */
export interface TestServer {
  readonly app: App
  /** Unix time in milliseconds; the guard's monotonic clock moves with it. */
  readonly clock: { nowMs: number }
  readonly database: TestDatabase
  /** The tenant of calls that name none. */
  readonly tenant: { readonly id: string; readonly slug: string }
  readonly tenants: TenantResolver
  readonly metrics: Metrics
  /** Every log line so far, as written. */
  readonly logLines: string[]
  /** An API key of the default tenant, or of another. */
  apiKey(scopes: readonly Scope[], tenantId?: string): Promise<string>
  createTenant(tenant?: Partial<NewTenant>): Promise<{ readonly id: string; readonly slug: string }>
  close(): Promise<void>
}

export interface TestServerOptions {
  readonly environment?: Readonly<Record<string, string>>
  readonly policyFile?: unknown
  /** Where the guard counts; in memory when absent. */
  readonly store?: Store | RemoteStore
  readonly tenant?: Partial<NewTenant>
  /** Routes of the test's own, under `/api/v1`. */
  readonly ownRoutes?: (api: App) => void
}

let sequence = 0

/** Builds a server with a fresh tenant over `database`. Close it, not the database, when the test ends. */
export async function startTestServer(database: TestDatabase, options: TestServerOptions = {}): Promise<TestServer> {
  const tenant = await newTenant(database, options.tenant)
  const config: Config = loadConfig({
    REMPART_LOG_LEVEL: 'info',
    REMPART_DEFAULT_TENANT: tenant.slug,
    REMPART_DATA_DIR: '/nonexistent',
    REMPART_PASSWORD_CHECK_HIBP: 'off',
    ...options.environment,
  })
  const clock = { nowMs: Date.now() }
  const logLines: string[] = []
  const metrics = createMetrics({ isProcessIncluded: false })
  const tenants = createTenantResolver(database.app, { onLookUp: metrics.tenantLookUp })
  const app = await buildServer(
    {
      config,
      secretKey: config.secretKey ?? 'Zk3vQm8xT1pLr6wYb9cN4hJd7sGf2aKe5uXo0iVtRqM=',
      pool: database.app,
      tenants,
      store: options.store ?? createMemoryStore({ budgetBytes: 4_194_304 }),
      policyFile: options.policyFile,
      metrics,
      log: createLogger({ level: config.logLevel, destination: { write: (line) => void logLines.push(line) } }),
      clock: { now: () => clock.nowMs },
      nowMs: () => clock.nowMs,
      version: '0.0.0-test',
      isStopping: () => false,
    },
    options.ownRoutes,
  )
  return {
    app,
    clock,
    database,
    tenant,
    tenants,
    metrics,
    logLines,
    apiKey: async (scopes, tenantId = tenant.id) =>
      (await createApiKey(database.worker, tenantId, { name: 'test', scopes })).token,
    createTenant: (other) => newTenant(database, other),
    async close() {
      await app.close()
      metrics.close()
    },
  }
}

async function newTenant(
  database: TestDatabase,
  tenant: Partial<NewTenant> = {},
): Promise<{ id: string; slug: string }> {
  sequence += 1
  const slug = tenant.slug ?? `t${process.pid}-${sequence}`
  return { id: await createTenant(database.worker, { name: 'Test', ...tenant, slug }), slug }
}
