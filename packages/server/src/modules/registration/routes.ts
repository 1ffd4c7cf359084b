import type { App } from '../../core/fastify.ts'
import { refusals } from '../../core/openapi/openapi.ts'
import { Ref } from '../../core/shapes/fields.ts'
import { registerPolicy, verifyEmailPolicy } from './policy.ts'
import { RegisterInput, RegisterReply, VerifyEmailInput } from './schema.ts'
import { type RegistrationDependencies, register, verifyEmail } from './service.ts'

export const registrationSchemas = [RegisterInput, RegisterReply, VerifyEmailInput]

/** Accounts that people make for themselves. */
export function registrationRoutes(app: App, dependencies: RegistrationDependencies): void {
  app.post(
    '/auth/register',
    {
      schema: {
        operationId: 'register',
        summary: 'Ask for an account',
        description:
          'The answer is the same whether or not the address has an account. The account is made once the link in the mail has been opened.',
        tags: ['auth'],
        body: Ref(RegisterInput),
        response: { 202: Ref(RegisterReply), ...refusals(400, 403, 413, 415, 422, 429, 503) },
      },
      config: { access: 'public', guard: registerPolicy },
    },
    async (request, reply) => {
      await register(request.context, dependencies, request.body)
      return reply.code(202).send({ status: 'pending' })
    },
  )

  app.post(
    '/auth/verify-email',
    {
      schema: {
        operationId: 'verifyEmail',
        summary: 'Confirm an address with the link of a mail, and make its account',
        tags: ['auth'],
        body: Ref(VerifyEmailInput),
        response: {
          204: { type: 'null', description: 'Confirmed: the person can sign in.' },
          ...refusals(400, 401, 403, 413, 415, 422, 429, 503),
        },
      },
      config: { access: 'public', guard: verifyEmailPolicy },
    },
    async (request, reply) => {
      await verifyEmail(request.context, dependencies, request.body.token, request.body.password)
      return reply.code(204).send(null)
    },
  )
}
