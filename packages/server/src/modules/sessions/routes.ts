import type { App } from '../../core/fastify.ts'
import type { SessionKit } from '../../core/identity/session-kit.ts'
import { refusals } from '../../core/openapi/openapi.ts'
import { Ref } from '../../core/shapes/fields.ts'
import { endByLink, type LinkDependencies } from './end-by-link.ts'
import { leave } from './leave.ts'
import { sessionLinkPolicy } from './policy.ts'
import {
  EndedSessions,
  EndSessionsQuery,
  Session,
  SessionLinkInput,
  SessionPage,
  SessionParams,
  SessionQuery,
} from './schema.ts'
import { endSession, endSessions, listSessions, readSession } from './service.ts'

export const sessionSchemas = [Session, SessionPage, EndedSessions, SessionLinkInput]

export interface SessionDependencies extends LinkDependencies {
  readonly kit: Pick<SessionKit, 'clientRing'>
}

/** Where a person is signed in, shown to them alone, and how they end it. */
export function sessionRoutes(app: App, dependencies: SessionDependencies): void {
  const { kit } = dependencies
  app.get(
    '/sessions',
    {
      schema: {
        operationId: 'listSessions',
        summary: 'List one’s own sessions, newest first',
        tags: ['sessions'],
        querystring: SessionQuery,
        response: { 200: Ref(SessionPage), ...refusals(400, 401, 403, 422, 429, 503) },
      },
      config: { access: 'session' },
    },
    (request) => listSessions(request.context, kit.clientRing, request.query),
  )

  app.get(
    '/sessions/:id',
    {
      schema: {
        operationId: 'readSession',
        summary: 'Read one of one’s own sessions',
        tags: ['sessions'],
        params: SessionParams,
        response: { 200: Ref(Session), ...refusals(400, 401, 403, 404, 422, 429, 503) },
      },
      config: { access: 'session' },
    },
    (request) => readSession(request.context, kit.clientRing, request.params.id),
  )

  app.delete(
    '/sessions/:id',
    {
      schema: {
        operationId: 'endSession',
        summary: 'End one of one’s own sessions, at once and everywhere',
        description: 'The session of this call may always be ended; another one takes a fresh proof of who one is.',
        tags: ['sessions'],
        params: SessionParams,
        response: { 204: { type: 'null', description: 'Ended.' }, ...refusals(400, 401, 403, 404, 422, 429, 503) },
      },
      config: { access: 'session' },
    },
    async (request, reply) => {
      if (await endSession(request.context, request.params.id)) leave(request, reply)
      return reply.code(204).send(null)
    },
  )

  app.delete(
    '/sessions',
    {
      schema: {
        operationId: 'endSessions',
        summary: 'End every other session of one’s own, or all of them',
        description: 'Takes a fresh proof of who one is.',
        tags: ['sessions'],
        querystring: EndSessionsQuery,
        response: { 200: Ref(EndedSessions), ...refusals(400, 401, 403, 422, 429, 503) },
      },
      config: { access: 'session', stepUp: true },
    },
    async (request, reply) => {
      const isAll = request.query.all ?? false
      const ended = await endSessions(request.context, isAll)
      if (isAll) leave(request, reply)
      return ended
    },
  )

  app.post(
    '/sessions/end',
    {
      schema: {
        operationId: 'endSessionsByLink',
        summary: 'End every session with the link of a mail',
        description:
          'For who did not sign in themselves. It signs nobody in, and calls off what was asked for meanwhile.',
        tags: ['sessions'],
        body: Ref(SessionLinkInput),
        response: { 204: { type: 'null', description: 'Ended.' }, ...refusals(400, 403, 413, 415, 422, 429, 503) },
      },
      config: { access: 'public', guard: sessionLinkPolicy },
    },
    async (request, reply) => {
      await endByLink(request.context, dependencies, request.body.token)
      return reply.code(204).send(null)
    },
  )
}
