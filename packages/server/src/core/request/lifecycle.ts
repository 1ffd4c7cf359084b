import { BlockList, isIPv4, type Socket } from 'node:net'
import { type ClientAddress, createAddressResolver } from '@rempart/guard'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Logger } from 'pino'
import type { AnswerBlocks } from '../answer/answer-blocks.ts'
import { routeOf } from '../answer/errors.ts'
import { addField } from '../answer/response-block.ts'
import type { Clock } from '../context.ts'
import type { App } from '../fastify.ts'
import { type Locale, negotiateLocale } from '../locale.ts'
import { clientIpForLog } from '../logging/logging.ts'
import type { Metrics } from '../metrics/metrics.ts'
import { ProblemError } from '../problem.ts'
import type { ProblemCode } from '../problem-catalogue.ts'
import { doubledField } from './doubled-fields.ts'
import { traceContext } from './id.ts'
import { createRequestLog } from './log.ts'
import { targetFault } from './target.ts'

/** Who is believed about a request, and what is told of it. */
export interface LifecycleSettings {
  readonly publicUrl: string
  readonly defaultLocale: Locale
  /** CIDR blocks and addresses whose forwarding header is believed. */
  readonly trustedProxies: readonly string[]
  readonly forwardedHeader: 'x-forwarded-for' | 'forwarded'
  /** Slower requests are logged as slow. */
  readonly slowRequestMs: number
  readonly logClientIp: 'none' | 'truncated' | 'full'
}

export interface LifecycleDependencies {
  readonly config: LifecycleSettings
  readonly log: Logger
  readonly metrics: Metrics
  readonly clock: Clock
  readonly blocks: AnswerBlocks
  /** Eight hex digits that name a client in logs without telling its address. */
  readonly fingerprintPrefix: (client: ClientAddress, userAgent: string | undefined, route: string) => string
}

/**
 * Opens each request (address, language, ids, security headers, scheme and API version) and closes it with one log line
 * and its figures. Install before every other hook.
 */
export function installLifecycle(app: App, dependencies: LifecycleDependencies): void {
  const { config, blocks } = dependencies
  const addressOf = createAddressResolver({ trustedProxies: config.trustedProxies, header: config.forwardedHeader })
  const isInClear = clearTextCheck(config)
  const close = requestCloser(dependencies)
  const watch = abortWatcher(app, close)

  app.decorateRequest('route')
  app.decorateRequest('client')
  app.decorateRequest('locale', config.defaultLocale)
  app.decorateRequest('context')
  app.decorateRequest('keyInUse', null)
  app.decorateRequest('caller', null)
  app.decorateRequest('logFields', null)
  app.decorateRequest('traceId')
  app.decorateRequest('previous')
  app.decorateRequest('pattern', '')
  app.decorateRequest('startedMs', 0)
  app.decorateRequest('hasEnded', false)

  app.addHook('onRequest', (request, reply, done) => {
    const { headers } = request
    const route = request.routeOptions.config
    request.route = route
    request.startedMs = performance.now()
    request.client = addressOf(request.raw.socket.remoteAddress, headers)
    request.locale = negotiateLocale(headers['accept-language'], config.defaultLocale)
    blocks.set(reply, route.headers, route.secretPath)
    addField(reply, 'x-request-id', request.id)
    if (headers['traceparent'] !== undefined) continueTrace(request, reply)
    watch(request)
    const fault = faultOf(request)
    if (fault !== undefined) return done(new ProblemError(fault))
    if (isInClear(request)) {
      // A client that is sent on never learns that it shows its key to everybody on the way. People follow links.
      if (/^\/api(?:[/?]|$)/.test(request.url)) return done(new ProblemError('https-required'))
      reply.redirect(`${config.publicUrl}${request.url}`, 308)
      return
    }
    const version = headers['api-version']
    if (version !== undefined && version !== '1') return done(new ProblemError('unsupported-api-version'))
    done()
  })

  app.addHook('onSend', (_request, reply, payload, done) => {
    addField(reply, 'x-response-time', `${reply.elapsedTime.toFixed(1)}ms`)
    done(null, payload)
  })

  app.addHook('onResponse', (request, reply, done) => {
    close(request, isBrokenOff(request) ? abortedStatus : reply.statusCode, reply.elapsedTime)
    done()
  })
}

/** Takes part in the trace of a caller that has one; a request without one is found by its id. */
function continueTrace(request: FastifyRequest, reply: FastifyReply): void {
  const { traceId, traceparent } = traceContext(request.headers['traceparent'])
  request.traceId = traceId
  reply.header('traceparent', traceparent)
}

/** More header fields than this come from no browser and no proxy. */
const maxHeaderFields = 100

