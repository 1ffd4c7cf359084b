import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyHttpOptions } from 'fastify'
import { sendProblem } from '../answer/errors.ts'
import { BlockResponse } from '../answer/response-block.ts'
import { createSecurityHeaders } from '../answer/security-headers.ts'
import { bodyLimitBytes } from '../body/request-body.ts'
import type { Clock } from '../context.ts'
import type { App } from '../fastify.ts'
import { createId } from '../ids.ts'
import type { Locale } from '../locale.ts'
import type { Metrics } from '../metrics/metrics.ts'
import { answerClientError } from './client-errors.ts'
import { requestId } from './id.ts'
import { maxParameterLength } from './route-table.ts'
import { faultyTarget, targetFault } from './target.ts'

/** Limits of connections and requests. */
export interface ProtocolSettings {
  readonly publicUrl: string
  readonly defaultLocale: Locale
  /** For a request to arrive whole. */
  readonly requestTimeoutMs: number
  /** For its headers to arrive; at most `requestTimeoutMs`. */
  readonly headersTimeoutMs: number
  /** For the next request of a connection to begin. */
  readonly keepAliveTimeoutMs: number
  /** Beyond it new connections are closed. */
  readonly maxConnections: number
}

export interface ProtocolDependencies {
  readonly config: ProtocolSettings
  readonly clock: Clock
  readonly metrics: Metrics
}

/** Bytes of a header section, request line included; more is answered 431. */
const maxHeaderBytes = 16_384

/** How the server speaks HTTP: its limits, and what it answers to what never becomes a request. */
export function protocolOptions(dependencies: ProtocolDependencies): FastifyHttpOptions<Server> {
  const { config, clock } = dependencies
  const { api } = createSecurityHeaders(config)
  return {
    bodyLimit: bodyLimitBytes,
    requestTimeout: config.requestTimeoutMs,
    keepAliveTimeout: config.keepAliveTimeoutMs,
    http: {
      // Its request handlers are Fastify's, which ask nothing of the class.
      ServerResponse: BlockResponse as unknown as typeof ServerResponse,
      headersTimeout: config.headersTimeoutMs,
      connectionsCheckingInterval: Math.min(1_000, config.headersTimeoutMs),
      maxHeaderSize: maxHeaderBytes,
      // Refused by the lifecycle, with an answer that says why.
      requireHostHeader: false,
    },
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: maxParameterLength },
    rewriteUrl: ({ url = '' }) => (targetFault(url) === undefined ? url : faultyTarget),
    genReqId: (raw) => requestId(raw.headers['x-request-id']),
    requestIdHeader: false,
    return503OnClosing: false,
    clientErrorHandler: (error, socket) => {
      // Fastify types the socket as a plain stream; it is the TCP connection.
      answerUnreadable(error, socket as Socket, dependencies)
    },
    frameworkErrors: (_error, request, reply) => {
      request.locale = config.defaultLocale
      void reply.headers(api)
      sendProblem(request, reply, 'malformed-request', {}, clock)
    },
  }
}

/** Bounds the connections, and hands `Expect` and CONNECT to the product instead of Node's own answers. */
export function installProtocol(app: App, dependencies: ProtocolDependencies): void {
  const server: Server = app.server
  server.maxConnections = dependencies.config.maxConnections
  // Node drops what is beyond its bound without a word; the lifecycle refuses it instead.
  server.maxHeadersCount = 0
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    server.emit('request', request, response)
  }
  server.on('checkContinue', handle)
  server.on('checkExpectation', handle)
  server.on('connect', (_request, socket) => {
    answerUnreadable(new Error('this server is no proxy'), socket as Socket, dependencies)
  })
}

function answerUnreadable(error: Error & { code?: string }, socket: Socket, dependencies: ProtocolDependencies): void {
  const { config, clock, metrics } = dependencies
  const { api } = createSecurityHeaders(config)
  const describe = { id: createId(), locale: config.defaultLocale, nowMs: clock.now(), headers: api }
  const status = answerClientError(error, socket, describe)
  if (status !== undefined) metrics.request('unreadable', 'unmatched', status, 0)
}
