import type { FastifyRequest } from 'fastify'
import { CSRF_HEADER } from '../../core/browser/csrf.ts'
import type { App } from '../../core/fastify.ts'
import { refusals } from '../../core/openapi/openapi.ts'
import { ProblemError } from '../../core/problem.ts'
import { Ref } from '../../core/shapes/fields.ts'
import { listAccounts, personOf, unlink } from './accounts.ts'
import { depart, nextOf } from './departure.ts'
import type { OAuthDependencies } from './flow.ts'
import { oauthStartPolicy } from './policy.ts'
import { AuthorizeReply, LinkedAccounts, LinkQuery, ProviderParams, UnlinkInput } from './schema.ts'

/** One's own identities at providers: linked by going there, listed, and taken away. */
export function linkRoutes(app: App, dependencies: OAuthDependencies): void {
  app.get(
    '/oauth/:provider/link',
    {
      schema: {
        operationId: 'linkProvider',
        summary: 'Start linking an identity at a provider to oneself',
        description: 'Asked by a script and never by going there: with cookies, send `X-Rempart-CSRF: 1`.',
        tags: ['oauth'],
        params: ProviderParams,
        querystring: LinkQuery,
        response: { 200: Ref(AuthorizeReply), ...refusals(400, 401, 403, 404, 422, 429, 503) },
      },
      config: { access: 'session', guard: oauthStartPolicy, stepUp: true, uncompressed: true },
    },
    async (request, reply) => {
      const { id: userId, sessionId, transport } = personOf(request.context)
      assertAskedByScript(request, transport)
      const goal = { transport, next: nextOf(request, dependencies), link: { userId, sessionId } }
      return depart(request, reply, goal, dependencies)
    },
  )

  app.get(
    '/oauth/accounts',
    {
      schema: {
        operationId: 'listLinkedAccounts',
        summary: 'List one’s own identities at providers',
        tags: ['oauth'],
        response: { 200: Ref(LinkedAccounts), ...refusals(400, 401, 403, 429, 503) },
      },
      config: { access: 'session' },
    },
    (request) => listAccounts(request.context),
  )

  app.post(
    '/oauth/unlink',
    {
      schema: {
        operationId: 'unlinkProvider',
        summary: 'Take a link to a provider away',
        description: 'Refused where nothing would be left to sign in with.',
        tags: ['oauth'],
        body: Ref(UnlinkInput),
        response: {
          204: { type: 'null', description: 'Taken away.' },
          ...refusals(400, 401, 403, 404, 409, 413, 415, 422, 429, 503),
        },
      },
      config: { access: 'session', stepUp: true },
    },
    async (request, reply) => {
      await unlink(request.context, dependencies.mail, request.body.accountId)
      return reply.code(204).send(null)
    },
  )
}

/** A page of another site can make a browser go somewhere with its cookies, and cannot make it send this field. */
function assertAskedByScript({ headers }: FastifyRequest, transport: 'bearer' | 'cookie'): void {
  const isNavigation = headers['sec-fetch-mode'] === 'navigate'
  if (isNavigation || (transport === 'cookie' && headers[CSRF_HEADER] !== '1')) {
    throw new ProblemError('csrf-refused', { reason: 'navigation' })
  }
}
