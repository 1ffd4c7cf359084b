import { BlockList, isIP } from 'node:net'
import type { Parsed } from './core/parsed.ts'

type Reader<T> = (raw: string) => Parsed<T>

export const text =
  (minimum: number, maximum: number): Reader<string> =>
  (raw) =>
    raw.length >= minimum && raw.length <= maximum
      ? { value: raw }
      : { fault: `must be ${minimum} to ${maximum} characters long` }

export const integer =
  (minimum: number, maximum: number): Reader<number> =>
  (raw) => {
    const value = /^\d{1,15}$/.test(raw) ? Number(raw) : Number.NaN
    return value >= minimum && value <= maximum
      ? { value }
      : { fault: `must be a whole number from ${minimum} to ${maximum}` }
  }

export const choice =
  <const T extends string>(...options: readonly T[]): Reader<T> =>
  (raw) => {
    const value = options.find((option) => option === raw)
    return value === undefined ? { fault: `must be one of ${options.join(', ')}` } : { value }
  }

/** Parts of the server that a process may run. */
export type Part = 'api' | 'jobs'

/** Comma-separated parts, one at least. */
export const partList: Reader<readonly Part[]> = (raw) => {
  const named = raw.split(',').map((item) => item.trim())
  return named.every((item) => item === 'api' || item === 'jobs')
    ? { value: (['api', 'jobs'] as const).filter((part) => named.includes(part)) }
    : { fault: 'must be api, jobs or api,jobs' }
}

const unitMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** A duration with its unit in the value: `250ms`, `15m`. The result is milliseconds. */
export const durationMs =
  (minimumMs: number, maximumMs: number): Reader<number> =>
  (raw) => {
    const match = /^(\d{1,9})(ms|s|m|h|d)$/.exec(raw)
    const unit = match?.[2] as keyof typeof unitMs | undefined
    const value = match && unit ? Number(match[1]) * unitMs[unit] : Number.NaN
    return value >= minimumMs && value <= maximumMs
      ? { value }
      : { fault: `must be a duration such as 500ms, 30s or 15m, from ${minimumMs} ms to ${maximumMs} ms` }
  }

/** An http or https URL without path, query or credentials; the result has no trailing slash. */
export const httpUrl: Reader<string> = (raw) => {
  const url = URL.parse(raw)
  const isPlain =
    url !== null &&
    /^https?:$/.test(url.protocol) &&
    url.pathname === '/' &&
    url.search === '' &&
    url.hash === '' &&
    url.username === ''
  return isPlain
    ? { value: url.origin }
    : { fault: 'must be an http or https URL without path, such as https://api.example.org' }
}

export const postgresUrl: Reader<string> = (raw) => {
  const url = URL.parse(raw)
  if (url === null || !/^postgres(ql)?:$/.test(url.protocol)) {
    return { fault: 'must be a URL such as postgres://rempart_app:…@host:5432/rempart' }
  }
  return isPercentEncoded(`${url.username}${url.password}${url.pathname}`)
    ? { value: raw }
    : { fault: 'must have its user, its password and its database percent-encoded: % is %25' }
}

function isPercentEncoded(text: string): boolean {
  try {
    decodeURIComponent(text)
    return true
  } catch {
    return false
  }
}

const listOf =
  <T>(isGood: (item: string) => boolean, rule: string, shape: (item: string) => T): Reader<readonly T[]> =>
  (raw) => {
    const items = raw
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== '')
    const wrong = items.findIndex((item) => !isGood(item))
    return wrong === -1 ? { value: items.map(shape) } : { fault: `must be ${rule}; entry ${wrong + 1} is not` }
  }

/** Comma-separated addresses and CIDR networks. */
export const networkList = listOf(isNetwork, 'a comma-separated list of addresses or CIDR networks', (item) => item)

