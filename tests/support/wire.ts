import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

/** A line to a server of this machine, which can be made to swallow what passes. */
export interface Wire {
  readonly port: number
  /** From now on what passes over the connections there are is lost, both ways, and nobody is told. New ones work. */
  swallow(): void
  close(): void
}

/** Opens a line to a port. */
export async function startWire(target: number): Promise<Wire> {
  const open = new Set<Socket>()
  const server = createServer((near) => {
    const far = connect(target, '127.0.0.1')
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(from)
      from.on('error', () => to.destroy())
      from.on('close', () => {
        open.delete(from)
        to.destroy()
      })
      from.pipe(to)
    }
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    swallow() {
      for (const socket of open) {
        socket.unpipe()
        socket.resume()
      }
    },
    close() {
      server.close()
      for (const socket of open) socket.destroy()
    },
  }
}
