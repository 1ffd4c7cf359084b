import type { FastifyRequest } from 'fastify'

/**
 * Whether a POST comes from a page of this server. Browsers say where theirs come from, in `Sec-Fetch-Site` and
 * `Origin`; a client that sends neither is no browser, and has no visitor whose hand it could lead.
 *
 * @param publicUrl - where browsers reach the server; a page over plain HTTP is none of its own when it is https.
 * @see Fetch Metadata §2.1; RFC 6454 §7
 */
export function isFromOwnPage({ headers }: Pick<FastifyRequest, 'headers'>, publicUrl: string): boolean {
  const site = headers['sec-fetch-site']
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return false
  const { origin } = headers
  if (origin === undefined) return true
  // `null`, of a sandboxed or redirected document, is no URL.
  if (!URL.canParse(origin)) return false
  const { protocol, host } = new URL(origin)
  const own = new URL(publicUrl)
  if (protocol !== 'https:' && (protocol !== 'http:' || own.protocol === 'https:')) return false
  return host === own.host || host === hostAt(headers.host, protocol)
}

/** The host as an origin of that scheme has it: in lower case, and without the scheme's own port. */
function hostAt(host: string | undefined, protocol: string): string | undefined {
  const address = `${protocol}//${host ?? ''}`
  return URL.canParse(address) ? new URL(address).host : undefined
}
