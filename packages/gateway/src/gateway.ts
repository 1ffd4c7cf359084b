import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { type Decision, type LoadedPolicy, PolicyError } from '@rempart/guard'
import { nodeGuard } from '@rempart/guard/node'
import { defaultLimits, type GatewayLimits, GatewayOptionError, type GatewayOptions, readUpstream } from './config.ts'
import { type Admission, type ForwardContext, forward } from './forward.ts'
import { createForwarding } from './forwarding.ts'
import { GatewayResponse } from './gateway-response.ts'
import { createProblems, type GatewayProblem, ownFields } from './problems.ts'
import { quotaLines } from './quota-lines.ts'
import { type RequestHead, readRequestHead } from './request-head.ts'
import { createTallies } from './tally.ts'
import { leaveBodyUnread } from './unread-body.ts'
import { answerUnreadable } from './unreadable.ts'
import { createUpstreams } from './upstreams.ts'

/** A guard in front of another server. */
export interface Gateway {
  /** Opens the port. @returns The address it answers at. @throws Error of the system, `EADDRINUSE` for one */
  listen(host: string, port: number): Promise<string>
  /** Puts other policies in force; counters are kept. @throws PolicyError, and nothing changes. */
  replacePolicies(policies: readonly LoadedPolicy[]): void
  /** Takes no more connections, lets requests in flight end, and closes. Safe to repeat. */
  stop(): Promise<void>
}

type GatewayServer = Server<typeof IncomingMessage, typeof GatewayResponse>

const MAX_HEADER_BYTES = 16_384
const nothing = { length: 0, expectsContinue: false }

/**
 * Creates a gateway: each request is decided from its head, before a byte of its body is read and before the upstream
 * hears of it, and then forwarded or refused.
 *
 * @throws PolicyError, RangeError and GatewayOptionError for options that cannot be kept.
 */
