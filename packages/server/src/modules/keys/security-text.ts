const dayMs = 86_400_000
/** Under the year that is recommended at most. */
const validDays = 180

/**
 * The text of security.txt. It expires half a year from the day it is asked for, so that a server that runs never shows
 * one that has expired.
 *
 * @see RFC 9116 §2.5
 */
export function securityText(said: {
  readonly contacts: readonly string[]
  readonly publicUrl: string
  readonly nowMs: number
}): string {
  const day = Math.floor(said.nowMs / dayMs) + validDays
  const expires = new Date(day * dayMs).toISOString().replace('.000Z', 'Z')
  // A field with a web address holds an https one (§2.5).
  const canonical = said.publicUrl.startsWith('https:') ? [`Canonical: ${said.publicUrl}/.well-known/security.txt`] : []
  return [...said.contacts.map((contact) => `Contact: ${contact}`), `Expires: ${expires}`, ...canonical, ''].join('\n')
}

/** Where a host is told of a vulnerability when nobody said otherwise. @see RFC 2142 §4 */
export const usualContact = (publicUrl: string): string => `mailto:security@${new URL(publicUrl).hostname}`
