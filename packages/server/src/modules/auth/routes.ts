import type { FastifyReply, FastifyRequest } from 'fastify'
import { assertFreshProof } from '../../core/access/authorise.ts'
import { REFRESH_COOKIE, readCookie } from '../../core/browser/cookies.ts'
import { assertOwnPage } from '../../core/browser/csrf.ts'
import { clientAccount } from '../../core/challenge/form-bursts.ts'
import type { App } from '../../core/fastify.ts'
import { unlessBusy } from '../../core/identity/busy.ts'
import { FACTOR_POLICY_ID, factorAccount } from '../../core/identity/factor-reset.ts'
import type { KnownDevices } from '../../core/identity/known-device.ts'
import { emailNorm } from '../../core/identity/new-user.ts'
import {
  answerTokens,
  type ClientFacts,
  forgetCookies,
  type TokenReply as Tokens,
} from '../../core/identity/session-kit.ts'
import { refusals } from '../../core/openapi/openapi.ts'
import { ProblemError } from '../../core/problem.ts'
import { canonicalEmail } from '../../core/shapes/email.ts'
import { Ref } from '../../core/shapes/fields.ts'
import { MFA_CHALLENGE_SECONDS } from './admission.ts'
import { changePassword, type PasswordChanger, readOwner } from './change-password.ts'
import { clientPolicy, loginPolicy, passwordCheckPolicy, refreshPolicy, verifyTokenPolicy } from './policy.ts'
import { type Refresher, refreshTokens } from './refresh.ts'
import {
  ChangePasswordInput,
  LoginInput,
  LogoutInput,
  Me,
  RefreshInput,
  TokenReply,
  VerifyTokenInput,
  VerifyTokenReply,
} from './schema.ts'
import { describeMe, personOf, signOut } from './service.ts'
import { type SignInDependencies, signIn } from './sign-in.ts'
import { type Introspection, introspect } from './verify-token.ts'

export interface AuthDependencies extends SignInDependencies, Refresher, Introspection, PasswordChanger {
  readonly devices: KnownDevices
  /** Whether a browser origin acts for every tenant. */
  readonly isOwnOrigin: (origin: string) => boolean
}

