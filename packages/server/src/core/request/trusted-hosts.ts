import { isIPv6 } from 'node:net'
import { domainToASCII } from 'node:url'

/** The parts of a well-formed Host header. */
export interface Host {
  /** Lower case, without a trailing dot; an IPv6 address is compressed and in brackets. */
  readonly name: string
  /** 1 to 65535; absent when the header has none. */
  readonly port: number | undefined
}

/** Answers kept of hosts that are trusted; a wildcard can have any number of them. */
const REMEMBERED = 500

/**
 * Compiles the names a server answers to.
 *
 * An entry is a name, an address or `*.name`, with or without a port. Without a port, any port is trusted; `:80` and
 * `:443` also match a header that leaves its default port out. `*.example.org` is every name below `example.org`, at any
 * depth, and not `example.org` itself. `*` alone is every well-formed host, for development.
 *
 * @returns Whether a Host header is one of them; false for one that is absent, repeated or malformed.
 * @throws RangeError an entry is none of these; the message names it.
 */
export function compileTrustedHosts(entries: readonly string[]): (hostHeader: string | undefined) => boolean {
  const trusted = new Set(entries.map(entryKey))
  const remembered = new Set<string>()
  return (hostHeader) => {
    if (hostHeader === undefined) return false
    if (remembered.has(hostHeader)) return true
    const host = parseHost(hostHeader)
    if (host === undefined || !isListed(host, trusted)) return false
    if (remembered.size >= REMEMBERED) remembered.clear()
    remembered.add(hostHeader)
    return true
  }
}

/**
 * Reads a Host header: `name`, `name:port`, `[address]` or `[address]:port`, and nothing else. Userinfo, a path, a space,
 * a comma or a control character makes it undefined, as does a name or a port out of bounds.
 *
 * @see RFC 9110 §7.2, RFC 3986 §3.2.2
 */
export function parseHost(header: string): Host | undefined {
  const parts = header.length <= 261 ? HOST.exec(header) : null
  if (parts === null) return undefined
  const [, address, rawName, digits] = parts
  const port = digits === undefined ? undefined : Number(digits)
  if (port !== undefined && (port < 1 || port > 65_535)) return undefined
  const name = address === undefined ? canonicalName(rawName ?? '') : canonicalAddress(address)
  return name === undefined ? undefined : { name, port }
}

const HOST = /^(?:\[([0-9a-fA-F:.]{2,45})\]|([\w.-]{1,254}))(?::(\d{1,5}))?$/

/** An underscore is no part of an Internet name, and many container networks have names with one. */
const NAME = /^(?!-)[a-z0-9_-]{1,63}(?<!-)(?:\.(?!-)[a-z0-9_-]{1,63}(?<!-))*$/

function canonicalName(raw: string): string | undefined {
  const name = (raw.endsWith('.') ? raw.slice(0, -1) : raw).toLowerCase()
  return name.length <= 253 && NAME.test(name) ? name : undefined
}

function canonicalAddress(raw: string): string | undefined {
  return isIPv6(raw) ? new URL(`http://[${raw}]`).hostname : undefined
}

function isListed({ name, port }: Host, trusted: ReadonlySet<string>): boolean {
  if (trusted.has('*') || isKnown(name, port, trusted)) return true
  for (let dot = name.indexOf('.'); dot !== -1; dot = name.indexOf('.', dot + 1)) {
    if (isKnown(`*${name.slice(dot)}`, port, trusted)) return true
  }
  return false
}

function isKnown(name: string, port: number | undefined, trusted: ReadonlySet<string>): boolean {
  if (trusted.has(name)) return true
  return port === undefined ? trusted.has(`${name}:80`) || trusted.has(`${name}:443`) : trusted.has(`${name}:${port}`)
}

function entryKey(entry: string): string {
  if (entry === '*') return entry
  const isWildcard = entry.startsWith('*.')
  const host = parseHost(toAscii(isWildcard ? entry.slice(2) : entry))
  const isAddress = host !== undefined && (host.name.startsWith('[') || /^[\d.]+$/.test(host.name))
  if (host === undefined || (isWildcard && isAddress)) {
    throw new RangeError(`"${entry}" is not a host name, an address or a *.name`)
  }
  const name = isWildcard ? `*.${host.name}` : host.name
  return host.port === undefined ? name : `${name}:${host.port}`
}

/** An entry may be written as people read it; a header never is. */
function toAscii(entry: string): string {
  const [name = '', ...rest] = entry.split(':')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the whole of ASCII is meant.
  return /^[\x00-\x7f]*$/.test(entry) ? entry : [domainToASCII(name), ...rest].join(':')
}
