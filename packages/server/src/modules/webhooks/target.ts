import { isIP } from 'node:net'
import { isPublicAddress } from '../../core/outbound/public-fetch.ts'

/** Where https is served, besides its own port. Anything else is somebody's database rather than a receiver. */
const ports: ReadonlySet<string> = new Set(['', '8443'])

/**
 * What is wrong with an address to send to, as a phrase that follows its name; undefined when it will do. A name may still
 * resolve to an address that is refused: that is judged at each connection.
 *
 * @param allowsLoopback - this machine, over http and on any port; for development.
 */
export function targetFault(text: string, allowsLoopback: boolean): string | undefined {
  const url = URL.parse(text)
  if (url === null) return 'must be an https address'
  if (url.username !== '' || url.password !== '') return 'must not hold a name or a password'
  // A fragment stays with who asks: whoever writes one means something else.
  if (text.includes('#')) return 'must not have a fragment'
  const host = url.hostname.replace(/^\[|\]$/g, '')
  if (allowsLoopback && isThisMachine(host)) return isWeb(url.protocol) ? undefined : 'must be an http or https address'
  if (url.protocol !== 'https:') return 'must be an https address'
  if (!ports.has(url.port)) return 'must be on port 443 or 8443'
  return isIP(host) !== 0 && !isPublicAddress(host) ? 'must be at a public address' : undefined
}

const isWeb = (protocol: string): boolean => protocol === 'http:' || protocol === 'https:'
const isThisMachine = (host: string): boolean =>
  host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
