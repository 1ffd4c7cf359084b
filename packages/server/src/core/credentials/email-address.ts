import { domainToASCII, domainToUnicode } from 'node:url'
import { canonicalEmail } from '../shapes/email.ts'

/** An e-mail address in the two forms that are stored. */
export interface EmailAddress {
  /** Where mail goes: the local part as typed, the domain in lower-case ASCII. */
  readonly display: string
  /** What an account is looked up by: the same, all in lower case. Unique within a tenant. */
  readonly norm: string
}

/**
 * Why a text is no address to have an account under.
 * - `not-ascii`: something before or instead of the `@` is no ASCII character, and could pass for one
 * - `domain`: the domain is none, or another spelling of one
 * - `format`: anything else
 */
export type EmailFault = 'not-ascii' | 'domain' | 'format'

/**
 * The one form of an e-mail address, made once, at the border; everything after compares `norm` and nothing else.
 * Nothing is folded into ASCII before the `@`: `＠`, `ı`, `ſ`, the Kelvin sign and combining letters are refused, not
 * mapped, so that no two texts that look or fold alike are one account, and none becomes a victim's address on its way to
 * the mail server. Mail is sent to the stored `display`, never to what was submitted.
 */
export function parseEmailAddress(text: string): EmailAddress | { readonly fault: EmailFault } {
  const typed = text.trim()
  const at = typed.lastIndexOf('@')
  if (/[^\p{ASCII}]/u.test(at < 0 ? typed : typed.slice(0, at))) return { fault: 'not-ascii' }

  const display = canonicalEmail(typed)
  if (display === undefined) return { fault: at < 1 || at > 64 ? 'format' : faultOfRest(typed.slice(at + 1)) }

  const domain = display.slice(display.lastIndexOf('@') + 1)
  if (!isOnlySpelling(typed.slice(at + 1), domain)) return { fault: 'domain' }
  return { display, norm: display.toLowerCase() }
}

function faultOfRest(domain: string): EmailFault {
  return /^[\x21-\x7e]+$/.test(domain) ? 'format' : 'domain'
}

/**
 * Whether a domain has no other spelling that would be another account. Every `xn--` label must stand for letters that
 * need it: one that decodes to nothing is left as it is by the converter. And a label typed in other letters must become
 * one: full-width letters and the Kelvin sign only imitate ASCII.
 */
function isOnlySpelling(typed: string, ascii: string): boolean {
  const decoded = domainToUnicode(ascii)
  if (domainToASCII(decoded) !== ascii || /(?:^|\.)xn--/.test(decoded)) return false
  const labels = ascii.split('.')
  return typed.split('.').every((label, index) => /^\p{ASCII}+$/u.test(label) || labels[index]?.startsWith('xn--'))
}
