import { connect } from 'node:net'

/** What a load of `exchanges` sent. */
export interface Exchanged {
  readonly answers: number
  readonly elapsedS: number
}

const good = Buffer.from('200')
const lastByte = '}'.charCodeAt(0)

/**
 * Sends one request as fast as answers come, over so many keep-alive connections, each from an address of its own: another
 * client, as far as a limit by address can tell. It looks at the first and the last bytes of an answer and no more: a
 * client that parses heads would be slower than the servers, and the slower the longer the head. So the answer is a JSON
 * object.
 *
 * @param request - head and body, as they go over the wire.
 * @throws Error an answer is not a 200, or a connection fails.
 */
export async function exchanges(
  port: number,
  request: string,
  { connections, seconds }: { readonly connections: number; readonly seconds: number },
): Promise<Exchanged> {
  const until = { isOver: false }
  const startMs = performance.now()
  setTimeout(() => {
    until.isOver = true
  }, seconds * 1_000)
  const counts = await Promise.all(
    Array.from({ length: connections }, (_, index) => exchange(port, `127.0.1.${index + 1}`, request, until)),
  )
  return { answers: counts.reduce((sum, count) => sum + count, 0), elapsedS: (performance.now() - startMs) / 1_000 }
}

/** One connection's share of the load: how many answers came. */
function exchange(
  port: number,
  localAddress: string,
  request: string,
  until: { readonly isOver: boolean },
): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', localAddress }, () => socket.write(request))
    let answers = 0
    let isHead = true
    socket.setNoDelay(true)
    socket.once('error', reject).once('close', () => resolve(answers))
    socket.on('data', (chunk: Buffer) => {
      if (isHead && !chunk.subarray(9, 12).equals(good)) reject(new Error(chunk.toString('latin1', 0, 200)))
      isHead = chunk[chunk.length - 1] === lastByte
      if (!isHead) return
      answers += 1
      if (until.isOver) socket.destroy()
      else socket.write(request)
    })
  })
}
