import type { IncomingMessage } from 'node:http'
import { createFieldKinds, namedInConnection, token } from './field-kinds.ts'

/** What is wrong with a request that is not forwarded whatever it asks for. */
export type RequestFault =
  | 'malformed-request'
  | 'uri-too-long'
  | 'headers-too-large'
  | 'method-not-allowed'
  | 'expectation-failed'
  | 'coding-not-supported'
  | 'upgrade-not-supported'
  | 'loop-detected'

/** A request as it goes to the upstream, but for what the gateway says of its client. */
export interface RequestHead {
  /** The client's own fields that go on, as lines. */
  readonly lines: string
  /** As the client named it; undefined for an HTTP/1.0 client that named none. */
  readonly host: string | undefined
  /** Undefined for a body that is chunked, 0 for none. */
  readonly length: number | undefined
  /** Whether a body is announced, be it empty. */
  readonly hasBody: boolean
  readonly expectsContinue: boolean
  /** What a proxy in front says, to be believed of a trusted one only. */
  readonly proto: string | undefined
  readonly forwardedHost: string | undefined
}

const PASS = 0
const DROP = 1
const HOST = 2
const CONNECTION = 3
const LENGTH = 4
const CODING = 5
const UPGRADE = 6
const EXPECT = 7
const VIA = 8
const PROTO = 9
const FORWARDED_HOST = 10
/** What only a proxy that is trusted may claim. */
const CLAIM = 11
/** Fields that may come once: of two, Node's readers take the first and the upstream may take the last. */
const SINGLE = 12

const singles = ['authorization', 'content-type', 'user-agent', 'x-api-key', 'referer', 'from']
const kindOf = createFieldKinds(
  new Map([
    ['host', HOST],
    ['connection', CONNECTION],
    ['content-length', LENGTH],
    ['transfer-encoding', CODING],
    ['upgrade', UPGRADE],
    ['expect', EXPECT],
    ['via', VIA],
    ['x-forwarded-proto', PROTO],
    ['x-forwarded-host', FORWARDED_HOST],
    // RFC 9110 §7.6.1, with the names of older readers. The trailer section is not passed on.
    ...['keep-alive', 'te', 'trailer', 'http2-settings', 'proxy-connection', 'proxy-authorization'].map(drop),
    ...['x-forwarded-for', 'forwarded'].map(drop),
    ...[
      'x-real-ip',
      'x-client-ip',
      'x-cluster-client-ip',
      'true-client-ip',
      'cf-connecting-ip',
      'cf-connecting-ipv6',
      'fastly-client-ip',
      'x-original-forwarded-for',
      'x-original-url',
      'x-rewrite-url',
      'x-original-host',
    ].map((name) => [name, CLAIM] as const),
    ...singles.map((name, index) => [name, SINGLE + index] as const),
  ]),
  // A gateway interface (CGI, WSGI) writes both `-` and `_` as `_`: `x_forwarded_for` would be read as the real one.
  (name) => (name.includes('_') ? DROP : name.startsWith('x-forwarded-') ? CLAIM : PASS),
)
function drop(name: string): readonly [string, number] {
  return [name, DROP]
}

/** End-to-end fields that a client may not have taken away by naming them in Connection. */
const neverNamed = new Set([
  ...singles,
  ...['host', 'content-length', 'content-encoding', 'content-range', 'cookie', 'origin', 'forwarded', 'via', 'expect'],
  ...['x-real-ip', 'cache-control', 'accept', 'range', 'date'],
])

const MOST_FIELDS = 100
const LONGEST_TARGET = 8_192
const MOST_HOPS = 8

