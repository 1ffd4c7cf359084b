import { IncomingMessage, ServerResponse } from 'node:http'
import type { Decision } from '../decision.ts'
import { type RateLimitHeaders, rateLimitHeaders } from '../headers.ts'
import type { FieldBlock } from './field-block.ts'
import type { Protection } from './http.ts'
import { describeRefusal, type RefusedRequest } from './node-answer.ts'
import { atEnd } from './settle.ts'
import { isCutOff, leaveBodyUnread } from './unread-body.ts'

/** A request and its answer in Node's own server. */
export interface NodePair {
  readonly incoming: IncomingMessage
  readonly outgoing: ServerResponse
}

/** One request of a framework over the web's `Request` and `Response`. */
export interface WebExchange<Native> {
  readonly native: Native
  readonly request: Request
  /** What the web's objects stand for, where Node's own server serves them. */
  readonly node: NodePair | undefined
  /** The policy that the route names. */
  readonly own: string | undefined
  /** The application's answer. */
  readonly run: () => Response | Promise<Response>
  /** The application's own answer to a refusal; undefined for the guard's. */
  readonly onRefuse: ((refused: RefusedRequest) => Response | Promise<Response>) | undefined
}

/**
 * Answers a request that is not admitted, and the others through the application. Slots are given back when the answer's
 * body has been sent or its reader has gone.
 */
export async function answerWeb<Native>(
  protection: Protection<Native>,
  exchange: WebExchange<Native>,
  moment: 'early' | 'late',
): Promise<Response> {
  const { native, request, own } = exchange
  if (exchange.node !== undefined && isCutOff(exchange.node.incoming)) return new Response(null, { status: 429 })
  const block = protection.blocks.of(request.headers.get('origin') ?? undefined)
  const asking = moment === 'early' ? protection.preflightOrigin(native) : undefined
  const preflight = asking === undefined ? undefined : protection.blocks.ofPreflight(asking)
  if (preflight !== undefined) return withFields(new Response(null, { status: 204 }), preflight, {})

  const pending = protection[moment](native, own)
  const decision = pending instanceof Promise ? await pending : pending
  if (decision === undefined) return withFields(await exchange.run(), block, {})
  // A decision over a store in the process is overwritten by the next one, which may come while the handler runs.
  const fields = rateLimitHeaders(decision, Date.now())
  if (decision.outcome !== 'allow') return withFields(await refuse(protection, exchange, decision), block, fields)
  const { lease } = decision
  const response = await (lease === undefined
    ? exchange.run()
    : runHolding(exchange, () => lease.release(protection.guard.nowMs())))
  return withFields(response, block, fields)
}

function refuse<Native>(
  protection: Protection<Native>,
  { native, request, node, onRefuse }: WebExchange<Native>,
  decision: Decision,
): Response | Promise<Response> {
  if (node !== undefined) leaveBodyUnread(node.incoming, node.outgoing)
  const refusal = protection.refusalOf(native, decision)
  if (onRefuse !== undefined) return onRefuse(describeRefusal(refusal, decision))
  const { status, headers, body } = refusal
  const length = { 'content-length': String(Buffer.byteLength(body)) }
  return new Response(request.method === 'HEAD' ? null : body, { status, headers: { ...headers, ...length } })
}

async function runHolding({ request, node, run }: WebExchange<unknown>, release: () => void): Promise<Response> {
  if (node !== undefined) {
    atEnd(node.incoming, node.outgoing, release)
    return run()
  }
  request.signal.addEventListener('abort', release, { once: true })
  try {
    const response = await run()
    if (response.body !== null) return new Response(releasing(response.body, release), response)
    release()
    return response
  } catch (error) {
    release()
    throw error
  }
}

/** The same body, which tells once it has been read to its end, has failed or is wanted no more. */
function releasing(body: ReadableStream<Uint8Array>, release: () => void): ReadableStream<Uint8Array> {
  const reader = body.getReader()
  return new ReadableStream({
    async pull(controller) {
      try {
        const { done, value } = await reader.read()
        if (!done) return controller.enqueue(value)
        release()
        controller.close()
      } catch (error) {
        release()
        controller.error(error)
      }
    },
    cancel(reason) {
      release()
      return reader.cancel(reason)
    },
  })
}

/** An answer with the guard's fields; what the application set itself stays. Some answers cannot be changed, only copied. */
function withFields(response: Response, block: FieldBlock, fields: RateLimitHeaders): Response {
  try {
    setFields(response.headers, block, fields)
    return response
  } catch {
    const copy = new Response(response.body, response)
    setFields(copy.headers, block, fields)
    return copy
  }
}

function setFields(headers: Headers, block: FieldBlock, fields: RateLimitHeaders): void {
  for (const [name, value] of Object.entries(fields)) headers.set(name, value)
  for (const [name, value] of block.fields) {
    if (name === 'vary') headers.append(name, value)
    else if (!headers.has(name)) headers.set(name, value)
  }
}

/** The headers of a web request in the form that rules read. */
export function recordOf(headers: Headers): Readonly<Record<string, string>> {
  return Object.fromEntries(headers)
}

/** Path and query of a request, which the web gives as a whole URL. */
export function targetOf(url: string): string {
  const path = url.indexOf('/', url.indexOf('//') + 2)
  return path === -1 ? '/' : url.slice(path)
}

/** The Node objects behind a web request, where what a server tells of it holds them. */
export function nodePairIn(told: unknown): NodePair | undefined {
  if (typeof told !== 'object' || told === null || !('incoming' in told && 'outgoing' in told)) return undefined
  const { incoming, outgoing } = told
  const isPair = incoming instanceof IncomingMessage && outgoing instanceof ServerResponse
  return isPair ? { incoming, outgoing } : undefined
}
