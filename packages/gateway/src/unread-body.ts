import type { IncomingMessage } from 'node:http'
import type { GatewayResponse } from './gateway-response.ts'

/** The rest of a body of at most this length is read and dropped, so that its connection serves on. */
const MOST_DROPPED_BYTES = 65_536
/** How much of a longer one is still taken in after the answer, and for how long, before its connection is cut. */
const MOST_LINGERED_BYTES = 1_048_576
const LINGER_MS = 2_000

/**
 * Decides what becomes of the rest of a body that nobody is going to read, before the answer is written. A short one is
 * dropped and the connection serves on. Any other ends the connection after the answer, with a moment in which what
 * still comes is dropped: to cut at once could destroy the answer on its way.
 *
 * @param length - As announced; undefined for a chunked body.
 * @see RFC 9112 §9.6
 */
export function leaveBodyUnread(
  message: IncomingMessage,
  response: GatewayResponse,
  { length, expectsContinue }: { readonly length: number | undefined; readonly expectsContinue: boolean },
): void {
  if (message.complete || length === 0) return
  if (length !== undefined && length <= MOST_DROPPED_BYTES && !expectsContinue) return
  response.shouldKeepAlive = false
  const { socket } = message
  // Node calls this once the answer is written, where it is the connection's last.
  socket.destroySoon = () => {
    const mostBytes = socket.bytesRead + MOST_LINGERED_BYTES
    const timer = setTimeout(() => socket.destroy(), LINGER_MS)
    socket.once('close', () => clearTimeout(timer))
    message.on('data', () => {
      if (socket.bytesRead > mostBytes) socket.destroy()
    })
    message.once('end', () => socket.destroy())
    message.resume()
    socket.end()
  }
}
