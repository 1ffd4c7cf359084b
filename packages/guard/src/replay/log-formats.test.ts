import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeText, detectFormat, formatOf } from './log-formats.ts'
import { createLogLine, type LogFormatName, type LogLine, type Parsed } from './log-line.ts'

/** What a log can say of a request. */
interface Said {
  readonly address: string
  readonly second: number
  readonly method: string
  readonly path: string
  readonly query: string
  readonly status: number
  readonly referrer: string
  readonly agent: string
}

const viewOf = ({ buffer, byteOffset, length }: Buffer): DataView => new DataView(buffer, byteOffset, length)

/** Reads one line as a replay would; undefined members are those the format has no place for. */
function read(format: LogFormatName, text: string | Buffer, before: readonly string[] = []) {
  const { createParser, escapes } = formatOf(format)
  const parse = createParser()
  const line = createLogLine()
  for (const each of before) parse(Buffer.from(each), 0, Buffer.byteLength(each), line, viewOf(Buffer.from(each)))
  const bytes = Buffer.from(text)
  const parsed: Parsed = parse(bytes, 0, bytes.length, line, viewOf(bytes))
  const decode = (start: number, end: number) => decodeText(bytes, start, end, escapes)
  return {
    parsed,
    address: bytes.toString('latin1', line.addressStart, line.addressEnd),
    second: line.second,
    milli: line.milli,
    zoneMinutes: line.zoneMinutes,
    method: bytes.toString('latin1', line.methodStart, line.methodEnd),
    // What is percent-encoded in a path is left to whoever matches it.
    path: decodeText(bytes, line.pathStart, line.pathEnd, escapes === 'percent' ? 'backslash' : escapes),
    status: line.status,
    hasReferrer: line.hasReferrer,
    agent: decode(line.agentStart, line.agentEnd),
    forwarded: bytes.toString('latin1', line.forwardedStart, line.forwardedEnd),
  }
}

const two = (value: number): string => String(value).padStart(2, '0')
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** Apache's and nginx's way of writing a time, on a clock some minutes ahead of UTC. */
function commonTime(second: number, zone = 0): string {
  const date = new Date((second + zone * 60) * 1_000)
  const sign = zone < 0 ? '-' : '+'
  const offset = `${sign}${two(Math.floor(Math.abs(zone) / 60))}${two(Math.abs(zone) % 60)}`
  const day = `${two(date.getUTCDate())}/${months[date.getUTCMonth()]}/${date.getUTCFullYear()}`
  return `${day}:${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())} ${offset}`
}

const nginxEscaped = (text: string): string =>
  [...Buffer.from(text)]
    .map((byte) =>
      byte === 34 || byte === 92 || byte < 32 || byte > 126
        ? `\\x${byte.toString(16).toUpperCase().padStart(2, '0')}`
        : String.fromCharCode(byte),
    )
    .join('')