/** Comma-separated browser origins, or `*`. */
export const originList = listOf(
  isOrigin,
  'a comma-separated list of origins such as https://www.example.org',
  (item) => (item === '*' ? item : new URL(item).origin),
)

/** Comma-separated host names, with `*.` for subdomains, or `*`. */
export const hostList = listOf(
  (item) =>
    item === '*' ||
    /^(\*\.)?[a-zA-Z0-9.-]{1,253}(:\d{1,5})?$/.test(item) ||
    /^\[[0-9a-fA-F:.]+\](:\d{1,5})?$/.test(item),
  'a comma-separated list of host names',
  (item) => item.toLowerCase(),
)

/** Comma-separated IP addresses, each with a port or without: `9.9.9.9`, `127.0.0.1:5353`, `[::1]:53`. */
export const addressList = listOf(
  (item) => {
    const [, bracketed, bare, port] =
      /^(?:\[([^\]]+)\]|([^:]+|[0-9a-fA-F:]+:[0-9a-fA-F:]*))(?::(\d{1,5}))?$/.exec(item) ?? []
    return isIP(bracketed ?? bare ?? '') !== 0 && (port === undefined || (Number(port) >= 1 && Number(port) <= 65_535))
  },
  'a comma-separated list of IP addresses such as 9.9.9.9 or 127.0.0.1:5353',
  (item) => item,
)

/** Comma-separated addresses where a person is reached: `mailto:`, `https:` or `tel:`. @see RFC 9116 §2.5.3 */
export const contactList = listOf(
  (item) => /^(mailto:[^\s@]+@[^\s@]+|https:\/\/[^\s]+|tel:\+?[0-9.-]+)$/.test(item) && /^[!-~]{1,500}$/.test(item),
  'a comma-separated list of addresses such as mailto:security@example.org or https://www.example.org/security',
  (item) => item,
)

/** Where a person is written to: `mailto:` or an https page. */
export const contactAddress: Reader<string> = (raw) =>
  /^(mailto:[^\s@?]+@[^\s@?]+|https:\/\/[^\s]+)$/.test(raw) && /^[!-~]{1,500}$/.test(raw)
    ? { value: raw }
    : { fault: 'must be an address such as mailto:api@example.org or https://www.example.org/support' }

/** A mount and a path in it: `secret/rempart`. No part is empty or means another place. */
export const mountedPath: Reader<string> = (raw) =>
  raw.length <= 512 && /^[\w.-]+(\/[\w. -]+)+$/.test(raw) && !/(^|\/)\.{1,2}(\/|$)/.test(raw)
    ? { value: raw }
    : { fault: 'must be a mount and a path, such as secret/rempart' }

/** Master secrets, one on each line or separated by commas. A secret with a comma has to be on a line of its own. */
export const masterList: Reader<readonly string[]> = (raw) => {
  const items = raw
    .split(/[\r\n]/.test(raw) ? /[\r\n]+/ : ',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
  const wrong = items.findIndex((item) => Buffer.byteLength(item) < 32)
  return wrong === -1
    ? { value: items }
    : { fault: `must be secrets of at least 32 bytes each; entry ${wrong + 1} is not` }
}

/** The host of a URL that has been validated. */
export const hostName = (url: string): string => new URL(url).hostname

function isNetwork(item: string): boolean {
  const [address = '', prefix, ...rest] = item.split('/')
  const family = isIP(address)
  if (family === 0 || rest.length > 0) return false
  if (prefix === undefined) return true
  if (!/^\d{1,3}$/.test(prefix) || Number(prefix) > (family === 4 ? 32 : 128)) return false
  new BlockList().addSubnet(address, Number(prefix), family === 4 ? 'ipv4' : 'ipv6')
  return true
}

function isOrigin(item: string): boolean {
  if (item === '*') return true
  const url = URL.parse(item)
  return url !== null && /^https?:$/.test(url.protocol) && url.origin === item.replace(/\/$/, '').toLowerCase()
}
