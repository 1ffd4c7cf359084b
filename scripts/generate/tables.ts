import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startEmbeddedDatabase } from '../../packages/server/src/database/embedded.ts'
import { removeEmbeddedDatabase } from '../../packages/server/src/database/embedded-remove.ts'
import { migrate } from '../../packages/server/src/database/migrate.ts'

/** The table types of a database that every migration has made. */
export async function tableTypes(): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'rempart-tables-'))
  const database = await startEmbeddedDatabase({ dataDir: directory, log: () => {} })
  try {
    const connection = database.connection('rempart_owner')
    await migrate(connection)
    const file = join(directory, 'tables.ts')
    execFileSync('node_modules/.bin/kysely-codegen', [...options, '--url', urlOf(connection), '--out-file', file], {
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    return readFileSync(file, 'utf8')
  } finally {
    await database.stop()
    await removeEmbeddedDatabase(directory)
    rmSync(directory, { recursive: true, force: true })
  }
}

const options = [
  ...['--dialect', 'postgres'],
  ...['--default-schema', 'public'],
  ...['--exclude-pattern', '(auth|pgboss|rempart_guard|security_event_days).*'],
  // As the type parsers of database/connect.ts read them.
  ...['--date-parser', 'string'],
  ...['--type-mapping', '{"int8":"number"}'],
]

const urlOf = (socket: { host: string; port: number; user: string; database: string }): string =>
  `postgres://${socket.user}@localhost:${socket.port}/${socket.database}?host=${encodeURIComponent(socket.host)}`
