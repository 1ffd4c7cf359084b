import type { FastifyReply, FastifyRequest } from 'fastify'
import type { App } from '../fastify.ts'
import type { KnownPath } from '../request/route-table.ts'
import type { Tenant } from '../tenant/resolver.ts'
import type { KnownOrigins } from './known-origins.ts'

export interface CorsDependencies {
  readonly config: { readonly allowedOrigins: readonly string[]; readonly production: boolean }
  readonly knownOrigins: KnownOrigins
  /**
   * The tenant that a preflight names by its host, its query or its path, or the default one; null when there is none,
   * undefined when too many are being looked up already.
   */
  readonly tenantOf: (request: FastifyRequest, path: KnownPath) => Promise<Tenant | null | undefined>
}

/** Answers a preflight of a known path. */
export type AnswerPreflight = (request: FastifyRequest, reply: FastifyReply, path: KnownPath) => Promise<void>

/** What a page may read of a response besides the safe-listed fields. */
const exposed =
  'api-version, idempotency-replayed, location, ratelimit, ratelimit-policy, retry-after, x-ratelimit-limit, x-ratelimit-remaining, x-ratelimit-reset, x-request-id, x-response-time'

const preflightBlock = Object.freeze({
  'access-control-allow-headers':
    'accept-language, api-version, authorization, content-type, idempotency-key, rempart-proof, traceparent, x-api-key, x-request-id, x-tenant-id',
  'access-control-max-age': '600',
})
const preflightVary = 'origin, access-control-request-method, access-control-request-headers'

/** Names the credential or the tenant of the request that follows, which the preflight itself cannot carry. */
const namesTenantLater = /(?:^|[\s,])(?:x-tenant-id|authorization|x-api-key)(?:$|[\s,])/i

/** An origin as browsers write one, `null` excepted: sandboxed and local documents have no origin to be listed by. */
const originShape = /^[a-z][a-z0-9+.-]*:\/\/[^\s/?#,"'\\@]{1,253}$/

/**
 * Lets the pages of the origins an operator or a tenant lists call the API, each tenant for itself. Origins are compared
 * whole. Credentials are never allowed: the API takes none that a browser adds by itself.
 *
 * A request for a tenant is judged by that tenant. What is answered before the tenant is known (a refusal of the guard,
 * a 404) may be read by every listed origin: it tells a client nothing but its own counters.
 *
 * @returns what answers preflights, for `installUnmatched`: no route takes OPTIONS.
 * @see Fetch §3.2 (CORS protocol)
 */
export function installCors(app: App, dependencies: CorsDependencies): AnswerPreflight {
  const judge = createJudge(dependencies)
  const { tenantOf } = dependencies

  app.addHook('onSend', (request, reply, payload, done) => {
    const { origin } = request.headers
    if (origin === undefined || request.method === 'OPTIONS') return done(null, payload)
    // A route without a tenant, and a refusal before identification, have no context.
    const tenant: Tenant | undefined = (request.context as FastifyRequest['context'] | undefined)?.tenant
    const allowed = tenant === undefined ? judge.byAnyTenant(origin) : judge.byTenant(origin, tenant)
    if (allowed instanceof Promise) {
      allowed.then((value) => {
        expose(reply, value)
        done(null, payload)
      }, done)
      return
    }
    expose(reply, allowed)
    done(null, payload)
  })

  return async (request, reply, path) => answerPreflight(reply, path, await allowedInPreflight(request, path))

  async function allowedInPreflight(request: FastifyRequest, path: KnownPath): Promise<string | undefined> {
    const origin = request.headers.origin ?? ''
    const first = judge.byAnyTenant(origin)
    const byAny = first instanceof Promise ? await first : first
    if (byAny === undefined || namesTenantLater.test(requestedHeaders(request))) return byAny
    const tenant = await tenantOf(request, path)
    if (tenant === undefined) return byAny
    return judge.byTenant(origin, tenant)
  }
}

/** Whether an OPTIONS request is a browser's question before a request from another origin. */
export const isPreflight = ({ headers }: FastifyRequest): boolean =>
  headers.origin !== undefined && headers['access-control-request-method'] !== undefined

const requestedHeaders = ({ headers }: FastifyRequest): string =>
  String(headers['access-control-request-headers'] ?? '')

function answerPreflight(reply: FastifyReply, path: KnownPath, allowed: string | undefined): void {
  reply.code(204).header('vary', preflightVary).header('allow', path.methods.join(', '))
  if (allowed !== undefined) {
    reply
      .headers(preflightBlock)
      .header('access-control-allow-methods', path.methods.join(', '))
      .header('access-control-allow-origin', allowed)
  }
  reply.send()
}

function expose(reply: FastifyReply, allowed: string | undefined): void {
  if (allowed === undefined) return
  reply.header('access-control-allow-origin', allowed).header('access-control-expose-headers', exposed)
}

/** The value of Access-Control-Allow-Origin, or undefined for an origin that is not allowed. */
interface Judge {
  byTenant(origin: string, tenant: Tenant | null): string | undefined
  byAnyTenant(origin: string): string | undefined | Promise<string | undefined>
}

function createJudge({ config, knownOrigins }: CorsDependencies): Judge {
  const everywhere = new Set(config.allowedOrigins)
  const isOpen = !config.production && everywhere.has('*')
  return {
    byTenant(origin, tenant) {
      if (!originShape.test(origin)) return undefined
      if (isOpen) return '*'
      return everywhere.has(origin) || tenant?.allowedOrigins.includes(origin) === true ? origin : undefined
    },
    byAnyTenant(origin) {
      if (!originShape.test(origin)) return undefined
      if (isOpen) return '*'
      if (everywhere.has(origin)) return origin
      const isKnown = knownOrigins.peek(origin)
      if (isKnown !== undefined) return isKnown ? origin : undefined
      return knownOrigins.ask(origin).then((known) => (known ? origin : undefined))
    },
  }
}
