import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

/** One response as it came over the wire. */
export interface RawResponse {
  readonly status: number
  /** Names in lower case; a repeated one has its values joined by `, `. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** What a connection gave before it ended, or before it fell silent. */
export interface RawExchange {
  readonly text: string
  /** Interim responses (1xx) left out. */
  readonly responses: readonly RawResponse[]
  /** Whether the server closed the connection. */
  readonly closed: boolean
}

export interface RawOptions {
  /** Final responses to wait for. Default 1. */
  readonly expected?: number
  /** How long to wait for them, in milliseconds. Default 5,000. */
  readonly waitMs?: number
  /** Pause between two chunks, in milliseconds. */
  readonly pauseMs?: number
  /** How long the server may still take to close the connection once it has answered. Default 30. */
  readonly closeMs?: number
  /** Reads nothing before everything is written, as blocking clients do. */
  readonly isBlocking?: boolean
}

/** Writes bytes to a server exactly as given, and reads its answers and whether it closes the connection after them. */
export async function exchange(
  port: number,
  chunks: string | readonly (string | Buffer)[],
  options: RawOptions = {},
): Promise<RawExchange> {
  const socket = connect({ port, host: '127.0.0.1' })
  const received: Buffer[] = []
  const text = (): string => Buffer.concat(received).toString('latin1')
  const closed = Promise.withResolvers<boolean>()
  const answered = Promise.withResolvers<void>()
  socket.on('data', (chunk: Buffer) => {
    received.push(chunk)
    if (parseResponses(text()).length >= (options.expected ?? 1)) answered.resolve()
  })
  // A reset after the answer, while this side is still sending, is a close like another.
  for (const event of ['end', 'error', 'close'] as const) socket.once(event, () => closed.resolve(true))

  if (options.isBlocking === true) socket.pause()
  const written = writeAll(socket, typeof chunks === 'string' ? [chunks] : chunks, options.pauseMs ?? 0)
  if (options.isBlocking === true) await written.then(() => socket.resume())
  await Promise.race([answered.promise, closed.promise, delay(options.waitMs ?? 5_000)])
  const hasClosed = await Promise.race([closed.promise, delay(options.closeMs ?? 30, false)])
  socket.destroy()
  await written
  return { text: text(), responses: parseResponses(text()), closed: hasClosed }
}

async function writeAll(socket: Socket, chunks: readonly (string | Buffer)[], pauseMs: number): Promise<void> {
  for (const chunk of chunks) {
    if (socket.destroyed || !socket.writable) return
    const isFull = !socket.write(typeof chunk === 'string' ? Buffer.from(chunk, 'latin1') : chunk)
    if (isFull) await Promise.race([new Promise((resolve) => socket.once('drain', resolve)), closing(socket)])
    if (pauseMs > 0) await delay(pauseMs)
  }
}

const closing = (socket: Socket): Promise<unknown> => new Promise((resolve) => socket.once('close', resolve))

/** The final responses, each whole, in what came over a connection. Understands Content-Length and bodies without one. */
export function parseResponses(text: string): readonly RawResponse[] {
  const responses: RawResponse[] = []
  let rest = text
  while (rest.startsWith('HTTP/1.1 ')) {
    const end = rest.indexOf('\r\n\r\n')
    if (end === -1) break
    const [statusLine = '', ...lines] = rest.slice(0, end).split('\r\n')
    const status = Number(statusLine.split(' ')[1])
    const headers = parseHeaders(lines)
    const length = bodyLength(status, headers, rest.length - end - 4)
    if (rest.length < end + 4 + length) break
    const body = rest.slice(end + 4, end + 4 + length)
    if (status >= 200) responses.push({ status, headers, body })
    rest = rest.slice(end + 4 + length)
  }
  return responses
}

function parseHeaders(lines: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const line of lines) {
    const colon = line.indexOf(':')
    const name = line.slice(0, colon).toLowerCase()
    const value = line.slice(colon + 1).trim()
    headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`
  }
  return headers
}

function bodyLength(status: number, headers: Readonly<Record<string, string>>, available: number): number {
  if (status < 200 || status === 204 || status === 304) return 0
  return headers['content-length'] === undefined ? available : Number(headers['content-length'])
}
