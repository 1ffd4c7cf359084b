import type { ProblemCode } from '../problem-catalogue.ts'

/** Longer than any address this server hands out, and short enough for every proxy on the way. */
export const maxTargetLength = 8_192

/** What a request whose target has a fault is routed to; no route can have this path. */
export const faultyTarget = '/\u0000'

/**
 * What is wrong with a request target: too long, not the path of this server (`*`, or an absolute form, which names a
 * host besides the Host header), with a fragment, which no client sends and the router drops, or percent-encoded in a
 * way that is no UTF-8.
 *
 * @see RFC 9112 §3.2
 */
export function targetFault(target: string): ProblemCode | undefined {
  if (target.length > maxTargetLength) return 'uri-too-long'
  if (target.charCodeAt(0) !== 0x2f || target.includes('#')) return 'malformed-request'
  return target.includes('%') && !isDecodable(target) ? 'invalid-path' : undefined
}

function isDecodable(target: string): boolean {
  const end = target.indexOf('?')
  try {
    return !decodeURIComponent(end === -1 ? target : target.slice(0, end)).includes('\u0000')
  } catch {
    return false
  }
}
