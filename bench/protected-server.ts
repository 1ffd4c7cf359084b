import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createMemoryStore } from '@rempart/guard'
import { Type } from 'typebox'
import { loadConfig } from '../packages/server/src/config.ts'
import { createLogger } from '../packages/server/src/core/logging/logging.ts'
import { createMetrics } from '../packages/server/src/core/metrics/metrics.ts'
import { createTenantResolver } from '../packages/server/src/core/tenant/resolver.ts'
import { removeEmbeddedDatabase } from '../packages/server/src/database/embedded-remove.ts'
import { openDatabase } from '../packages/server/src/database/open.ts'
import { seedDemo } from '../packages/server/src/demo.ts'
import { buildServer } from '../packages/server/src/server.ts'

/** The server as it ships (headers, limit, tenant, ids, log line, metrics), with one more GET that answers a constant. */
const dataDir = mkdtempSync(join(tmpdir(), 'rempart-bench-'))
const config = loadConfig({ REMPART_DATA_DIR: dataDir })
const database = await openDatabase(config, { log: () => {} })
await seedDemo(database.worker)
const app = await buildServer(
  {
    config,
    secretKey: 'Zk3vQm8xT1pLr6wYb9cN4hJd7sGf2aKe5uXo0iVtRqM=',
    pool: database.app,
    tenants: createTenantResolver(database.app),
    store: createMemoryStore({ budgetBytes: config.guardMemoryBytes }),
    // The limit is out of reach and still judged on each request.
    policyFile: {
      version: 1,
      policies: {
        general: { rules: { burst: { limit: 100_000_000 } } },
        'forms.view': { rules: { burst: { limit: 100_000_000 } } },
      },
    },
    // As on a database where no tenant has limits of its own.
    tenantFeed: { any: () => false, changed: () => {}, follow: () => {}, hears: () => false },
    metrics: createMetrics(),
    log: createLogger({ level: config.logLevel }),
    clock: { now: () => Date.now() },
    nowMs: () => performance.now(),
    version: 'bench',
    isStopping: () => false,
  },
  (api) => {
    api.get(
      '/hello',
      {
        schema: {
          operationId: 'hello',
          summary: 'Hello',
          tags: ['bench'],
          response: { 200: Type.Object({ hello: Type.String() }) },
        },
        config: { access: 'public' },
      },
      (_request, reply) => void reply.send({ hello: 'world' }),
    )
  },
)
await app.listen({ port: Number(process.env['BENCH_PORT']), host: '127.0.0.1' })
process.once('SIGTERM', async () => {
  await app.close()
  await database.close()
  await removeEmbeddedDatabase(dataDir)
  rmSync(dataDir, { recursive: true, force: true })
  process.exit(0)
})
