import type { Decision } from './decision.ts'

/**
 * The response headers that tell a client where it stands, names in lower case. Only a rate limit has
 * figures to tell; a lockout or a ladder tells at most how long to wait. A type alias, so that it passes for any framework's map of headers.
 */
export type RateLimitHeaders = {
  'x-ratelimit-limit'?: string
  'x-ratelimit-remaining'?: string
  /** Unix time, in seconds. */
  'x-ratelimit-reset'?: string
  ratelimit?: string
  'ratelimit-policy'?: string
  /** Whole seconds, at least 1. */
  'retry-after'?: string
}

/**
 * Writes the headers of a decision, on admitted responses as on refusals.
 *
 * Seconds are rounded up: who waits as told is never early.
 *
 * @param nowUnixMs - Wall clock, for `X-RateLimit-Reset`.
 * @see draft-ietf-httpapi-ratelimit-headers §3 and §4; RFC 9110 §10.2.3
 */
export function rateLimitHeaders(decision: Decision, nowUnixMs: number): RateLimitHeaders {
  const { quota } = decision
  if (quota === undefined) return retryAfter(decision, {})
  const remaining = String(decision.remaining)
  const resetSeconds = Math.ceil(decision.resetMs / 1_000)
  const headers: RateLimitHeaders = {
    'x-ratelimit-limit': quota.limit,
    'x-ratelimit-remaining': remaining,
    'x-ratelimit-reset': String(Math.ceil((nowUnixMs + decision.resetMs) / 1_000)),
    ratelimit: `${quota.name};r=${remaining};t=${resetSeconds}`,
    'ratelimit-policy': quota.policy,
  }
  return retryAfter(decision, headers)
}

function retryAfter({ retryAfterMs }: Decision, headers: RateLimitHeaders): RateLimitHeaders {
  if (retryAfterMs !== undefined) headers['retry-after'] = String(Math.max(1, Math.ceil(retryAfterMs / 1_000)))
  return headers
}
