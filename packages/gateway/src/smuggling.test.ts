import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { exchange } from '../../server/src/testing/raw-http.ts'
import { startGateway, startRawUpstream, type TestGateway, type TestUpstream } from './testing/harness.ts'

/** What an attacker writes byte by byte, and what the server behind gets of it. */
let upstream: TestUpstream
let gateway: TestGateway
beforeEach(async () => {
  upstream = await startRawUpstream((socket, text) => {
    const [head = '', body = ''] = text.slice(text.lastIndexOf('HTTP/1.1') - 200).split('\r\n\r\n')
    // Answers once the request is whole, as its own framing says.
    if (!text.includes('\r\n\r\n') || (/chunked/.test(head) && !body.includes('0'))) return
    socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')
  })
  gateway = await startGateway(upstream.url, { limits: { headersMs: 1_000, requestMs: 1_000 } })
})
afterEach(async () => {
  await gateway.close()
  await upstream.close()
})

/** The statuses of the answers, whether the connection ended, and what reached the upstream. */
async function attack(bytes: string | readonly string[], expected = 1) {
  const before = upstream.received.join('').length
  const { responses, closed } = await exchange(gateway.port, bytes, { expected, waitMs: 3_000, closeMs: 300 })
  return {
    statuses: responses.map(({ status }) => status),
    closed,
    forwarded: upstream.received.join('').slice(before),
  }
}

const refused = (status: number) => ({ statuses: [status], closed: true, forwarded: '' })
const line = 'POST /a HTTP/1.1\r\nhost: a\r\n'
const hidden = 'GET /admin HTTP/1.1\r\nhost: a\r\n\r\n'

