import { createHash, timingSafeEqual } from 'node:crypto'
import type { App } from '../../core/fastify.ts'
import type { Metrics } from '../../core/metrics/metrics.ts'
import { refusals } from '../../core/openapi/openapi.ts'
import { ProblemError } from '../../core/problem.ts'
import { metricsPolicy } from './policy.ts'

/**
 * The figures of this process on the main listener, for whoever holds the token. Without a configured token there is
 * nothing at this address. A separate listener for scrapers inside the network is opened by `startServer`.
 */
export function metricsRoutes(app: App, metrics: Metrics, token: string | undefined): void {
  const expected = token === undefined ? undefined : digest(token)

  app.get(
    '/metrics',
    {
      schema: {
        operationId: 'metrics',
        summary: 'Figures of one process in the text format of Prometheus',
        tags: ['metrics'],
        security: [{ metricsToken: [] }],
        response: {
          200: {
            description: 'One line per series.',
            content: { 'text/plain': { schema: { type: 'string', examples: ['rempart_http_requests_total 1\n'] } } },
          },
          ...refusals(400, 401, 404, 429),
        },
      },
      config: { access: 'none', guard: metricsPolicy },
    },
    async (request, reply) => {
      if (expected === undefined) throw new ProblemError('not-found')
      if (!holdsToken(request.headers.authorization, expected)) {
        throw new ProblemError('credential-invalid', { headers: { 'www-authenticate': 'Bearer' } })
      }
      return reply
        .header('content-type', metrics.contentType)
        .header('cache-control', 'no-store')
        .serializer(String)
        .send(await metrics.render())
    },
  )
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()

// Digests have one length, so that the time tells neither the token's length nor how much of it was right.
function holdsToken(header: string | undefined, expected: Buffer): boolean {
  const [, token] = /^Bearer +([!-~]+) *$/i.exec(header ?? '') ?? []
  return token !== undefined && timingSafeEqual(digest(token), expected)
}
