import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { startEmbeddedDatabase } from '../database/embedded.ts'
import { removeEmbeddedDatabase } from '../database/embedded-remove.ts'
import { migrate } from '../database/migrate.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** The socket directory and port of the run's PostgreSQL. */
    database: { readonly host: string; readonly port: number }
  }
}

/** One real PostgreSQL for the whole run, migrated once; each test file copies the database it made. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const dataDir = mkdtempSync(join(tmpdir(), 'rempart-test-'))
  const database = await startEmbeddedDatabase({
    dataDir,
    log: () => {},
    extraSetup: ['alter role rempart_owner createdb', 'grant connect on database postgres to rempart_owner'],
  })
  const owner = database.connection('rempart_owner')
  await migrate(owner)
  project.provide('database', { host: owner.host, port: owner.port })
  return async () => {
    await database.stop()
    await removeEmbeddedDatabase(dataDir)
  }
}
