import { Agent, type IncomingMessage, request } from 'node:http'
import { connect } from 'node:net'
import type { Answer } from '../support/http-client.ts'
import type { ServerProcess } from '../support/server-process.ts'

/** What a visitor sends. Of `json`, `body` and `chunks` one at most; with one of them it is a POST. */
export interface PublicCall {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
  readonly json?: unknown
  /** As it is, as JSON unless a header says otherwise, with its true length. */
  readonly body?: string | Buffer
  /** In chunked coding, without a length. */
  readonly chunks?: readonly Buffer[]
}

/** Somebody on the internet, as the server sees them. */
export interface Visitor {
  /** @param path - sent as it is written, without being made canonical. */
  (path: string, call?: PublicCall): Promise<Answer>
  readonly address: string
}

/** The public of a server behind a proxy at 127.0.0.1 that it trusts. */
export interface Visitors {
  /** One whose address nobody else has. */
  next(): Visitor
  /** One at the address, or behind the hops, that the proxy names. */
  at(forwardedFor: string): Visitor
  /** One who comes without the proxy's header. */
  direct(headers?: PublicCall['headers']): Visitor
  close(): void
}

/** What every visitor says of their browser; no log may hold it. */
export const BROWSER = 'Acceptance/7.1 (Quixotic; Windmill 3)'

/** Opens nothing yet. Visitors keep connections open, as many as they have calls under way. */
export function visitorsOf(server: Pick<ServerProcess, 'url'>): Visitors {
  const agent = new Agent({ keepAlive: true, maxSockets: 24 })
  let sequence = 0
  const visitor = (address: string, own: PublicCall['headers']): Visitor =>
    Object.assign(
      (path: string, call: PublicCall = {}) =>
        exchange(agent, server.url, path, { ...call, headers: { 'user-agent': BROWSER, ...own, ...call.headers } }),
      { address },
    )
  const at = (forwardedFor: string) => visitor(forwardedFor, { 'x-forwarded-for': forwardedFor })
  return {
    at,
    next() {
      sequence += 1
      // RFC 2544's block: no other test of addresses is in it.
      return at(`198.18.${sequence >> 8}.${sequence & 255}`)
    },
    direct: (headers) => visitor('127.0.0.1', headers),
    close: () => agent.destroy(),
  }
}

function exchange(agent: Agent, origin: string, path: string, call: PublicCall): Promise<Answer> {
  const { port } = new URL(origin)
  const whole = call.json === undefined ? call.body : JSON.stringify(call.json)
  const hasBody = whole !== undefined || call.chunks !== undefined
  const headers = {
    ...(hasBody && { 'content-type': 'application/json' }),
    ...(whole !== undefined && { 'content-length': String(Buffer.byteLength(whole)) }),
    ...call.headers,
  }
  return new Promise((resolve, reject) => {
    const method = call.method ?? (hasBody ? 'POST' : 'GET')
    const outgoing = request({ agent, host: '127.0.0.1', port, path, method, headers: mutable(headers) })
    outgoing.setTimeout(30_000, () => outgoing.destroy(new Error(`no answer to ${method} ${path}`)))
    // A server that has refused a body may close while it is still being sent: the answer is what counts.
    outgoing.on('error', reject)
    outgoing.once('response', (incoming) => read(incoming).then(resolve, reject))
    for (const chunk of call.chunks ?? []) outgoing.write(chunk)
    outgoing.end(whole)
  })
}

const mutable = (headers: PublicCall['headers'] = {}): Record<string, string | string[]> =>
  Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, typeof value === 'string' ? value : [...value]]),
  )

async function read(incoming: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = []
  for await (const chunk of incoming) chunks.push(chunk)
  const text = Buffer.concat(chunks).toString()
  return { status: incoming.statusCode ?? 0, headers: incoming.headers, text, json: () => JSON.parse(text) }
}

/**
 * Writes bytes that no HTTP library would, and reads until the server closes, or has been silent for a second.
 *
 * @returns the status of every answer that came, and all of the text.
 */
export function sendBytes(server: Pick<ServerProcess, 'url'>, bytes: string | Buffer) {
  return new Promise<{ readonly statuses: readonly number[]; readonly text: string }>((resolve) => {
    let text = ''
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1', () => socket.write(bytes))
    socket.on('data', (chunk) => {
      text += chunk.toString()
    })
    socket.setTimeout(1_000, () => socket.destroy())
    // The server resets a connection whose rest it will not read.
    socket.on('error', () => {})
    socket.on('close', () => {
      const statuses = [...text.matchAll(/^HTTP\/1\.1 (\d{3}) /gm)].map(([, status]) => Number(status))
      resolve({ statuses, text })
    })
  })
}
