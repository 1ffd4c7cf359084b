import type { IncomingMessage } from 'node:http'
import type { AnswerHead } from './answer-head.ts'
import type { GatewayResponse } from './gateway-response.ts'
import type { GatewayProblem } from './problems.ts'
import type { RequestHead } from './request-head.ts'
import { leaveBodyUnread } from './unread-body.ts'
import type { UpstreamConnection, UpstreamFailure } from './upstream-connection.ts'
import type { PooledExchange, Upstreams } from './upstreams.ts'

/** A request that the guard admits, with what is needed to forward it. */
export interface Admission {
  readonly message: IncomingMessage
  readonly response: GatewayResponse
  readonly request: RequestHead
  /** The request up to its body, as the upstream gets it. */
  readonly head: string
  readonly tellsQuota: boolean
}

/** What surrounds an exchange. */
export interface ForwardContext {
  readonly upstreams: Upstreams
  /** Answers in the upstream's place. */
  refuse(admission: Admission, problem: GatewayProblem): void
  /** Whether connections end after the answers under way. */
  isStopping(): boolean
}

/** Methods that may be repeated, and nearly never have a body. @see RFC 9110 §9.2.2 */
const idempotent = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])

const problemOf: Readonly<Record<UpstreamFailure, GatewayProblem>> = {
  unreachable: 'upstream-unreachable',
  broken: 'upstream-failed',
  unreadable: 'upstream-failed',
  'slow-upstream': 'upstream-timeout',
  'slow-client': 'request-timeout',
}

/** Forwards a request, and its answer back: streaming both ways, each side no faster than the other takes it. */
export function forward(admission: Admission, context: ForwardContext): void {
  const exchange = new Forwarded(admission, context)
  if (context.upstreams.send(exchange)) exchange.watchClient()
  else context.refuse(admission, 'gateway-busy')
}

class Forwarded implements PooledExchange {
  readonly head: string
  readonly hasBody: boolean
  readonly isHead: boolean
  readonly isRepeatable: boolean
  readonly tellsQuota: boolean
  isSent: boolean

  readonly #admission: Admission
  readonly #context: ForwardContext
  readonly #message: IncomingMessage
  readonly #response: GatewayResponse
  #connection: UpstreamConnection | undefined
  #isOver = false
  #waitsForUpstream = false
  #isRepeated = false

  constructor(admission: Admission, context: ForwardContext) {
    const { message, response, request } = admission
    this.#admission = admission
    this.#context = context
    this.#message = message
    this.#response = response
    this.head = admission.head
    this.hasBody = request.hasBody && request.length !== 0
    this.isSent = !this.hasBody
    this.isHead = message.method === 'HEAD'
    this.isRepeatable = !this.hasBody && idempotent.has(message.method ?? '')
    this.tellsQuota = admission.tellsQuota
  }

  watchClient(): void {
    const response = this.#response
    response.exchange = this
    response.on('close', forgetExchange)
  }

  /** The client has left, unless all has been said. */
  onClientGone(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#context.upstreams.forget(this)
    this.#connection?.destroy()
  }

  onReady(connection: UpstreamConnection): void {
    this.#connection = connection
    if (!this.hasBody) return
    if (this.#admission.request.expectsContinue) this.#response.writeContinue()
    const message = this.#message
    if (this.#admission.request.length === undefined) {
      message.on('data', (chunk: Buffer) => this.#sendChunk(connection, chunk))
    } else message.on('data', (chunk: Buffer) => this.#send(connection, chunk))
    message.once('end', () => this.#sent(connection))
  }

  onHead(head: AnswerHead): void {
    this.#prepare(head)
    this.#response.writeHead(head.status, head.reason, lengthField(head.length))
  }

  onData(text: string): boolean {
    if (this.#response.write(text, 'latin1')) return true
    this.#response.once('drain', () => {
      if (!this.#isOver) this.#connection?.resume()
    })
    return false
  }

  onWhole(head: AnswerHead, body: string): void {
    const length = head.framing === 'chunked' ? body.length : head.length
    this.#prepare(head)
    this.#end()
    this.#response.endWhole(head.status, head.reason, lengthField(length), body)
  }

  onEnd(): void {
    this.#end()
    this.#response.end()
  }

  onDrain(): void {
    if (!this.#waitsForUpstream) return
    this.#waitsForUpstream = false
    this.#connection?.touch()
    this.#message.resume()
  }

  onFailure(failure: UpstreamFailure, hasBegun: boolean, connection: UpstreamConnection): void {
    if (this.#isOver) return
    const isStale = failure === 'broken' && !hasBegun && connection.served > 0
    if (isStale && this.isRepeatable && !this.#isRepeated) {
      this.#isRepeated = true
      this.#context.upstreams.sendAfresh(this)
      return
    }
    // Half an answer must not look like a whole one.
    if (this.#response.headersSent) {
      this.#end()
      this.#response.destroy()
    } else this.#refuse(failure === 'slow-client' && this.#waitsForUpstream ? 'upstream-timeout' : problemOf[failure])
  }

  onWaitedTooLong(): void {
    this.#refuse('gateway-busy')
  }

  /** What still comes of the request goes nowhere. */
  #end(): void {
    this.#isOver = true
    if (!this.isSent) this.#message.resume()
  }

  #refuse(problem: GatewayProblem): void {
    this.#end()
    this.#context.refuse(this.#admission, problem)
  }

  #prepare({ lines, hasDate }: AnswerHead): void {
    const response = this.#response
    response.lines = lines
    if (hasDate) response.sendDate = false
    if (this.#context.isStopping()) response.shouldKeepAlive = false
    // An upstream that answers before it has read everything refuses the rest.
    if (!this.isSent) leaveBodyUnread(this.#message, response, this.#admission.request)
  }

  #send(connection: UpstreamConnection, chunk: Buffer): void {
    if (this.#isOver) return
    connection.touch()
    if (!connection.socket.write(chunk)) this.#wait()
  }

  #sendChunk(connection: UpstreamConnection, chunk: Buffer): void {
    if (this.#isOver) return
    const { socket } = connection
    connection.touch()
    socket.cork()
    socket.write(`${chunk.length.toString(16)}\r\n`, 'latin1')
    socket.write(chunk)
    const isTaken = socket.write('\r\n', 'latin1')
    socket.uncork()
    if (!isTaken) this.#wait()
  }

  #wait(): void {
    this.#waitsForUpstream = true
    this.#message.pause()
  }

  #sent(connection: UpstreamConnection): void {
    if (this.#isOver) return
    if (this.#admission.request.length === undefined) connection.socket.write('0\r\n\r\n', 'latin1')
    this.isSent = true
    connection.expectAnswer()
  }
}

const lengthField = (length: number | undefined): [string, string] | undefined =>
  length === undefined ? undefined : ['content-length', String(length)]

/** One listener for all answers: what belongs to each is read from it. */
function forgetExchange(this: GatewayResponse): void {
  this.exchange?.onClientGone()
}
