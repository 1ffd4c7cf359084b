import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { Agent, type IncomingMessage, request } from 'node:http'
import { connect } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { openRaw } from '../../guard/src/testing/raw-http.ts'
import { startGateway, startUpstream, type TestGateway, type TestUpstream } from './testing/harness.ts'

const opened: (TestGateway | TestUpstream)[] = []
const keep = <T extends TestGateway | TestUpstream>(one: T): T => {
  opened.push(one)
  return one
}
afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one.close()
})

const hash = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')
const echo = () => startUpstream((message, response) => void message.pipe(response))

describe('bodies', () => {
  it.each(['length', 'chunks'])('pass unchanged both ways, up to the last byte, sent by %s', async (framing) => {
    const upstream = keep(await echo())
    const { port } = keep(await startGateway(upstream.url))
    for (const size of [0, 1, 16_383, 32_768, 65_537, 5_000_001]) {
      const body = randomBytes(size)
      expect(hash(await send(port, body, framing === 'chunks'))).toBe(hash(body))
    }
  })

  it('of 2,000 requests at once over keep-alive connections are each the right one', async () => {
    const upstream = keep(await echo())
    const { port } = keep(await startGateway(upstream.url, { limits: { upstreamConnections: 64 } }))
    const agent = new Agent({ keepAlive: true, maxSockets: 2_000 })
    const round = () =>
      Promise.all(
        Array.from({ length: 2_000 }, async (_, index) => {
          const body = randomBytes(1 + (index % 4_000))
          return hash(await send(port, body, index % 2 === 0, agent)) === hash(body)
        }),
      )
    expect((await round()).every(Boolean)).toBe(true)
    expect((await round()).every(Boolean)).toBe(true)
    agent.destroy()
    expect(upstream.received.length).toBeLessThan(200)
  }, 60_000)

  it('wait for a client that does not read, and for an upstream that does not', async () => {
    const size = 64 * 1_048_576
    let written = 0
    let unread: IncomingMessage | undefined
    const upstream = keep(
      await startUpstream((message, response) => {
        if (message.method === 'POST') {
          unread = message
          return
        }
        const piece = Buffer.alloc(65_536)
        const go = (): void => {
          while (written < size) {
            written += piece.length
            if (!response.write(piece)) return void response.once('drain', go)
          }
          response.end()
        }
        go()
      }),
    )
    const { port } = keep(await startGateway(upstream.url))
    const reader = connect(port, '127.0.0.1')
    reader.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n')
    reader.pause()
    await steady(() => written)
    expect(written).toBeLessThan(size / 2)

    const writer = connect(port, '127.0.0.1')
    writer.write(`POST / HTTP/1.1\r\nhost: a\r\ncontent-length: ${size}\r\n\r\n`)
    const piece = Buffer.alloc(65_536)
    for (let sent = 0; sent < size; sent += piece.length) writer.write(piece)
    await steady(() => writer.writableLength)
    expect(writer.writableLength).toBeGreaterThan(size / 2)
    reader.destroy()
    writer.destroy()
    unread?.resume()
    await expect.poll(() => upstream.open()).toBe(0)
  }, 30_000)

  it('that the upstream refuses in the middle are refused so to the client, whose connection ends', async () => {
    const upstream = keep(
      await startUpstream((message, response) => {
        message.once('data', () => response.writeHead(413, { connection: 'close' }).end('too much'))
      }),
    )
    const { port } = keep(await startGateway(upstream.url))
    const connection = await openRaw(port)
    connection.write(`POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100000000\r\n\r\n${'x'.repeat(1_000)}`)
    const answer = await connection.next()
    expect([answer.status, answer.body, answer.field('connection')]).toEqual([413, 'too much', 'close'])
    connection.destroy()
  })
})

describe('who leaves is not waited for', () => {
  it('a client in the middle of its request: the upstream hears of it', async () => {
    const ends: string[] = []
    const upstream = keep(
      await startUpstream((message) => {
        message.on('data', () => undefined).once('error', () => ends.push('aborted'))
      }),
    )
    const { port } = keep(await startGateway(upstream.url))
    const socket = connect(port, '127.0.0.1')
    socket.write('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\nhalf')
    await expect.poll(() => upstream.received[0] ?? '').toContain('half')
    socket.destroy()
    await expect.poll(() => ends).toEqual(['aborted'])
  })

  it('a client that waits for its answer: the upstream’s work is ended', async () => {
    const upstream = keep(await startUpstream(() => undefined))
    const { port } = keep(await startGateway(upstream.url))
    const socket = connect(port, '127.0.0.1')
    socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n')
    await expect.poll(() => upstream.received[0] ?? '').toContain('GET')
    socket.destroy()
    await expect.poll(() => upstream.open()).toBe(0)
  })

  it('an upstream in the middle of its answer: the client is cut off', async () => {
    const upstream = keep(
      await startUpstream((_message, response) => {
        response.writeHead(200, { 'content-length': '100' }).write('half')
        setImmediate(() => response.destroy())
      }),
    )
    const { port } = keep(await startGateway(upstream.url))
    const [answer] = (await once(request({ port, host: '127.0.0.1' }).end(), 'response')) as [IncomingMessage]
    await expect(bytesOf(answer)).rejects.toThrow('aborted')
  })

  it('a client that stops taking its answer is cut off, and the upstream is not kept', async () => {
    const upstream = keep(await startUpstream((_message, response) => void response.end(Buffer.alloc(64 * 1_048_576))))
    const { port } = keep(await startGateway(upstream.url, { limits: { idleMs: 300 } }))
    const reader = connect(port, '127.0.0.1')
    const ended = new Promise((resolve) => reader.on('error', () => undefined).once('close', resolve))
    reader.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n')
    reader.pause()
    await expect.poll(() => upstream.received.length).toBe(1)
    await expect.poll(() => upstream.open(), { timeout: 4_000 }).toBe(0)
    reader.resume()
    await ended
    expect(reader.bytesRead).toBeLessThan(64 * 1_048_576)
  })

  it('a client that sends its body too slowly is told so, and the upstream is not kept', async () => {
    const upstream = keep(await startUpstream((message) => void message.resume()))
    const { port } = keep(await startGateway(upstream.url, { limits: { idleMs: 300, firstByteMs: 300 } }))
    const connection = await openRaw(port)
    connection.write('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\nhalf')
    const answer = await connection.next()
    expect([answer.status, JSON.parse(answer.body).code]).toEqual([408, 'request-timeout'])
    await expect.poll(() => upstream.open()).toBe(0)
    connection.destroy()
  })
})

async function send(port: number, body: Buffer, isChunked: boolean, agent?: Agent): Promise<Buffer> {
  const headers = isChunked ? { 'transfer-encoding': 'chunked' } : { 'content-length': String(body.length) }
  const outgoing = request({ port, host: '127.0.0.1', method: 'POST', headers, ...(agent && { agent }) })
  outgoing.end(body)
  const [answer] = (await once(outgoing, 'response')) as [IncomingMessage]
  expect(answer.statusCode).toBe(200)
  return bytesOf(answer)
}

async function bytesOf(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of message) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** Waits until a figure stands still. */
async function steady(read: () => number): Promise<void> {
  let last = -1
  await expect
    .poll(
      () => {
        const before = last
        last = read()
        return last === before
      },
      { interval: 200, timeout: 10_000 },
    )
    .toBe(true)
}
