import { mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createPool, type Pool } from '../../packages/server/src/database/connect.ts'
import { startEmbeddedDatabase } from '../../packages/server/src/database/embedded.ts'
import { removeEmbeddedDatabase } from '../../packages/server/src/database/embedded-remove.ts'
import { migrate } from '../../packages/server/src/database/migrate.ts'
import { childrenOf, send } from './processes.ts'

/** A PostgreSQL that several servers of a test share, as an external one. */
export interface SharedDatabase {
  /** What makes a server serve from it. */
  readonly env: Readonly<Record<string, string>>
  /** As rempart_worker. */
  readonly worker: Pool
  /** As rempart_app, to look around. */
  readonly app: Pool
  /** Stops every one of its processes where it stands: it answers nothing and closes nothing. */
  freeze(): void
  thaw(): void
  remove(): Promise<void>
}

/** Makes and migrates one. */
export async function startSharedDatabase(): Promise<SharedDatabase> {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'rempart-shared-')))
  const database = await startEmbeddedDatabase({ dataDir: directory, log: () => {} })
  const url = (role: 'rempart_app' | 'rempart_worker'): string => {
    const { host, port, user, database: name } = database.connection(role)
    return `postgres://${user}@localhost:${port}/${name}?host=${encodeURIComponent(host)}`
  }
  await migrate(database.connection('rempart_owner'))
  const settings = { connectTimeoutMs: 5_000, statementTimeoutMs: 30_000, idleTimeoutMs: 1_000, maxLifetimeMs: 60_000 }
  const pool = (role: 'rempart_app' | 'rempart_worker') =>
    createPool(database.connection(role), { ...settings, size: 2, name: 'test' }, () => {})
  const [app, worker] = [pool('rempart_app'), pool('rempart_worker')]
  const postmaster = Number(readFileSync(join(directory, 'postgres/postmaster.pid'), 'utf8').split('\n', 1)[0])
  const family = (): number[] => [postmaster, ...childrenOf(postmaster)]
  const thaw = (): void => {
    for (const pid of family()) send(pid, 'SIGCONT')
  }
  return {
    env: {
      REMPART_DATABASE_URL: url('rempart_app'),
      REMPART_DATABASE_WORKER_URL: url('rempart_worker'),
      REMPART_SECRET_KEY: 'Zk3vQm8xT1pLr6wYb9cN4hJd7sGf2aKe5uXo0iVtRqM=',
    },
    app,
    worker,
    freeze() {
      for (const pid of family()) send(pid, 'SIGSTOP')
    },
    thaw,
    async remove() {
      thaw()
      await Promise.all([app.end(), worker.end()])
      await database.stop()
      await removeEmbeddedDatabase(directory)
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
