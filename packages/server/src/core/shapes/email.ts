import { domainToASCII } from 'node:url'

/** RFC 5321 §4.5.3.1: 64 octets for the local part; 254 for what fits in a path (erratum 1690). */
const maxLocal = 64
const maxAddress = 254

/** RFC 5322 §3.2.3 dot-atom, the only form mailbox providers hand out: no quotes, comments, spaces or controls. */
const localPart = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/
/** RFC 1123 labels with a top-level label that is not a number, so that no IP address passes for a domain. */
const domainName = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?:[a-z]{2,63}|xn--[a-z0-9-]{1,58}[a-z0-9])$/
const beyondAscii = /[^\p{ASCII}]/u
/** Only letters, digits, marks, hyphens and dots reach IDNA: the URL parser behind it also decodes %-escapes. */
const internationalDomain = /^[\p{L}\p{N}\p{M}.-]+$/u

/**
 * The one form an e-mail address is stored in: local part as typed, domain in lower-case ASCII (an international domain
 * as Punycode). Exactly one address, ASCII before the @, so nothing of it can start another header, name another
 * recipient or look like somebody else's mailbox.
 *
 * @returns undefined when it is not such an address.
 */
export function canonicalEmail(text: string): string | undefined {
  const address = text.trim()
  if (address.length > maxAddress) return undefined
  const at = address.lastIndexOf('@')
  const local = address.slice(0, at)
  if (at < 1 || at > maxLocal || !localPart.test(local)) return undefined
  const domain = asciiDomain(address.slice(at + 1))
  if (!domainName.test(domain) || at + 1 + domain.length > maxAddress) return undefined
  return `${local}@${domain}`
}

function asciiDomain(domain: string): string {
  if (!beyondAscii.test(domain)) return domain.toLowerCase()
  return internationalDomain.test(domain) ? domainToASCII(domain) : ''
}
