import type { AdapterOptions } from './adapter-options.ts'
import { createProtection, type Protection } from './http.ts'
import type { RefusedRequest } from './node-answer.ts'
import type { RoutePolicy } from './policy-registry.ts'
import { answerWeb, nodePairIn, recordOf, targetOf } from './web-answer.ts'

/** A request with what its server tells of the connection. */
export interface FetchCall<Info> {
  readonly request: Request
  readonly info: Info
}

/** What the wrapper of fetch handlers is told. */
export interface FetchGuardOptions<Info> extends AdapterOptions<FetchCall<Info>> {
  /**
   * The address of the socket's other end, as the server tells it.
   *
   * @default that of `info.incoming` (@hono/node-server), `info.remoteAddress`, `info.remoteAddr.hostname` (Deno). A server
   * that tells none of them has all its clients share one counter.
   */
  readonly peerOf?: (request: Request, info: Info) => string | undefined
  /** Answers refusals in the guard's place; the guard's fields are added to it. */
  readonly onRefuse?: (refused: RefusedRequest, request: Request, info: Info) => Response | Promise<Response>
}

/** A handler of web requests, as Deno, Bun and many routers take it. */
export type FetchHandler<Info> = (request: Request, info: Info) => Response | Promise<Response>

/** Wraps fetch handlers. */
export interface FetchGuard<Info> {
  /** Answers what is not admitted, and passes the rest on. */
  (handler: FetchHandler<Info>, policy?: RoutePolicy): (request: Request, info: Info) => Promise<Response>
  /** The same by what `lateSubjects` knows: inside a handler that the first has passed to. */
  late(handler: FetchHandler<Info>, policy?: RoutePolicy): (request: Request, info: Info) => Promise<Response>
  readonly protection: Protection<FetchCall<Info>>
}

/**
 * Protects plain `(request, info) => Response` handlers.
 *
 * @throws PolicyError and RangeError for options that cannot be kept.
 * @example
 * const protect = fetchGuard({ policies: [general], fallback: 'general' })
 * Deno.serve(protect((request) => new Response('hello')))
 */
export function fetchGuard<Info = unknown>(options: FetchGuardOptions<Info>): FetchGuard<Info> {
  const { peerOf = peerIn, onRefuse } = options
  const protection = createProtection<FetchCall<Info>>(options, {
    method: ({ request }) => request.method,
    target: ({ request }) => targetOf(request.url),
    headers: ({ request }) => recordOf(request.headers),
    header: ({ request }, name) => request.headers.get(name) ?? undefined,
    headerLines: () => 0,
    peer: ({ request, info }) => peerOf(request, info),
    route: () => undefined,
  })
  const wrap =
    (moment: 'early' | 'late') =>
    (handler: FetchHandler<Info>, policy?: RoutePolicy): ((request: Request, info: Info) => Promise<Response>) => {
      const own = policy === undefined ? undefined : protection.register(policy)
      return (request, info) => {
        const refused = onRefuse && ((refusal: RefusedRequest) => onRefuse(refusal, request, info))
        const run = () => handler(request, info)
        const native = { request, info }
        return answerWeb(protection, { native, request, node: nodePairIn(info), own, run, onRefuse: refused }, moment)
      }
    }
  return Object.assign(wrap('early'), { late: wrap('late'), protection })
}

function peerIn(_request: Request, info: unknown): string | undefined {
  const node = nodePairIn(info)
  if (node !== undefined) return node.incoming.socket.remoteAddress
  if (typeof info !== 'object' || info === null) return undefined
  if ('remoteAddress' in info && typeof info.remoteAddress === 'string') return info.remoteAddress
  const address: unknown = 'remoteAddr' in info ? info.remoteAddr : undefined
  if (typeof address !== 'object' || address === null || !('hostname' in address)) return undefined
  return typeof address.hostname === 'string' ? address.hostname : undefined
}