describe('where a request ends is never in doubt', () => {
  it.each([
    ['a length and chunks', `${line}content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n${hidden}`],
    ['chunks and a length', `${line}transfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n0\r\n\r\n${hidden}`],
    ['two lengths', `${line}content-length: 0\r\ncontent-length: 34\r\n\r\n${hidden}`],
    ['the same length twice', `${line}content-length: 2\r\ncontent-length: 2\r\n\r\nok`],
    ['a list of lengths', `${line}content-length: 0, 34\r\n\r\n${hidden}`],
    ['a signed length', `${line}content-length: +34\r\n\r\n${hidden}`],
    ['a hexadecimal length', `${line}content-length: 0x22\r\n\r\n${hidden}`],
    ['a length out of range', `${line}content-length: 99999999999999999999\r\n\r\n`],
    ['an empty length', `${line}content-length: \r\n\r\n`],
    ['a length before a blank and a colon', `${line}content-length : 34\r\n\r\n${hidden}`],
    ['chunked before a blank and a colon', `${line}transfer-encoding : chunked\r\n\r\n0\r\n\r\n`],
    ['chunked behind a vertical tab', `${line}transfer-encoding: \x0bchunked\r\n\r\n0\r\n\r\n`],
    ['chunked twice', `${line}transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['chunked, then something else', `${line}transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n`],
    ['chunked in HTTP/1.0', 'POST /a HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['a folded field', `${line}x-a: b\r\n content-length: 34\r\n\r\n${hidden}`],
    ['a folded coding', `${line}transfer-encoding:\r\n chunked\r\n\r\n0\r\n\r\n`],
    ['lines that end in LF alone', 'POST /a HTTP/1.1\nhost: a\ncontent-length: 0\n\n'],
    ['one field that ends in LF alone', `${line}x-a: b\ncontent-length: 34\r\n\r\n${hidden}`],
    ['a bare CR in a value', `${line}x-a: b\rcontent-length: 34\r\n\r\n${hidden}`],
    ['a NUL in a value', `${line}x-a: b\0c\r\n\r\n`],
    ['a NUL in a name', `${line}x\0a: b\r\n\r\n`],
    ['a chunk size with a sign', `${line}transfer-encoding: chunked\r\n\r\n-1\r\n\r\n`],
    ['a chunk size with 0x', `${line}transfer-encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n`],
    ['a chunk size that wraps around', `${line}transfer-encoding: chunked\r\n\r\nffffffffffffffff1\r\nhello\r\n`],
    ['chunks whose lines end in LF', `${line}transfer-encoding: chunked\r\n\r\n5\nhello\n0\n\n`],
    ['a length in the trailers', `${line}transfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\ncontent-length: 9\r\n\r\n`],
    ['a chunk longer than it says', `${line}transfer-encoding: chunked\r\n\r\n3\r\nhello\r\n0\r\n\r\n`],
  ])('refuses %s', async (_name, bytes) => {
    const { statuses, closed, forwarded } = await attack(bytes)
    expect({ statuses, closed }).toEqual({ statuses: [400], closed: true })
    expect(forwarded).not.toContain('admin')
    expect(forwarded).not.toContain('0\r\n\r\n')
  })

  it('refuses another coding than chunked', async () => {
    expect(await attack(`${line}transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n`)).toEqual(refused(501))
  })

  it('writes the framing itself: chunks anew, without extensions and trailers', async () => {
    const body = '3;a=b\r\nxyz\r\n2\r\nuv\r\n0\r\nx-trailer: 1\r\n\r\n'
    const { statuses, forwarded } = await attack(
      `${line}transfer-encoding: Chunked\r\ntrailer: x-trailer\r\n\r\n${body}`,
    )
    expect(statuses).toEqual([200])
    expect(forwarded).toMatch(/\r\ntransfer-encoding: chunked\r\n/)
    expect(forwarded).not.toMatch(/trailer:|content-length|a=b/)
    expect(
      forwarded
        .split('\r\n\r\n')
        .slice(1)
        .join('\r\n\r\n')
        .replace(/\b[\da-f]+\r\n/g, '')
        .replaceAll('\r\n', ''),
    ).toBe('xyzuv')
  })

  it('keeps pipelined requests apart, and answers them in their order', async () => {
    const { statuses, forwarded } = await attack(`${line}content-length: 2\r\n\r\nab${hidden}`, 2)
    expect(statuses).toEqual([200, 200])
    expect(forwarded.match(/(?:GET|POST) \S+ HTTP\/1\.1/g)?.sort()).toEqual(['GET /admin HTTP/1.1', 'POST /a HTTP/1.1'])
  })
})

describe('what a request is for is never in doubt', () => {
  it.each([
    ['no Host', 'GET / HTTP/1.1\r\n\r\n'],
    ['two Hosts', 'GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n'],
    ['an empty Host', 'GET / HTTP/1.1\r\nhost: \r\n\r\n'],
    ['a Host with a path', 'GET / HTTP/1.1\r\nhost: a/b\r\n\r\n'],
    ['a Host with a user', 'GET / HTTP/1.1\r\nhost: a@b\r\n\r\n'],
    ['a list of Hosts', 'GET / HTTP/1.1\r\nhost: a, b\r\n\r\n'],
    ['a Host with a quote', 'GET / HTTP/1.1\r\nhost: a";for=9.9.9.9\r\n\r\n'],
    ['an absolute form', 'GET http://internal/ HTTP/1.1\r\nhost: a\r\n\r\n'],
    ['a server-wide target', 'OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n'],
    ['a fragment', 'GET /#/admin HTTP/1.1\r\nhost: a\r\n\r\n'],
    ['a blank in the target', 'GET /a b HTTP/1.1\r\nhost: a\r\n\r\n'],
    ['bytes beyond ASCII in the target', 'GET /\xff HTTP/1.1\r\nhost: a\r\n\r\n'],
    ['a tunnel', 'CONNECT internal:22 HTTP/1.1\r\nhost: internal:22\r\n\r\n'],
    ['version 0.9', 'GET / HTTP/0.9\r\nhost: a\r\n\r\n'],
    ['another version', 'GET / HTTP/2.0\r\nhost: a\r\n\r\n'],
    ['no HTTP', '\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03'],
    ['two credentials', 'GET / HTTP/1.1\r\nhost: a\r\nauthorization: Basic a\r\nauthorization: Basic b\r\n\r\n'],
    ['two user agents', 'GET / HTTP/1.1\r\nhost: a\r\nuser-agent: a\r\nUser-Agent: b\r\n\r\n'],
    ...[
      'host',
      'content-length',
      'X-Forwarded-For',
      'authorization',
      'cookie',
      'x-forwarded-proto',
      'Forwarded',
      'via',
      'a b',
    ].map((name) => [`${name} named in Connection`, `GET / HTTP/1.1\r\nhost: a\r\nconnection: close, ${name}\r\n\r\n`]),
  ])('refuses %s', async (_name, bytes) => {
    expect(await attack(bytes ?? '')).toMatchObject({ statuses: [400], forwarded: '' })
  })

  it.each([
    [405, 'TRACE', 'TRACE / HTTP/1.1\r\nhost: a\r\n\r\n'],
    [414, 'a long target', `GET /${'a'.repeat(8_200)} HTTP/1.1\r\nhost: a\r\n\r\n`],
    [431, 'a long field', `GET / HTTP/1.1\r\nhost: a\r\nx: ${'a'.repeat(20_000)}\r\n\r\n`],
    [431, 'too many fields', `GET / HTTP/1.1\r\nhost: a\r\n${'x: a\r\n'.repeat(101)}\r\n`],
    [501, 'a WebSocket', 'GET / HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n'],
  ])('answers %i to %s', async (status, _name, bytes) => {
    expect(await attack(bytes)).toMatchObject({ statuses: [status], forwarded: '' })
  })

  it('answers 408 to a client that never finishes its head', async () => {
    const { responses, closed } = await exchange(gateway.port, 'GET / HTTP/1.1\r\nhost: a\r\nx-slow: ', {
      waitMs: 4_000,
      closeMs: 300,
    })
    expect(responses.map(({ status }) => status)).toEqual([408])
    expect(closed).toBe(true)
  })
})

describe('hop-by-hop fields', () => {
  it('passes none on, nor what Connection names, and keeps all the rest as it came', async () => {
    const fields = [
      'Connection: keep-alive, X-Mine, TE',
      'X-Mine: secret of a hop',
      'Keep-Alive: timeout=5',
      'TE: trailers',
      'Proxy-Connection: keep-alive',
      'Proxy-Authorization: Basic c2VjcmV0',
      'Upgrade: h2c',
      'HTTP2-Settings: AAMAAABkAAQ',
      'Cookie: a=b',
      'X-Kept: one',
      'X-Kept: two',
    ]
    const { statuses, forwarded } = await attack(
      `GET /a?b=%2F HTTP/1.1\r\nHost: Example.org:8080\r\n${fields.join('\r\n')}\r\n\r\n`,
    )
    expect(statuses).toEqual([200])
    const [first, ...lines] = forwarded.split('\r\n')
    expect(first).toBe('GET /a?b=%2F HTTP/1.1')
    expect(lines.filter((text) => text !== '')).toEqual([
      'host: Example.org:8080',
      'x-forwarded-for: 127.0.0.1',
      'x-forwarded-proto: http',
      'x-forwarded-host: Example.org:8080',
      'forwarded: for=127.0.0.1;host="Example.org:8080";proto=http',
      expect.stringMatching(/^via: 1\.1 rempart-[\da-f]{8}$/),
      'Cookie: a=b',
      'X-Kept: one',
      'X-Kept: two',
    ])
  })

  it('drops fields with an underscore, which some servers read as the ones with a hyphen', async () => {
    const { forwarded } = await attack(
      'GET / HTTP/1.1\r\nhost: a\r\nx_forwarded_for: 9.9.9.9\r\ncontent_length: 5\r\n\r\n',
    )
    expect(forwarded).not.toMatch(/9\.9\.9\.9|content_length/)
  })

  it('refuses a request that it has forwarded itself', async () => {
    const { forwarded } = await attack(hidden)
    const own = /rempart-[\da-f]{8}/.exec(forwarded)?.[0]
    const again = await attack(`GET / HTTP/1.1\r\nhost: a\r\nvia: 1.1 other, 1.1 ${own}\r\n\r\n`)
    expect(again).toMatchObject({ statuses: [508], forwarded: '' })
  })
})
