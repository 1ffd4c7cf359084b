import type { FastifyReply, FastifyRequest } from 'fastify'
import { hostCookie } from '../../core/browser/cookies.ts'
import { CSRF_HEADER } from '../../core/browser/csrf.ts'
import type { App } from '../../core/fastify.ts'
import { FACTOR_POLICY_ID, factorAccount } from '../../core/identity/factor-reset.ts'
import { answerTokens, type SessionKit } from '../../core/identity/session-kit.ts'
import { refusals } from '../../core/openapi/openapi.ts'
import { ProblemError } from '../../core/problem.ts'
import { Ref } from '../../core/shapes/fields.ts'
import { listAccounts, personOf, unlink } from './accounts.ts'
import { CHALLENGE_SECONDS, comeBack, type Outcome } from './callback.ts'
import { destinationOf } from './destination.ts'
import {
  browserOf,
  FLOW_COOKIE,
  FLOW_SECONDS,
  type FlowGoal,
  type OAuthDependencies,
  startFlow,
  type Visit,
} from './flow.ts'
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
  LinkQuery,
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
  const { kit, publicUrl } = dependencies

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
        next: next === undefined ? null : destinationOf(next, publicUrl, originsOf(request)),
        link: null,
      }
      // Tokens stand in no address.
      if (goal.next !== null && goal.transport === 'bearer') {
        throw new ProblemError('invalid-content', {
          errors: [{ pointer: 'transport', code: 'transport', message: 'must be cookie where next is' }],
        })
      }
      return start(request, reply, goal)
    },
  )

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
      const { next } = request.query
      const destination = next === undefined ? null : destinationOf(next, publicUrl, originsOf(request))
      return start(request, reply, { transport, next: destination, link: { userId, sessionId } })
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
        problemPage: oauthRefusalPage,
      },
    },
    async (request, reply) => {
      reply.header('cache-control', 'no-store').header('referrer-policy', 'no-referrer')
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
      await unlink(request.context, request.body.accountId)
      return reply.code(204).send(null)
    },
  )

  const originsOf =
    ({ context }: FastifyRequest) =>
    (origin: string): boolean =>
      dependencies.isOwnOrigin(origin) || context.tenant.allowedOrigins.includes(origin)

  async function start(
    request: FastifyRequest<{ Params: { provider: string } }>,
    reply: FastifyReply,
    goal: FlowGoal,
  ): Promise<{ authorizeUrl: string }> {
    const browser = browserOf(request.headers.cookie)
    const authorizeUrl = await startFlow(request.context, dependencies, request.params.provider, goal, browser)
    // Lax: it comes along when the provider sends the browser back.
    reply.header('set-cookie', hostCookie(FLOW_COOKIE, browser, 'Lax', FLOW_SECONDS))
    reply.header('cache-control', 'no-store')
    return { authorizeUrl }
  }
}

/** A page of another site can make a browser go somewhere with its cookies, and cannot make it send this field. */
function assertAskedByScript({ headers }: FastifyRequest, transport: 'bearer' | 'cookie'): void {
  const isNavigation = headers['sec-fetch-mode'] === 'navigate'
  if (isNavigation || (transport === 'cookie' && headers[CSRF_HEADER] !== '1')) {
    throw new ProblemError('csrf-refused', { reason: 'navigation' })
  }
}

async function answerOf(reply: FastifyReply, kit: SessionKit, result: Outcome): Promise<OAuthTokenReply> {
  switch (result.outcome) {
    case 'session':
      return { ...(await answerTokens(reply, kit, result.session)) }
    case 'second-factor':
      return {
        ...{ token_type: 'Bearer', expires_in: CHALLENGE_SECONDS, mfa_required: true },
        mfa_session_token: result.token,
      }
    case 'registration':
      return { registration_required: true, registration_token: result.token }
    case 'linked':
      return { linked: true }
  }
}

/** What is still to be done. A fragment reaches no server and no log; neither token is worth anything by itself. */
function fragmentOf(result: Outcome): string {
  switch (result.outcome) {
    case 'second-factor':
      return `#mfa_session_token=${result.token}`
    case 'registration':
      return `#registration_token=${result.token}`
    case 'session':
    case 'linked':
      return ''
  }
}

const clientOf = ({ id, client, headers }: FastifyRequest): Visit => ({
  requestId: id,
  address: client.text,
  userAgent: headers['user-agent'],
})
