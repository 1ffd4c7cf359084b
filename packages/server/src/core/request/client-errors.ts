import { type ServerResponse, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { type Problem, problemBody } from '../problem.ts'
import type { ProblemCode } from '../problem-catalogue.ts'

const clientErrors: Readonly<Record<string, ProblemCode>> = {
  HPE_HEADER_OVERFLOW: 'headers-too-large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request-timeout',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'body-too-large',
}

/** The connection was reset, or ended in the middle of a request. */
const clientIsGone: ReadonlySet<string | undefined> = new Set(['ECONNRESET', 'HPE_INVALID_EOF_STATE'])

const answered = new WeakSet<Socket>()

/**
 * Answers what never became a request (bytes that are no HTTP, headers too large, anything too slow) with a problem, and
 * ends the connection.
 *
 * @returns the status sent; undefined when there was nobody to answer, or an answer was under way.
 */
export function answerClientError(
  error: Error & { code?: string },
  socket: Socket,
  describe: {
    readonly id: string
    readonly locale: 'en' | 'fr'
    readonly nowMs: number
    readonly headers: Readonly<Record<string, string>>
  },
): number | undefined {
  // More bytes of a stream that was refused already: read away until the connection closes.
  if (answered.has(socket)) return undefined
  if (clientIsGone.has(error.code) || !socket.writable) {
    socket.destroy()
    return undefined
  }
  answered.add(socket)
  const code = clientErrors[error.code ?? ''] ?? 'malformed-request'
  const body: Problem = problemBody(code, {}, describe)
  const text = JSON.stringify(body)
  const fields = Object.entries({
    ...describe.headers,
    'cache-control': 'no-store',
    'content-type': 'application/problem+json; charset=utf-8',
    'content-length': String(Buffer.byteLength(text)),
    'x-request-id': describe.id,
    connection: 'close',
  })
  const head = fields.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  const statusLine = `HTTP/1.1 ${body.status} ${STATUS_CODES[body.status] ?? 'Bad Request'}`
  afterEarlierAnswers(socket, () => {
    socket.write(`${statusLine}\r\n${head}\r\n${text}`)
    endConnection(socket, code)
  })
  return body.status
}

/** Node keeps the response that is being made here; there is no public name for it. */
type AnsweringSocket = Socket & { _httpMessage?: ServerResponse | null }

// Requests before this one on the same connection get their answers first: written now, this answer would pass for
// theirs. A request that broke off in its own body is not waited for, and one half answered cannot be answered again.
function afterEarlierAnswers(socket: AnsweringSocket, answer: () => void): void {
  if (socket.destroyed) return
  const current = socket._httpMessage
  if (current === null || current === undefined) answer()
  else if (current.req.complete) current.once('close', () => setImmediate(afterEarlierAnswers, socket, answer))
  else if (current.headersSent) socket.destroy()
  else answer()
}

// The rest of a request that came too slowly could still complete it, so that connection ends at once. Where the parser
// has given up nothing can follow, and the client gets a moment to read why.
function endConnection(socket: Socket, code: ProblemCode): void {
  if (code === 'request-timeout') {
    socket.destroySoon()
    return
  }
  socket.end()
  const timer = setTimeout(() => socket.destroy(), 1_000)
  socket.once('close', () => clearTimeout(timer))
}
