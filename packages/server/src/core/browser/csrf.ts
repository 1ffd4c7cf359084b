import type { FastifyRequest } from 'fastify'
import { ProblemError } from '../problem.ts'

const safeMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

/** What a page of another origin cannot send without asking first, and is then told no. */
export const CSRF_HEADER = 'x-rempart-csrf'

/**
 * Refuses a request that a page of another origin may have made a browser send with its cookies: every one of four signs
 * must say that it was not.
 *
 * @param isAllowedOrigin - whether a browser origin may act for the tenant.
 * @throws ProblemError `csrf-refused`.
 */
export function assertOwnPage(request: FastifyRequest, isAllowedOrigin: (origin: string) => boolean): void {
  if (safeMethods.has(request.method)) return
  const { headers } = request
  const reason = foreignSign(headers, isAllowedOrigin)
  if (reason !== undefined) throw new ProblemError('csrf-refused', { reason })
}

function foreignSign(
  headers: FastifyRequest['headers'],
  isAllowedOrigin: (origin: string) => boolean,
): string | undefined {
  if (headers.origin === undefined || !isAllowedOrigin(headers.origin)) return 'origin'
  const site = headers['sec-fetch-site']
  if (site !== undefined && site !== 'same-origin') return 'sec-fetch-site'
  if (headers[CSRF_HEADER] !== '1') return 'csrf-header'
  // A form of HTML cannot send JSON. A request without a body has no type.
  const type = headers['content-type']
  return type === undefined || /^application\/json *(?:;|$)/i.test(type) ? undefined : 'content-type'
}