const targetShape = /^\/[!-"$-~]*$/
const hostShape = /^(?:[a-z\d][\w.-]{0,252}|\[[\da-f:.]{2,45}\])(?::\d{1,5})?$/i
const tokenShape = new RegExp(`^${token}$`)

/** Whether a text names a host, and a port perhaps. */
export const isHost = (text: string): boolean => hostShape.test(text)

/**
 * Reads a request that Node's parser has taken, and finds what else is wrong with it: whatever the upstream could read in
 * another way than the gateway.
 *
 * @param ownName - What this gateway calls itself in Via: a request that has been here is refused.
 * @param isTrusted - Whether the peer is a proxy whose claims about the client go on.
 * @see RFC 9112 §3.2 (target, Host), §6.3 (length), §11.2 (request smuggling); RFC 9110 §7.6.1 (Connection)
 */
export function readRequestHead(
  message: IncomingMessage,
  ownName: string,
  isTrusted: boolean,
): RequestHead | RequestFault {
  const { rawHeaders, url = '', method } = message
  if (message.httpVersionMajor !== 1) return 'malformed-request'
  const fault = faultOfLine(method, url, rawHeaders.length)
  return fault ?? new HeadReader(message, ownName, isTrusted).read(rawHeaders)
}

function faultOfLine(method: string | undefined, url: string, fields: number): RequestFault | undefined {
  if (fields > 2 * MOST_FIELDS) return 'headers-too-large'
  if (url.length > LONGEST_TARGET) return 'uri-too-long'
  // An absolute form names a host besides the Host field, and `*` is for the gateway itself.
  if (!targetShape.test(url)) return 'malformed-request'
  // The answer to TRACE shows what was added on the way.
  return method === 'TRACE' ? 'method-not-allowed' : undefined
}

/** One pass over the fields; a second one for the rare request that names fields in Connection. */
class HeadReader implements RequestHead {
  lines = ''
  host: string | undefined
  length: number | undefined = 0
  hasBody = false
  expectsContinue = false
  proto: string | undefined
  forwardedHost: string | undefined

  readonly #isOld: boolean
  readonly #ownName: string
  readonly #isTrusted: boolean
  #named: readonly string[] | undefined
  #via = ''
  /** One bit for each kind of field that has come. */
  #seen = 0

  constructor(message: IncomingMessage, ownName: string, isTrusted: boolean) {
    this.#isOld = message.httpVersionMinor === 0
    this.#ownName = ownName
    this.#isTrusted = isTrusted
  }

  read(raw: readonly string[]): RequestHead | RequestFault {
    for (let index = 0; index < raw.length; index += 2) {
      const name = raw[index] ?? ''
      const value = raw[index + 1] ?? ''
      const kind = kindOf(name)
      if (kind === PASS) {
        this.lines += `${name}: ${value}\r\n`
        continue
      }
      const fault = this.#take(kind, name, value)
      if (fault !== undefined) return fault
    }
    if (this.host === undefined && !this.#isOld) return 'malformed-request'
    const fault = this.#named === undefined ? undefined : this.#dropNamed(raw, this.#named)
    if (this.#via !== '') this.lines += this.#via
    return fault ?? this
  }

  #take(kind: number, name: string, value: string): RequestFault | undefined {
    switch (kind) {
      case DROP:
        return undefined
      case HOST:
        if (this.#isRepeated(kind) || !hostShape.test(value)) return 'malformed-request'
        this.host = value
        return undefined
      case CONNECTION:
        return this.#takeConnection(value)
      case LENGTH:
        return this.#takeLength(value)
      case CODING:
        return this.#takeCoding(value)
      case UPGRADE:
        // Any other protocol is an offer that a server may leave alone; a WebSocket client can do nothing without.
        return /websocket/i.test(value) ? 'upgrade-not-supported' : undefined
      default:
        return this.#takeRare(kind, name, value)
    }
  }

  #takeRare(kind: number, name: string, value: string): RequestFault | undefined {
    switch (kind) {
      case EXPECT:
        this.expectsContinue = true
        return value.toLowerCase() === '100-continue' ? undefined : 'expectation-failed'
      case VIA:
        this.#via += `via: ${value}\r\n`
        return value.includes(this.#ownName) || value.split(',').length > MOST_HOPS ? 'loop-detected' : undefined
      case PROTO:
        this.proto = value
        return undefined
      case FORWARDED_HOST:
        this.forwardedHost = value
        return undefined
      case CLAIM:
        if (this.#isTrusted) this.lines += `${name}: ${value}\r\n`
        return undefined
      default:
        this.lines += `${name}: ${value}\r\n`
        return this.#isRepeated(kind) ? 'malformed-request' : undefined
    }
  }

  #takeConnection(value: string): RequestFault | undefined {
    const named = namedInConnection(value)
    if (named !== undefined) this.#named = [...(this.#named ?? []), ...named]
    return undefined
  }

  #takeLength(value: string): RequestFault | undefined {
    if (this.#isRepeated(LENGTH) || this.length === undefined || !/^\d{1,15}$/.test(value)) return 'malformed-request'
    this.length = Number(value)
    this.hasBody = true
    return undefined
  }

  #takeCoding(value: string): RequestFault | undefined {
    if (this.#isRepeated(CODING) || this.hasBody || this.#isOld) return 'malformed-request'
    if (value.toLowerCase() !== 'chunked') return 'coding-not-supported'
    this.length = undefined
    this.hasBody = true
    return undefined
  }

  #isRepeated(kind: number): boolean {
    const bit = 1 << kind
    const isRepeated = (this.#seen & bit) !== 0
    this.#seen |= bit
    return isRepeated
  }

  #dropNamed(raw: readonly string[], named: readonly string[]): RequestFault | undefined {
    const isForbidden = (name: string): boolean =>
      neverNamed.has(name) || name.startsWith('x-forwarded-') || !tokenShape.test(name)
    if (named.some(isForbidden)) return 'malformed-request'
    const dropped = new Set(named)
    this.lines = ''
    for (let index = 0; index < raw.length; index += 2) {
      const name = raw[index] ?? ''
      const kind = kindOf(name)
      const goesOn = kind === PASS || kind >= SINGLE || (kind === CLAIM && this.#isTrusted)
      if (goesOn && !dropped.has(name.toLowerCase())) this.lines += `${name}: ${raw[index + 1] ?? ''}\r\n`
    }
    return undefined
  }
}
