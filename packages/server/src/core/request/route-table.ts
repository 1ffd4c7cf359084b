import type { FastifyContextConfig, FastifySchema } from 'fastify'
import createRouter, { type HTTPMethod } from 'find-my-way'
import type { App } from '../fastify.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** What is registered: for preflights, for 405, and for the tests of the architecture. */
    routeTable: RouteTable
  }
}

/** One method of one route. */
export interface RouteFacts {
  readonly method: string
  /** With the prefix, as registered: `/api/v1/contact/messages/:id`. */
  readonly url: string
  readonly config: FastifyContextConfig
  readonly schema: FastifySchema
}

/** What is at a path, whatever method it was asked with. */
export interface KnownPath {
  /** The pattern of the route: `/api/v1/contact/messages/:id`. */
  readonly pattern: string
  /** In the order of `methodOrder`; HEAD where there is GET, and always OPTIONS. */
  readonly methods: readonly string[]
  /** The parameters of the path, decoded. */
  readonly params: Readonly<Record<string, string | undefined>>
  /** Whether `:formId` names the tenant when nothing else does. */
  readonly tenantOfForm: boolean
}

export interface RouteTable {
  /** In the order they registered; a HEAD route is announced beside its GET. */
  readonly all: readonly RouteFacts[]
  /** The path of a request target without a fault; undefined when no route has it. */
  find(path: string): KnownPath | undefined
}

const methodOrder = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const satisfies readonly HTTPMethod[]

/**
 * Keeps every route that registers after this call in a second copy of the server's own router, so that a path can be
 * looked up whatever its method. Asked only for OPTIONS and for what the router does not know.
 */
export function collectRoutes(app: App): RouteTable {
  const all: RouteFacts[] = []
  const router = createRouter({ ignoreTrailingSlash: true, maxParamLength: maxParameterLength })
  app.addHook('onRoute', (route) => {
    const store = { pattern: route.url, tenantOfForm: route.config?.tenantOfForm === true }
    for (const method of [route.method].flat()) {
      // Fastify announces a pattern with and without its last slash; here both are one.
      if (router.findRoute(method as HTTPMethod, route.url) !== null) continue
      router.on(method as HTTPMethod, route.url, () => {}, store)
      all.push({ method, url: route.url, config: route.config ?? {}, schema: route.schema ?? {} })
    }
  })
  const table: RouteTable = { all, find: (path) => lookUp(router, path) }
  app.decorate('routeTable', table)
  return table
}

/** No parameter is cut by the router: its schema says how long it may be, and a request target has a bound of its own. */
export const maxParameterLength = 8_192

function lookUp(router: ReturnType<typeof createRouter>, path: string): KnownPath | undefined {
  const found = methodOrder.flatMap((method) => {
    const match = router.find(method, path)
    return match === null ? [] : [{ method, match }]
  })
  const [first] = found
  if (first === undefined) return undefined
  // Both members were put there by `collectRoutes`.
  const store = first.match.store as { pattern: string; tenantOfForm: boolean }
  return { ...store, params: first.match.params, methods: [...found.map(({ method }) => method), 'OPTIONS'] }
}