/** Signing in and out, and what becomes of tokens. */
export function authRoutes(app: App, dependencies: AuthDependencies): void {
  const { kit, devices } = dependencies
  /** Whether a sign-in may go on: by what its client has done, and by what was tried at the account. */
  const admits = async (request: FastifyRequest, reply: FastifyReply, account: string): Promise<boolean> =>
    (await app.accountGuard.admits(request, reply, clientAccount(request), clientPolicy.id)) &&
    (await app.accountGuard.admits(request, reply, account))
  const answer = (reply: FastifyReply, opened: Parameters<typeof answerTokens>[2]): Promise<Tokens> =>
    answerTokens(reply, kit, opened)

  app.post(
    '/auth/login',
    {
      schema: {
        operationId: 'login',
        summary: 'Sign in with an e-mail address and a password',
        description:
          'After some failures at an address, whoever has it or not, a proof of work is asked for (401 `captcha-required` with the challenge), then waiting, then the account is locked for a while. A device that has signed in before has attempts of its own.',
        tags: ['auth'],
        body: Ref(LoginInput),
        response: { 200: Ref(TokenReply), ...refusals(400, 401, 403, 413, 415, 422, 429, 503) },
      },
      config: {
        access: 'public',
        guard: loginPolicy,
        accountRules: true,
        accountPolicies: [clientPolicy.id],
        uncompressed: true,
      },
    },
    async (request, reply) => {
      const { context, body } = request
      const transport = body.transport ?? 'bearer'
      if (transport === 'cookie') assertOwnPage(request, (origin) => isAllowed(request, origin))
      // The schema has seen that it is an address.
      const norm = emailNorm(canonicalEmail(body.email) ?? body.email)
      const owner = `${context.tenant.id}:${norm}`
      const device = devices.find(request.headers.cookie, owner)
      const account = device === undefined ? owner : `${owner}:${device}`
      const credentials = { emailNorm: norm, password: body.password }
      const session = { transport, client: clientOf(request), isKnownDevice: device !== undefined }
      // Attempts count before anything is verified, and whoever finds the server too busy has made none.
      const signedIn = await unlessBusy(
        dependencies.hasher.hold(async (hasher) =>
          (await admits(request, reply, account))
            ? signIn(context, { ...dependencies, hasher }, credentials, session)
            : undefined,
        ),
      )
      if (signedIn === undefined) return reply
      await app.accountGuard.forgive(request, account)
      await app.accountGuard.forgive(request, clientAccount(request), clientPolicy.id)
      reply.header('cache-control', 'no-store')
      if (signedIn.outcome === 'second-factor') {
        return {
          token_type: 'Bearer' as const,
          expires_in: MFA_CHALLENGE_SECONDS,
          mfa_required: true,
          mfa_session_token: signedIn.token,
          captcha_required: false as const,
        }
      }
      if (signedIn.isFactorReset) {
        const factor = factorAccount(context.tenant.id, signedIn.session.userId)
        await app.accountGuard.forgive(request, factor, FACTOR_POLICY_ID)
      }
      const reply200 = await answer(reply, signedIn.session)
      // Beside the cookies of the session, if it has any.
      reply.header('set-cookie', devices.remember(request.headers.cookie, owner))
      return reply200
    },
  )

  const isAllowed = (request: FastifyRequest, origin: string): boolean =>
    dependencies.isOwnOrigin(origin) || request.context.tenant.allowedOrigins.includes(origin)

  app.post(
    '/auth/refresh',
    {
      schema: {
        operationId: 'refreshTokens',
        summary: 'Exchange a refresh token for new tokens',
        description:
          'Each refresh token is good once. Sent again within ten seconds it gets the same successor, so that a lost answer and a second tab do no harm; later, it ends the session.',
        tags: ['auth'],
        body: Ref(RefreshInput),
        response: { 200: Ref(TokenReply), ...refusals(400, 401, 403, 413, 415, 422, 429, 503) },
      },
      config: { access: 'public', guard: refreshPolicy, uncompressed: true, bodyOptional: true },
    },
    async (request, reply) => {
      const inCookie = readCookie(request.headers.cookie, REFRESH_COOKIE)
      const inBody = request.body.refresh_token
      if (inCookie !== undefined && inBody !== undefined) throw new ProblemError('ambiguous-credentials')
      if (inCookie !== undefined) assertOwnPage(request, (origin) => isAllowed(request, origin))
      const token = inCookie ?? inBody
      if (token === undefined) throw new ProblemError('authentication-required')
      const transport = inCookie === undefined ? 'bearer' : 'cookie'
      const presented = { token, transport, namesTenant: request.namesTenant } as const
      return answer(reply, await refreshTokens(request.context, dependencies, presented))
    },
  )

  app.post(
    '/auth/logout',
    {
      schema: {
        operationId: 'logout',
        summary: 'Sign out, here or everywhere',
        description: 'Everywhere takes a fresh proof of who one is, as DELETE /sessions does; here takes none.',
        tags: ['auth'],
        body: Ref(LogoutInput),
        response: {
          204: { type: 'null', description: 'Signed out.' },
          ...refusals(400, 401, 403, 413, 415, 422, 429, 503),
        },
      },
      config: { access: 'session', restricted: true, bodyOptional: true },
    },
    async (request, reply) => {
      const { context } = request
      const isAll = request.body.all === true
      // Whoever has got hold of a session must not put its owner's others out with it.
      if (isAll) assertFreshProof(personOf(context), context.clock.now())
      await signOut(context, isAll)
      if (personOf(context).transport === 'cookie') {
        forgetCookies(reply)
      }
      return reply.code(204).send(null)
    },
  )

  app.get(
    '/auth/me',
    {
      schema: {
        operationId: 'readMe',
        summary: 'Read who is signed in, and what they may do',
        tags: ['auth'],
        response: { 200: Ref(Me), ...refusals(400, 401, 403, 429, 503) },
      },
      config: { access: 'session', restricted: true },
    },
    (request) => describeMe(request.context),
  )

  app.post(
    '/auth/change-password',
    {
      schema: {
        operationId: 'changePassword',
        summary: 'Change one’s own password',
        description:
          'Takes the present password, and a fresh proof of who one is. Every other session ends, and this one goes on with the tokens of the answer.',
        tags: ['auth'],
        body: Ref(ChangePasswordInput),
        response: { 200: Ref(TokenReply), ...refusals(400, 401, 403, 413, 415, 422, 429, 503) },
      },
      config: { access: 'session', stepUp: true, guard: passwordCheckPolicy, accountRules: true, uncompressed: true },
    },
    async (request, reply) => {
      const { context, body } = request
      const owner = await readOwner(context)
      // The ladder of signing in with it: no way of trying a password adds to another.
      const account = `${context.tenant.id}:${owner.email_norm}`
      const passwords = { current: body.currentPassword, next: body.newPassword }
      const opened = await unlessBusy(
        dependencies.hasher.hold(async (hasher) =>
          (await app.accountGuard.admits(request, reply, account))
            ? changePassword(context, { ...dependencies, hasher }, owner, passwords, clientOf(request))
            : undefined,
        ),
      )
      if (opened === undefined) return reply
      await app.accountGuard.forgive(request, account)
      return answer(reply, opened)
    },
  )

  app.post(
    '/auth/verify-token',
    {
      schema: {
        operationId: 'verifyToken',
        summary: 'Ask whether an access token of the tenant holds at this moment',
        description: 'RFC 7662. Of a token that does not hold, whatever the reason, nothing is said but that.',
        tags: ['auth'],
        body: Ref(VerifyTokenInput),
        response: { 200: Ref(VerifyTokenReply), ...refusals(400, 401, 403, 413, 415, 422, 429, 503) },
      },
      config: { access: 'session', guard: verifyTokenPolicy, uncompressed: true },
    },
    async (request, reply) => {
      reply.header('cache-control', 'no-store')
      return introspect(request.context, dependencies, request.body.token)
    },
  )
}

const clientOf = ({ client, headers }: FastifyRequest): ClientFacts => ({
  address: client.text,
  userAgent: headers['user-agent'],
})
