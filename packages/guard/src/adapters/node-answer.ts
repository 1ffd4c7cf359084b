import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Decision, snapshotDecision } from '../decision.ts'
import { type RateLimitHeaders, rateLimitHeaders } from '../headers.ts'
import { setBlock, setQuota, setRefusal } from './answer-fields.ts'
import type { Protection } from './http.ts'
import type { Refusal } from './refusal.ts'
import { atEnd } from './settle.ts'
import type { RequestReader } from './subjects.ts'
import { isCutOff, leaveBodyUnread } from './unread-body.ts'

/** A refusal as an application that answers it itself is given it. */
export interface RefusedRequest {
  readonly decision: Decision
  readonly refusal: Refusal
  /** The rate-limit fields; the answer has them already. */
  readonly rateLimitHeaders: RateLimitHeaders
}

/** One request of a framework over Node's own server. */
export interface NodeExchange<Native> {
  readonly native: Native
  readonly message: IncomingMessage
  readonly response: ServerResponse
  /** The policy that the route names. */
  readonly own: string | undefined
  /** Goes on with the request, or on to the handling of an error. */
  pass(error?: unknown): void
  /** Answers a refusal; the fields of the guard are set, those of the body are not. */
  refuse(refusal: Refusal, decision: Decision): void
}

/** Decides a request before its body is read: goes on, or answers. */
export function answerEarly<Native>(protection: Protection<Native>, exchange: NodeExchange<Native>): void {
  const { message, response, native } = exchange
  if (isCutOff(message)) return
  const { blocks } = protection
  setBlock(response, blocks.of(blocks.byOrigin ? message.headers.origin : undefined))
  const asking = blocks.byOrigin ? protection.preflightOrigin(native) : undefined
  const preflight = asking === undefined ? undefined : blocks.ofPreflight(asking)
  if (preflight === undefined) {
    answer(protection, exchange, 'early')
    return
  }
  setBlock(response, preflight)
  response.statusCode = 204
  response.end()
}

/** Decides a request once the application knows who asks. */
export function answerLate<Native>(protection: Protection<Native>, exchange: NodeExchange<Native>): void {
  answer(protection, exchange, 'late')
}

/** Answers with the guard's own problem body. */
export function sendRefusal(response: ServerResponse, refusal: Refusal): void {
  if (response.headersSent) return
  response.statusCode = refusal.status
  setRefusal(response, refusal)
  // Node tells the length of a body only where it sends one.
  if (response.req.method === 'HEAD') response.setHeader('content-length', Buffer.byteLength(refusal.body))
  response.end(refusal.body)
}

/** What an application's own answer to a refusal is told. */
export function describeRefusal(refusal: Refusal, decision: Decision): RefusedRequest {
  const kept = snapshotDecision(decision)
  return { decision: kept, refusal, rateLimitHeaders: rateLimitHeaders(kept, Date.now()) }
}

function answer<Native>(
  protection: Protection<Native>,
  exchange: NodeExchange<Native>,
  moment: 'early' | 'late',
): void {
  let decided: ReturnType<Protection<Native>['early']>
  try {
    decided = protection[moment](exchange.native, exchange.own)
  } catch (error) {
    exchange.pass(error)
    return
  }
  if (decided instanceof Promise) {
    decided.then(
      (decision) => conclude(protection, exchange, decision),
      (error: unknown) => exchange.pass(error),
    )
  } else conclude(protection, exchange, decided)
}

function conclude<Native>(
  protection: Protection<Native>,
  exchange: NodeExchange<Native>,
  decision: Decision | undefined,
): void {
  const { message, response, native } = exchange
  if (decision === undefined) {
    exchange.pass()
    return
  }
  const { lease } = decision
  if (lease !== undefined) atEnd(message, response, () => lease.release(protection.guard.nowMs()))
  setQuota(response, decision)
  if (decision.outcome === 'allow') {
    exchange.pass()
    return
  }
  leaveBodyUnread(message, response)
  exchange.refuse(protection.refusalOf(native, decision), decision)
}

/** Reads requests of Node's own server; a framework's are read through the message they wrap. */
export function createNodeReader<Native>(
  messageOf: (request: Native) => IncomingMessage,
  routeOf: (request: Native) => string | undefined = () => undefined,
): RequestReader<Native> {
  return {
    method: (request) => messageOf(request).method ?? 'GET',
    target(request) {
      const message: IncomingMessage & { readonly originalUrl?: unknown } = messageOf(request)
      // A router may have cut off what it is mounted on.
      return typeof message.originalUrl === 'string' ? message.originalUrl : (message.url ?? '/')
    },
    headers: (request) => messageOf(request).headers,
    header(request, name) {
      const value = messageOf(request).headers[name]
      return Array.isArray(value) ? value.join(', ') : value
    },
    headerLines: (request) => messageOf(request).rawHeaders.length / 2,
    // An HTTP/2 stream whose session is gone has no socket, whatever the types say.
    peer: (request) => messageOf(request).socket?.remoteAddress,
    route: routeOf,
  }
}
