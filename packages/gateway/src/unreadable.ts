import { type ServerResponse, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { GatewayProblem, OwnAnswer } from './problems.ts'

const problemOf: Readonly<Record<string, GatewayProblem>> = {
  HPE_HEADER_OVERFLOW: 'headers-too-large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'headers-too-large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request-timeout',
}

/** The connection was reset, or ended in the middle of a request. */
const clientIsGone: ReadonlySet<string | undefined> = new Set(['ECONNRESET', 'EPIPE', 'HPE_INVALID_EOF_STATE'])
const LINGER_MS = 1_000

const answered = new WeakSet<Socket>()

/** Node keeps the answer that is being made here; there is no public name for it. */
type AnsweringSocket = Socket & { readonly _httpMessage?: ServerResponse | null }

/**
 * Answers what never became a request, or broke off being one, and ends the connection: where a request ends is not known
 * any more, so nothing that follows is read.
 *
 * @returns The problem; undefined when there was nobody to answer.
 */
export function answerUnreadable(
  error: Error & { readonly code?: string },
  socket: AnsweringSocket,
  answerOf: (problem: GatewayProblem) => OwnAnswer,
): GatewayProblem | undefined {
  if (answered.has(socket)) return undefined
  if (clientIsGone.has(error.code) || !socket.writable) {
    socket.destroy()
    return undefined
  }
  answered.add(socket)
  const problem = problemOf[error.code ?? ''] ?? 'malformed-request'
  afterEarlierAnswers(socket, () => {
    const { status, lines, body } = answerOf(problem)
    const length = Buffer.byteLength(body)
    socket.end(
      `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines}content-length: ${length}\r\nconnection: close\r\n\r\n${body}`,
    )
    const timer = setTimeout(() => socket.destroy(), LINGER_MS)
    socket.once('close', () => clearTimeout(timer))
  })
  return problem
}

// Requests before this one on the same connection get their answers first: written now, this answer would pass for
// theirs. One that broke off in its own body is not waited for, and one half answered cannot be answered again.
function afterEarlierAnswers(socket: AnsweringSocket, answer: () => void): void {
  if (socket.destroyed) return
  const current = socket._httpMessage
  if (current === null || current === undefined) answer()
  else if (current.req.complete) current.once('close', () => setImmediate(afterEarlierAnswers, socket, answer))
  else if (current.headersSent) socket.destroy()
  else answer()
}
