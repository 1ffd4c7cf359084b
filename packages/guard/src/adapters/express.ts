import type { NextFunction, Request, RequestHandler, Response } from 'express'
import type { AdapterOptions } from './adapter-options.ts'
import { createProtection, type Protection } from './http.ts'
import {
  answerEarly,
  answerLate,
  createNodeReader,
  describeRefusal,
  type NodeExchange,
  type RefusedRequest,
  sendRefusal,
} from './node-answer.ts'
import type { RoutePolicy } from './policy-registry.ts'

/** What the Express middleware is told. */
export interface ExpressGuardOptions extends AdapterOptions<Request> {
  /** Answers refusals in the guard's place; its fields are already set. */
  readonly onRefuse?: (refused: RefusedRequest, request: Request, response: Response, next: NextFunction) => void
}

/** The middleware of an application, and of its routes. */
export interface ExpressGuard extends RequestHandler {
  /** A route's own policy: `app.post('/contact', protect.with('contact.submit'), …)`. Before the body's parser. */
  with(policy: RoutePolicy): RequestHandler
  /** Decides what counts by account, tenant or key, once the application has set them. */
  late(policy?: RoutePolicy): RequestHandler
  readonly protection: Protection<Request>
}

/**
 * Protects an Express 5 application: `app.use(expressGuard({ policies }))`, before every parser.
 *
 * @throws PolicyError and RangeError for options that cannot be kept.
 * @example
 * const protect = expressGuard({ policies: [contact] })
 * app.post('/contact', protect.with('contact.submit'), express.json(), handler)
 */
export function expressGuard(options: ExpressGuardOptions): ExpressGuard {
  const { onRefuse } = options
  const protection = createProtection<Request>(
    options,
    createNodeReader((request) => request, routeOf),
  )
  const handler =
    (answer: typeof answerEarly, own?: string): RequestHandler =>
    (request, response, next) => {
      const exchange: NodeExchange<Request> = {
        native: request,
        message: request,
        response,
        own,
        pass: next,
        refuse(refusal, decision) {
          if (onRefuse === undefined) sendRefusal(response, refusal)
          else onRefuse(describeRefusal(refusal, decision), request, response, next)
        },
      }
      answer(protection, exchange)
    }
  const named = (policy: RoutePolicy | undefined) => (policy === undefined ? undefined : protection.register(policy))
  return Object.assign(handler(answerEarly), {
    with: (policy: RoutePolicy) => handler(answerEarly, named(policy)),
    late: (policy?: RoutePolicy) => handler(answerLate, named(policy)),
    protection,
  })
}

function routeOf(request: Request): string | undefined {
  const route: unknown = request.route
  if (typeof route !== 'object' || route === null || !('path' in route)) return undefined
  return typeof route.path === 'string' ? request.baseUrl + route.path : undefined
}
