import type { Context, MiddlewareHandler } from 'hono'
import type { AdapterOptions } from './adapter-options.ts'
import { createProtection, type Protection } from './http.ts'
import type { RefusedRequest } from './node-answer.ts'
import type { RoutePolicy } from './policy-registry.ts'
import { answerWeb, nodePairIn, targetOf } from './web-answer.ts'

/** What the Hono middleware is told. */
export interface HonoGuardOptions extends AdapterOptions<Context> {
  /** The address of the socket's other end. @default what @hono/node-server, Bun and Deno tell */
  readonly peerOf?: (context: Context) => string | undefined
  /** Answers refusals in the guard's place; the guard's fields are added to it. */
  readonly onRefuse?: (refused: RefusedRequest, context: Context) => Response | Promise<Response>
}

/** The middleware of an application, and of its routes. */
export interface HonoGuard extends MiddlewareHandler {
  /** A route's own policy: `app.post('/contact', protect.with('contact.submit'), …)`. */
  with(policy: RoutePolicy): MiddlewareHandler
  /** Decides what counts by account, tenant or key, once the application has set them. */
  late(policy?: RoutePolicy): MiddlewareHandler
  readonly protection: Protection<Context>
}

/**
 * Protects a Hono 4 application: `app.use(honoGuard({ policies }))`.
 *
 * @throws PolicyError and RangeError for options that cannot be kept.
 */
export function honoGuard(options: HonoGuardOptions): HonoGuard {
  const { peerOf = peerIn, onRefuse } = options
  const protection = createProtection<Context>(options, {
    method: ({ req }) => req.method,
    target: ({ req }) => targetOf(req.url),
    headers: ({ req }) => req.header(),
    header: ({ req }, name) => req.header(name),
    headerLines: () => 0,
    peer: peerOf,
    // Middleware for everything knows no route yet.
    route: ({ req }) => (req.routePath.endsWith('*') ? undefined : req.routePath),
  })
  const handler =
    (moment: 'early' | 'late', own?: string): MiddlewareHandler =>
    async (context, next) => {
      const refused = onRefuse && ((refusal: RefusedRequest) => onRefuse(refusal, context))
      const run = async (): Promise<Response> => {
        await next()
        return context.res
      }
      const node = nodePairIn(context.env)
      const exchange = { native: context, request: context.req.raw, node, own, run, onRefuse: refused }
      const response = await answerWeb(protection, exchange, moment)
      // To read `context.res` before there is one would make one.
      if (!context.finalized) return response
      if (response === context.res) return undefined
      context.res = undefined
      context.res = response
      return undefined
    }
  const named = (policy: RoutePolicy | undefined) => (policy === undefined ? undefined : protection.register(policy))
  return Object.assign(handler('early'), {
    with: (policy: RoutePolicy) => handler('early', named(policy)),
    late: (policy?: RoutePolicy) => handler('late', named(policy)),
    protection,
  })
}

/** Node: `incoming.socket`. Bun: the server tells. Deno: `remoteAddr`. */
function peerIn({ env, req }: Context): string | undefined {
  const bindings: {
    readonly incoming?: { readonly socket?: { readonly remoteAddress?: string } }
    readonly remoteAddr?: { readonly hostname?: string }
    readonly server?: Bun
    readonly requestIP?: Bun['requestIP']
  } = env ?? {}
  const server = bindings.server ?? (bindings.requestIP === undefined ? undefined : (bindings as Bun))
  return (
    bindings.incoming?.socket?.remoteAddress ?? bindings.remoteAddr?.hostname ?? server?.requestIP(req.raw)?.address
  )
}

interface Bun {
  requestIP(request: Request): { readonly address: string } | null
}
