import type { AddressResolverOptions } from '../client-address.ts'
import type { DecideOptions, Guard } from '../guard.ts'
import type { RemoteStore, Store } from '../store.ts'
import type { Locale } from './accept-language.ts'
import type { CorsOptions } from './cors.ts'
import type { AdapterPolicy } from './policy-registry.ts'
import type { SecurityHeaders } from './security-headers.ts'
import type { ExtraSubjects } from './subjects.ts'

/** What every adapter is told. */
export interface AdapterOptions<Native> {
  /** A guard of the caller's own, in place of one over `policies` and `store`. */
  readonly guard?: Guard
  /** What `loadPolicies` gives is matched by method and path; a policy declared in code is for the routes that name it. */
  readonly policies?: readonly AdapterPolicy[]
  /** @default the memory of this process, 32 MiB */
  readonly store?: Store | RemoteStore
  /** Which peers may speak for others. @default nobody: the socket's peer is the client */
  readonly clientAddress?: Partial<AddressResolverOptions>
  /** Names the policy of a request that no route names one for: `none` for none, undefined to go by the file's matches. */
  readonly policyOf?: (request: Native) => string | undefined
  /** The policy of every request that no other is for. @default none: such requests pass */
  readonly fallback?: string
  /** Paths of health checks, which only a policy that names their path limits. @default /health, /health/ready, /health/deep */
  readonly healthPaths?: readonly string[]
  /** What is known of a request before its body is read: fingerprint, country, evidence. */
  readonly subjects?: (request: Native) => ExtraSubjects | Promise<ExtraSubjects>
  /** What is known once the application has identified the caller: account, tenant, key. */
  readonly lateSubjects?: (request: Native) => ExtraSubjects | Promise<ExtraSubjects>
  /** Its cost, and its tenant's own figures. */
  readonly decideOptions?: (request: Native) => DecideOptions
  /** The language of refusals for a client that asks for none of the two. @default 'en' */
  readonly locale?: Locale
  /** Security headers for every answer, prepared once. @default none */
  readonly securityHeaders?: SecurityHeaders
  /** Which pages of other origins may call; answers their preflights. @default CORS is left alone */
  readonly cors?: CorsOptions
}
