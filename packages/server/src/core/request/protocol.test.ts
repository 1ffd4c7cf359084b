import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { exchange, type RawExchange, type RawOptions } from '../../testing/raw-http.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'
import { bodyLimitBytes } from '../body/request-body.ts'

let database: TestDatabase
let server: TestServer
let port: number
beforeAll(async () => {
  database = await createTestDatabase()
  server = await startTestServer(database, {
    environment: { REMPART_HEADERS_TIMEOUT: '500ms', REMPART_REQUEST_TIMEOUT: '1s' },
  })
  await server.app.listen({ port: 0, host: '127.0.0.1' })
  // A TCP listener has an address with a port.
  port = (server.app.server.address() as AddressInfo).port
})
afterAll(async () => {
  await server.close()
  await database.close()
})

const message = JSON.stringify({ name: 'Ada', email: 'ada@example.org', message: 'Hello' })
const host = 'Host: localhost\r\n'
const json = `${host}Content-Type: application/json\r\n`
const post = (fields: string, body = ''): string => `POST /api/v1/contact HTTP/1.1\r\n${fields}\r\n${body}`
const get = (target: string, fields = host): string => `GET ${target} HTTP/1.1\r\n${fields}\r\n`
const lengthOf = (body: string | Buffer): string => `Content-Length: ${body.length}\r\n`
const chunked = `${message.length.toString(16)}\r\n${message}\r\n0\r\n\r\n`

/** Far enough apart that no test meets the counters of another. */
const talk = (chunks: Parameters<typeof exchange>[1], options?: RawOptions): Promise<RawExchange> => {
  server.clock.nowMs += 400_000
  return exchange(port, chunks, options)
}

function expectProblem({ responses, text }: RawExchange, status: number, code: string): void {
  const last = responses.at(-1)
  expect({ status: last?.status, text: last === undefined ? text : '' }).toEqual({ status, text: '' })
  expect(last?.headers).toMatchObject({
    'content-type': 'application/problem+json; charset=utf-8',
    'x-content-type-options': 'nosniff',
    'content-security-policy': expect.stringContaining("default-src 'none'"),
    'x-frame-options': 'DENY',
    'cache-control': 'no-store',
    'x-request-id': expect.any(String),
  })
  expect(JSON.parse(last?.body ?? '')).toMatchObject({ status, code, requestId: last?.headers['x-request-id'] })
}

