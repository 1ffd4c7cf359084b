import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createConnection, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A database socket whose traffic a test can watch, hold back and cut. */
export interface WireProxy {
  /** The directory to name as `host`; the port is the one of the database. */
  readonly host: string
  /** Everything clients have written, as Latin-1, so that statements can be searched for. */
  sent(): string
  /** Keeps what the database answers, its hanging up too, from the clients until `release`. */
  hold(): void
  /** Hands over what was held, in order. */
  release(): void
  close(): Promise<void>
}

/** Listens on a Unix socket of its own and passes everything on to the database's. */
export async function startWireProxy(database: { readonly host: string; readonly port: number }): Promise<WireProxy> {
  const host = mkdtempSync(join(tmpdir(), 'rempart-wire-'))
  const socketName = `.s.PGSQL.${database.port}`
  const sockets = new Set<Socket>()
  const sent: Buffer[] = []
  const held: (() => void)[] = []
  let isHeld = false
  const server = createServer((client) => {
    const upstream = createConnection(join(database.host, socketName))
    client.on('data', (chunk) => {
      sent.push(chunk)
      upstream.write(chunk)
    })
    const deliver = (act: () => void): void => {
      if (isHeld) held.push(act)
      else act()
    }
    upstream.on('data', (chunk) => deliver(() => client.write(chunk)))
    upstream.on('close', () => deliver(() => client.destroy()))
    client.on('close', () => upstream.destroy())
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => sockets.delete(socket))
    }
  })
  server.listen(join(host, socketName))
  await once(server, 'listening')
  return {
    host,
    sent: () => Buffer.concat(sent).toString('latin1'),
    hold: () => {
      isHeld = true
    },
    release: () => {
      isHeld = false
      for (const hand of held.splice(0)) hand()
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
      rmSync(host, { recursive: true, force: true })
    },
  }
}
