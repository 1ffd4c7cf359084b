/** The cookies of a browser session. `__Host-` binds each to this host, to HTTPS and to no other path (RFC 6265bis §4.1.3). */
export const ACCESS_COOKIE = '__Host-rmp_at'
export const REFRESH_COOKIE = '__Host-rmp_rt'

/**
 * The value of one cookie. A name that comes twice has no value: another party may have planted one of them.
 *
 * @param header - the Cookie header field, if there was one.
 * @see RFC 6265 §4.2.1
 */
export function readCookie(header: string | undefined, name: string): string | undefined {
  if (header === undefined || !header.includes(name)) return undefined
  let value: string | undefined
  for (const pair of header.split(';')) {
    const text = pair.trim()
    const at = text.indexOf('=')
    if (at < 0 || text.slice(0, at) !== name) continue
    if (value !== undefined) return undefined
    value = text.slice(at + 1)
  }
  return value
}

/** A Set-Cookie field. @param maxAgeSeconds - 0 takes the cookie away. */
export function hostCookie(
  name: `__Host-${string}`,
  value: string,
  sameSite: 'Lax' | 'Strict',
  maxAgeSeconds: number,
): string {
  return `${name}=${value}; Path=/; Max-Age=${maxAgeSeconds}; Secure; HttpOnly; SameSite=${sameSite}`
}
