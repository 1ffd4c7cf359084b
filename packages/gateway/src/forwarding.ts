import type { IncomingMessage } from 'node:http'
import { isIPv6, type Socket } from 'node:net'
import { type AddressResolver, type AddressResolverOptions, createAddressResolver } from '@rempart/guard'
import { isHost, type RequestHead } from './request-head.ts'

/** Tells the upstream who asks. */
export interface Forwarding {
  isTrusted(message: IncomingMessage): boolean
  /** The fields X-Forwarded-For, -Proto, -Host and Forwarded, as lines: all of them the gateway's own. */
  linesFor(message: IncomingMessage, head: RequestHead, host: string): string
}

interface Peer {
  readonly isTrusted: boolean
  /** The lines of a peer that speaks for itself, but for the host. */
  readonly start: string
  readonly forwardedStart: string
}

/** An address that nobody has (RFC 5737), to ask of a peer whether its word about others is taken. */
const PROBE = '192.0.2.255'

/**
 * Builds the writer of the forwarding fields. What a client has written in any of them is gone; a trusted proxy's word is
 * read, and told on as one hop, so that the upstream has nothing to choose from.
 *
 * @throws PolicyError when a trusted proxy is neither an address nor a CIDR block.
 * @see RFC 7239
 */
export function createForwarding({
  trustedProxies = [],
  header = 'x-forwarded-for',
}: Partial<AddressResolverOptions>): Forwarding {
  const addressOf = createAddressResolver({ trustedProxies, header })
  const probe = { [header]: header === 'forwarded' ? `for=${PROBE}` : PROBE }
  const peers = new WeakMap<Socket, Peer>()

  const peerOf = ({ socket }: IncomingMessage): Peer => {
    const known = peers.get(socket)
    if (known !== undefined) return known
    const { remoteAddress } = socket
    const isTrusted = addressOf(remoteAddress, probe).text === PROBE && remoteAddress !== PROBE
    const peer = { isTrusted, ...linesOf(addressOf(remoteAddress, {}).text, 'http') }
    peers.set(socket, peer)
    return peer
  }

  return {
    isTrusted: trustedProxies.length === 0 ? () => false : (message) => peerOf(message).isTrusted,
    linesFor(message, head, host) {
      const peer = peerOf(message)
      if (!peer.isTrusted) return finish(peer, host, 'http')
      const proto = protoSaid(message, head, header)
      return finish(linesOf(clientOf(addressOf, message), proto), hostSaid(head) ?? host, proto)
    },
  }
}

function linesOf(address: string, proto: string): Omit<Peer, 'isTrusted'> {
  const node = isIPv6(address) ? `"[${address}]"` : address
  return {
    start: `x-forwarded-for: ${address}\r\nx-forwarded-proto: ${proto}\r\nx-forwarded-host: `,
    forwardedStart: `\r\nforwarded: for=${node};host="`,
  }
}

const finish = ({ start, forwardedStart }: Omit<Peer, 'isTrusted'>, host: string, proto: string): string =>
  `${start}${host}${forwardedStart}${host}";proto=${proto}\r\n`

const clientOf = (addressOf: AddressResolver, { socket, headers }: IncomingMessage): string =>
  addressOf(socket.remoteAddress, headers).text

/** The proxy nearest to the gateway writes last. */
const lastOf = (value: string): string => value.slice(value.lastIndexOf(',') + 1).trim()

function protoSaid({ headers }: IncomingMessage, { proto }: RequestHead, header: string): string {
  const said =
    header === 'forwarded' ? /(?:^|;)\s*proto="?([a-z]+)"?/i.exec(lastOf(headers.forwarded ?? ''))?.[1] : proto
  return lastOf(said ?? '').toLowerCase() === 'https' ? 'https' : 'http'
}

function hostSaid({ forwardedHost }: RequestHead): string | undefined {
  const said = lastOf(forwardedHost ?? '')
  return isHost(said) ? said : undefined
}
