import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import type { FastifyContextConfig, FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import type { Logger } from 'pino'
import { isDatabaseUnavailable, isPersonGone } from '../../database/connect.ts'
import { JsonBodyError } from '../body/json-body.ts'
import { jsonBodyReasons } from '../body/json-body-reasons.ts'
import { schemaFaults } from '../body/schema-faults.ts'
import type { App } from '../fastify.ts'
import { ProblemError, type ProblemOptions, problemBody } from '../problem.ts'
import { type ProblemCode, problemTypes } from '../problem-catalogue.ts'
import { setQuota } from './response-block.ts'

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

/**
 * Answers with a problem, as problem+json or as the page of a route that has one. The reason, when there is one, goes to
 * the log line and not to the caller.
 */
export function sendProblem(
  request: FastifyRequest,
  reply: FastifyReply,
  code: ProblemCode,
  options: ProblemOptions,
  clock: { now(): number },
): FastifyReply {
  noteReason(request, code, options.reason)
  if (problemTypes[code].status === 401) reply.header('www-authenticate', challengeOf(code))
  if (options.headers !== undefined) reply.headers(options.headers)
  if (options.withoutRateLimit === true) setQuota(reply, {})
  reply.code(problemTypes[code].status).header('cache-control', 'no-store')
  const sendBody = (): FastifyReply => {
    const body = problemBody(code, options, { id: request.id, locale: request.locale, nowMs: clock.now() })
    return sendText(request, reply, 'application/problem+json', request.locale, JSON.stringify(body))
  }
  // Refused before the lifecycle began, a request has no route yet.
  const page = (request.route as FastifyContextConfig | undefined)?.problemPage
  if (page === undefined) return sendBody()
  page(request, reply, { code, options }).then(
    (shown) => (shown === undefined ? sendBody() : sendText(request, reply, 'text/html', shown.locale, shown.text)),
    sendBody,
  )
  return reply
}

/** RFC 9110 §15.5.2 asks for one with every 401; RFC 6750 §3.1 names the fault of a token. */
const challengeOf = (code: ProblemCode): string =>
  code === 'credential-invalid' ? 'Bearer error="invalid_token"' : 'Bearer'

function sendText(
  request: FastifyRequest,
  reply: FastifyReply,
  type: string,
  locale: 'en' | 'fr',
  text: string,
): FastifyReply {
  reply.header('content-type', `${type}; charset=utf-8`).header('content-language', locale)
  const unread = unreadBody(request)
  if (unread !== 'none') reply.header('connection', 'close')
  if (unread !== 'coming') return reply.serializer(asIs).send(text)
  return reply
    .header('content-length', String(Buffer.byteLength(text)))
    .send(Readable.from(answerThenDrain(text, request.raw)))
}

const asIs = (text: unknown): string => String(text)

/** The pattern of the matched route, or of the path asked for with another method; never the path itself. */
export function routeOf(request: FastifyRequest): string {
  // Refused before the lifecycle began, a request has no route yet.
  const { url } = (request.route as FastifyRequest['route'] | undefined) ?? {}
  return url ?? (request.pattern === '' ? 'unmatched' : request.pattern)
}

function noteReason(request: FastifyRequest, code: ProblemCode, reason: string | undefined): void {
  request.logFields = { ...request.logFields, problem: code, ...(reason !== undefined && { reasonBlocked: reason }) }
}

/** The largest rest of a body that is read away so that its connection stays of use. */
const keptBytes = 65_536

/**
 * What is left of a body that is refused: `none` of a size that matters, some that the client keeps back until it is
 * asked for, or some that is coming.
 */
function unreadBody(request: FastifyRequest): 'none' | 'withheld' | 'coming' {
  const { raw, headers } = request
  if (raw.complete || raw.readableEnded) return 'none'
  const length = Number(headers['content-length'] ?? 0)
  const isSmall = headers['transfer-encoding'] === undefined && length <= keptBytes
  if (headers.expect !== undefined) return length === 0 && isSmall ? 'none' : 'withheld'
  return isSmall ? 'none' : 'coming'
}

/** How much, and how long, a refused body is still read. */
const drained = { bytes: 16_777_216, ms: 2_000 }

// Closing a connection with unread bytes resets it, and a client that is still sending then loses the answer. The
// answer goes out whole first; the connection is closed when the client has finished, or after a bounded wait.
async function* answerThenDrain(text: string, body: IncomingMessage): AsyncGenerator<string> {
  yield text
  await new Promise<void>((resolve) => {
    let left = drained.bytes
    const timer = setTimeout(resolve, drained.ms)
    const finish = (): void => {
      clearTimeout(timer)
      resolve()
    }
    body.on('data', (chunk: Buffer) => {
      left -= chunk.length
      if (left < 0) finish()
    })
    body.once('end', finish).once('close', finish).once('error', finish).resume()
  })
}

function toRefusal(error: unknown, request: FastifyRequest): Refusal {
  // A body that the client stopped sending: nobody is left to read the answer, and it is no fault of ours.
  if (request.raw.errored !== null) return { code: 'malformed-request', options: { reason: 'aborted' } }
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
  if (isPersonGone(error)) return { code: 'person-gone', options: {} }
  return { code: 'internal-error', options: {} }
}

function isFastifyError(error: unknown): error is FastifyError {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
}