describe('a request that is no HTTP, or more than one reading of it', () => {
  it.each<[string, string]>([
    [
      'Content-Length beside Transfer-Encoding',
      post(`${json}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n`, '0\r\n\r\n'),
    ],
    ['two lengths that differ', post(`${json}Content-Length: 5\r\nContent-Length: 6\r\n`, '12345')],
    ['two lengths that agree', post(`${json}Content-Length: 2\r\nContent-Length: 2\r\n`, '{}')],
    ['a negative length', post(`${json}Content-Length: -1\r\n`)],
    ['a length with a sign', post(`${json}Content-Length: +2\r\n`, '{}')],
    ['a coding beside chunked', post(`${json}Transfer-Encoding: gzip, chunked\r\n`, chunked)],
    ['a coding that is not chunked', post(`${json}Transfer-Encoding: identity\r\n`, message)],
    ['a coding that looks like chunked', post(`${json}Transfer-Encoding: xchunked\r\n`, chunked)],
    ['chunks in HTTP/1.0', `POST /api/v1/contact HTTP/1.0\r\n${json}Transfer-Encoding: chunked\r\n\r\n${chunked}`],
    ['a chunk size that is no number', post(`${json}Transfer-Encoding: chunked\r\n`, 'zz\r\n{}\r\n0\r\n\r\n')],
    ['a folded field', get('/api/v1/health', `${host}X-A: a\r\n  b\r\n`)],
    ['a space before the colon', get('/api/v1/health', `${host}X-A : a\r\n`)],
    ['a bare CR in a field', get('/api/v1/health', `${host}X-A: a\rb\r\n`)],
    ['bare LF line ends', 'GET /api/v1/health HTTP/1.1\nHost: localhost\n\n'],
    ['U+0000 in a field', get('/api/v1/health', `${host}X-A: a\0b\r\n`)],
    ['no Host', get('/api/v1/health', '')],
    ['two Hosts', get('/api/v1/health', `${host}Host: evil.example\r\n`)],
    ['an absolute target', get('http://localhost/api/v1/health')],
    ['an absolute target of another host', get('http://evil.example/api/v1/health')],
    ['OPTIONS *', `OPTIONS * HTTP/1.1\r\n${host}\r\n`],
    ['HTTP/2.0 in words', `GET /api/v1/health HTTP/2.0\r\n${host}\r\n`],
    ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['a method nobody knows', `FOO /api/v1/health HTTP/1.1\r\n${host}\r\n`],
    ['CONNECT', 'CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example\r\n\r\n'],
    ['TLS on the plain port', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
  ])('%s is answered 400', async (_name, bytes) => {
    expectProblem(await talk(bytes), 400, 'malformed-request')
  })

  it.each([
    ['a broken escape', '/api/v1/%zz'],
    ['an overlong escape', '/api/v1/%c0%af'],
    ['half a character', '/api/v1/%e2%82'],
    ['U+0000', '/api/v1/health%00'],
  ])('%s in the path is answered 400', async (_name, target) => {
    expectProblem(await talk(get(target)), 400, 'invalid-path')
  })

  it('answers the requests before it first, then 400, and closes', async () => {
    const { responses, closed } = await talk(`${get('/api/v1/health')}${get('/api/v1/resources-none')}BAD\r\n\r\n`, {
      expected: 3,
    })
    expect(responses.map((response) => response.status)).toEqual([200, 404, 400])
    expect(closed).toBe(true)
  })
})

describe('sizes', () => {
  it('answers 414 to a target over 8,192 characters, and serves one below', async () => {
    expectProblem(await talk(get(`/api/v1/health?q=${'a'.repeat(8_192)}`)), 414, 'uri-too-long')
    expect((await talk(get(`/api/v1/health?q=${'a'.repeat(8_100)}`))).responses[0]?.status).toBe(200)
  })

  it.each([
    ['a header section over 16 kB', get('/api/v1/health', `${host}X-A: ${'a'.repeat(20_000)}\r\n`)],
    ['a target over 16 kB', get(`/${'a'.repeat(20_000)}`)],
    ['more than 100 fields', get('/api/v1/health', `${host}${'X: 1\r\n'.repeat(100)}`)],
    ['thousands of fields', get('/api/v1/health', `${host}${'X: 1\r\n'.repeat(5_000)}`)],
  ])('%s is answered 431', async (_name, bytes) => {
    expectProblem(await talk(bytes), 431, 'headers-too-large')
  })

  const tooLarge = Buffer.alloc(bodyLimitBytes + 1, 0x20)
  const pieces = Array.from({ length: 40 }, () => `10000\r\n${' '.repeat(65_536)}\r\n`)
  it.each<[string, readonly (string | Buffer)[]]>([
    ['with its length', [post(`${json}${lengthOf(tooLarge)}`), tooLarge]],
    ['in chunks', [post(`${json}Transfer-Encoding: chunked\r\n`), ...pieces, '0\r\n\r\n']],
    ['announced and never sent', [post(`${json}Content-Length: 999999999999\r\n`)]],
    ['with a length no integer holds', [post(`${json}Content-Length: 99999999999999999\r\n`)]],
  ])('a body over 1 MB %s is answered 413 and the connection closed', async (_name, chunks) => {
    const exchanged = await talk(chunks, { closeMs: 3_000 })
    expectProblem(exchanged, 413, 'body-too-large')
    expect(JSON.parse(exchanged.responses[0]?.body ?? '').detail).toBe('Request body too large. Maximum size is 1MB.')
    expect(exchanged.responses[0]?.headers['connection']).toBe('close')
    expect(exchanged.closed).toBe(true)
  })

  it('gives the answer also to a client that sends 10 MB before it reads', async () => {
    const chunks = [
      post(`${json}Content-Length: 10485760\r\n`),
      ...Array.from({ length: 10 }, () => tooLarge.subarray(1)),
    ]
    const exchanged = await talk(chunks, { isBlocking: true, closeMs: 3_000 })
    expectProblem(exchanged, 413, 'body-too-large')
    expect(exchanged.closed).toBe(true)
  })

  it('takes a body of exactly 1 MB', async () => {
    const padded = message.padEnd(bodyLimitBytes)
    expect((await talk([post(`${json}${lengthOf(padded)}`), padded])).responses[0]?.status).toBe(201)
  })

  it('reads no more than the length that was announced', async () => {
    const { responses } = await talk(post(`${json}Content-Length: 5\r\n`, message))
    expect(responses[0]?.status).toBe(400)
  })
})

describe('slow clients', () => {
  const drip = (text: string): string[] => [...text]
  it.each<[string, readonly string[], number]>([
    ['says nothing', [''], 0],
    [
      'sends its header fields one by one',
      [`GET /api/v1/health HTTP/1.1\r\n${host}`, ...Array.from({ length: 30 }, () => 'X-A: b\r\n')],
      100,
    ],
    ['sends its body byte by byte', [post(`${json}${lengthOf(message)}`), ...drip(message)], 60],
    ['sends less than the length it announced', [post(`${json}Content-Length: 200\r\n`, message)], 0],
    [
      'never ends its chunks',
      [post(`${json}Transfer-Encoding: chunked\r\n`), ...Array.from({ length: 60 }, () => '1\r\n \r\n')],
      60,
    ],
  ])('one that %s is answered 408 and cut off', async (_name, chunks, pauseMs) => {
    const exchanged = await talk(chunks, { pauseMs })
    expectProblem(exchanged, 408, 'request-timeout')
    expect(exchanged.closed).toBe(true)
  })
})

describe('methods', () => {
  it.each(['TRACE', 'PROPFIND', 'DELETE', 'PATCH', 'QUERY', 'LINK'])(
    '%s of a path that takes POST is answered 405 with Allow',
    async (method) => {
      const exchanged = await talk(`${method} /api/v1/contact HTTP/1.1\r\n${host}\r\n`)
      expectProblem(exchanged, 405, 'method-not-allowed')
      expect(exchanged.responses[0]?.headers['allow']).toBe('POST, OPTIONS')
    },
  )

  it('does not echo the credential of a TRACE', async () => {
    const { text } = await talk(`TRACE /api/v1/health HTTP/1.1\r\n${host}Authorization: Bearer secret-token\r\n\r\n`)
    expect(text).not.toContain('secret-token')
  })

  it.each(['X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override'])('%s changes nothing', async (name) => {
    const { responses } = await talk(get('/api/v1/contact', `${host}${name}: POST\r\n`))
    expect(responses[0]?.status).toBe(405)
    const asked = await talk(post(`${json}${name}: DELETE\r\n${lengthOf(message)}`, message))
    expect(asked.responses[0]?.status).toBe(201)
  })

  it('answers HEAD as GET without a body', async () => {
    const { text, responses } = await talk(`HEAD /api/v1/health HTTP/1.1\r\n${host}Connection: close\r\n\r\n`, {
      waitMs: 300,
    })
    expect(text).toMatch(/^HTTP\/1\.1 200 /)
    expect(text).toMatch(/content-length: 15\r\n/)
    expect(text.endsWith('\r\n\r\n')).toBe(true)
    expect(responses).toHaveLength(0)
  })

  it('serves HTTP/1.0, as proxies speak it by default, and closes', async () => {
    const { responses, closed } = await talk('GET /api/v1/health HTTP/1.0\r\n\r\n')
    expect(responses[0]?.status).toBe(200)
    expect(closed).toBe(true)
  })

  it('answers pipelined requests in their order', async () => {
    const { responses } = await talk(`${get('/api/v1/health')}${get('/nothing')}${get('/api/v1/health')}`, {
      expected: 3,
    })
    expect(responses.map((response) => response.status)).toEqual([200, 404, 200])
  })

  it('takes an offer to upgrade as a request like another', async () => {
    const { responses } = await talk(get('/api/v1/health', `${host}Connection: Upgrade\r\nUpgrade: websocket\r\n`))
    expect(responses[0]?.status).toBe(200)
  })
})

describe('content', () => {
  it.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/json; charset=iso-8859-1',
    'application/json; charset=utf-8; charset=utf-7',
    'application/json, text/plain',
    'application/jsonx',
    'application/problem+json',
    'json',
    '/',
    ';',
    'application/json;',
    '\xff\xfe',
  ])('of the type %j is answered 415', async (type) => {
    const bytes = post(`${host}Content-Type: ${type}\r\n${lengthOf(message)}`, message)
    expectProblem(await talk(bytes), 415, 'unsupported-media-type')
  })

  it('of two types, or of none, is answered 415', async () => {
    const two = post(`${json}Content-Type: text/plain\r\n${lengthOf(message)}`, message)
    expectProblem(await talk(two), 415, 'unsupported-media-type')
    expectProblem(await talk(post(`${host}${lengthOf(message)}`, message)), 415, 'unsupported-media-type')
  })

  it.each(['gzip', 'br', 'deflate', 'identity, gzip', 'x'])('coded as %s is answered 415', async (coding) => {
    const bytes = post(`${json}Content-Encoding: ${coding}\r\n${lengthOf(message)}`, message)
    expectProblem(await talk(bytes), 415, 'unsupported-media-type')
  })

  it.each(['application/json; charset=utf-8', 'application/json;charset="UTF-8"', 'Application/JSON'])(
    'of the type %s is taken',
    async (type) => {
      const { responses } = await talk(post(`${host}Content-Type: ${type}\r\n${lengthOf(message)}`, message))
      expect(responses[0]?.status).toBe(201)
    },
  )

  it('on an operation that declares none is answered 400', async () => {
    expectProblem(await talk(`${get('/api/v1/health', `${json}Content-Length: 2\r\n`)}{}`), 400, 'unexpected-body')
    const key = await server.apiKey(['contact:write'])
    const fields = `${json}Authorization: Bearer ${key}\r\nContent-Length: 2\r\n`
    const id = '01a1fb42-0000-7000-8000-000000000000'
    const bytes = `DELETE /api/v1/contact/messages/${id} HTTP/1.1\r\n${fields}\r\n{}`
    expectProblem(await talk(bytes), 400, 'unexpected-body')
  })
})

