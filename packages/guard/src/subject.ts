import type { ClientAddress, RequestHeaders } from './client-address.ts'
import { blockOfAddress } from './ip-address.ts'
import { createRecentCache } from './recent-cache.ts'

/**
 * What a rule may count by. `ip` is the client's counted address (IPv4, IPv6 by /64), `ip/56` and the
 * like the wider IPv6 block (an IPv4 client, who cannot move inside one, stays its address), `route`
 * the route's pattern, `header:<name>` the text of a request header, empty when it is absent. The
 * others are opaque names that the caller vouches for: an account id, never what a stranger typed.
 */
export type Subject =
  | 'ip'
  | `ip/${number}`
  | 'fingerprint'
  | 'account'
  | 'tenant'
  | 'api-key'
  | 'route'
  | `header:${string}`

/** The subjects and forms of subject, in the order messages list them. */
export const subjectNames: readonly string[] = [
  'ip',
  'ip/56',
  'ip/48',
  'fingerprint',
  'account',
  'tenant',
  'api-key',
  'route',
  'header:<name>',
]

/** What the caller has found out about a request besides who sends it. */
export interface Evidence {
  /** Whether the request carries a challenge that was solved for it, and that no other request has used. */
  readonly solved?: boolean | undefined
  /** Scores of signals by source, from 0 (surely human) to 100 (surely not). */
  readonly signals?: Readonly<Record<string, number | undefined>> | undefined
}

/**
 * Who one request comes from, as the caller knows it. A rule whose subject is absent does not apply
 * to the request. A property may be a getter: `fingerprint` is read only when a rule counts by it.
 */
export interface Subjects {
  readonly ip: ClientAddress
  readonly fingerprint?: string | undefined
  readonly account?: string | undefined
  readonly tenant?: string | undefined
  readonly 'api-key'?: string | undefined
  /** The pattern of the route, such as `/forms/:slug`; never a path. */
  readonly route?: string | undefined
  /** ISO 3166-1 alpha-2, from a header of a proxy the caller trusts. */
  readonly country?: string | undefined
  /** The request's headers, names in lower case; needed by rules that count by `header:<name>`. */
  readonly headers?: RequestHeaders | undefined
  readonly evidence?: Evidence | undefined
}

const lateSubjects: readonly Subject[] = ['account', 'tenant', 'api-key']

/** Whether the socket and the headers alone tell this subject, before any byte of the body. */
export function isEarlySubject(subject: Subject): boolean {
  return !lateSubjects.includes(subject)
}

/** The text counted for a subject, or undefined when the request has no such subject. */
export function readSubject(subjects: Subjects, subject: Subject): string | undefined {
  switch (subject) {
    case 'ip':
      return subjects.ip.key
    case 'fingerprint':
      return subjects.fingerprint
    case 'account':
      return subjects.account
    case 'tenant':
      return subjects.tenant
    case 'api-key':
      return subjects['api-key']
    case 'route':
      return subjects.route
    default:
      return subject.startsWith('ip/') ? readBlock(subjects.ip, subject) : readHeader(subjects.headers, subject)
  }
}

/** Whether a value of unknown origin names a subject. */
export function isSubject(value: unknown): value is Subject {
  if (typeof value !== 'string') return false
  if (value.startsWith('ip/')) return isBlockLength(value.slice(3))
  if (value.startsWith('header:')) return headerNamePattern.test(value.slice(7))
  return subjectNames.includes(value) && !value.includes('<')
}

const headerNamePattern = /^[a-z0-9][a-z0-9_-]{0,63}$/

/** An IPv6 block wider than the /64 that `ip` counts, and not wider than what a registry gives a provider. */
function isBlockLength(text: string): boolean {
  return /^[2-6]\d$/.test(text) && Number(text) < 64
}

/** Blocks by address and length: the same clients come again. */
const blocks = createRecentCache<string>(4_096)

function readBlock(address: ClientAddress, subject: string): string {
  if (address.family === 4) return address.key
  const name = `${address.text} ${subject}`
  const known = blocks.get(name)
  if (known !== undefined) return known
  const block = blockOfAddress(address.text, Number(subject.slice(3)))
  blocks.set(name, block)
  return block
}

/** What a stranger writes in a header must not cost more than this to count. */
const LONGEST_HEADER = 1_024

function readHeader(headers: RequestHeaders | undefined, subject: string): string {
  const value = headers?.[subject.slice('header:'.length)]
  // A name such as `constructor` finds what every object has.
  if (typeof value !== 'string' && !Array.isArray(value)) return ''
  const text = typeof value === 'string' ? value : value.join(', ')
  return text.length > LONGEST_HEADER ? text.slice(0, LONGEST_HEADER) : text
}
