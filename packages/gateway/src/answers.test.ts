import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { askRaw, openRaw, rawRequest } from '../../guard/src/testing/raw-http.ts'
import { startGateway, startRawUpstream, type TestGateway, type TestUpstream } from './testing/harness.ts'

/** What an upstream answers byte by byte, and what the client gets of it. */
let upstream: TestUpstream
let gateway: TestGateway
let answers: string[] = []
beforeEach(async () => {
  answers = []
  upstream = await startRawUpstream((socket) => {
    const answer = answers.shift()
    if (answer === 'end') socket.destroy()
    else if (answer !== undefined) socket.write(answer, 'latin1')
  })
  gateway = await startGateway(upstream.url, {
    limits: { connectMs: 500, firstByteMs: 300, idleMs: 300, waitMs: 300, upstreamConnections: 1, waiting: 1 },
  })
})
afterEach(async () => {
  await gateway.close()
  await upstream.close()
})

const answer = (fields: string, body = '', status = '200 OK') => `HTTP/1.1 ${status}\r\n${fields}\r\n${body}`
const ask = (method = 'GET') => askRaw(gateway.port, method, '/')

describe('an answer that two readers could read in two ways is none', () => {
  it.each([
    ['a length and chunks', answer('content-length: 2\r\ntransfer-encoding: chunked\r\n', '0\r\n\r\n')],
    ['two lengths', answer('content-length: 2\r\ncontent-length: 3\r\n', 'ok')],
    ['the same length twice', answer('content-length: 2\r\ncontent-length: 2\r\n', 'ok')],
    ['a length that is no number', answer('content-length: 2, 2\r\n', 'ok')],
    ['a negative length', answer('content-length: -2\r\n', 'ok')],
    ['another coding', answer('transfer-encoding: gzip, chunked\r\n', '0\r\n\r\n')],
    ['chunks in HTTP/1.0', 'HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['chunks without a body', answer('transfer-encoding: chunked\r\n', '0\r\n\r\n', '204 No Content')],
    ['a folded field', answer('x: a\r\n b: c\r\ncontent-length: 0\r\n')],
    ['a bare LF in a field', answer('location: /\nset-cookie: a=b\r\ncontent-length: 0\r\n')],
    ['a bare CR in a field', answer('location: /\rset-cookie: a=b\r\ncontent-length: 0\r\n')],
    ['a NUL in a field', answer('x: a\0b\r\ncontent-length: 0\r\n')],
    ['a blank before the colon', answer('content-length : 0\r\n')],
    ['a line without a colon', answer('content-length\r\n')],
    ['a field without a name', answer(': a\r\ncontent-length: 0\r\n')],
    ['a bare CR in the reason', 'HTTP/1.1 200 O\rK\r\ncontent-length: 0\r\n\r\n'],
    ['a status of two digits', 'HTTP/1.1 20 OK\r\ncontent-length: 0\r\n\r\n'],
    ['another version', 'HTTP/2.0 200 OK\r\ncontent-length: 0\r\n\r\n'],
    ['no HTTP', 'SSH-2.0-OpenSSH_9.2\r\n\r\n'],
    ['a protocol that nobody asked for', 'HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n'],
    ['a head that does not end', `HTTP/1.1 200 OK\r\nx: ${'a'.repeat(70_000)}`],
    ['interim answers without end', 'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(17)],
    ['a chunk size with a sign', answer('transfer-encoding: chunked\r\n', '+2\r\nok\r\n0\r\n\r\n')],
    ['a chunk size out of range', answer('transfer-encoding: chunked\r\n', 'fffffffff\r\nok')],
    ['nothing at all', 'end'],
  ])('answers 502 for %s', async (_name, bytes) => {
    answers = [bytes]
    const got = await ask('POST')
    expect([got.status, got.field('content-type')]).toEqual([502, 'application/problem+json; charset=utf-8'])
    expect(JSON.parse(got.body)).toMatchObject({ code: 'upstream-failed', status: 502 })
    expect(got.field('set-cookie')).toBeUndefined()
    await expect.poll(() => upstream.open()).toBe(0)
  })

  it.each([
    ['a broken chunk', answer('transfer-encoding: chunked\r\n', '2\r\nok\r\n')],
    ['a length it does not keep', answer('content-length: 9\r\n', 'ok')],
  ])('cuts the client off where an answer ends too soon: %s', async (_name, bytes) => {
    upstream = await restart((socket) => void socket.end(bytes, 'latin1'))
    const connection = await openRaw(gateway.port)
    connection.write(rawRequest('GET', '/'))
    const got = await connection.ended()
    expect(got).toMatch(/^HTTP\/1\.1 200 OK/)
    expect(got).not.toContain('\r\n0\r\n\r\n')
    expect(got.split('HTTP/1.1').length).toBe(2)
  })

  it('believes nothing that comes behind an answer, and gives the connection up', async () => {
    const second = answer('content-length: 8\r\n', 'poisoned')
    answers = [answer('content-length: 2\r\n', `ok${second}`), answer('content-length: 4\r\n', 'mine')]
    expect((await ask()).body).toBe('ok')
    expect((await ask()).body).toBe('mine')
    expect(upstream.received.length).toBe(2)
  })

  it('believes nothing that an idle connection says', async () => {
    answers = [answer('content-length: 2\r\n', 'ok')]
    upstream = await restart((socket, text) => {
      socket.write(answer('content-length: 2\r\n', text.includes('/second') ? '2!' : 'ok'))
      if (!text.includes('/second')) setImmediate(() => socket.write(answer('content-length: 8\r\n', 'poisoned')))
    })
    expect((await askRaw(gateway.port, 'GET', '/first')).body).toBe('ok')
    await expect.poll(() => upstream.open()).toBe(0)
    expect((await askRaw(gateway.port, 'GET', '/second')).body).toBe('2!')
  })
})

async function restart(listener: Parameters<typeof startRawUpstream>[0]): Promise<TestUpstream> {
  await gateway.close()
  await upstream.close()
  const next = await startRawUpstream(listener)
  gateway = await startGateway(next.url)
  return next
}

describe('every framing that HTTP/1.1 knows', () => {
  it.each([
    ['GET', answer('content-length: 3\r\n', 'abc'), 'abc'],
    ['GET', answer('Content-Length: 0\r\n'), ''],
    ['GET', answer('transfer-encoding: chunked\r\n', '1;x=y\r\na\r\n2\r\nbc\r\n0\r\nx-trailer: 1\r\n\r\n'), 'abc'],
    ['HEAD', answer('content-length: 3\r\n'), ''],
    ['HEAD', answer('transfer-encoding: chunked\r\n'), ''],
    ['GET', answer('content-length: 3\r\n', '', '304 Not Modified'), ''],
    ['DELETE', answer('', '', '204 No Content'), ''],
    ['GET', `${answer('link: </a>\r\n', '', '103 Early Hints')}${answer('content-length: 1\r\n', 'a')}`, 'a'],
    ['GET', answer('x: \xe9\r\ncontent-length: 2\r\n', '\xc3\xa9'), 'é'],
  ])('%s: %j, and the connection serves on', async (method, bytes, body) => {
    answers = [bytes, answer('content-length: 4\r\n', 'next')]
    const first = await openRaw(gateway.port)
    first.write(rawRequest(method, '/'))
    const got = await first.next(method === 'HEAD' || bytes.includes(' 304 '))
    expect(got.body).toBe(body)
    expect(got.field('transfer-encoding')).toBeUndefined()
    first.write(rawRequest('GET', '/'))
    expect((await first.next()).body).toBe('next')
    expect(upstream.received.length).toBe(1)
    first.destroy()
  })

  it('passes an answer on that ends with its connection: in chunks, and to HTTP/1.0 with the end of its own', async () => {
    const bytes = 'HTTP/1.0 200 OK\r\nx: y\r\n\r\nall there is'
    upstream = await restart((socket) => void socket.end(bytes))
    const got = await ask()
    expect([got.body, got.field('transfer-encoding')]).toEqual(['all there is', 'chunked'])
    const old = await openRaw(gateway.port)
    old.write('GET / HTTP/1.0\r\n\r\n')
    const text = await old.ended()
    expect(text).toMatch(/\r\nConnection: close\r\n/i)
    expect(text).toMatch(/\r\n\r\nall there is$/)
    expect(upstream.received[1]).toMatch(/^GET \/ HTTP\/1\.1\r\nhost: 127\.0\.0\.1:\d+\r\n/)
  })

  it('strips what is between upstream and gateway, and what its Connection names', async () => {
    const fields =
      'Connection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=9\r\nUpgrade: h2c\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nProxy-Connection: x\r\n'
    answers = [answer(`${fields}content-length: 0\r\n`)]
    const got = await ask()
    const names = got.fields.map(([name, value]) => (name === 'set-cookie' ? value : name))
    expect(names).toEqual(['a=1', 'b=2', 'content-length', 'date', 'connection', 'keep-alive'])
    expect(got.field('keep-alive')).not.toContain('9')
  })
})

describe('an upstream that is not well', () => {
  it('is told apart: it takes no connection', async () => {
    await upstream.close()
    const got = await ask()
    expect([got.status, JSON.parse(got.body).code]).toEqual([502, 'upstream-unreachable'])
  })

  it('does not answer in time', async () => {
    const got = await ask()
    expect([got.status, JSON.parse(got.body).code]).toEqual([504, 'upstream-timeout'])
    await expect.poll(() => upstream.open()).toBe(0)
  })

  it('stops in the middle of its answer', async () => {
    answers = [answer('content-length: 9\r\n', 'ok')]
    const connection = await openRaw(gateway.port)
    connection.write(rawRequest('GET', '/'))
    expect(await connection.ended()).toMatch(/ok$/)
    await expect.poll(() => upstream.open()).toBe(0)
  })

  it('has no connection left: one request waits its time, another is turned away at once', async () => {
    const first = ask()
    await expect.poll(() => upstream.received[0] ?? '').toContain('GET')
    const [second, third] = [ask(), ask()]
    const statuses = (await Promise.all([first, second, third])).map(({ status }) => status)
    expect(statuses[0]).toBe(504)
    expect(statuses.slice(1)).toContain(503)
  })

  it('closes an idle connection: a request that may be repeated is, once, and no other', async () => {
    upstream = await restart((socket, text) => {
      // Serves one request of a connection, and closes at the next.
      if (text.split('HTTP/1.1').length > 2) socket.destroy()
      else socket.write(answer('content-length: 2\r\n', 'ok'))
    })
    expect((await ask()).status).toBe(200)
    expect((await ask()).status).toBe(200)
    expect(upstream.received.map((text) => text.split('HTTP/1.1').length - 1)).toEqual([2, 1])
    expect((await ask('POST')).status).toBe(502)
    expect(upstream.received.join('').split('POST').length - 1).toBe(1)
  })

  it('closes every connection: a request is repeated once and no more', async () => {
    let isBroken = false
    upstream = await restart((socket) => {
      if (isBroken) socket.destroy()
      else socket.write(answer('content-length: 2\r\n', 'ok'))
    })
    await ask()
    isBroken = true
    expect((await ask()).status).toBe(502)
    expect(upstream.received.join('').split('GET').length - 1).toBe(3)
  })
})