describe('Expect: 100-continue', () => {
  it('is honoured for a request that guard and authentication let pass', async () => {
    const { text, responses } = await talk([post(`${json}${lengthOf(message)}Expect: 100-continue\r\n`), message], {
      pauseMs: 50,
    })
    expect(text).toMatch(/^HTTP\/1\.1 100 Continue\r\n/)
    expect(responses[0]?.status).toBe(201)
  })

  it.each<[string, string, number, string]>([
    [
      'without a credential',
      `PUT /api/v1/contact/messages/x/status HTTP/1.1\r\n${json}`,
      401,
      'authentication-required',
    ],
    ['to a path that is not there', `POST /api/v1/nothing HTTP/1.1\r\n${json}`, 404, 'not-found'],
    [
      'with a body that is too large',
      `POST /api/v1/contact HTTP/1.1\r\n${json}Content-Length: 2000000\r\n`,
      413,
      'body-too-large',
    ],
    [
      'with content of another type',
      `POST /api/v1/contact HTTP/1.1\r\n${host}Content-Type: text/xml\r\n`,
      415,
      'unsupported-media-type',
    ],
  ])('asks nobody to send a body %s', async (_name, head, status, code) => {
    const length = head.includes('Content-Length') ? '' : 'Content-Length: 20\r\n'
    const exchanged = await talk(`${head}${length}Expect: 100-continue\r\n\r\n`)
    expectProblem(exchanged, status, code)
    expect(exchanged.text).not.toContain('100 Continue')
    // What the client may still send would pass for the next request.
    expect(exchanged.closed).toBe(true)
  })

  it('asks nobody to send a body who is over the limit', async () => {
    const bytes = post(`${json}${lengthOf(message)}Expect: 100-continue\r\n`)
    server.clock.nowMs += 400_000
    for (let sent = 0; sent < 3; sent += 1) await exchange(port, [bytes, message], { pauseMs: 20 })
    const exchanged = await exchange(port, bytes)
    expectProblem(exchanged, 429, 'rate-limited')
    expect(exchanged.text).not.toContain('100 Continue')
    expect(exchanged.closed).toBe(true)
  })

  it('of any other kind is answered 417', async () => {
    expectProblem(await talk(post(`${json}${lengthOf(message)}Expect: 200-ok\r\n`, message)), 417, 'expectation-failed')
  })
})

describe('a client that goes away', () => {
  it('in the middle of its body stores nothing, and is logged and counted as 499', async () => {
    const before = server.logLines.length
    server.clock.nowMs += 400_000
    await exchange(port, post(`${json}Content-Length: 5000\r\n`, message), { waitMs: 50, closeMs: 0 })
    await expect.poll(() => server.logLines.slice(before).join('')).toContain('"status":499')
    expect(server.logLines.slice(before).join('')).not.toContain('"level":"error"')
    expect(await server.metrics.render()).toMatch(
      /rempart_http_requests_total\{method="POST",route="\/api\/v1\/contact",status="499"\} [1-9]/,
    )
  })
})
