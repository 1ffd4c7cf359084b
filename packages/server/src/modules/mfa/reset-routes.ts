import type { App } from '../../core/fastify.ts'
import { FACTOR_POLICY_ID, factorAccount } from '../../core/identity/factor-reset.ts'
import { refusals } from '../../core/openapi/openapi.ts'
import { Ref } from '../../core/shapes/fields.ts'
import { mfaResetPolicy, mfaResetUsePolicy } from './policy.ts'
import {
  type FactorResetDependencies,
  keepFactor,
  requestFactorReset,
  resetFactorOf,
  startFactorReset,
} from './reset.ts'
import { FactorLinkInput, MfaResetAsked, MfaResetInput, MfaResetParams, MfaResetWait } from './schema.ts'

/** A second factor that is lost: given up by its owner after a wait, or taken away by staff. */
export function factorResetRoutes(app: App, dependencies: FactorResetDependencies): void {
  app.post(
    '/mfa/reset/request',
    {
      schema: {
        operationId: 'requestMfaReset',
        summary: 'Say that the second factor is lost',
        description:
          'With the `mfa_session_token` of a sign-in whose password was right. A link goes to the account’s address, good for thirty minutes.',
        tags: ['mfa'],
        body: Ref(MfaResetInput),
        response: { 202: Ref(MfaResetAsked), ...refusals(400, 401, 403, 413, 415, 422, 429, 503) },
      },
      config: { access: 'public', guard: mfaResetPolicy },
    },
    async (request, reply) => {
      await requestFactorReset(request.context, dependencies, request.body.mfa_session_token)
      return reply.code(202).send({ status: 'sent' })
    },
  )

  app.post(
    '/mfa/reset/confirm',
    {
      schema: {
        operationId: 'confirmMfaReset',
        summary: 'Start the wait after which a sign-in goes without the lost factor',
        description:
          'With the token of the link. It takes a day, and is called off by a code of the factor, by a new password, and by the link of the mail that says so.',
        tags: ['mfa'],
        body: Ref(FactorLinkInput),
        response: { 200: Ref(MfaResetWait), ...refusals(400, 403, 413, 415, 422, 429, 503) },
      },
      config: { access: 'public', guard: mfaResetUsePolicy },
    },
    (request) => startFactorReset(request.context, dependencies, request.body.token),
  )

  app.post(
    '/mfa/reset/cancel',
    {
      schema: {
        operationId: 'cancelMfaReset',
        summary: 'Keep the second factor after all',
        description: 'With the token of the mail that announces its end.',
        tags: ['mfa'],
        body: Ref(FactorLinkInput),
        response: { 204: { type: 'null', description: 'Kept.' }, ...refusals(400, 403, 413, 415, 422, 429, 503) },
      },
      config: { access: 'public', guard: mfaResetUsePolicy },
    },
    async (request, reply) => {
      await keepFactor(request.context, dependencies, request.body.token)
      return reply.code(204).send(null)
    },
  )

  app.post(
    '/users/:id/mfa/reset',
    {
      schema: {
        operationId: 'resetMfaOfUser',
        summary: 'Take the second factor of somebody away who has lost it',
        description:
          'Of somebody who may do nothing that one may not do oneself. Their sessions end, and a mail tells them. Make sure of who asks.',
        tags: ['mfa'],
        params: MfaResetParams,
        response: {
          204: { type: 'null', description: 'Taken away.' },
          ...refusals(400, 401, 403, 404, 409, 422, 429, 503),
        },
      },
      config: { access: 'users:write', stepUp: true },
    },
    async (request, reply) => {
      const { id } = request.params
      await resetFactorOf(request.context, dependencies, id)
      // Or who was locked out could set no other up.
      const account = factorAccount(request.context.tenant.id, id.toLowerCase())
      await app.accountGuard.forgive(request, account, FACTOR_POLICY_ID)
      return reply.code(204).send(null)
    },
  )
}
