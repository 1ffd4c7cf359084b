import type { PolicyInput } from '@rempart/guard'
import { assertOwnPage } from '../../core/browser/csrf.ts'
import type { PasswordHasher } from '../../core/credentials/password-hasher.ts'
import type { App } from '../../core/fastify.ts'
import { unlessBusy } from '../../core/identity/busy.ts'
import { factorAccount } from '../../core/identity/factor-reset.ts'
import type { KnownDevices } from '../../core/identity/known-device.ts'
import { answerTokens } from '../../core/identity/session-kit.ts'
import { refusals } from '../../core/openapi/openapi.ts'
import { Ref } from '../../core/shapes/fields.ts'
import { type FactorDependencies, personOf, proofOf } from './factor.ts'
import { mfaVerifyPolicy } from './policy.ts'
import { clientOf } from './routes.ts'
import { LoginMfaInput, StepUpInput, TokenReply } from './schema.ts'
import { completeSignIn, readChallenge } from './sign-in.ts'
import { assertPassword, readDemanded, stepUp } from './step-up.ts'

export interface FactorSignInDependencies extends FactorDependencies {
  readonly hasher: PasswordHasher
  readonly devices: KnownDevices
  /** Whether a browser origin acts for every tenant. */
  readonly isOwnOrigin: (origin: string) => boolean
  /** Limits what asks for the password of somebody who is signed in. */
  readonly passwordCheckPolicy: PolicyInput
}

/** The second step of signing in, and proving again who one is. */
export function factorSignInRoutes(app: App, dependencies: FactorSignInDependencies): void {
  const { kit, devices, hasher, passwordCheckPolicy } = dependencies

  app.post(
    '/auth/login/mfa',
    {
      schema: {
        operationId: 'loginMfa',
        summary: 'Complete a sign-in with the second factor',
        description:
          'With the `mfa_session_token` of the first step, good for five minutes and five tries, and a code of the app or a recovery code. The tokens come as the first step asked for them.',
        tags: ['auth'],
        body: Ref(LoginMfaInput),
        response: { 200: TokenReply, ...refusals(400, 401, 403, 413, 415, 422, 429, 503) },
      },
      config: { access: 'public', guard: mfaVerifyPolicy, accountRules: true, uncompressed: true },
    },
    async (request, reply) => {
      const { context, body, headers } = request
      const { tenant } = context
      const proof = proofOf(context, body.code, body.recovery_code)
      const challenge = await readChallenge(context, body.mfa_session_token)
      if (challenge.transport === 'cookie') {
        assertOwnPage(request, (origin) => dependencies.isOwnOrigin(origin) || tenant.allowedOrigins.includes(origin))
      }
      const account = factorAccount(tenant.id, challenge.userId)
      if (!(await app.accountGuard.admits(request, reply, account))) return reply
      const isKnownDevice = (norm: string) => devices.find(headers.cookie, `${tenant.id}:${norm}`) !== undefined
      const client = clientOf(request)
      const signedIn = await completeSignIn(context, dependencies, challenge, proof, client, isKnownDevice)
      const { session, emailNorm } = signedIn
      await app.accountGuard.forgive(request, account)
      const answer = await answerTokens(reply, kit, session)
      reply.header('set-cookie', devices.remember(headers.cookie, `${tenant.id}:${emailNorm}`))
      return answer
    },
  )

  app.post(
    '/auth/step-up',
    {
      schema: {
        operationId: 'stepUp',
        summary: 'Prove again who one is',
        description:
          'With all that one has: the password, and a code when there is a second factor. Answers the tokens of a new session in the place of this one; what asks for a fresh proof is open to it for ten minutes.',
        tags: ['auth'],
        body: Ref(StepUpInput),
        response: { 200: TokenReply, ...refusals(400, 401, 403, 409, 413, 415, 422, 429, 503) },
      },
      config: {
        access: 'session',
        restricted: true,
        guard: passwordCheckPolicy,
        accountRules: true,
        uncompressed: true,
      },
    },
    async (request, reply) => {
      const { context } = request
      const { accountGuard } = app
      const demanded = await readDemanded(context, request.body)
      if (demanded.password !== undefined) {
        const account = `${context.tenant.id}:${demanded.emailNorm}`
        const { password } = demanded
        const isRight = await unlessBusy(
          hasher.hold(async (held) => {
            const isAdmitted = await accountGuard.admits(request, reply, account)
            if (isAdmitted) await assertPassword(context, held, password)
            return isAdmitted
          }),
        )
        if (!isRight) return reply
        await accountGuard.forgive(request, account)
      }
      const account = factorAccount(context.tenant.id, personOf(context).id)
      const { id } = mfaVerifyPolicy
      // After the password: a wrong one costs no attempt at the second factor.
      if (demanded.code !== undefined && !(await accountGuard.admits(request, reply, account, id))) return reply
      const session = await stepUp(context, dependencies, demanded, clientOf(request))
      if (demanded.code !== undefined) await accountGuard.forgive(request, account, id)
      return answerTokens(reply, kit, session)
    },
  )
}