export function createGateway(options: GatewayOptions): Gateway {
  const { policies, clientAddress = {}, locale = 'en', store } = options
  const limits: GatewayLimits = { ...defaultLimits, ...options.limits }
  const upstream = readUpstream(options.upstream)
  const forwarding = readForwarding(clientAddress)
  const { protection } = nodeGuard({ policies, clientAddress, locale, ...(store !== undefined && { store }) })
  const upstreams = createUpstreams(upstream, limits)
  const tallies = createTallies(options.onTally)
  const problems = createProblems(locale)
  const ownName = `rempart-${randomBytes(4).toString('hex')}`
  let isStopping = false

  const answer = (
    message: IncomingMessage,
    response: GatewayResponse,
    { status, lines, body }: { readonly status: number; readonly lines: string; readonly body: string },
    unread: Pick<RequestHead, 'length' | 'expectsContinue'>,
  ): void => {
    leaveBodyUnread(message, response, unread)
    if (isStopping) response.shouldKeepAlive = false
    response.lines = lines
    response.writeHead(status, ['content-length', String(Buffer.byteLength(body))])
    response.end(body)
  }
  const context: ForwardContext = {
    upstreams,
    isStopping: () => isStopping,
    refuse({ message, response, request }, problem) {
      const own = problems(problem, message.headers['accept-language'])
      tallies.add('failed', own.status, problem)
      answer(message, response, own, request)
    },
  }
  const refuseFaulty = (message: IncomingMessage, response: GatewayResponse, fault: GatewayProblem): void => {
    const own = problems(fault, message.headers['accept-language'])
    tallies.add('faulty', own.status, fault)
    // How much of a body there is cannot be known of a request that is not understood.
    answer(message, response, own, { length: undefined, expectsContinue: false })
  }
  const conclude = (
    message: IncomingMessage,
    response: GatewayResponse,
    request: RequestHead,
    decision: Decision | undefined,
  ): void => {
    // The client may have left while a shared store was asked: nobody would end what begins here.
    if (message.socket.destroyed) {
      decision?.lease?.release(protection.guard.nowMs())
      return
    }
    if (decision !== undefined) {
      holdLease(decision, message, response)
      response.quota = quotaLines(decision, Date.now())
      if (decision.outcome !== 'allow') {
        const { status, body, text } = protection.refusalOf(message, decision)
        tallies.add('refused', status, `${decision.policyId}/${decision.ruleId ?? ''}`)
        answer(message, response, { status, body, lines: text + ownFields }, request)
        return
      }
    }
    const host = request.host ?? upstream.authority
    const head = `${message.method} ${message.url} HTTP/1.1\r\nhost: ${host}\r\n${bodyLine(request)}${forwarding.linesFor(message, request, host)}via: 1.${message.httpVersionMinor} ${ownName}\r\n${request.lines}\r\n`
    const admission: Admission = { message, response, request, head, tellsQuota: response.quota !== '' }
    forward(admission, context)
  }
  const holdLease = ({ lease }: Decision, message: IncomingMessage, response: GatewayResponse): void => {
    if (lease === undefined) return
    const release = (): void => lease.release(protection.guard.nowMs())
    // An answer that waits behind another on its connection does not hear of that connection's end.
    response.once('close', release)
    message.socket.once('close', release)
    response.once('close', () => message.socket.removeListener('close', release))
  }
  const decide = (message: IncomingMessage, response: GatewayResponse): void => {
    // What comes behind the last answer of a connection can be answered no more.
    if (message.socket.writableEnded || message.socket.destroyed) return
    const request = readRequestHead(message, ownName, forwarding.isTrusted(message))
    if (typeof request === 'string') {
      refuseFaulty(message, response, request)
      return
    }
    const decided = protection.early(message)
    if (decided instanceof Promise) {
      decided.then(
        (decision) => conclude(message, response, request, decision),
        () => fail(message, response),
      )
    } else conclude(message, response, request, decided)
  }
  const fail = (message: IncomingMessage, response: GatewayResponse): void => {
    tallies.add('failed', 500, 'internal-error')
    if (response.headersSent) response.destroy()
    else answer(message, response, problems('internal-error', undefined), { ...nothing, length: undefined })
  }
  const handle = (message: IncomingMessage, response: GatewayResponse): void => {
    try {
      decide(message, response)
    } catch {
      fail(message, response)
    }
  }

  const server = createServer({
    ServerResponse: GatewayResponse,
    insecureHTTPParser: false,
    // Told with a body, like everything else.
    requireHostHeader: false,
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: limits.headersMs,
    requestTimeout: limits.requestMs,
    keepAliveTimeout: limits.clientKeepAliveMs,
    connectionsCheckingInterval: Math.min(1_000, limits.headersMs),
    noDelay: true,
  })
  const refuseUnreadable = (error: Error & { code?: string }, socket: Socket): void => {
    const problem = answerUnreadable(error, socket, (code) => problems(code, undefined))
    if (problem !== undefined) tallies.add('faulty', problems(problem, undefined).status, problem)
  }
  server.maxConnections = limits.clientConnections
  // A client that has its whole answer on the way and takes nothing of it: all else ends sooner by deadlines of its own.
  server.timeout = limits.waitMs + limits.connectMs + limits.firstByteMs + limits.idleMs
  // Node drops what is beyond its bound without a word; the reader of the head refuses it instead.
  server.maxHeadersCount = 0
  const sockets = new Set<Socket>()
  server
    .on('connection', (socket: Socket) => {
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
    })
    .on('request', handle)
    .on('checkContinue', handle)
    .on('checkExpectation', handle)
    .on('clientError', (error, socket) => refuseUnreadable(error, socket as Socket))
    .on('connect', (_request, socket) => refuseUnreadable(new Error('no tunnel'), socket as Socket))

  let stopped: Promise<void> | undefined
  return {
    listen: (host, port) => open(server, host, port),
    replacePolicies: protection.replacePolicies,
    stop() {
      isStopping = true
      stopped ??= drain(server, sockets, limits.drainMs).finally(() => {
        upstreams.close()
        tallies.close()
      })
      return stopped
    },
  }
}

function bodyLine({ hasBody, length }: RequestHead): string {
  if (!hasBody) return ''
  return length === undefined ? 'transfer-encoding: chunked\r\n' : `content-length: ${length}\r\n`
}

function readForwarding(clientAddress: NonNullable<GatewayOptions['clientAddress']>) {
  try {
    return createForwarding(clientAddress)
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error
    throw new GatewayOptionError(error.message)
  }
}

function open(server: GatewayServer, host: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port, backlog: 2_048 }, () => {
      server.off('error', reject)
      // A server that listens on a port has this kind of address.
      const { address, family, port: own } = server.address() as AddressInfo
      resolve(`http://${family === 'IPv6' ? `[${address}]` : address}:${own}`)
    })
  })
}

const LOOK_MS = 50

/** Closes connections as their answers end, and all of them once the time is over. */
function drain(server: GatewayServer, sockets: ReadonlySet<Socket>, forMs: number): Promise<void> {
  // A connection that has sent nothing yet is none of the idle ones to Node.
  for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy()
  return new Promise((resolve) => {
    const look = setInterval(() => server.closeIdleConnections(), LOOK_MS)
    const end = setTimeout(() => server.closeAllConnections(), forMs)
    server.close(() => {
      clearInterval(look)
      clearTimeout(end)
      resolve()
    })
  })
}
