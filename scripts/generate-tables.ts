import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startEmbeddedDatabase } from '../packages/server/src/database/embedded.ts'
import { migrate } from '../packages/server/src/database/migrate.ts'

const target = 'packages/server/src/database/tables.generated.ts'

/**
 * Writes the table types from a migrated database; with `--check`, only says whether the committed file is what the
 * migrations make, and exits with 1 when it is not.
 */
async function main(): Promise<void> {
  const isCheck = process.argv.includes('--check')
  const directory = mkdtempSync(join(tmpdir(), 'rempart-tables-'))
  const database = await startEmbeddedDatabase({ dataDir: join(directory, 'data'), log: () => {} })
  try {
    const connection = database.connection('rempart_owner')
    await migrate(connection)
    const outFile = isCheck ? join(directory, 'tables.ts') : target
    const url = `postgres://${connection.user}@localhost:${connection.port}/${connection.database}?host=${encodeURIComponent(connection.host)}`
    execFileSync(
      'node_modules/.bin/kysely-codegen',
      [
        '--dialect',
        'postgres',
        '--url',
        url,
        '--out-file',
        outFile,
        '--date-parser',
        'string',
        '--default-schema',
        'public',
        '--exclude-pattern',
        'auth.*',
        '--type-mapping',
        '{"int8":"number"}',
      ],
      { stdio: ['ignore', 'ignore', 'inherit'] },
    )
    if (isCheck && readFileSync(outFile, 'utf8') !== readFileSync(target, 'utf8')) {
      console.error(`${target} is not what the migrations make: run npm run generate`)
      process.exitCode = 1
    }
  } finally {
    await database.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

await main()
