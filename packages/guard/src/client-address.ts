import { type Cidr, isInBlocks, readCidr } from './cidr.ts'
import { PolicyError } from './faults.ts'
import { type Hop, visitForwarded, visitForwardedFor } from './forwarded.ts'
import { formatAddress, parseAddress } from './ip-address.ts'
import { createRecentCache } from './recent-cache.ts'

/** Who a request comes from, in the one spelling that everything counts, compares and logs. */
export interface ClientAddress {
  /** The canonical address. */
  readonly text: string
  /** What is counted: the IPv4 address, or the IPv6 block of 64 bits that one subscriber holds. */
  readonly key: string
  readonly family: 4 | 6
}

/** Request headers with lower-case names, as Node gives them. */
export type RequestHeaders = Readonly<Record<string, string | string[] | undefined>>

/** The client of a request, from its socket's peer and the one forwarding header believed. */
export type AddressResolver = (
  socketAddress: string | undefined,
  headers: RequestHeaders,
  rawHeaders?: readonly string[],
) => ClientAddress

/** Which peers may speak for others, and in which header. */
export interface AddressResolverOptions {
  /** Addresses and CIDR blocks of the proxies in front; with none, headers are never read. */
  readonly trustedProxies: readonly string[]
  /** The only header read. What clients write in the other one changes nothing. */
  readonly header: 'x-forwarded-for' | 'forwarded'
}

/** A peer that cannot be told (a closed socket, a Unix socket): all such share this address. */
const unknownPeer: KnownPeer = { address: { text: '0.0.0.0', key: '0.0.0.0', family: 4 }, trusted: false }

/** Peers remembered by each of two generations, so that a keep-alive client is parsed once. */
const REMEMBERED_PEERS = 4_096
/** Longer texts are parsed each time rather than remembered, to bound the memory of the cache. */
const LONGEST_REMEMBERED = 64

interface KnownPeer {
  readonly address: ClientAddress
  readonly trusted: boolean
}

/**
 * Reads one address: IPv4, IPv6 with or without brackets and zone id, upper or lower case.
 *
 * @returns Undefined for anything else, ports included.
 */
export function parseClientAddress(text: string): ClientAddress | undefined {
  const bare = text.startsWith('[') && text.endsWith(']') ? text.slice(1, -1) : text
  if (bare !== text && !bare.includes(':')) return undefined
  const words = new Uint32Array(4)
  const family = parseAddress(bare, words)
  return family === 0 ? undefined : describe(family, words)
}

/**
 * Builds the function that tells the client of a request.
 *
 * It walks the configured header from the right over trusted proxies to the first hop that is not
 * one: that is the client. A hop that is no address (`unknown`, an obfuscated name, garbage) ends the
 * walk at the last good hop, and nothing further left is ever believed.
 *
 * @throws PolicyError when a trusted proxy is neither an address nor a CIDR block; it names each.
 */
export function createAddressResolver(options: AddressResolverOptions): AddressResolver {
  const proxies = readProxies(options.trustedProxies)
  const { header } = options
  const visitHops = header === 'forwarded' ? visitForwarded : visitForwardedFor
  const peers = createPeerReader(proxies)

  return (socketAddress, headers, rawHeaders) => {
    const peer = socketAddress === undefined ? unknownPeer : (peers(socketAddress) ?? unknownPeer)
    if (!peer.trusted) return peer.address
    const value = headerValue(header, headers, rawHeaders)
    if (value === undefined) return peer.address

    let client = peer
    visitHops(value, (hop) => {
      const node = hopAddress(hop)
      const next = node === undefined ? undefined : peers(node)
      if (next === undefined) return false
      client = next
      return next.trusted
    })
    return client.address
  }
}

function readProxies(texts: readonly string[]): Cidr[] {
  const readings = texts.map(readCidr)
  const faults = readings.flatMap((reading, index) =>
    reading.ok ? [] : [{ ...reading, path: `trustedProxies[${index}]` }],
  )
  if (faults.length > 0) throw new PolicyError(faults.map(({ ok: _, ...fault }) => fault))
  return readings.flatMap((reading) => (reading.ok ? [reading.cidr] : []))
}

/** Reads peers and hops, and remembers what they mean. */
function createPeerReader(proxies: readonly Cidr[]): (text: string) => KnownPeer | undefined {
  const recent = createRecentCache<KnownPeer>(REMEMBERED_PEERS)
  const words = new Uint32Array(4)

  return (text) => {
    const known = recent.get(text)
    if (known !== undefined) return known
    const peer = readPeer(text, proxies, words)
    if (peer !== undefined && text.length <= LONGEST_REMEMBERED) recent.set(text, peer)
    return peer
  }
}

function readPeer(text: string, proxies: readonly Cidr[], words: Uint32Array): KnownPeer | undefined {
  const family = parseAddress(text, words)
  if (family === 0) return undefined
  return { address: describe(family, words), trusted: isInBlocks(proxies, family, words) }
}

function describe(family: 4 | 6, words: Uint32Array): ClientAddress {
  const text = formatAddress(family, words)
  if (family === 4) return { text, key: text, family }
  const prefix = Uint32Array.of(words[0] ?? 0, words[1] ?? 0, 0, 0)
  return { text, key: `${formatAddress(6, prefix)}/64`, family }
}

/** Every line of the header in order, joined as one list. */
function headerValue(
  name: string,
  headers: RequestHeaders,
  rawHeaders: readonly string[] | undefined,
): string | undefined {
  if (rawHeaders === undefined) {
    const value = headers[name]
    return Array.isArray(value) ? value.join(',') : value
  }
  const lines: string[] = []
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const line = rawHeaders[index]
    if (line?.length === name.length && line.toLowerCase() === name) lines.push(rawHeaders[index + 1] ?? '')
  }
  return lines.length === 0 ? undefined : lines.join(',')
}

const withPort = /^(\[[^\]]*\]|[\d.]+)(?::(?:\d{1,5}|_[\w.-]+))?$/

/** The address of a hop without its port and brackets. @see RFC 7239 §6 */
function hopAddress(hop: Hop): string | undefined {
  if (hop === undefined || hop.length > 200) return undefined
  const parts = withPort.exec(hop)
  if (parts === null) return hop
  const [, node = ''] = parts
  if (!node.startsWith('[')) return node
  // Brackets hold IPv6 only: `[192.0.2.1]` is not an address of either family.
  return node.includes(':') ? node.slice(1, -1) : undefined
}
