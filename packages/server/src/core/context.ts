import type { Logger } from 'pino'
import type { CallInTenant } from '../database/calls.ts'
import type { ReadInTenant } from '../database/reads.ts'
import type { InTenant } from '../database/tenant.ts'
import type { AuditOrigin } from './audit/append.ts'
import type { Tenant } from './tenant/resolver.ts'

/** Somebody who is signed in. */
export interface Person {
  readonly kind: 'user'
  readonly id: string
  readonly sessionId: string
  /** What the person's roles grant at this moment; see `includesPermission`. */
  readonly permissions: readonly string[]
  /** Authenticator assurance level: 2 once a second factor was shown. */
  readonly aal: 1 | 2
  /** The level that the tenant, or the person's account, asks for. A session that began before it did may be of less. */
  readonly neededAal: 1 | 2
  /** How the person proved who they are (RFC 8176). */
  readonly amr: readonly string[]
  /** When they last did. Unix time in milliseconds. */
  readonly authTimeMs: number
  readonly transport: 'bearer' | 'cookie'
  /** What the session is for alone; null: for everything. */
  readonly restriction: 'enrol-mfa' | null
}

/** By what a person of the platform works in another tenant. */
export interface HeldGrant extends Pick<Person, 'aal' | 'authTimeMs'> {
  readonly id: string
  readonly permissions: readonly string[]
  readonly expiresAt: Date
}

/** Whoever runs the command line, or a person of the platform who holds a grant in this tenant. */
export interface Operator {
  readonly kind: 'operator'
  /** `cli`, or the person's id. */
  readonly id: string
  /** Absent on the command line, which holds the database's own credentials. */
  readonly grant?: HeldGrant
}

/** Who acts: somebody without a credential, a person, an API key of the tenant, or an operator. */
export type Actor =
  | { readonly kind: 'public' }
  | Person
  | { readonly kind: 'api-key'; readonly id: string; readonly scopes: readonly string[] }
  | Operator

/** The clock, so that tests and replays can bring their own. Unix time in milliseconds. */
export interface Clock {
  now(): number
}

/** What a service knows of the call it serves; the first argument of each. */
export interface Context {
  readonly tenant: Tenant
  readonly actor: Actor
  readonly requestId: string
  readonly locale: 'en' | 'fr'
  readonly clock: Clock
  readonly log: Logger
  readonly inTenant: InTenant
  /** For a statement that finds a row by its key: it travels with those of other requests. */
  readonly readInTenant: ReadInTenant
  /** For one statement that is all of a transaction. */
  readonly callInTenant: CallInTenant
  /** What entries of the audit log are written with. */
  readonly audit: AuditOrigin
}
