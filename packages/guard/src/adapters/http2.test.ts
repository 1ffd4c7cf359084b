import type { RequestListener } from 'node:http'
import { type ClientHttp2Session, type ClientHttp2Stream, connect, createServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import fastify from 'fastify'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { PolicyInput } from '../policy.ts'
import { fastifyGuard } from './fastify.ts'
import { nodeGuard } from './node.ts'

const general: PolicyInput = {
  id: 'general',
  rules: [{ id: 'burst', kind: 'rate-limit', by: 'ip', limit: 2, window: '60s' }],
}
const slots: PolicyInput = {
  id: 'slots',
  rules: [{ id: 'at-once', kind: 'concurrency', by: 'ip', slots: 1, lease: '10m' }],
}

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: string
}

const open: (() => void)[] = []
afterEach(() => {
  for (const close of open.splice(0).reverse()) close()
})

/** A server over HTTP/2 without TLS. What waits answers when its stream is left. */
const servers: Readonly<Record<string, (policy: PolicyInput) => Promise<number>>> = {
  async fastify(policy) {
    const app = fastify({ http2: true })
    await app.register(fastifyGuard, { policies: [policy], fallback: policy.id, securityHeaders: true })
    app.get('/hello', () => 'hello')
    app.get('/waits', () => new Promise(() => {}))
    app.post('/hello', () => 'hello')
    await app.listen({ port: 0, host: '127.0.0.1' })
    open.push(() => void app.close())
    return (app.server.address() as AddressInfo).port
  },
  async node(policy) {
    const protect = nodeGuard({ policies: [policy], fallback: policy.id, securityHeaders: true })
    const listener = protect((request, response) => {
      if (request.url === '/hello') response.end('hello')
    })
    // The compatible interface of HTTP/2 has the members of Node's own messages that the guard reads.
    const server = createServer(listener as unknown as Parameters<typeof createServer>[1] & RequestListener)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    open.push(() => void server.close())
    return (server.address() as AddressInfo).port
  },
}

function dial(port: number): ClientHttp2Session {
  const session = connect(`http://127.0.0.1:${port}`)
  session.on('error', () => {})
  open.push(() => session.destroy())
  return session
}

async function answerOf(stream: ClientHttp2Stream): Promise<Answer> {
  const headers = await new Promise<Record<string, unknown>>((resolve, reject) => {
    stream.once('response', resolve).once('error', reject)
  })
  return { status: Number(headers[':status']), headers, body: await text(stream) }
}

const ask = (session: ClientHttp2Session, headers: Readonly<Record<string, string>> = {}): Promise<Answer> =>
  answerOf(session.request({ ':path': '/hello', ...headers }))

describe.each(Object.keys(servers))('%s over HTTP/2', (name) => {
  const serve = (policy: PolicyInput): Promise<number> => servers[name]?.(policy) ?? Promise.reject(new Error(name))

  it('admits, refuses and tells the same as over HTTP/1.1', async () => {
    const session = dial(await serve(general))
    const first = await ask(session)
    await ask(session)
    const refused = await ask(session, { 'accept-language': 'fr' })
    expect([first.status, first.body, first.headers['x-ratelimit-remaining']]).toEqual([200, 'hello', '1'])
    expect(first.headers['x-frame-options']).toBe('DENY')
    expect(refused.status).toBe(429)
    expect(JSON.parse(refused.body)).toMatchObject({ error: 'Trop de requêtes' })
    expect(refused.headers['ratelimit-policy']).toBe('"general/burst";q=2;w=60')
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0)
  })

  it('ends the stream of a refused body and goes on with the connection', async () => {
    const session = dial(await serve(general))
    await ask(session)
    await ask(session)
    const upload = session.request({ ':path': '/hello', ':method': 'POST', 'content-type': 'text/plain' })
    upload.on('error', () => {})
    upload.write('x'.repeat(1_000))
    expect((await answerOf(upload)).status).toBe(429)
    await vi.waitUntil(() => upload.closed, { timeout: 10_000 })
    expect((await ask(session)).status).toBe(429)
  })

  it('gives the slot of a stream that its client resets back', async () => {
    const session = dial(await serve(slots))
    const waits = session.request({ ':path': '/waits' })
    await vi.waitUntil(async () => (await ask(session)).status === 429, { timeout: 10_000 })
    waits.close()
    await vi.waitUntil(async () => (await ask(session)).status === 200, { timeout: 10_000 })
    expect((await ask(session)).status).toBe(200)
  })
})
