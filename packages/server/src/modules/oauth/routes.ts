import type { FastifyReply, FastifyRequest } from 'fastify'
import type { App } from '../../core/fastify.ts'
import { FACTOR_POLICY_ID, factorAccount } from '../../core/identity/factor-reset.ts'
import { refusals } from '../../core/openapi/openapi.ts'
import { ProblemError } from '../../core/problem.ts'
import { Ref } from '../../core/shapes/fields.ts'
import { comeBack, type Outcome } from './callback.ts'
import { depart, nextOf } from './departure.ts'
import type { FlowGoal, OAuthDependencies, Visit } from './flow.ts'
import { linkRoutes } from './link-routes.ts'
import { answerOf, fragmentOf } from './outcome-answer.ts'
import { oauthFinishPolicy, oauthStartPolicy } from './policy.ts'
import { listEnabledProviders } from './queries.ts'
import { oauthRefusalPage } from './refusal-page.ts'
import { completeRegistration } from './registration.ts'
import {
  AuthorizeQuery,
  AuthorizeReply,
  CallbackQuery,
  CompleteRegistrationInput,
  IdentityProvider,
  IdentityProviderChange,
  IdentityProviderInput,
  IdentityProviders,
  LinkedAccounts,
  OAuthTokenReply,
  OfferedProviders,
  ProviderParams,
  UnlinkInput,
} from './schema.ts'

export const oauthSchemas = [
  OfferedProviders,
  AuthorizeReply,
  OAuthTokenReply,
  CompleteRegistrationInput,
  LinkedAccounts,
  UnlinkInput,
  IdentityProvider,
  IdentityProviders,
  IdentityProviderInput,
  IdentityProviderChange,
]

/** Signing in with somebody else's word: Google, GitHub, or an OpenID provider of the tenant's own. */
export function oauthRoutes(app: App, dependencies: OAuthDependencies): void {
  const { kit } = dependencies

  /** Makes the device of a sign-in known, and forgives the attempts at a second factor that was given up. */
  const settleIn = async (
    request: FastifyRequest,
    reply: FastifyReply,
    { session, account, isFactorReset }: Extract<Outcome, { outcome: 'session' }>,
  ): Promise<void> => {
    reply.header('set-cookie', dependencies.devices.remember(request.headers.cookie, account))
    if (!isFactorReset) return
    await app.accountGuard.forgive(request, factorAccount(session.tenantId, session.userId), FACTOR_POLICY_ID)
  }

  app.get(
    '/oauth/providers',
    {
      schema: {
        operationId: 'listOfferedProviders',
        summary: 'List the providers to sign in with',
        tags: ['oauth'],
        response: { 200: Ref(OfferedProviders), ...refusals(400, 403, 404, 429, 503) },
      },
      config: { access: 'public' },
    },
    async ({ context }) => {
      const rows = await context.inTenant((tx) => listEnabledProviders(tx, context.tenant.id))
      // The column has a check constraint with exactly these values.
      return { items: rows.map(({ code, name, kind }) => ({ code, name, kind: kind as 'oidc' | 'github' })) }
    },
  )

  app.get(
    '/oauth/:provider/authorize',
    {
      schema: {
        operationId: 'authorizeWithProvider',
        summary: 'Start a sign-in with a provider',
        description: 'The browser that asks gets a cookie, and goes to the address of the answer within ten minutes.',
        tags: ['oauth'],
        params: ProviderParams,
        querystring: AuthorizeQuery,
        response: { 200: Ref(AuthorizeReply), ...refusals(400, 403, 404, 422, 429, 503) },
      },
      config: { access: 'public', guard: oauthStartPolicy, uncompressed: true },
    },
    async (request, reply) => {
      const { transport, next } = request.query
      const goal: FlowGoal = {
        transport: transport ?? (next === undefined ? 'bearer' : 'cookie'),
        next: nextOf(request, dependencies),
        link: null,
      }
      // Tokens stand in no address.
      if (goal.next !== null && goal.transport === 'bearer') {
        throw new ProblemError('invalid-content', {
          errors: [{ pointer: 'transport', code: 'transport', message: 'must be cookie where next is' }],
        })
      }
      return depart(request, reply, goal, dependencies)
    },
  )

  app.get(
    '/oauth/:provider/callback',
    {
      schema: {
        operationId: 'returnFromProvider',
        summary: 'Come back from a provider',
        description:
          'Where the provider sends the browser. Signs in whoever is linked to the identity, or answers what is still to be done. A browser that asks for a page is shown a refusal as one.',
        tags: ['oauth'],
        params: ProviderParams,
        querystring: CallbackQuery,
        response: {
          200: Ref(OAuthTokenReply),
          303: { type: 'null', description: 'To the `next` of the start.' },
          ...refusals(400, 401, 403, 404, 409, 422, 429, 503),
        },
      },
      config: {
        access: 'none',
        guard: oauthFinishPolicy,
        uncompressed: true,
        headers: 'docs',
        secretPath: true,
        problemPage: oauthRefusalPage,
      },
    },
    async (request, reply) => {
      reply.header('cache-control', 'no-store')
      const { result, next } = await comeBack(
        dependencies,
        {
          code: request.params.provider,
          state: request.query.state,
          query: request.url.slice(request.url.indexOf('?') + 1),
          cookieHeader: request.headers.cookie,
        },
        clientOf(request),
      )
      const body = await answerOf(reply, kit, result)
      if (result.outcome === 'session') await settleIn(request, reply, result)
      return next === null ? body : reply.redirect(`${next}${fragmentOf(result)}`, 303)
    },
  )

  app.post(
    '/oauth/complete-registration',
    {
      schema: {
        operationId: 'completeOAuthRegistration',
        summary: 'Make the account that a provider vouches for',
        description: 'In the browser that came back, within ten minutes, once. The address is the provider’s word.',
        tags: ['oauth'],
        body: Ref(CompleteRegistrationInput),
        response: { 201: Ref(OAuthTokenReply), ...refusals(400, 403, 404, 409, 413, 415, 422, 429, 503) },
      },
      config: { access: 'none', guard: oauthFinishPolicy, uncompressed: true },
    },
    async (request, reply) => {
      const { token, name = null, locale = request.locale } = request.body
      const { cookie } = request.headers
      const input = { token, name, locale }
      const { session, account } = await completeRegistration(dependencies, input, cookie, clientOf(request))
      const result = { outcome: 'session', session, account, isFactorReset: false } as const
      const body = await answerOf(reply, kit, result)
      await settleIn(request, reply, result)
      return reply.code(201).send(body)
    },
  )

  linkRoutes(app, dependencies)
}

const clientOf = ({ id, client, headers }: FastifyRequest): Visit => ({
  requestId: id,
  address: client.text,
  userAgent: headers['user-agent'],
})
