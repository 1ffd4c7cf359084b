import { randomFillSync, randomUUIDv7 } from 'node:crypto'

/** A header as Node gives it: absent, one value, or the values of a repeated one. */
type HeaderValue = string | readonly string[] | undefined

/** Where a request stands in a distributed trace. Ids are lower-case hexadecimal. */
export interface TraceContext {
  /** 32 digits: the caller's trace, or a new one. */
  readonly traceId: string
  /** 16 digits: this request's own span. */
  readonly spanId: string
  /** The caller's span; absent when the trace starts here. */
  readonly parentSpanId: string | undefined
  readonly sampled: boolean
  /** The `traceparent` to send further. */
  readonly traceparent: string
}

/** Letters, digits and the punctuation of UUIDs, base64 and dotted ids: nothing that a log or a header could read as its own. */
const SAFE_ID = /^[\w.:+/=-]{1,128}$/

/** The caller's `X-Request-ID` when it is one value of 1 to 128 safe characters, else a new UUIDv7. */
export function requestId(incoming: HeaderValue): string {
  return typeof incoming === 'string' && SAFE_ID.test(incoming) ? incoming : randomUUIDv7()
}

/** Version 00 to the letter; an id of zeros alone is none. */
const TRACEPARENT = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/

/**
 * Continues the caller's trace under a span of this request's own, or starts a trace when the header is absent, repeated
 * or not exactly version 00. Of the flags only `sampled` is kept.
 *
 * @param sampleNew - Whether a trace that starts here says that it is recorded.
 * @see W3C Trace Context §3.2.2, §4.3
 */
export function traceContext(incoming: HeaderValue, sampleNew = false): TraceContext {
  if (typeof incoming !== 'string' || !TRACEPARENT.test(incoming)) return context(randomHex(16), undefined, sampleNew)
  // Of the flags' last digit, the lowest bit.
  const sampled = (Number.parseInt(incoming.slice(54), 16) & 1) === 1
  return context(incoming.slice(3, 35), incoming.slice(36, 52), sampled)
}

function context(traceId: string, parentSpanId: string | undefined, sampled: boolean): TraceContext {
  const spanId = randomHex(8)
  return { traceId, spanId, parentSpanId, sampled, traceparent: `00-${traceId}-${spanId}-${sampled ? '01' : '00'}` }
}

// One call to the system's generator serves hundreds of spans.
const pool = Buffer.alloc(8192)
let used = pool.length

/** All zeros, which no id may be, is as likely as guessing the id. */
function randomHex(bytes: 8 | 16): string {
  if (used + bytes > pool.length) {
    randomFillSync(pool)
    used = 0
  }
  used += bytes
  return pool.toString('hex', used - bytes, used)
}
