import type { FastifyReply } from 'fastify'
import { parseEmailAddress } from '../../core/credentials/email-address.ts'
import type { App } from '../../core/fastify.ts'
import { refusals } from '../../core/openapi/openapi.ts'
import { Ref, Strict } from '../../core/shapes/fields.ts'
import { resetRequestPolicy, resetUsePolicy } from './policy.ts'
import {
  LinkToken,
  ResetConfirmation,
  ResetRequest,
  ResetRequested,
  ResetTokenInput,
  ResetTokenState,
} from './schema.ts'
import { confirmReset, isResetTokenGood, type ResetDependencies, requestReset } from './service.ts'

export const passwordResetSchemas = [ResetRequest, ResetRequested, ResetConfirmation, ResetTokenInput, ResetTokenState]

/** A new password by mail. */
export function passwordResetRoutes(app: App, dependencies: ResetDependencies): void {
  app.post(
    '/password-reset/request',
    {
      schema: {
        operationId: 'requestPasswordReset',
        summary: 'Ask for a link to choose a new password',
        description: 'The answer is the same whether or not anybody has the address.',
        tags: ['auth'],
        body: Ref(ResetRequest),
        response: { 202: Ref(ResetRequested), ...refusals(400, 403, 413, 415, 422, 429, 503) },
      },
      config: { access: 'public', guard: resetRequestPolicy },
    },
    async (request, reply) => {
      const address = parseEmailAddress(request.body.email)
      // What nobody can have an account under, nobody has.
      if (!('fault' in address)) await requestReset(request.context, dependencies, address.display)
      return reply.code(202).send({ status: 'sent' })
    },
  )

  app.post(
    '/password-reset/confirm',
    {
      schema: {
        operationId: 'confirmPasswordReset',
        summary: 'Choose a new password with the link of a mail',
        description: 'Ends every session of the person and starts none; a second factor stays as it was.',
        tags: ['auth'],
        body: Ref(ResetConfirmation),
        response: {
          204: { type: 'null', description: 'Changed.' },
          ...refusals(400, 403, 413, 415, 422, 429, 503),
        },
      },
      config: { access: 'public', guard: resetUsePolicy },
    },
    async (request, reply) => {
      await confirmReset(request.context, dependencies, request.body.token, request.body.password)
      return reply.code(204).send(null)
    },
  )

  const state = async (reply: FastifyReply, token: string) => {
    reply.header('cache-control', 'no-store')
    return { valid: await isResetTokenGood(dependencies, token) }
  }

  app.post(
    '/password-reset/validate',
    {
      schema: {
        operationId: 'validatePasswordReset',
        summary: 'Ask whether the link of a mail is still good',
        tags: ['auth'],
        body: Ref(ResetTokenInput),
        response: { 200: Ref(ResetTokenState), ...refusals(400, 403, 413, 415, 422, 429, 503) },
      },
      config: { access: 'public', guard: resetUsePolicy, secretPath: true },
    },
    (request, reply) => state(reply, request.body.token),
  )

  app.get(
    '/password-reset/validate/:token',
    {
      schema: {
        operationId: 'validatePasswordResetByPath',
        summary: 'The same, with the token in the path',
        description: 'A token in a path ends up in the logs of others: send it with POST where you can.',
        tags: ['auth'],
        params: Strict({ token: LinkToken }),
        response: { 200: Ref(ResetTokenState), ...refusals(400, 403, 422, 429, 503) },
      },
      config: { access: 'public', guard: resetUsePolicy, secretPath: true },
    },
    (request, reply) => state(reply, request.params.token),
  )
}
