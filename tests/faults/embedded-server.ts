import { createInterface } from 'node:readline'
import pg from 'pg'
import { startEmbeddedDatabase } from '../../packages/server/src/database/embedded.ts'
import { EmbeddedDatabaseError } from '../../packages/server/src/database/embedded-error.ts'

/** What this program says, one JSON object per line. */
export type Said =
  | { readonly said: 'ready'; readonly origin: string; readonly version: string; readonly host: string }
  | { readonly said: 'failed'; readonly code: string; readonly message: string; readonly hint: string }
  | { readonly said: 'log'; readonly level: string; readonly msg: string }
  | { readonly said: 'restarted' }
  | { readonly said: 'answer'; readonly rows?: unknown[]; readonly error?: string }
  | { readonly said: 'stopped' }

/** A server of nothing but the embedded database. Arguments: data directory, `share` or `alone`. Reads SQL, or `stop`. */
const [dataDir = '', sharing] = process.argv.slice(2)
const say = (said: Said) => process.stdout.write(`${JSON.stringify(said)}\n`)

try {
  const database = await startEmbeddedDatabase({
    dataDir,
    share: sharing === 'share',
    log: ({ level, msg }) => say({ said: 'log', level, msg }),
    onRestart: () => say({ said: 'restarted' }),
  })
  const connection = database.connection('rempart_owner')
  say({ said: 'ready', origin: database.origin, version: database.version, host: connection.host })

  const lines = createInterface({ input: process.stdin })
  for await (const line of lines) {
    if (line === 'stop') break
    say(await answer(connection, line))
  }
  await database.stop()
  say({ said: 'stopped' })
} catch (error) {
  if (!(error instanceof EmbeddedDatabaseError)) throw error
  say({ said: 'failed', code: error.code, message: error.message, hint: error.hint })
}

async function answer(connection: pg.ClientConfig, sql: string): Promise<Said> {
  const client = new pg.Client(connection)
  client.on('error', () => {})
  try {
    await client.connect()
    const { rows } = await client.query({ text: sql, rowMode: 'array' })
    return { said: 'answer', rows }
  } catch (error) {
    return { said: 'answer', error: error instanceof Error && 'code' in error ? String(error.code) : String(error) }
  } finally {
    client.end().catch(() => {})
  }
}
