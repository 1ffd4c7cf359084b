import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
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

/** What the handler of Node's own server is told. */
export interface NodeGuardOptions extends AdapterOptions<IncomingMessage> {
  /** Answers refusals in the guard's place; its fields are already set. */
  readonly onRefuse?: (refused: RefusedRequest, request: IncomingMessage, response: ServerResponse) => void
  /** Hears what handlers throw. */
  readonly onError?: (error: unknown, request: IncomingMessage) => void
}

/** A request handler; what it throws or rejects with answers 500, where no answer has begun. */
export type NodeHandler = (request: IncomingMessage, response: ServerResponse) => unknown

/** Wraps handlers of Node's own servers. */
export interface NodeGuard {
  /** Answers what is not admitted, and passes the rest on. */
  (handler: NodeHandler, policy?: RoutePolicy): RequestListener
  /** Decides what counts by account, tenant or key; the promise tells whether to go on. A refusal is answered. */
  late(request: IncomingMessage, response: ServerResponse, policy?: string): Promise<boolean>
  readonly protection: Protection<IncomingMessage>
}

/**
 * Protects handlers of `node:http`, `node:https` and, through its compatible interface, `node:http2`.
 *
 * @throws PolicyError and RangeError for options that cannot be kept.
 * @example
 * createServer(nodeGuard({ policies: [general], fallback: 'general' })((request, response) => response.end('hello')))
 */
export function nodeGuard(options: NodeGuardOptions): NodeGuard {
  const { onRefuse, onError } = options
  const protection = createProtection<IncomingMessage>(
    options,
    createNodeReader((request) => request),
  )
  const exchangeOf = (
    request: IncomingMessage,
    response: ServerResponse,
    own: string | undefined,
    pass: NodeExchange<IncomingMessage>['pass'],
  ): NodeExchange<IncomingMessage> => ({
    native: request,
    message: request,
    response,
    own,
    pass,
    refuse(refusal, decision) {
      if (onRefuse === undefined) sendRefusal(response, refusal)
      else onRefuse(describeRefusal(refusal, decision), request, response)
    },
  })
  const wrap = (handler: NodeHandler, policy?: RoutePolicy): RequestListener => {
    const own = policy === undefined ? undefined : protection.register(policy)
    return (request, response) =>
      answerEarly(
        protection,
        exchangeOf(request, response, own, (error) => {
          if (error === undefined) run(handler, request, response, onError)
          else fail(error, request, response, onError)
        }),
      )
  }
  return Object.assign(wrap, {
    late: (request: IncomingMessage, response: ServerResponse, policy?: string) =>
      new Promise<boolean>((resolve, reject) => {
        const exchange = exchangeOf(request, response, policy, (error) =>
          error === undefined ? resolve(true) : reject(error),
        )
        answerLate(protection, {
          ...exchange,
          refuse(refusal, decision) {
            exchange.refuse(refusal, decision)
            resolve(false)
          },
        })
      }),
    protection,
  })
}

type OnError = NodeGuardOptions['onError']

async function run(
  handler: NodeHandler,
  request: IncomingMessage,
  response: ServerResponse,
  onError: OnError,
): Promise<void> {
  try {
    await handler(request, response)
  } catch (error) {
    fail(error, request, response, onError)
  }
}

function fail(error: unknown, request: IncomingMessage, response: ServerResponse, onError: OnError): void {
  onError?.(error, request)
  if (response.headersSent) response.destroy()
  else response.writeHead(500).end()
}
