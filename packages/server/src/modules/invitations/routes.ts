import type { App } from '../../core/fastify.ts'
import type { MailQueue } from '../../core/mail/outbox.ts'
import { refusals } from '../../core/openapi/openapi.ts'
import { Ref } from '../../core/shapes/fields.ts'
import { type AcceptDependencies, acceptInvitation } from './accept.ts'
import { invitationAcceptPolicy } from './policy.ts'
import {
  Accepted,
  AcceptInput,
  Invitation,
  InvitationInput,
  InvitationPage,
  InvitationParams,
  InvitationQuery,
} from './schema.ts'
import { invite, listInvitations, revokeInvitation } from './service.ts'

export const invitationSchemas = [Invitation, InvitationPage, InvitationInput, AcceptInput, Accepted]

/** Asking people to join, and joining. */
export function invitationRoutes(app: App, dependencies: AcceptDependencies & { readonly mail: MailQueue }): void {
  app.get(
    '/invitations',
    {
      schema: {
        operationId: 'listInvitations',
        summary: 'List invitations, newest first',
        tags: ['invitations'],
        querystring: InvitationQuery,
        response: { 200: Ref(InvitationPage), ...refusals(400, 401, 403, 422, 429, 503) },
      },
      config: { access: 'users:read' },
    },
    (request) => listInvitations(request.context, request.query),
  )

  app.post(
    '/invitations',
    {
      schema: {
        operationId: 'invite',
        summary: 'Ask somebody to join with a role',
        description:
          'By mail alone, for seven days, bound to the address and the role. An earlier invitation to the same address ends. Takes `roles:write` as well, and everything that the role gives.',
        tags: ['invitations'],
        body: Ref(InvitationInput),
        response: { 201: Ref(Invitation), ...refusals(400, 401, 403, 404, 409, 413, 415, 422, 429, 503) },
      },
      config: { access: 'users:write', stepUp: true },
    },
    async (request, reply) => reply.code(201).send(await invite(request.context, dependencies.mail, request.body)),
  )

  app.delete(
    '/invitations/:id',
    {
      schema: {
        operationId: 'revokeInvitation',
        summary: 'End an invitation at once',
        tags: ['invitations'],
        params: InvitationParams,
        response: { 204: { type: 'null', description: 'Ended.' }, ...refusals(400, 401, 403, 404, 422, 429, 503) },
      },
      config: { access: 'users:write' },
    },
    async (request, reply) => {
      await revokeInvitation(request.context, request.params.id)
      return reply.code(204).send(null)
    },
  )

  app.post(
    '/invitations/accept',
    {
      schema: {
        operationId: 'acceptInvitation',
        summary: 'Join, with the link of a mail',
        description: 'Makes the account and confirms its address. Nobody is signed in by it.',
        tags: ['invitations'],
        body: Ref(AcceptInput),
        response: { 201: Ref(Accepted), ...refusals(400, 403, 404, 409, 413, 415, 422, 429, 503) },
      },
      config: { access: 'public', guard: invitationAcceptPolicy },
    },
    async (request, reply) => {
      const accepted = await acceptInvitation(request.context, dependencies, request.body)
      return reply.code(201).header('cache-control', 'no-store').send(accepted)
    },
  )
}
