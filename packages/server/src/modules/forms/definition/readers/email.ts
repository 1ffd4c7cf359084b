import { domainToASCII } from 'node:url'
import type { Refusal } from '../messages.ts'
import type { Reader } from './reader.ts'

/** RFC 5321 §4.5.3.1: 64 octets for the local part; 254 for what fits in a path (erratum 1690). */
const MAX_LOCAL = 64
const MAX_ADDRESS = 254

/** RFC 5322 §3.2.3 dot-atom, the only form mailbox providers hand out: no quotes, comments, spaces or controls. */
const LOCAL_PART = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/
/** RFC 1123 labels with a top-level label that is not a number, so that no IP address passes for a domain. */
const DOMAIN = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?:[a-z]{2,63}|xn--[a-z0-9-]{1,58}[a-z0-9])$/
const BEYOND_ASCII = /[^\p{ASCII}]/u
/** Only letters, digits, marks, hyphens and dots reach IDNA: the URL parser behind it also decodes %-escapes. */
const INTERNATIONAL_DOMAIN = /^[\p{L}\p{N}\p{M}.-]+$/u

const INVALID: Refusal = { code: 'email-invalid' }

/**
 * Reads an e-mail address into the one form it is stored in: local part as typed, domain in lower case ASCII
 * (an international domain as Punycode). One address exactly, of ASCII letters alone before the @, so nothing
 * of it can start another header, another recipient or a look-alike of somebody else's mailbox.
 */
export const readEmail: Reader = (answer) => {
  if (typeof answer !== 'string') return { code: 'text-expected' }
  const address = answer.trim()
  if (address === '') return undefined
  if (address.length > MAX_ADDRESS) return INVALID
  const at = address.lastIndexOf('@')
  const local = address.slice(0, at)
  if (at < 1 || at > MAX_LOCAL || !LOCAL_PART.test(local)) return INVALID
  const domain = asciiDomain(address.slice(at + 1))
  if (!DOMAIN.test(domain) || at + 1 + domain.length > MAX_ADDRESS) return INVALID
  return `${local}@${domain}`
}

function asciiDomain(domain: string): string {
  if (!BEYOND_ASCII.test(domain)) return domain.toLowerCase()
  return INTERNATIONAL_DOMAIN.test(domain) ? domainToASCII(domain) : ''
}
