import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { ClientAddress, PolicySource } from '@rempart/guard'
import type {
  FastifyBaseLogger,
  FastifyInstance,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from 'fastify'
import type { Access, Scope } from './access/access.ts'
import type { Context } from './context.ts'
import type { LogFields } from './logging/logging.ts'

/** The server as modules see it: schemas give the handlers their types. */
export type App = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Who may call. A route without it does not register. */
    access?: Access
    /**
     * On a public route: what an API key adds to it. A credential that is sent has to hold and to carry this scope; without
     * one the call is anybody's.
     */
    keyScope?: Scope
    /** The late rules, those by account among them, are asked by the route itself (`app.accountGuard`). */
    accountRules?: boolean
    /** Policies that the route asks by account besides its own, by name. */
    accountPolicies?: readonly string[]
    /** Whether a session that is only for setting up a second factor may call it. */
    restricted?: boolean
    /** Whether the person must have proved who they are within the last minutes (RFC 9470). */
    stepUp?: boolean
    /** The route's own policy; absent: the general one; `none`: never limited. */
    guard?: PolicySource | 'none'
    /** Whether `:formId` names the tenant when nothing else does. */
    tenantOfForm?: boolean
    /** Which block of security headers answers; `api` when absent. */
    headers?: 'api' | 'docs' | 'form'
    /** Whether the address of a call is a secret: no page that it leads to tells another server of it. */
    secretPath?: boolean
    /** Never compress: the answer holds a secret that lasts beside text the caller chose (BREACH). */
    uncompressed?: boolean
    /** Why the OpenAPI document leaves this route out. */
    undocumented?: string
    /** The kind of public submission this route takes, for the intake figures. */
    intake?: string
  }
  interface FastifyRequest {
    /** The API key it was sent with, once that was found to hold, whatever it may do. */
    keyInUse: { readonly tenantId: string; readonly keyId: string } | null
    /** Whose credential it was sent with, and their tenant, where a signature or the whole secret says so; for the log. */
    caller: { readonly tenantId: string; readonly id: string } | null
    /** Tenant, actor and transaction of this call. Present on every route but those with access `none`. */
    context: Context
    /** Whether a public call says itself, by its host or otherwise, which tenant it is for. */
    namesTenant: boolean
    /** When it was looked up who acts, by the clock of the server; null for a call of nobody in particular. */
    identifiedAtMs: number | null
    /** The matched route's `config` and pattern. Fastify builds `routeOptions` anew each time it is read. */
    route: FastifyContextConfig & { readonly url?: string }
    /** The canonical address that is counted. */
    client: ClientAddress
    /** The language to answer in. */
    locale: 'en' | 'fr'
    /** Extra members of this request's log line. */
    logFields: LogFields | null
    /** W3C trace id, 32 hex digits, of a request that came with one. */
    traceId: string | undefined
    /** The pattern of a path that is known but does not take this method; '' for every other request. */
    pattern: string
    /** Monotonic milliseconds at which it came. */
    startedMs: number
    /** Its line and figures are written. */
    hasEnded: boolean
    /** The request before this one on its connection, when it had no answer yet. */
    previous: FastifyRequest | undefined
  }
}
