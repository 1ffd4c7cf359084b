import { createMemoryStore } from '../../packages/guard/src/index.ts'
import { loadConfig } from '../../packages/server/src/config.ts'
import { createLogger } from '../../packages/server/src/core/logging/logging.ts'
import { createMetrics } from '../../packages/server/src/core/metrics/metrics.ts'
import { createTenantResolver } from '../../packages/server/src/core/tenant/resolver.ts'
import { createPool } from '../../packages/server/src/database/connect.ts'
import { buildServer } from '../../packages/server/src/server.ts'
import { version } from '../../packages/server/src/start.ts'

/** The OpenAPI document of the server that the code builds. Nothing listens and no database is asked. */
export async function openApiDocument(): Promise<string> {
  const config = loadConfig({})
  const settings = {
    connectTimeoutMs: 1,
    statementTimeoutMs: 1,
    idleTimeoutMs: 1,
    maxLifetimeMs: 1_000,
    size: 1,
    name: 'none',
  }
  const pool = createPool({ connectionString: 'postgres://127.0.0.1:1/none' }, settings, () => {})
  const metrics = createMetrics({ isProcessIncluded: false })
  const app = await buildServer({
    config,
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
  const document = JSON.stringify(app.swagger(), null, 2)
  await app.close()
  metrics.close()
  await pool.end()
  return `${document}\n`
}
