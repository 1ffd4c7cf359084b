import type { Logger } from 'pino'
import type { InTenant } from '../database/tenant.ts'
import type { Tenant } from './tenant-resolver.ts'

/** Who acts: somebody without a credential, an API key of the tenant, or whoever runs the command line. */
export type Actor =
  | { readonly kind: 'public' }
  | { readonly kind: 'api-key'; readonly id: string; readonly scopes: readonly string[] }
  | { readonly kind: 'operator'; readonly id: 'cli' }

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
}
