import { type LookupAddress, lookup } from 'node:dns'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { BlockList, isIP, type LookupFunction } from 'node:net'
import { OutboundRefusal } from './outbound.ts'

/** What is sent. */
export interface PublicRequest {
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: unknown
  readonly signal?: AbortSignal
}

/** Sends a request to an address that somebody typed in. Follows no redirect. */
export type PublicFetch = (url: string, request: PublicRequest) => Promise<Response>

/** An outbound request was not made, or its answer was not read. The message names the rule and not the address. */
export class PublicFetchError extends OutboundRefusal {
  override readonly name = 'PublicFetchError'
}

const usualTimeoutMs = 5_000
/** Of the answers before the answer (RFC 9110 §15.2): each starts its header fields anew, so nothing else bounds them. */
const mostHints = 20
/** Metadata, keys and tokens are a few kilobytes, and read they take twenty times as much. */
const mostBytes = 262_144

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

/** IANA special-purpose registries: what no service for the public is at. */
const special = new BlockList()
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const) {
  special.addSubnet(network, prefix, 'ipv4')
}
// Azure's host answers its machines there, at an address that is public to nobody.
special.addAddress('168.63.129.16', 'ipv4')
// Teredo, ORCHID and 6to4 carry other addresses inside; the rest is documentation.
for (const [network, prefix] of [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
] as const) {
  special.addSubnet(network, prefix, 'ipv6')
}
const globalUnicast = new BlockList()
globalUnicast.addSubnet('2000::', 3, 'ipv6')

/** Whether an address is one of the public internet. An IPv4 address in IPv6 notation never is. */
export function isPublicAddress(address: string): boolean {
  if (isIP(address) === 4) return !special.check(address, 'ipv4')
  return isIP(address) === 6 && globalUnicast.check(address, 'ipv6') && !special.check(address, 'ipv6')
}

const isLoopback = (address: string): boolean => loopback.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')

/**
 * A fetch that staff cannot turn on the network behind the server: https alone, and addresses are judged as they are
 * connected to, so that a name that resolves otherwise a moment later gains nothing. A name with one private address is
 * refused whole.
 *
 * @param options.allowLoopback - this machine besides, over http as well; for development.
 * @param options.timeoutMs - for the whole of it. Default 5 s.
 * @param options.readsAnswer - false: the answer is its status and header fields; nothing of its body is waited for, and
 *   the connection is closed. Default true.
 */
export function createPublicFetch(options: {
  readonly allowLoopback: boolean
  readonly timeoutMs?: number
  readonly readsAnswer?: boolean
}): PublicFetch {
  const { allowLoopback, timeoutMs = usualTimeoutMs, readsAnswer = true } = options
  const isAdmitted = (address: string): boolean => isPublicAddress(address) || (allowLoopback && isLoopback(address))

  const judgedLookup: LookupFunction = (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
      if (error !== null) return callback(error, '')
      const [first] = addresses
      if (first === undefined || !addresses.every(({ address }) => isAdmitted(address))) {
        return callback(new PublicFetchError('the address is not public'), '')
      }
      if (options.all === true) callback(null, addresses)
      else callback(null, first.address, first.family)
    })
  }

  return async (url, request) => {
    const target = new URL(url)
    const host = target.hostname.replace(/^\[|\]$/g, '')
    if (isIP(host) !== 0 && !isAdmitted(host)) throw new PublicFetchError('the address is not public')
    const isPlain = target.protocol === 'http:'
    // Over http to this machine alone: anything else that is admitted could be a name with a public address.
    if (isPlain && !(allowLoopback && isThisMachine(host))) throw new PublicFetchError('https is required')
    if (!isPlain && target.protocol !== 'https:') throw new PublicFetchError('https is required')
    const signals = [AbortSignal.timeout(timeoutMs), ...(request.signal === undefined ? [] : [request.signal])]
    const { status, headers, body } = await exchange(target, request, {
      ...{ judged: judgedLookup, readsAnswer, signal: AbortSignal.any(signals) },
    })
    return new Response(body, { status, headers })
  }
}

const isThisMachine = (host: string): boolean => (isIP(host) === 0 ? host === 'localhost' : isLoopback(host))

/** An answer, before it is known to be one that a `Response` can hold. */
interface Answer {
  readonly status: number
  readonly headers: [string, string][]
  readonly body: Uint8Array<ArrayBuffer> | null
}

interface Exchange {
  readonly judged: LookupFunction
  readonly signal: AbortSignal
  readonly readsAnswer: boolean
}

function exchange(target: URL, request: PublicRequest, { judged, signal, readsAnswer }: Exchange): Promise<Answer> {
  const body = bodyOf(request.body)
  const headers = { ...request.headers, ...(body !== undefined && { 'content-length': String(body.length) }) }
  const send = target.protocol === 'https:' ? httpsRequest : httpRequest
  return new Promise((resolve, reject) => {
    // No connection is kept: one that was judged for a name is not used for another.
    const outgoing = send(target, { method: request.method, headers, lookup: judged, agent: false, signal })
    let hints = 0
    let isAnswered = false
    outgoing.on('error', reject)
    outgoing.on('information', () => {
      hints += 1
      if (hints > mostHints) outgoing.destroy(new RangeError('the answer does not come'))
    })
    // 101 (Switching Protocols) ends a request that asked for nothing of the kind, without an error and without a response.
    outgoing.on('close', () => {
      if (!isAnswered) reject(new RangeError('closed without an answer'))
    })
    outgoing.on('response', (incoming) => {
      isAnswered = true
      if (readsAnswer) return void read(incoming).then((bytes) => resolve(answerOf(incoming, bytes)), reject)
      incoming.on('error', () => {})
      resolve(answerOf(incoming, Buffer.of()))
      incoming.destroy()
    })
    outgoing.end(body)
  })
}

function bodyOf(body: unknown): Buffer | undefined {
  if (body === undefined || body === null) return undefined
  if (typeof body === 'string' || body instanceof URLSearchParams) return Buffer.from(String(body))
  throw new TypeError('only texts are sent')
}

async function read(incoming: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of incoming) {
    const bytes = Buffer.from(chunk)
    size += bytes.length
    if (size > mostBytes) throw new PublicFetchError('the answer is too long')
    chunks.push(bytes)
  }
  return Buffer.concat(chunks)
}

// It throws at nothing: what is thrown in a listener would end the process.
function answerOf({ statusCode = 502, headers }: IncomingMessage, bytes: Buffer): Answer {
  const isEmpty = statusCode === 204 || statusCode === 205 || statusCode === 304
  return {
    status: statusCode,
    headers: Object.entries(headers).map(([name, value]) => [name, String(value)]),
    body: isEmpty || bytes.length === 0 ? null : new Uint8Array(bytes),
  }
}
