import { afterEach, describe, expect, it } from 'vitest'
import { askRaw, openRaw, rawRequest } from '../../guard/src/testing/raw-http.ts'
import { createGateway } from './gateway.ts'
import {
  policiesOf,
  startGateway,
  startRawUpstream,
  startUpstream,
  type TestGateway,
  type TestUpstream,
} from './testing/harness.ts'

const opened: (TestGateway | TestUpstream)[] = []
const keep = <T extends TestGateway | TestUpstream>(one: T): T => {
  opened.push(one)
  return one
}
afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one.close()
})

const three = policiesOf({
  contact: {
    match: { method: 'POST', path: '/contact' },
    rules: { burst: { kind: 'rate-limit', by: 'ip', limit: 3, window: '60s' } },
  },
})
const hello = () => startUpstream((_request, response) => void response.end('hello'))

describe('a policy in front of another server', () => {
  it('forwards what is admitted, with the quota told, and refuses the rest without the upstream hearing of it', async () => {
    const upstream = keep(await hello())
    const { port } = keep(await startGateway(upstream.url, { policies: three }))
    for (const left of ['2', '1', '0']) {
      const answer = await askRaw(port, 'POST', '/contact', {}, 'a=b')
      expect([answer.status, answer.body, answer.field('x-ratelimit-remaining')]).toEqual([200, 'hello', left])
      expect(answer.field('ratelimit')).toMatch(/^"contact\/burst";r=\d;t=\d+$/)
    }
    const refused = await askRaw(port, 'POST', '/contact', { 'accept-language': 'fr' }, 'a=b')
    expect(refused.status).toBe(429)
    expect(refused.field('content-type')).toBe('application/problem+json; charset=utf-8')
    expect(JSON.parse(refused.body)).toMatchObject({
      status: 429,
      error: 'Trop de requêtes',
      'violated-policies': ['contact/burst'],
    })
    expect(Number(refused.field('retry-after'))).toBeGreaterThan(0)
    expect(refused.field('x-ratelimit-limit')).toBe('3')
    expect(upstream.received.join('').split('POST /contact').length - 1).toBe(3)
    expect((await askRaw(port, 'GET', '/contact')).status).toBe(200)
  })

  it('decides before the body is read: a refusal is answered while the body is still to come', async () => {
    const upstream = keep(await hello())
    const { port } = keep(await startGateway(upstream.url, { policies: three }))
    for (let sent = 0; sent < 3; sent += 1) await askRaw(port, 'POST', '/contact', {}, 'a=b')
    const connection = await openRaw(port)
    connection.write('POST /contact HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\n')
    const refused = await connection.next()
    expect([refused.status, refused.field('connection')]).toEqual([429, 'close'])
    connection.destroy()
  })

  it('refuses an expectation before it asks for the body, and asks for it once admitted', async () => {
    const upstream = keep(
      await startUpstream((request, response) => {
        request.on('data', (chunk) => response.write(chunk)).once('end', () => response.end())
      }),
    )
    const { port } = keep(await startGateway(upstream.url, { policies: three }))
    const ask = 'POST /contact HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n'
    for (let sent = 0; sent < 3; sent += 1) {
      const connection = await openRaw(port)
      connection.write(ask)
      expect((await connection.next()).status).toBe(100)
      connection.write('bytes')
      expect(await connection.next()).toMatchObject({ status: 200, body: 'bytes' })
      connection.destroy()
    }
    expect(upstream.received.join('')).not.toMatch(/expect/i)
    const connection = await openRaw(port)
    connection.write(ask)
    expect((await connection.next()).status).toBe(429)
    connection.destroy()
    const other = await askRaw(port, 'GET', '/', { expect: 'miracles' })
    expect(other.status).toBe(417)
  })

  it('puts other policies in force while it serves, and keeps what clients have spent', async () => {
    const upstream = keep(await hello())
    const { port, gateway } = keep(await startGateway(upstream.url, { policies: three }))
    for (let sent = 0; sent < 3; sent += 1) await askRaw(port, 'POST', '/contact')
    expect((await askRaw(port, 'POST', '/contact')).status).toBe(429)
    gateway.replacePolicies(
      policiesOf({
        contact: {
          match: { method: 'POST', path: '/contact' },
          rules: { burst: { kind: 'rate-limit', by: 'ip', limit: 4, window: '60s' } },
        },
      }),
    )
    expect((await askRaw(port, 'POST', '/contact')).field('x-ratelimit-remaining')).toBe('0')
    expect((await askRaw(port, 'POST', '/contact')).status).toBe(429)
  })

  it('tells its own quota in place of the upstream’s, and leaves the upstream’s where it has none', async () => {
    const upstream = keep(
      await startUpstream((_request, response) => void response.setHeader('x-ratelimit-limit', '77').end()),
    )
    const { port } = keep(await startGateway(upstream.url, { policies: three }))
    expect((await askRaw(port, 'POST', '/contact')).field('x-ratelimit-limit')).toBe('3')
    expect((await askRaw(port, 'GET', '/')).field('x-ratelimit-limit')).toBe('77')
  })

  it('gives the slot of a concurrency rule back at the end of an answer, and when the client leaves', async () => {
    const waiting: (() => void)[] = []
    const upstream = keep(await startUpstream((_request, response) => void waiting.push(() => response.end('done'))))
    const policies = policiesOf({
      slow: { match: { path: '/*' }, rules: { one: { kind: 'concurrency', by: 'ip', slots: 1, lease: '1h' } } },
    })
    const { port } = keep(await startGateway(upstream.url, { policies }))
    const first = await openRaw(port)
    first.write(rawRequest('GET', '/slow'))
    await expect.poll(() => waiting.length).toBe(1)
    expect((await askRaw(port, 'GET', '/slow')).status).toBe(429)
    waiting[0]?.()
    expect((await first.next()).body).toBe('done')
    first.write(rawRequest('GET', '/slow'))
    await expect.poll(() => waiting.length).toBe(2)
    first.destroy()
    await expect
      .poll(async () => {
        const connection = await openRaw(port)
        connection.write(rawRequest('GET', '/slow'))
        const isRefused = await Promise.race([
          connection.next().then(({ status }) => status === 429),
          expect
            .poll(() => waiting.length)
            .toBe(3)
            .then(
              () => false,
              () => true,
            ),
        ])
        connection.destroy()
        return isRefused
      })
      .toBe(false)
  })

  it('counts what it does not forward, together and without a word of the client’s', async () => {
    const upstream = keep(await hello())
    const { port, tallies, close } = await startGateway(upstream.url, { policies: three })
    for (let sent = 0; sent < 5; sent += 1) await askRaw(port, 'POST', '/contact?secret=1')
    await askRaw(port, 'GET', '/', { expect: 'miracles' })
    await close()
    const counted = new Map(tallies.map(({ kind, status, reason, count }) => [`${kind} ${status} ${reason}`, count]))
    expect(counted).toEqual(
      new Map([
        ['refused 429 contact/burst', 2],
        ['faulty 417 expectation-failed', 1],
      ]),
    )
  })
})

