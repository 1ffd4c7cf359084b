import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { type EmbeddedDatabase, type EmbeddedDatabaseEvent, startEmbeddedDatabase } from './embedded.ts'

function openDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'rempart-embedded-'))
  chmodSync(directory, 0o755)
  return directory
}

function temporaryDirectory(): string {
  const directory = openDirectory()
  onTestFinished(() => rmSync(directory, { recursive: true }))
  return directory
}

async function start(
  dataDir: string,
  log: (event: EmbeddedDatabaseEvent) => void = () => {},
): Promise<EmbeddedDatabase> {
  const database = await startEmbeddedDatabase({ dataDir, log })
  onTestFinished(() => database.stop())
  return database
}

async function connected<T>(database: EmbeddedDatabase, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client(database.connection('rempart_app'))
  await client.connect()
  try {
    return await use(client)
  } finally {
    await client.end()
  }
}

describe('a running embedded database', () => {
  let directory: string
  let dataDir: string
  let database: EmbeddedDatabase
  beforeAll(async () => {
    directory = openDirectory()
    dataDir = join(directory, 'data')
    database = await startEmbeddedDatabase({ dataDir, log: () => {} })
  }, 30_000)
  afterAll(async () => {
    await database.stop()
    rmSync(directory, { recursive: true })
  })

  it('listens on a private socket and nowhere else, and keeps every commit', async () => {
    const { host, port } = database.connection('rempart_app')
    expect(statSync(host).mode & 0o777).toBe(0o700)
    expect(statSync(join(host, `.s.PGSQL.${port}`)).mode & 0o777).toBe(0o700)
    const settings = await connected(database, (client) =>
      client.query(
        "select name, setting from pg_settings where name in ('listen_addresses', 'fsync', 'synchronous_commit')",
      ),
    )
    expect(Object.fromEntries(settings.rows.map(({ name, setting }) => [name, setting]))).toEqual({
      listen_addresses: '',
      fsync: 'on',
      synchronous_commit: 'on',
    })
  })

  it('writes no statement, and no value of one, to its log', async () => {
    await connected(database, async (client) => {
      await expect(client.query("select 'ada@example.org'::int")).rejects.toThrow('ada@example.org')
    })
    const log = readFileSync(join(dataDir, 'postgres.log'), 'utf8')
    expect(log).toContain('ready to accept connections')
    expect(log).not.toContain('ada@example.org')
  })

  it('is not taken for unused when every connection is taken', async () => {
    const clients: pg.Client[] = []
    onTestFinished(async () => void (await Promise.all(clients.map((client) => client.end()))))
    const fill = async () => {
      for (;;) {
        const client = new pg.Client(database.connection('rempart_app'))
        await client.connect()
        clients.push(client)
      }
    }
    await expect(fill()).rejects.toMatchObject({ code: '53300' })
    await expect(start(dataDir)).rejects.toMatchObject({ code: 'data-dir-in-use' })
  })
})

describe('startEmbeddedDatabase', { timeout: 30_000 }, () => {
  it('sets a log that has grown long aside, once', async () => {
    const dataDir = join(temporaryDirectory(), 'data')
    await (await start(dataDir)).stop()
    writeFileSync(join(dataDir, 'postgres.log'), 'x'.repeat(5 * 1024 * 1024))
    await start(dataDir)
    expect(statSync(join(dataDir, 'postgres.log')).size).toBeLessThan(10_000)
    expect(statSync(join(dataDir, 'postgres.log.1')).size).toBe(5 * 1024 * 1024)
  })

  it('stops once however often it is asked, and leaves no socket behind', async () => {
    const database = await start(join(temporaryDirectory(), 'data'))
    const { host } = database.connection('rempart_app')
    await Promise.all([database.stop(), database.stop()])
    await database.stop()
    expect(statSync(host, { throwIfNoEntry: false })).toBeUndefined()
  })

  it('ends open transactions when it stops, instead of waiting for them', async () => {
    const database = await start(join(temporaryDirectory(), 'data'))
    const client = new pg.Client(database.connection('rempart_app'))
    const broken = new Promise((resolve) => client.on('error', resolve))
    await client.connect()
    await client.query('begin; select 1')
    await database.stop()
    expect(await broken).toMatchObject({ code: '57P01' })
  })
})
