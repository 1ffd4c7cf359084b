import { connect, type Socket } from 'node:net'
import { type AnswerHead, type Question, readAnswerHead } from './answer-head.ts'
import { ChunkReader } from './chunks.ts'
import type { GatewayLimits, Upstream } from './config.ts'

/** Why an exchange with the upstream came to nothing. */
export type UpstreamFailure =
  /** No connection was made. */
  | 'unreachable'
  /** The connection ended before the answer did. */
  | 'broken'
  /** What came is no answer. */
  | 'unreadable'
  | 'slow-upstream'
  /** The client stopped sending its request, or taking its answer. */
  | 'slow-client'

/** One request as a connection sees it, and who hears of its answer. Texts are bytes: one character each. */
export interface Exchange extends Question {
  /** The request up to its body. */
  readonly head: string
  readonly hasBody: boolean
  /** Whether the request has been sent to its end. */
  readonly isSent: boolean
  /** The connection is made: the body may follow. */
  onReady(connection: UpstreamConnection): void
  onHead(head: AnswerHead): void
  /** A piece of the body; false asks to wait until `resume`. */
  onData(text: string): boolean
  /** The head, and all of the body there is. */
  onWhole(head: AnswerHead, body: string): void
  onEnd(): void
  onDrain(): void
  /** Nothing more comes. `hasBegun` tells whether a byte of an answer has come. */
  onFailure(failure: UpstreamFailure, hasBegun: boolean, connection: UpstreamConnection): void
}

/** What a connection tells the pool it belongs to. */
export interface ConnectionOwner {
  readonly limits: GatewayLimits
  /** The pool's clock, in milliseconds: as coarse as its sweeps. */
  nowMs(): number
  onIdle(connection: UpstreamConnection): void
  onClosed(connection: UpstreamConnection): void
}

const READ_BYTES = 32_768
const LONGEST_HEAD = 65_536
const MOST_INTERIM = 16

type Phase = 'connecting' | 'idle' | 'head' | 'length' | 'chunked' | 'close' | 'closed'

/** A keep-alive connection to the upstream: one exchange at a time, and nothing is believed that no request asked for. */
export class UpstreamConnection {
  /** How many exchanges it has served to their end. */
  served = 0
  deadlineMs: number
  idleSinceMs = 0
  readonly socket: Socket