/** What makes a request unfit whatever it asks for. */
function faultOf(request: FastifyRequest): ProblemCode | undefined {
  const { raw, headers } = request
  if (raw.httpVersionMajor !== 1) return 'malformed-request'
  if (request.originalUrl !== request.url) return targetFault(request.originalUrl)
  if (raw.rawHeaders.length > 2 * maxHeaderFields) return 'headers-too-large'
  // RFC 9112 §3.2: HTTP/1.0 alone may have none.
  if (headers.host === undefined && raw.httpVersionMinor > 0) return 'malformed-request'
  return doubledField(raw.rawHeaders)
}

/** In logs and figures, for a client that went away before its answer: as nginx has it. It is never sent. */
const abortedStatus = 499

/** Whether the client left in the middle of its body: what was answered then reached nobody. */
const isBrokenOff = ({ raw }: FastifyRequest): boolean => raw.destroyed && !raw.complete

type CloseRequest = (request: FastifyRequest, status: number, durationMs: number) => void

/**
 * Closes requests whose client went away before the answer. One listener a connection, where Fastify's own hook adds
 * one to each request.
 */
function abortWatcher(app: App, close: CloseRequest): (request: FastifyRequest) => void {
  const latest = new WeakMap<Socket, FastifyRequest>()
  app.server.on('connection', (socket: Socket) => {
    socket.once('close', () => {
      const nowMs = performance.now()
      for (let request = latest.get(socket); request !== undefined; request = request.previous) {
        close(request, abortedStatus, nowMs - request.startedMs)
      }
    })
  })
  return (request) => {
    const { socket } = request.raw
    const before = latest.get(socket)
    if (before !== undefined && !before.hasEnded) request.previous = before
    latest.set(socket, request)
  }
}

/** What ends each request once: its figures and its log line. */
function requestCloser(dependencies: LifecycleDependencies): CloseRequest {
  const { config, log, metrics, fingerprintPrefix } = dependencies
  const writeLine = createRequestLog(log, config.slowRequestMs)
  return (request, status, durationMs) => {
    // A handler may still answer into a connection that is gone.
    if (request.hasEnded) return
    request.hasEnded = true
    const route = routeOf(request)
    metrics.request(request.method, route, status, durationMs / 1000)
    countIntake(request, status, metrics)
    if (!log.isLevelEnabled('warn')) return
    const { context, caller } = request
    writeLine({
      requestId: request.id,
      traceId: request.traceId,
      method: request.method,
      route,
      status,
      durationMs: Math.round(durationMs * 100) / 100,
      fpPrefix: fingerprintPrefix(request.client, request.headers['user-agent'], route),
      // Absent on routes that have no tenant, and on requests refused before one was known.
      tenantId: context?.tenant.id ?? caller?.tenantId,
      actorId: caller?.id,
      clientIp: clientIpForLog(config.logClientIp, request.client.text),
      note: request.logFields,
    })
  }
}

// The routes that take public submissions say so in their `config`; what became of one is known here for all of them.
function countIntake(request: FastifyRequest, status: number, metrics: Metrics): void {
  const kind = request.route.intake
  if (kind === undefined) return
  const { fate, problem, reasonBlocked } = request.logFields ?? {}
  if (status >= 400) metrics.intake(kind, 'refused', status === abortedStatus ? 'aborted' : (problem ?? 'unknown'))
  else if (fate === 'replayed') metrics.intake(kind, 'replayed')
  else metrics.intake(kind, reasonBlocked === undefined ? 'accepted' : 'dropped')
}

/**
 * Whether a request came over plain HTTP to a server whose public URL is https. A trusted proxy says which scheme the
 * client used; any other peer speaks plain HTTP to this port. Health is exempt: load balancers ask for it directly.
 */
function clearTextCheck(config: LifecycleSettings): (request: FastifyRequest) => boolean {
  if (!config.publicUrl.startsWith('https:')) return () => false
  const proxies = new BlockList()
  for (const network of config.trustedProxies) addNetwork(proxies, network)
  return (request) => {
    const { guard, url } = request.route
    if (guard === 'none' || url === '/metrics') return false
    const peer = request.raw.socket.remoteAddress
    if (peer === undefined) return false
    const bare = peer.replace(/^::ffff:(?=\d+\.)/i, '')
    if (!proxies.check(bare, isIPv4(bare) ? 'ipv4' : 'ipv6')) return true
    return schemeSaid(request, config.forwardedHeader) === 'http'
  }
}

function schemeSaid(request: FastifyRequest, header: LifecycleSettings['forwardedHeader']): string | undefined {
  const said = header === 'forwarded' ? request.headers['forwarded'] : request.headers['x-forwarded-proto']
  if (said === undefined) return undefined
  // The proxy nearest to this server writes last.
  const last = String(said).split(',').at(-1)?.trim().toLowerCase()
  return header === 'forwarded' ? /(?:^|;)\s*proto="?([a-z]+)"?/.exec(last ?? '')?.[1] : last
}

function addNetwork(list: BlockList, network: string): void {
  const [address = '', prefix] = network.split('/')
  const family = isIPv4(address) ? 'ipv4' : 'ipv6'
  if (prefix === undefined) list.addAddress(address, family)
  else list.addSubnet(address, Number(prefix), family)
}
