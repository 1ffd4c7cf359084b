import type { App } from '../../core/fastify.ts'
import type { MailQueue } from '../../core/mail/outbox.ts'
import { refusals } from '../../core/openapi/openapi.ts'
import { Ref } from '../../core/shapes/fields.ts'
import { endSessionsOfEverybody } from './everybody.ts'
import { leave } from './leave.ts'
import {
  EndedSessions,
  EndedSessionsOfAll,
  EverybodyInput,
  SessionParams,
  SessionQuery,
  UserSession,
  UserSessionPage,
} from './schema.ts'
import { endSessionsOfUser, listSessionsOfUser } from './staff.ts'

export const staffSessionSchemas = [UserSession, UserSessionPage, EverybodyInput, EndedSessionsOfAll]

/** Where somebody is signed in, as staff are shown it, and how staff end it. */
export function staffSessionRoutes(app: App, { mail }: { readonly mail: MailQueue }): void {
  app.get(
    '/users/:id/sessions',
    {
      schema: {
        operationId: 'listSessionsOfUser',
        summary: 'List the sessions of somebody, newest first',
        description: 'Without the addresses they come from: those are shown to their owner alone.',
        tags: ['sessions'],
        params: SessionParams,
        querystring: SessionQuery,
        response: { 200: Ref(UserSessionPage), ...refusals(400, 401, 403, 404, 422, 429, 503) },
      },
      config: { access: 'users:read' },
    },
    (request) => listSessionsOfUser(request.context, request.params.id, request.query),
  )

  app.delete(
    '/users/:id/sessions',
    {
      schema: {
        operationId: 'endSessionsOfUser',
        summary: 'End every session of somebody, at once and everywhere',
        description:
          'Of somebody who may do nothing that one may not do oneself. The account stays on: they may sign in again, and a mail tells them. Takes a fresh proof of who one is.',
        tags: ['sessions'],
        params: SessionParams,
        response: { 200: Ref(EndedSessions), ...refusals(400, 401, 403, 404, 422, 429, 503) },
      },
      config: { access: 'users:write', stepUp: true },
    },
    (request) => endSessionsOfUser(request.context, mail, request.params.id),
  )

  app.post(
    '/sessions/end-everybody',
    {
      schema: {
        operationId: 'endSessionsOfEverybody',
        summary: 'End every session of everybody in the tenant, at once and everywhere',
        description:
          'For who holds everything, as an owner does. The session of this call stays unless it is asked for too. Accounts and API keys stay as they are, and no mail is sent. Takes a fresh proof of who one is.',
        tags: ['sessions'],
        body: Ref(EverybodyInput),
        response: { 200: Ref(EndedSessionsOfAll), ...refusals(400, 401, 403, 413, 415, 422, 429, 503) },
      },
      config: { access: 'users:write', stepUp: true },
    },
    async (request, reply) => {
      const isOwnToo = request.body.ownToo ?? false
      const ended = await endSessionsOfEverybody(request.context, isOwnToo)
      if (isOwnToo) leave(request, reply)
      return ended
    },
  )
}
