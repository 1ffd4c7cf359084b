import type { Socket } from 'node:net'
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import type { Logger } from 'pino'
import { isDatabaseUnavailable } from '../database/connect.ts'
import type { App } from './fastify.ts'
import { JsonBodyError } from './json-body.ts'
import { jsonBodyReasons } from './json-body-reasons.ts'
import { type Problem, ProblemError, type ProblemOptions, problemBody } from './problem.ts'
import { type ProblemCode, problemTypes } from './problem-catalogue.ts'
import { schemaFaults } from './schema-faults.ts'

interface Refusal {
  readonly code: ProblemCode
  readonly options: ProblemOptions
}

/** What Fastify itself refuses, in the product's words. */
const ofFastify: Readonly<Record<string, ProblemCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'body-too-large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported-media-type',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'malformed-request',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'invalid-json',
  FST_ERR_BAD_URL: 'invalid-path',
  FST_ERR_MAX_PARAM_LENGTH: 'uri-too-long',
  FST_ERR_ASYNC_CONSTRAINT: 'malformed-request',
}

/**
 * Makes problem+json the only error body: expected refusals by their code, everything else a neutral 500 whose cause
 * is in the log under the request's id.
 */
export function installErrorHandling(app: App, log: Logger, clock: { now(): number }): void {
  app.setErrorHandler((error: unknown, request, reply) => {
    const refusal = toRefusal(error, request)
    if (problemTypes[refusal.code].status >= 500) {
      log.error({ err: error, requestId: request.id, route: routeOf(request), code: refusal.code }, 'request failed')
    }
    return sendProblem(request, reply, refusal.code, refusal.options, clock)
  })
}

/** Answers with a problem. The reason, when there is one, goes to the log line and not to the caller. */
export function sendProblem(
  request: FastifyRequest,
  reply: FastifyReply,
  code: ProblemCode,
  options: ProblemOptions,
  clock: { now(): number },
): FastifyReply {
  const body = problemBody(code, options, { id: request.id, locale: request.locale, nowMs: clock.now() })
  noteReason(request, code, options.reason)
  if (options.headers !== undefined) reply.headers(options.headers)
  if (options.withoutRateLimit === true) for (const name of rateLimitFields) reply.removeHeader(name)
  closeUnreadBody(request, reply)
  return reply
    .code(body.status)
    .header('content-type', 'application/problem+json; charset=utf-8')
    .header('content-language', request.locale)
    .header('cache-control', 'no-store')
    .serializer(serialize)
    .send(body)
}

const rateLimitFields = [
  'x-ratelimit-limit',
  'x-ratelimit-remaining',
  'x-ratelimit-reset',
  'ratelimit',
  'ratelimit-policy',
] as const

const serialize = (body: unknown): string => JSON.stringify(body)

/** The pattern of the matched route, never the URL that was asked for. */
export function routeOf(request: FastifyRequest): string {
  return request.routeOptions.url ?? 'unmatched'
}

function noteReason(request: FastifyRequest, code: ProblemCode, reason: string | undefined): void {
  request.logFields = { ...request.logFields, problem: code, ...(reason !== undefined && { reasonBlocked: reason }) }
}

// Node would read and throw away whatever is still coming, for as long as the client likes to send. A small body is
// drained so that the connection stays of use; for a large or unmeasured one the connection ends with the answer.
function closeUnreadBody(request: FastifyRequest, reply: FastifyReply): void {
  if (request.raw.complete || request.raw.readableEnded) return
  const length = Number(request.headers['content-length'] ?? Number.NaN)
  if (length <= 65_536 || (Number.isNaN(length) && request.headers['transfer-encoding'] === undefined)) return
  reply.header('connection', 'close')
}

function toRefusal(error: unknown, request: FastifyRequest): Refusal {
  if (error instanceof ProblemError) return { code: error.code, options: error.options }
  if (error instanceof JsonBodyError) {
    return {
      code: 'invalid-json',
      options: { parameters: { reason: jsonBodyReasons[error.code][request.locale] }, reason: error.code },
    }
  }
  if (isFastifyError(error)) {
    if (error.validation !== undefined) {
      return { code: 'invalid-content', options: { errors: schemaFaults(error, request.locale), reason: 'schema' } }
    }
    const known = ofFastify[error.code]
    if (known !== undefined)
      return { code: known, options: { parameters: { reason: jsonBodyReasons.empty[request.locale] } } }
  }
  if (isDatabaseUnavailable(error)) return { code: 'service-unavailable', options: { headers: { 'retry-after': '1' } } }
  if (isAborted(error)) return { code: 'malformed-request', options: { reason: 'aborted' } }
  return { code: 'internal-error', options: {} }
}

function isFastifyError(error: unknown): error is FastifyError {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
}

// A body that the client stopped sending: nobody is left to read the answer, and it is no fault of ours.
function isAborted(error: unknown): boolean {
  return (
    error instanceof Error &&
    'code' in error &&
    (error.code === 'ECONNRESET' || error.code === 'ERR_STREAM_PREMATURE_CLOSE')
  )
}

const clientErrors: Readonly<Record<string, ProblemCode>> = {
  HPE_HEADER_OVERFLOW: 'headers-too-large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request-timeout',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'body-too-large',
}

/**
 * Answers what never became a request (bytes that are no HTTP, headers too large or too slow) with a problem, and
 * ends the connection.
 */
export function answerClientError(
  error: Error & { code?: string },
  socket: Socket,
  describe: {
    readonly id: string
    readonly locale: 'en' | 'fr'
    readonly nowMs: number
    readonly headers: Readonly<Record<string, string>>
  },
): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const code = clientErrors[error.code ?? ''] ?? 'malformed-request'
  const body: Problem = problemBody(code, {}, describe)
  const text = JSON.stringify(body)
  const fields = Object.entries({
    ...describe.headers,
    'content-type': 'application/problem+json; charset=utf-8',
    'content-length': String(Buffer.byteLength(text)),
    'x-request-id': describe.id,
    connection: 'close',
  })
  const head = fields.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  socket.end(`HTTP/1.1 ${body.status} ${reasonPhrase[body.status] ?? 'Bad Request'}\r\n${head}\r\n${text}`)
}

const reasonPhrase: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  408: 'Request Timeout',
  413: 'Content Too Large',
  431: 'Request Header Fields Too Large',
}
