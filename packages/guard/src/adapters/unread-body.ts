import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** A refused body of at most this length is read and dropped, so that its connection serves on. */
const MOST_DROPPED_BYTES = 65_536
/** How much of a longer one is still taken in after the answer, and for how long, before its connection is cut. */
const MOST_LINGERED_BYTES = 1_048_576
const LONGEST_LINGER_MS = 2_000
const LINGER_CHECK_MS = 50

const lingering = new WeakSet<object>()
let lingeringNow = 0

/** Whether a request came behind a refused body whose connection ends: nobody can be answered there any more. */
export function isCutOff({ socket }: IncomingMessage): boolean {
  return lingeringNow > 0 && lingering.has(socket)
}

/**
 * Decides what becomes of the body of a request that is refused before it is read. A short one is dropped and the
 * connection serves on. A long one, or one of unknown length, ends the connection after the answer: its sender would
 * otherwise have this process read whatever it likes to send. To cut at once could destroy the answer on its way, so the
 * connection is closed for writing first, and what still comes is dropped for a moment.
 *
 * @see RFC 9112 §9.6
 */
export function leaveBodyUnread(message: IncomingMessage, response: ServerResponse): void {
  if (message.httpVersionMajor !== 1 || message.complete) return
  const { headers, socket } = message
  if (headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) <= MOST_DROPPED_BYTES) return
  response.setHeader('connection', 'close')
  // Node calls this once the answer is written, where it is the connection's last.
  socket.destroySoon = () => linger(socket)
}

function linger(socket: Socket): void {
  lingering.add(socket)
  lingeringNow += 1
  socket.end()
  const endsAtMs = performance.now() + LONGEST_LINGER_MS
  const mostBytes = socket.bytesRead + MOST_LINGERED_BYTES
  const check = setInterval(() => {
    if (performance.now() < endsAtMs && socket.bytesRead <= mostBytes && !socket.readableEnded) return
    socket.destroy()
  }, LINGER_CHECK_MS)
  socket.once('end', () => socket.destroy())
  socket.once('close', () => {
    lingeringNow -= 1
    clearInterval(check)
  })
}
