import { createMemoryStore } from '@rempart/guard'
import { loadConfig } from './config.ts'
import type { App } from './core/fastify.ts'
import { createLogger } from './core/logging/logging.ts'
import { createMetrics } from './core/metrics/metrics.ts'
import { createTenantResolver } from './core/tenant/resolver.ts'
import { createPool } from './database/connect.ts'
import { buildServer } from './server.ts'

/**
 * Builds the server, to read what it says of itself. Nothing listens, no database is asked and no setting is read.
 *
 * @param version - what it says its version is.
 */
export async function readUnconnected<Read>(version: string, read: (app: App) => Read): Promise<Read> {
  const timeouts = { connectTimeoutMs: 1, statementTimeoutMs: 1, idleTimeoutMs: 1, maxLifetimeMs: 1_000 }
  const nowhere = { connectionString: 'postgres://127.0.0.1:1/none' }
  const pool = createPool(nowhere, { ...timeouts, size: 1, name: 'none' }, () => {})
  const metrics = createMetrics({ isProcessIncluded: false })
  const app = await buildServer({
    config: loadConfig({}),
    secretKey: 'x'.repeat(32),
    pool,
    tenants: createTenantResolver(pool),
    store: createMemoryStore({ budgetBytes: 1_048_576 }),
    policyFile: undefined,
    metrics,
    log: createLogger({ level: 'silent' }),
    clock: { now: () => 0 },
    nowMs: () => 0,
    version,
    isStopping: () => false,
  })
  const found = read(app)
  await app.close()
  metrics.close()
  await pool.end()
  return found
}