describe('options', () => {
  it.each(['https://a', 'http://a/path', 'http://a?x', 'ftp://a', 'a:80', 'http://u:p@a', 'http://a#x', ''])(
    'takes no %s for an upstream',
    (upstream) => {
      expect(() => createGateway({ upstream, policies: [] })).toThrow('http://host:port')
    },
  )

  it('names a trusted proxy that is none', () => {
    const options = { upstream: 'http://a', policies: [], clientAddress: { trustedProxies: ['everybody'] } }
    expect(() => createGateway(options)).toThrow('trustedProxies[0]')
  })
})

it('ends after the answers under way, closes their connections, and takes no more', async () => {
  const answers: (() => void)[] = []
  const upstream = keep(
    await startRawUpstream(
      (socket) => void answers.push(() => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')),
    ),
  )
  const { port, gateway } = await startGateway(upstream.url, { limits: { drainMs: 5_000 } })
  const connection = await openRaw(port)
  const idle = await openRaw(port)
  connection.write(rawRequest('GET', '/'))
  await expect.poll(() => answers.length).toBe(1)
  const stopped = gateway.stop()
  await expect(openRaw(port)).rejects.toThrow('ECONNREFUSED')
  answers[0]?.()
  const answer = await connection.next()
  expect([answer.body, answer.field('connection')]).toEqual(['ok', 'close'])
  await Promise.all([stopped, connection.ended(), idle.ended()])
  await expect.poll(() => upstream.open()).toBe(0)
})
