import { createMemoryStore, type PolicyInput } from '@rempart/guard'
import { loadConfig } from './config.ts'
import { generalPolicy } from './core/guard/guard.ts'
import type { RoutedRequest } from './core/guard/policy-set.ts'
import { createLogger } from './core/logging/logging.ts'
import { createMetrics } from './core/metrics/metrics.ts'
import { createTenantResolver } from './core/tenant/resolver.ts'
import { createPool } from './database/connect.ts'
import { buildServer } from './server.ts'

/** What the routes of this release say of limits. */
export interface RoutePolicies {
  /** The general policy, then those that routes declare. */
  readonly base: readonly PolicyInput[]
  /** The route of a request, with what it declares; without a pattern where there is none. */
  find(method: string, target: string): RoutedRequest['route']
}

/** Builds the server and reads its routes. Nothing listens, no database is asked and no setting is read. */
export async function readRoutePolicies(): Promise<RoutePolicies> {
  const timeouts = { connectTimeoutMs: 1, statementTimeoutMs: 1, idleTimeoutMs: 1, maxLifetimeMs: 1_000 }
  const pool = createPool(
    { connectionString: 'postgres://127.0.0.1:1/none' },
    { ...timeouts, size: 1, name: 'none' },
    () => {},
  )
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
    version: '',
    isStopping: () => false,
  })
  const { routeTable, policies } = app
  await app.close()
  metrics.close()
  await pool.end()

  const declared = policies.current().policies.map(({ policy }) => policy)
  return {
    base: [generalPolicy, ...declared.filter(({ id }) => id !== generalPolicy.id)],
    find(method, target) {
      const pattern = routeTable.find(target.split('?', 1)[0] ?? target)?.pattern
      const asked = method.toUpperCase() === 'HEAD' ? ['HEAD', 'GET'] : [method.toUpperCase()]
      const route = routeTable.all.find((each) => each.url === pattern && asked.includes(each.method))
      if (route === undefined) return {}
      return { url: route.url, ...(route.config.guard !== undefined && { guard: route.config.guard }) }
    },
  }
}
