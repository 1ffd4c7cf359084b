import type { App } from '../../core/fastify.ts'
import { refusals } from '../../core/openapi/openapi.ts'
import { Ref } from '../../core/shapes/fields.ts'
import { emailChangePolicy, emailLinkPolicy } from './policy.ts'
import { EmailChangeAsked, EmailChangeInput, EmailLinkInput } from './schema.ts'
import { confirmEmailChange, type EmailChangeDependencies, requestEmailChange, returnEmail } from './service.ts'

export const emailChangeSchemas = [EmailChangeInput, EmailChangeAsked, EmailLinkInput]

/** Another address for an account: asked for by its person, proved by the new address, and taken back by the former one. */
export function emailChangeRoutes(app: App, dependencies: EmailChangeDependencies): void {
  app.post(
    '/users/me/email',
    {
      schema: {
        operationId: 'requestEmailChange',
        summary: 'Ask for another address',
        description:
          'A link goes to the new address, good for a day, and word of it to the present one. The answer is the same whether or not somebody has the address.',
        tags: ['users'],
        body: Ref(EmailChangeInput),
        response: { 202: Ref(EmailChangeAsked), ...refusals(400, 401, 403, 413, 415, 422, 429, 503) },
      },
      config: { access: 'session', stepUp: true, guard: emailChangePolicy },
    },
    async (request, reply) => {
      await requestEmailChange(request.context, dependencies, request.body.email)
      return reply.code(202).send({ status: 'sent' })
    },
  )

  const links = [
    [
      '/users/me/email/confirm',
      'confirmEmailChange',
      'Confirm a new address with the link of a mail',
      'Every session ends. The former address gets a link to take the account back, good for three days.',
      confirmEmailChange,
    ],
    [
      '/users/me/email/return',
      'returnEmail',
      'Take an account back with the link that its former address got',
      'Every session ends and the password is good no more: a link for another one goes to that address.',
      returnEmail,
    ],
  ] as const
  for (const [url, operationId, summary, description, act] of links) {
    app.post(
      url,
      {
        schema: {
          operationId,
          summary,
          description,
          tags: ['users'],
          body: Ref(EmailLinkInput),
          response: { 204: { type: 'null', description: 'Done.' }, ...refusals(400, 403, 413, 415, 422, 429, 503) },
        },
        config: { access: 'public', guard: emailLinkPolicy },
      },
      async (request, reply) => {
        await act(request.context, dependencies, request.body.token)
        return reply.code(204).send(null)
      },
    )
  }
}
