import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startEmbeddedDatabase } from '../packages/server/src/database/embedded.ts'
import { removeEmbeddedDatabase } from '../packages/server/src/database/embedded-remove.ts'
import { findRedis, startRedis } from '../tests/support/redis-server.ts'

/** What the tests of a scope need besides, and where they find it. */
interface MutationServer {
  readonly environment: Readonly<Record<string, string>>
  readonly stop: () => Promise<void>
}

const nothing: MutationServer = { environment: {}, stop: async () => undefined }

/**
 * Starts the one server that serves all mutants of a scope: a test file's own would be left behind by a process that
 * is ended in an endless loop.
 */
export async function startMutationServer(scope: string): Promise<MutationServer> {
  if (scope === 'redis') return startMutationRedis()
  return scope === 'postgres' ? startMutationPostgres() : nothing
}

async function startMutationRedis(): Promise<MutationServer> {
  const binary = findRedis()
  if (binary === undefined) return nothing
  const { url, remove } = await startRedis(binary)
  return { environment: { REMPART_TEST_REDIS_URL: url }, stop: remove }
}

async function startMutationPostgres(): Promise<MutationServer> {
  const dataDir = mkdtempSync(join(tmpdir(), 'rempart-mutation-'))
  const database = await startEmbeddedDatabase({
    dataDir,
    log: () => {},
    extraSetup: ['alter role rempart_owner createdb', 'grant connect on database postgres to rempart_owner'],
  })
  const { host, port } = database.connection('rempart_owner')
  return {
    environment: { REMPART_MUTATION_DATABASE: JSON.stringify({ host, port }) },
    async stop() {
      await database.stop()
      await removeEmbeddedDatabase(dataDir)
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}