const apacheEscaped = (text: string): string =>
  text.replace(/["\\]/g, '\\$&').replaceAll('\n', '\\n').replaceAll('\t', '\\t').replaceAll('\r', '\\r')

const combined = (said: Said, escaped: (text: string) => string, zone = 0): string =>
  `${said.address} - - [${commonTime(said.second, zone)}] "${said.method} ${said.path}${said.query} HTTP/1.1" ${said.status} 12 "${escaped(said.referrer) || '-'}" "${escaped(said.agent) || '-'}"`

const caddy = (said: Said): string =>
  JSON.stringify({
    level: 'info',
    ts: said.second + 0.25,
    logger: 'http.log.access.log0',
    msg: 'handled request',
    request: {
      remote_ip: '198.51.100.1',
      client_ip: said.address,
      proto: 'HTTP/2.0',
      method: said.method,
      uri: said.path + said.query,
      headers: {
        'Accept-Language': ['fr', 'en'],
        'User-Agent': [said.agent],
        ...(said.referrer !== '' && { Referer: [said.referrer] }),
      },
      tls: { resumed: false, version: 772, sub: { a: [1, [2], { ts: 7 }] } },
    },
    status: said.status,
    resp_headers: { 'User-Agent': ['a decoy'], 'Content-Type': ['text/plain'] },
  })

const cloudFrontFields =
  '#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) cs(User-Agent) cs-uri-query'
const encoded = (text: string): string => (text === '' ? '-' : encodeURIComponent(text))
const cloudFront = (said: Said): string => {
  const [date, time] = new Date(said.second * 1_000).toISOString().split('T')
  const words = [date, time?.slice(0, 8), 'CDG50', '12', said.address, said.method, 'd1.example', said.path]
  return [...words, said.status, encoded(said.referrer), encoded(said.agent), said.query.slice(1) || '-'].join('\t')
}

const alb = (said: Said): string => {
  const time = new Date(said.second * 1_000 + 987).toISOString().replace('Z', '123Z')
  const request = `${said.method} https://www.example.org:443${said.path}${said.query} HTTP/1.1`
  return `https ${time} app/lb/1 ${said.address}:4321 10.0.0.1:80 0.1 0.1 0.1 ${said.status} 200 34 366 "${request}" "${nginxEscaped(said.agent)}" - -`
}

const s3 = (said: Said): string =>
  `owner bucket [${commonTime(said.second)}] ${said.address} - REQ1 REST.GET.OBJECT key "${said.method} ${said.path}${said.query} HTTP/1.1" ${said.status} - 113 - 7 - "${nginxEscaped(said.referrer) || '-'}" "${nginxEscaped(said.agent) || '-'}" -`

const texts = fc.string({ unit: 'grapheme', maxLength: 80 }).filter((text) => text !== '-' && !/^[\s+]|\+/.test(text))
const anything: fc.Arbitrary<Said> = fc.record({
  address: fc.oneof(fc.ipV4(), fc.ipV6()),
  second: fc.integer({ min: 946_771_200, max: 3_092_515_200 }),
  method: fc.constantFrom('GET', 'POST', 'HEAD', 'PROPFIND'),
  path: fc.webPath().map((path) => `/${path.replace(/^\/+/, '')}`),
  query: fc.constantFrom('', '?a=1', '?q=%22x%22&b'),
  status: fc.integer({ min: 100, max: 599 }),
  referrer: texts,
  agent: texts,
})

const facts = (said: Said) => ({
  parsed: 'line',
  address: said.address,
  second: said.second,
  method: said.method,
  path: said.path,
  status: said.status,
  hasReferrer: said.referrer !== '',
  agent: said.agent,
})

describe('a line that a server printed', () => {
  it('is read back from nginx’s combined format, on whatever clock', () => {
    fc.assert(
      fc.property(anything, fc.integer({ min: -840, max: 840 }), (said, zone) => {
        const line = combined(said, nginxEscaped, zone)
        expect(read('combined', line)).toMatchObject({ ...facts(said), zoneMinutes: zone })
      }),
    )
  })

  it('is read back from Apache’s combined format and its virtual-host form', () => {
    fc.assert(
      fc.property(anything, (said) => {
        const line = combined(said, apacheEscaped)
        expect(read('combined', line)).toMatchObject(facts(said))
        expect(read('vhost', `www.example.org:443 ${line}`)).toMatchObject(facts(said))
      }),
    )
  })

  it('is read back from Caddy’s JSON, whatever stands around it', () => {
    fc.assert(
      fc.property(anything, (said) => {
        expect(read('caddy', caddy(said))).toMatchObject({ ...facts(said), milli: 250 })
      }),
    )
  })

  it('is read back from CloudFront’s columns', () => {
    fc.assert(
      fc.property(anything, (said) => {
        expect(read('w3c', cloudFront(said), ['#Version: 1.0', cloudFrontFields])).toMatchObject(facts(said))
      }),
    )
  })

  it('is read back from Amazon’s formats', () => {
    fc.assert(
      fc.property(anything, (said) => {
        const host = `https://www.example.org:443${said.path}`
        const { hasReferrer: _, ...known } = facts(said)
        expect(read('alb', alb(said))).toMatchObject({ ...known, path: host, milli: 987 })
        expect(read('s3', s3(said))).toMatchObject(facts(said))
      }),
    )
  })

  it('is recognised by the first lines', () => {
    fc.assert(
      fc.property(anything, (said) => {
        const detect = (...lines: string[]) => detectFormat(Buffer.from(`${lines.join('\r\n')}\r\n`))?.name
        expect(detect('not a line of a log', combined(said, nginxEscaped))).toBe('combined')
        expect(detect(`a.example:80 ${combined(said, apacheEscaped)}`)).toBe('vhost')
        expect(detect(caddy(said))).toBe('caddy')
        expect(detect('#Version: 1.0', cloudFrontFields, cloudFront(said))).toBe('w3c')
        expect(detect(alb(said))).toBe('alb')
        expect(detect(s3(said))).toBe('s3')
      }),
      { numRuns: 30 },
    )
  })
})

describe('a line of the common family', () => {
  const head = '203.0.113.9 - - [17/May/2026:10:05:03 +0200]'

  it.each([
    ['without referrer and User-Agent', `${head} "GET /a HTTP/1.0" 200 5`, { parsed: 'line', path: '/a', agent: '' }],
    [
      'with nginx’s request time behind',
      `${head} "GET /a HTTP/1.1" 200 5 "-" "ua" 0.003 "0.001"`,
      { agent: 'ua', forwarded: '' },
    ],
    [
      'with a forwarded address',
      `${head} "GET /a HTTP/1.1" 200 5 "-" "ua" "198.51.100.7, 10.0.0.1"`,
      { forwarded: '198.51.100.7, 10.0.0.1' },
    ],
    [
      'of a user with a space and a bracket',
      `203.0.113.9 - a [b] [17/May/2026:10:05:03 +0200] "GET /a HTTP/1.1" 200 5`,
      { parsed: 'line', path: '/a' },
    ],
    ['of HTTP/0.9', `${head} "GET /a" 200 5`, { parsed: 'line', path: '/a', status: 200 }],
    [
      'with a space in the path',
      `${head} "GET /a b HTTP/1.1" 400 5 "-" "ua"`,
      { parsed: 'line', path: '/a', status: 400, agent: 'ua' },
    ],
    [
      'with a quote in the path',
      `${head} "GET /a\\"b HTTP/1.1" 404 5 "-" "ua"`,
      { parsed: 'line', path: '/a"b', agent: 'ua' },
    ],
    [
      'with backslashes before a quote',
      `${head} "GET /a HTTP/1.1" 200 5 "-" "x\\\\" "y"`,
      { agent: 'x\\', forwarded: 'y' },
    ],
    ['of a connection without a request', `${head} "-" 400 0 "-" "-"`, { parsed: 'no-request', status: 400 }],
    ['of TLS spoken in clear', `${head} "\\x16\\x03\\x01\\x00" 400 150 "-" "-"`, { parsed: 'no-request' }],
    ['closed before an answer', `${head} "GET /a HTTP/1.1" - - "-" "ua"`, { parsed: 'line', status: 0 }],
    [
      'cut off in its User-Agent',
      `${head} "GET /a HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X`,
      { parsed: 'line', agent: 'Mozilla/5.0 (X' },
    ],
  ])('%s is read', (_what, text, expected) => {
    expect(read('combined', text)).toMatchObject({ second: 1_779_005_103, ...expected })
  })

  it.each([
    ['an empty field', ' - - [17/May/2026:10:05:03 +0200] "GET / HTTP/1.1" 200 5', 'shape'],
    ['no time', '203.0.113.9 - - - "GET / HTTP/1.1" 200 5', 'time'],
    ['a day that is none', '203.0.113.9 - - [31/Feb/2026:10:05:03 +0200] "GET / HTTP/1.1" 200 5', 'time'],
    ['an hour that is none', '203.0.113.9 - - [17/May/2026:25:05:03 +0200] "GET / HTTP/1.1" 200 5', 'time'],
    ['a time cut off', '203.0.113.9 - - [17/May/2026:10:05:03', 'time'],
    ['a request never closed', `${head} "GET /`, 'request'],
    ['no status', `${head} "GET / HTTP/1.1" abc 5`, 'status'],
    ['a word', 'hello', 'shape'],
  ])('of %s is bad', (_what, text, reason) => {
    expect(read('combined', text).parsed).toBe(reason)
  })

  it('never takes the next line’s bytes for its own', () => {
    const first = `${head} "GET /cut HTTP/1.1" 200 5 "http://trunc`
    const bytes = Buffer.from(`${first}\n${head} "GET /next HTTP/1.1" 200 5 "-" "next"`)
    const line = createLogLine()
    expect(formatOf('combined').createParser()(bytes, 0, first.length, line, viewOf(bytes))).toBe('line')
    expect(line.agentEnd).toBeLessThanOrEqual(first.length)
    expect(line.pathEnd).toBeLessThanOrEqual(first.length)
  })
})

/** What a parser says of places and times can be used without a further look. */
function expectWithin(line: LogLine, end: number): void {
  const places = [
    [line.addressStart, line.addressEnd],
    [line.methodStart, line.methodEnd],
    [line.pathStart, line.pathEnd],
    [line.agentStart, line.agentEnd],
    [line.forwardedStart, line.forwardedEnd],
  ]
  for (const [from = -1, to = -1] of places) expect([from >= 0, from <= to, to <= end]).toEqual([true, true, true])
  expect(Number.isSafeInteger(line.second)).toBe(true)
  expect(line.milli >= 0 && line.milli < 1_000).toBe(true)
}

describe('any format', () => {
  const names: readonly LogFormatName[] = ['combined', 'vhost', 'caddy', 'w3c', 'alb', 's3']
  const printed = (said: Said): Record<LogFormatName, string> => ({
    combined: combined(said, nginxEscaped),
    vhost: `a.example:80 ${combined(said, nginxEscaped)}`,
    caddy: caddy(said),
    w3c: cloudFront(said),
    alb: alb(said),
    s3: s3(said),
  })

  it.each(names)('%s reads any bytes at all without a fault, and stays within them', (name) => {
    const parse = formatOf(name).createParser()
    const line = createLogLine()
    const header = Buffer.from(cloudFrontFields)
    parse(header, 0, header.length, line, viewOf(header))
    const whole = fc
      .uint8Array({ maxLength: 300, minLength: 1 })
      .map((bytes) => ({ bytes: Buffer.from(bytes), end: 300 }))
    const changes = fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 12 })
    const damaged = fc.tuple(anything, changes, fc.integer({ min: 1, max: 500 })).map(([said, bytewise, end]) => {
      const bytes = Buffer.from(printed(said)[name])
      for (const [at, byte] of bytewise) bytes[at % bytes.length] = byte
      return { bytes, end }
    })
    fc.assert(
      fc.property(fc.oneof(whole, damaged), ({ bytes, end }) => {
        const last = Math.min(bytes.length, end)
        if (parse(bytes, 0, last, line, viewOf(bytes)) === 'line') expectWithin(line, last)
      }),
      { numRuns: 300 },
    )
  })

  it('is not taken for one where nothing can be read', () => {
    expect(detectFormat(Buffer.from(''))).toBeUndefined()
    expect(detectFormat(Buffer.from('{"level":"info"}\n\u0000\u0001\n<html>\n'))).toBeUndefined()
    expect(
      detectFormat(Buffer.from('localhost - - [17/May/2026:10:05:03 +0200] "GET / HTTP/1.1" 200 5\n')),
    ).toBeUndefined()
  })
})