  readonly #owner: ConnectionOwner
  readonly #buffer = Buffer.allocUnsafeSlow(READ_BYTES)
  readonly #sink = (from: number, to: number): void => {
    this.#piece += this.#buffer.toString('latin1', from, to)
  }
  #exchange: Exchange | undefined
  #phase: Phase = 'connecting'
  #pending = ''
  #piece = ''
  #left = 0
  #interim = 0
  #isPaused = false
  #keepsAlive = true
  #keepAliveMs: number
  #chunks: ChunkReader | undefined

  constructor(upstream: Upstream, owner: ConnectionOwner, exchange: Exchange) {
    this.#owner = owner
    this.#exchange = exchange
    this.#keepAliveMs = owner.limits.upstreamKeepAliveMs
    this.deadlineMs = owner.nowMs() + owner.limits.connectMs
    this.socket = connect({
      host: upstream.host,
      port: upstream.port,
      noDelay: true,
      onread: { buffer: this.#buffer, callback: (bytes) => this.#receive(bytes) },
    })
    this.socket
      .once('connect', () => this.#begin())
      .on('drain', () => this.#exchange?.onDrain())
      // A reset is told of by `close`, too.
      .on('error', () => undefined)
      .once('end', () => this.#ended(true))
      .once('close', () => this.#ended(false))
  }

  /** Serves another exchange. Only while it is idle. */
  start(exchange: Exchange): void {
    this.#exchange = exchange
    this.#begin()
  }

  /** Whether bytes can be sent on it, as far as is known. */
  get isOpen(): boolean {
    return this.#phase !== 'closed' && this.socket.writable
  }

  /** Puts the deadline off: something has moved. */
  touch(): void {
    this.deadlineMs = this.#owner.nowMs() + this.#owner.limits.idleMs
  }

  /** The request has been sent: now the upstream has to answer. */
  expectAnswer(): void {
    if (this.#phase === 'head') this.deadlineMs = this.#owner.nowMs() + this.#owner.limits.firstByteMs
  }

  /** Goes on after `onData` has asked to wait. */
  resume(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    this.touch()
    this.socket.resume()
  }

  /** Ends it, and tells its exchange nothing. */
  destroy(): void {
    this.#exchange = undefined
    this.#close()
  }

  /** Its deadline has passed. */
  expire(): void {
    if (this.#phase === 'idle') this.destroy()
    else if (this.#isPaused || (this.#exchange?.isSent === false && this.#phase === 'head')) this.#fail('slow-client')
    else this.#fail('slow-upstream')
  }

  #begin(): void {
    const exchange = this.#exchange
    // The client left while the connection was being made.
    if (exchange === undefined) return
    this.#phase = 'head'
    this.deadlineMs = this.#owner.nowMs() + this.#owner.limits.firstByteMs
    const { socket } = this
    if (exchange.hasBody) {
      // The head waits for the first piece of the body, which is often all of it.
      socket.cork()
      process.nextTick(() => socket.uncork())
    }
    socket.write(exchange.head, 'latin1')
    exchange.onReady(this)
  }

  #receive(bytes: number): boolean {
    const exchange = this.#exchange
    if (exchange === undefined || this.#phase === 'idle') {
      // An answer that nobody asked for would be taken for the next request's.
      this.destroy()
      return true
    }
    this.touch()
    this.#read(exchange, 0, bytes)
    return !this.#isPaused
  }

  #read(exchange: Exchange, from: number, to: number): void {
    switch (this.#phase) {
      case 'head':
        this.#readHead(exchange, from, to)
        return
      case 'length':
        this.#readLength(exchange, from, to)
        return
      case 'chunked':
        this.#readChunks(exchange, from, to, undefined)
        return
      case 'close':
        this.#give(exchange, this.#buffer.toString('latin1', from, to))
        return
      default:
    }
  }

  #readHead(exchange: Exchange, from: number, to: number): void {
    const before = this.#pending.length
    const text = this.#pending + this.#buffer.toString('latin1', from, to)
    const end = text.indexOf('\r\n\r\n', Math.max(0, before - 3))
    if (end === -1 || end > LONGEST_HEAD) {
      this.#pending = text
      if (text.length > LONGEST_HEAD) this.#fail('unreadable')
      return
    }
    this.#pending = ''
    const head = readAnswerHead(text.slice(0, end + 2), exchange)
    const bodyFrom = from + end + 4 - before
    if (head === undefined || head.status === 101) this.#fail('unreadable')
    else if (head.status < 200) this.#skipInterim(exchange, bodyFrom, to)
    else this.#readBody(exchange, head, text.slice(end + 4), bodyFrom, to)
  }

  /** The gateway has answered `Expect` itself, and hints for browsers are not worth a place to go wrong. */
  #skipInterim(exchange: Exchange, from: number, to: number): void {
    this.#interim += 1
    if (this.#interim > MOST_INTERIM) this.#fail('unreadable')
    else if (from < to) this.#readHead(exchange, from, to)
  }

  #readBody(exchange: Exchange, head: AnswerHead, rest: string, from: number, to: number): void {
    this.#keepsAlive = head.keepsAlive
    // A second sooner than the upstream, whose clock began before.
    if (head.keepAliveMs !== undefined) {
      this.#keepAliveMs = Math.min(this.#owner.limits.upstreamKeepAliveMs, Math.max(0, head.keepAliveMs - 1_000))
    }
    if (head.framing === 'none') this.#finishWhole(exchange, head, '', rest.length > 0)
    else if (head.framing === 'length') this.#beginLength(exchange, head, rest)
    else if (head.framing === 'chunked') {
      this.#chunks = new ChunkReader()
      this.#phase = 'chunked'
      this.#readChunks(exchange, from, to, head)
    } else {
      this.#phase = 'close'
      exchange.onHead(head)
      if (rest !== '') this.#give(exchange, rest)
    }
  }

  #beginLength(exchange: Exchange, head: AnswerHead, rest: string): void {
    const length = head.length ?? 0
    if (rest.length >= length) {
      const isExact = rest.length === length
      this.#finishWhole(exchange, head, isExact ? rest : rest.slice(0, length), !isExact)
      return
    }
    this.#phase = 'length'
    this.#left = length - rest.length
    exchange.onHead(head)
    if (rest !== '') this.#give(exchange, rest)
  }

  #readLength(exchange: Exchange, from: number, to: number): void {
    const until = Math.min(to, from + this.#left)
    this.#left -= until - from
    this.#give(exchange, this.#buffer.toString('latin1', from, until))
    if (this.#left === 0) this.#finish(exchange, until < to)
  }

  /** @param head - While the client has not been told of it: an answer that came in one piece goes on in one. */
  #readChunks(exchange: Exchange, from: number, to: number, head: AnswerHead | undefined): void {
    const chunks = this.#chunks
    if (chunks === undefined) return
    const state = chunks.read(this.#buffer, from, to, this.#sink)
    const piece = this.#piece
    this.#piece = ''
    if (state === 'broken') {
      this.#fail('unreadable')
      return
    }
    if (state === 'done' && head !== undefined) {
      this.#finishWhole(exchange, head, piece, chunks.end < to)
      return
    }
    if (head !== undefined) exchange.onHead(head)
    if (piece !== '') this.#give(exchange, piece)
    if (state === 'done') this.#finish(exchange, chunks.end < to)
  }

  #give(exchange: Exchange, text: string): void {
    if (!exchange.onData(text)) this.#isPaused = true
  }

  #finishWhole(exchange: Exchange, head: AnswerHead, body: string, hasMore: boolean): void {
    const isReusable = this.#release(exchange, hasMore)
    exchange.onWhole(head, body)
    this.#settle(isReusable)
  }

  #finish(exchange: Exchange, hasMore: boolean): void {
    const isReusable = this.#release(exchange, hasMore)
    exchange.onEnd()
    this.#settle(isReusable)
  }

  #release(exchange: Exchange, hasMore: boolean): boolean {
    // The client may have left within a call of its exchange.
    if (this.#phase === 'closed') return false
    this.#exchange = undefined
    this.#phase = 'idle'
    this.#chunks = undefined
    this.#interim = 0
    this.served += 1
    return this.#keepsAlive && exchange.isSent && !hasMore && this.socket.writable
  }

  #settle(isReusable: boolean): void {
    if (!isReusable || this.#phase === 'closed') {
      this.#close()
      return
    }
    // What the client has yet to take is in the answer by now.
    if (this.#isPaused) {
      this.#isPaused = false
      this.socket.resume()
    }
    this.idleSinceMs = this.#owner.nowMs()
    this.deadlineMs = this.idleSinceMs + this.#keepAliveMs
    this.#owner.onIdle(this)
  }

  /** @param isOrderly - Whether the upstream has said that no more comes, rather than vanished. */
  #ended(isOrderly: boolean): void {
    const exchange = this.#exchange
    if (this.#phase === 'close' && isOrderly && exchange !== undefined) this.#finish(exchange, false)
    else if (this.#phase === 'connecting') this.#fail('unreachable')
    else this.#fail('broken')
  }

  #fail(failure: UpstreamFailure): void {
    const exchange = this.#exchange
    const hasBegun = this.#phase !== 'head' || this.#pending !== '' || this.#interim > 0
    this.#exchange = undefined
    const wasConnecting = this.#phase === 'connecting'
    this.#close()
    exchange?.onFailure(failure, hasBegun && !wasConnecting, this)
  }

  #close(): void {
    if (this.#phase === 'closed') return
    this.#phase = 'closed'
    this.socket.destroy()
    this.#owner.onClosed(this)
  }
}
