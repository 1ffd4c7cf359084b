import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createConnection, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A database socket that counts the statements which go through it. */
export interface CountedDatabase {
  /** The same database, through the counter. */
  throughIt(url: string): string
  /** Statements so far, of every client. */
  statements(): number
  close(): Promise<void>
}

/**
 * Listens on a Unix socket of its own, and counts what PostgreSQL is told to run: messages `Execute` and `Query`.
 *
 * @param url - of a database at a Unix socket, with its directory as `host`.
 * @see https://www.postgresql.org/docs/current/protocol-message-formats.html
 */
export async function countStatements(url: string): Promise<CountedDatabase> {
  const { port, searchParams } = new URL(url)
  const directory = mkdtempSync(join(tmpdir(), 'rempart-count-'))
  const sockets = new Set<Socket>()
  let statements = 0
  const server = createServer((client) => {
    const database = createConnection(join(searchParams.get('host') ?? '', `.s.PGSQL.${port}`))
    const read = messageReader((type) => {
      if (type === 'E' || type === 'Q') statements += 1
    })
    client.on('data', read)
    client.pipe(database).pipe(client)
    for (const socket of [client, database]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        client.destroy()
        database.destroy()
        sockets.delete(socket)
      })
    }
  }).listen(join(directory, `.s.PGSQL.${port}`))
  await once(server, 'listening')
  return {
    throughIt(from) {
      const to = new URL(from)
      to.searchParams.set('host', directory)
      return to.href
    },
    statements: () => statements,
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** Tells the type of each message of one client, which come in pieces of any size. The first has no type. */
function messageReader(onMessage: (type: string) => void): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0)
  let typeBytes = 0
  const lengthOfNext = (): number =>
    rest.length < typeBytes + 4 ? Number.POSITIVE_INFINITY : typeBytes + rest.readInt32BE(typeBytes)
  return (chunk) => {
    rest = Buffer.concat([rest, chunk])
    for (let length = lengthOfNext(); length <= rest.length; length = lengthOfNext()) {
      onMessage(rest.toString('latin1', 0, typeBytes))
      typeBytes = 1
      rest = rest.subarray(length)
    }
  }
}
