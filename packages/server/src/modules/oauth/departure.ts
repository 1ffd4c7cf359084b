import type { FastifyReply, FastifyRequest } from 'fastify'
import { hostCookie } from '../../core/browser/cookies.ts'
import { destinationOf } from './destination.ts'
import { browserOf, FLOW_COOKIE, FLOW_SECONDS, type FlowGoal, type OAuthDependencies, startFlow } from './flow.ts'

/**
 * Where a browser goes when it is back, as whoever starts wrote it; null where nothing was written.
 *
 * @throws ProblemError `invalid-content` for a place that is neither the server's own nor the tenant's.
 */
export function nextOf(
  { context, query }: FastifyRequest<{ Querystring: { next?: string } }>,
  { isOwnOrigin, publicUrl }: OAuthDependencies,
): string | null {
  if (query.next === undefined) return null
  const isOurs = (origin: string): boolean => isOwnOrigin(origin) || context.tenant.allowedOrigins.includes(origin)
  return destinationOf(query.next, publicUrl, isOurs)
}

/** Gives the browser the cookie that it comes back with, and answers where it goes. */
export async function depart(
  request: FastifyRequest<{ Params: { provider: string } }>,
  reply: FastifyReply,
  goal: FlowGoal,
  dependencies: OAuthDependencies,
): Promise<{ authorizeUrl: string }> {
  const browser = browserOf(request.headers.cookie)
  const authorizeUrl = await startFlow(request.context, dependencies, request.params.provider, goal, browser)
  // Lax: it comes along when the provider sends the browser back.
  reply.header('set-cookie', hostCookie(FLOW_COOKIE, browser, 'Lax', FLOW_SECONDS))
  reply.header('cache-control', 'no-store')
  return { authorizeUrl }
}
