import type { ClientAddress } from './client-address.ts'

/**
 * What a rule may count by. `ip` is the client's counted address (IPv4, IPv6 by /64); the others are
 * opaque names that the caller vouches for: an account id, never what a stranger typed.
 */
export type Subject = 'ip' | 'fingerprint' | 'account' | 'tenant' | 'api-key'

/** Every subject, in the order messages list them. */
export const subjectNames: readonly Subject[] = ['ip', 'fingerprint', 'account', 'tenant', 'api-key']

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
}

/** Whether the socket and the headers alone tell this subject, before any byte of the body. */
export function isEarlySubject(subject: Subject): boolean {
  return subject === 'ip' || subject === 'fingerprint'
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
  }
}

/** Whether a value of unknown origin names a subject. */
export function isSubject(value: unknown): value is Subject {
  return subjectNames.some((subject) => subject === value)
}
