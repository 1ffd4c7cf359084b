import type { IncomingMessage, ServerResponse } from 'node:http'

/** What requests of a connection wait for, until each has ended. */
const heldBy = new WeakMap<object, Set<() => void>>()

/**
 * Calls back when the answer has been sent, or can no longer be: once, from whatever end comes first.
 *
 * In Node 20 an answer tells of its end only once it has its turn on the connection. One that waits behind another
 * (pipelining) hears nothing when the connection breaks, so the connection is listened to as well, by one listener for all.
 */
export function atEnd(message: IncomingMessage, response: ServerResponse, release: () => void): void {
  // In HTTP/2 each answer has its stream, which tells of its own end; the socket may be gone before it.
  const held = message.httpVersionMajor === 1 ? heldOn(message.socket) : new Set<() => void>()
  const end = (): void => {
    if (held.delete(end)) release()
  }
  held.add(end)
  if (isOver(message, response)) end()
  else response.once('close', end)
}

function isOver({ socket, httpVersionMajor }: IncomingMessage, response: ServerResponse): boolean {
  return response.writableFinished || response.destroyed || (httpVersionMajor === 1 && socket.destroyed)
}

function heldOn(socket: IncomingMessage['socket']): Set<() => void> {
  const known = heldBy.get(socket)
  if (known !== undefined) return known
  const held = new Set<() => void>()
  heldBy.set(socket, held)
  socket.once('close', () => {
    for (const end of held) end()
  })
  return held
}
