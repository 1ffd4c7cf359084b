import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createKeyRing, type KeyRing } from '../packages/server/src/core/credentials/sealing.ts'
import { keyLabels } from '../packages/server/src/core/secrets.ts'
import { createPool, type Pool } from '../packages/server/src/database/connect.ts'
import { type EmbeddedDatabase, startEmbeddedDatabase } from '../packages/server/src/database/embedded.ts'
import { removeEmbeddedDatabase } from '../packages/server/src/database/embedded-remove.ts'
import { createTenant } from '../packages/server/src/modules/tenants/service.ts'
import { freePort, type Program, startProgram } from './support.ts'

/** A server of ours on its embedded database, with one tenant `bench`, for a bench of who signs in. */
export interface Installation {
  readonly server: Program
  readonly database: EmbeddedDatabase
  /** As rempart_worker. */
  readonly pool: Pool
  readonly tenantId: string
  /** What keys of the audit log are sealed under. */
  readonly auditRing: KeyRing
  /** Stops everything and removes the data. */
  stop(): Promise<void>
}

/** @param limited - policies whose `burst` is out of reach, and still judged on each request. */
export async function startInstallation(limited: readonly string[]): Promise<Installation> {
  const dataDir = mkdtempSync(join(tmpdir(), 'rempart-bench-'))
  const policy = join(dataDir, 'policy.json')
  const wide = { rules: { burst: { limit: 100_000_000 } } }
  writeFileSync(policy, JSON.stringify({ version: 1, policies: Object.fromEntries(limited.map((id) => [id, wide])) }))
  const port = await freePort()
  const server = await startProgram(['packages/cli/src/main.ts', 'start'], {
    port,
    path: '/health/ready',
    env: {
      REMPART_PORT: String(port),
      REMPART_DATA_DIR: dataDir,
      REMPART_POLICY_FILE: policy,
      // Each sign-in comes from a client of its own, as they do: one client of thousands is asked for a proof of work.
      REMPART_TRUSTED_PROXIES: '127.0.0.1/32',
    },
  })
  const database = await startEmbeddedDatabase({ dataDir, log: () => {}, share: true })
  const limits = { connectTimeoutMs: 5_000, statementTimeoutMs: 60_000, idleTimeoutMs: 10_000, maxLifetimeMs: 600_000 }
  const pool = createPool(database.connection('rempart_worker'), { size: 2, ...limits, name: 'bench' }, () => {})
  return {
    server,
    database,
    pool,
    tenantId: await createTenant(pool, { slug: 'bench', name: 'Bench' }),
    auditRing: createKeyRing(
      { current: Buffer.from(readFileSync(join(dataDir, 'secret.key'), 'utf8').trim()) },
      keyLabels.auditSubjects,
    ),
    async stop() {
      await server.stop()
      await pool.end()
      await database.stop()
      await removeEmbeddedDatabase(dataDir)
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}