describe('Caddy’s log', () => {
  const object = (members: object) => JSON.stringify({ ts: 1_779_005_103.5, status: 200, ...members })
  const request = { remote_ip: '203.0.113.9', method: 'GET', uri: '/a', headers: {} }

  it.each([
    [
      'an RFC 3339 time with an offset',
      { ts: '2026-05-17T10:05:03.250+0200', request },
      { second: 1_779_005_103, milli: 250 },
    ],
    ['an RFC 3339 time', { ts: '2026-05-17T08:05:03Z', request }, { second: 1_779_005_103 }],
    [
      'a peer with its port',
      { request: { ...request, remote_ip: undefined, remote_addr: '203.0.113.9:5' } },
      { address: '203.0.113.9' },
    ],
    ['an escaped path', { request: { ...request, uri: '/"\\\u0007?x' } }, { path: '/"\\\u0007' }],
    ['nested decoys', { nested: { request: { uri: '/decoy' }, status: 999 }, request }, { path: '/a', status: 200 }],
  ])('with %s is read', (_what, members, expected) => {
    expect(read('caddy', object(members))).toMatchObject({ parsed: 'line', ...expected })
  })

  it('is bad where it is cut off, too deep or no access log', () => {
    expect(read('caddy', object({ request }).slice(0, -1)).parsed).toBe('shape')
    expect(read('caddy', '{"a":'.repeat(2_000)).parsed).toBe('shape')
    expect(read('caddy', '{"level":"info","ts":1779005103,"msg":"started"}').parsed).toBe('address')
    expect(read('caddy', object({ ts: 'yesterday', request })).parsed).toBe('shape')
  })
})

describe('a W3C log', () => {
  const fields = '#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query c-ip cs(User-Agent) sc-status'

  it('of IIS separates by spaces and writes + for a space', () => {
    const text = '2026-05-17 08:05:03 10.0.0.1 GET /default.aspx q=1 2001:db8::7 Mozilla/5.0+(Windows+NT) 304'
    expect(read('w3c', text, [fields])).toMatchObject({
      parsed: 'line',
      second: 1_779_005_103,
      address: '2001:db8::7',
      path: '/default.aspx',
      agent: 'Mozilla/5.0 (Windows NT)',
      status: 304,
    })
  })

  it('is bad before its columns are named, and directives are no lines', () => {
    expect(read('w3c', '2026-05-17 08:05:03 a b c').parsed).toBe('shape')
    expect(read('w3c', '#Software: IIS', [fields]).parsed).toBe('aside')
    expect(read('w3c', '2026-05-17 08:05', [fields]).parsed).toBe('shape')
  })
})
