import { connect, type Socket } from 'node:net'

/** One answer as it stood on the wire. */
export interface RawAnswer {
  readonly status: number
  /** Names in lower case, in the order sent. */
  readonly fields: readonly (readonly [name: string, value: string])[]
  readonly body: string
  /** The value of a field that must come once; undefined when absent. @throws Error when it came several times. */
  field(name: string): string | undefined
}

/** A connection that speaks HTTP/1.1 byte by byte. */
export interface RawConnection {
  readonly socket: Socket
  write(text: string): void
  /** The next answer; `isHead` for one to a HEAD request, which has no body whatever it announces. */
  next(isHead?: boolean): Promise<RawAnswer>
  /** Resolves once the server has ended the connection, with what came behind the last answer read. */
  ended(): Promise<string>
  destroy(): void
}

/** Opens a connection to this machine. */
export async function openRaw(port: number): Promise<RawConnection> {
  // A client of bad will does not close when the server does.
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
  let buffer = Buffer.alloc(0)
  let isOver = false
  let wake = (): void => {}
  socket.on('data', (chunk) => {
    buffer = Buffer.concat([buffer, chunk])
    wake()
  })
  const finish = (): void => {
    isOver = true
    wake()
  }
  socket.on('error', finish).on('end', finish).on('close', finish)
  const more = async (): Promise<void> => {
    if (isOver) throw new Error(`the connection ended after ${JSON.stringify(buffer.toString('latin1').slice(0, 200))}`)
    await new Promise<void>((resolve) => {
      wake = resolve
    })
  }
  const take = async (length: number): Promise<string> => {
    while (buffer.length < length) await more()
    const text = buffer.subarray(0, length).toString('utf8')
    buffer = buffer.subarray(length)
    return text
  }
  const takeLine = async (end: string): Promise<string> => {
    while (buffer.indexOf(end) === -1) await more()
    return take(buffer.indexOf(end) + end.length)
  }
  const takeChunks = async (): Promise<string> => {
    let body = ''
    for (;;) {
      const length = Number.parseInt(await takeLine('\r\n'), 16)
      body += (await take(length + 2)).slice(0, -2)
      if (length === 0) return body
    }
  }

  return {
    socket,
    write: (text) => void socket.write(text),
    async next(isHead = false) {
      const [first = '', ...lines] = (await takeLine('\r\n\r\n')).trimEnd().split('\r\n')
      const fields = lines.map((line) => {
        const colon = line.indexOf(':')
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const
      })
      const field = (name: string): string | undefined => {
        const values = fields.filter(([each]) => each === name)
        if (values.length > 1) throw new Error(`${name} came ${values.length} times`)
        return values[0]?.[1]
      }
      const isBodiless = isHead || first.includes(' 204 ')
      const isChunked = !isBodiless && field('transfer-encoding') === 'chunked'
      const body = isChunked ? await takeChunks() : await take(isBodiless ? 0 : Number(field('content-length') ?? 0))
      return { status: Number(first.split(' ')[1]), fields, body, field }
    },
    async ended() {
      while (!isOver) await more().catch(() => undefined)
      return buffer.toString('latin1')
    },
    destroy: () => void socket.destroy(),
  }
}

/** Writes the head of a request, and its body. */
export function rawRequest(
  method: string,
  target: string,
  headers: Readonly<Record<string, string | readonly string[]>> = {},
  body = '',
): string {
  const lines = Object.entries(headers).flatMap(([name, value]) =>
    (typeof value === 'string' ? [value] : value).map((each) => `${name}: ${each}\r\n`),
  )
  const length = body === '' || 'transfer-encoding' in headers ? '' : `content-length: ${Buffer.byteLength(body)}\r\n`
  return `${method} ${target} HTTP/1.1\r\nhost: localhost\r\n${lines.join('')}${length}\r\n${body}`
}

/** One request on a connection of its own. */
export async function askRaw(
  port: number,
  method: string,
  target: string,
  headers: Readonly<Record<string, string | readonly string[]>> = {},
  body = '',
): Promise<RawAnswer> {
  const connection = await openRaw(port)
  try {
    connection.write(rawRequest(method, target, headers, body))
    return await connection.next(method === 'HEAD')
  } finally {
    connection.destroy()
  }
}
