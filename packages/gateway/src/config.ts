import type { AddressResolverOptions, LoadedPolicy, RemoteStore, Store } from '@rempart/guard'
import type { Tally } from './tally.ts'

/** What a gateway is told. */
export interface GatewayOptions {
  /** The server behind: `http://host:port`, without a path. */
  readonly upstream: string
  /** What `loadPolicies` gives. Rules that count by account, tenant or API key need the application, and are not asked here. */
  readonly policies: readonly LoadedPolicy[]
  /** Where counters are kept. @default the memory of this process, 32 MiB */
  readonly store?: Store | RemoteStore
  /** Which peers may speak for others. @default nobody */
  readonly clientAddress?: Partial<AddressResolverOptions>
  /** The language of refusals for a client that asks for none of the two. @default 'en' */
  readonly locale?: 'en' | 'fr'
  readonly limits?: Partial<GatewayLimits>
  /** Hears once a second, and once more at the end, how often what was not forwarded. */
  readonly onTally?: (tallies: readonly Tally[]) => void
}

/** Times in milliseconds, and how much of each there may be. */
export interface GatewayLimits {
  /** Until the upstream takes a connection. */
  readonly connectMs: number
  /** From the end of a request to the first byte of its answer. */
  readonly firstByteMs: number
  /** Without a byte in the middle of a request or an answer, on either side. */
  readonly idleMs: number
  /** In which a request waits for a free connection to the upstream. */
  readonly waitMs: number
  /** After which an idle connection to the upstream is closed: sooner than the upstream does. */
  readonly upstreamKeepAliveMs: number
  readonly upstreamConnections: number
  /** Requests that wait for one of them. */
  readonly waiting: number
  /** In which a client has to send the head of a request, and the whole of it. */
  readonly headersMs: number
  readonly requestMs: number
  readonly clientKeepAliveMs: number
  readonly clientConnections: number
  /** In which requests in flight may end once the gateway stops. */
  readonly drainMs: number
}

/** An option that cannot be kept. */
export class GatewayOptionError extends Error {
  override readonly name = 'GatewayOptionError'
}

export const defaultLimits: GatewayLimits = {
  connectMs: 2_000,
  firstByteMs: 60_000,
  idleMs: 60_000,
  waitMs: 10_000,
  upstreamKeepAliveMs: 4_000,
  upstreamConnections: 512,
  waiting: 8_192,
  headersMs: 10_000,
  requestMs: 300_000,
  clientKeepAliveMs: 65_000,
  clientConnections: 20_000,
  drainMs: 10_000,
}

/** The server behind. */
export interface Upstream {
  readonly host: string
  readonly port: number
  /** What a request without a Host (HTTP/1.0) is sent with. */
  readonly authority: string
}

/** Reads the address of the upstream. @throws GatewayOptionError for any but `http://host:port`. */
export function readUpstream(text: string): Upstream {
  const url = URL.parse(text)
  const isBare = url?.pathname === '/' && url.search === '' && url.hash === '' && url.username + url.password === ''
  if (url?.protocol !== 'http:' || !isBare || text.includes('?') || text.includes('#')) {
    throw new GatewayOptionError(`${JSON.stringify(text)} is no upstream: give one as http://host:port, without a path`)
  }
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  return { host, port: Number(url.port === '' ? 80 : url.port), authority: url.host }
}
