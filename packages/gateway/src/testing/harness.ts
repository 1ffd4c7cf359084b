import { createServer as createHttpServer, type RequestListener } from 'node:http'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { type LoadedPolicy, loadPolicies } from '@rempart/guard'
import type { GatewayOptions } from '../config.ts'
import { createGateway, type Gateway } from '../gateway.ts'
import type { Tally } from '../tally.ts'

/** A server behind, on a free port of this machine. */
export interface TestUpstream {
  readonly port: number
  readonly url: string
  /** Everything that came, by connection in the order of their making, byte for byte. */
  readonly received: readonly string[]
  /** Connections that are open now. */
  open(): number
  close(): Promise<void>
}

/** Starts an upstream that answers byte by byte: `answer` is told what has come on a connection so far. */
export async function startRawUpstream(answer: (socket: Socket, text: string) => void): Promise<TestUpstream> {
  const server = createServer()
  const received: string[] = []
  const upstream = await listen(server, received)
  server.on('connection', (socket) => {
    const index = received.length - 1
    socket.on('data', () => answer(socket, received[index] ?? ''))
  })
  return upstream
}

/** Starts an upstream of Node's own. */
export async function startUpstream(listener: RequestListener): Promise<TestUpstream> {
  return listen(createHttpServer({ keepAliveTimeout: 60_000 }, listener), [])
}

async function listen(server: Server, received: string[]): Promise<TestUpstream> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    const index = received.push('') - 1
    sockets.add(socket)
    socket.prependListener('data', (chunk: Buffer) => {
      received[index] += chunk.toString('latin1')
    })
    socket.on('error', () => socket.destroy()).once('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    received,
    open: () => sockets.size,
    close() {
      for (const socket of sockets) socket.destroy()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

/** A gateway in front of an upstream, in this process. */
export interface TestGateway {
  readonly gateway: Gateway
  readonly port: number
  /** All that was not forwarded, once the gateway has stopped or a second has passed. */
  readonly tallies: readonly Tally[]
  close(): Promise<void>
}

/** Starts a gateway; without policies it refuses nobody. */
export async function startGateway(upstream: string, options: Partial<GatewayOptions> = {}): Promise<TestGateway> {
  const tallies: Tally[] = []
  const gateway = createGateway({
    upstream,
    policies: [],
    onTally: (more) => tallies.push(...more),
    ...options,
    limits: { drainMs: 0, ...options.limits },
  })
  const url = await gateway.listen('127.0.0.1', 0)
  return { gateway, port: Number(new URL(url).port), tallies, close: () => gateway.stop() }
}

/** What a policy file with these policies says. */
export function policiesOf(policies: Readonly<Record<string, unknown>>): readonly LoadedPolicy[] {
  return loadPolicies({ version: 1, policies }, [])
}
