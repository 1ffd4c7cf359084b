import type { FastifyRequest } from 'fastify'
import { hostCookie } from '../../core/browser/cookies.ts'
import { assertOwnPage } from '../../core/browser/csrf.ts'
import type { App } from '../../core/fastify.ts'
import type { KnownDevices } from '../../core/identity/known-device.ts'
import { answerTokens, type ClientFacts } from '../../core/identity/session-kit.ts'
import { refusals } from '../../core/openapi/openapi.ts'
import { Ref } from '../../core/shapes/fields.ts'
import { BROWSER_COOKIE, browserHash, browserOf, takeSignInChallenge } from './challenge.ts'
import type { PasskeyDependencies } from './person.ts'
import { passkeyChallengePolicy, passkeySignInPolicy } from './policy.ts'
import { PasskeyAssertionInput, PasskeyRequestOptions, PasskeySignInInput, TokenReply } from './schema.ts'
import { beginSignIn, beginStepUp, completeSignIn, completeStepUp } from './sign-in.ts'
import { clientDataOf, refused } from './use.ts'
import { CHALLENGE_SECONDS } from './webauthn.ts'

export interface PasskeySignInDependencies extends PasskeyDependencies {
  readonly devices: KnownDevices
}

/** Signing in with a passkey, and proving with one again who one is. */
export function passkeySignInRoutes(app: App, dependencies: PasskeySignInDependencies): void {
  const { kit, devices, party } = dependencies
  const assertOwn = (request: FastifyRequest): void => {
    const { allowedOrigins } = request.context.tenant
    assertOwnPage(request, (origin) => party.isOwnOrigin(origin) || allowedOrigins.includes(origin))
  }

  app.post(
    '/passkeys/authentication/options',
    {
      schema: {
        operationId: 'beginPasskeySignIn',
        summary: 'Begin to sign in with a passkey',
        description:
          'Answers what `navigator.credentials.get()` is to be called with, within five minutes. No address is asked for: the person chooses among the passkeys that their device has for this host.',
        tags: ['passkeys'],
        body: Ref(PasskeySignInInput),
        response: { 200: Ref(PasskeyRequestOptions), ...refusals(400, 403, 413, 415, 422, 429, 503) },
      },
      config: { access: 'public', guard: passkeyChallengePolicy, uncompressed: true, bodyOptional: true },
    },
    (request, reply) => {
      const { transport = 'bearer' } = request.body
      reply.header('cache-control', 'no-store')
      if (transport === 'bearer') return beginSignIn(request.context, dependencies, { transport, browser: null })
      assertOwn(request)
      const browser = browserOf(request.headers.cookie)
      reply.header('set-cookie', hostCookie(BROWSER_COOKIE, browser, 'Strict', CHALLENGE_SECONDS))
      return beginSignIn(request.context, dependencies, { transport, browser: browserHash(browser) })
    },
  )

  app.post(
    '/passkeys/authentication',
    {
      schema: {
        operationId: 'signInWithPasskey',
        summary: 'Sign in with a passkey',
        description:
          'A whole sign-in, of the second level: who has a passkey is asked for no other factor. The tokens come as the options were asked for. Failures at the password lock no passkey out.',
        tags: ['passkeys'],
        body: Ref(PasskeyAssertionInput),
        response: { 200: TokenReply, ...refusals(400, 401, 403, 413, 415, 422, 429, 503) },
      },
      config: { access: 'public', guard: passkeySignInPolicy, uncompressed: true },
    },
    async (request, reply) => {
      const { context, headers } = request
      const { credential } = request.body
      const clientData = clientDataOf(dependencies, credential)
      const transport = await takeSignInChallenge(context, clientData.challenge, headers.cookie)
      if (transport === undefined) throw refused('challenge')
      if (transport === 'cookie') assertOwn(request)
      const accountOf = (norm: string): string => `${context.tenant.id}:${norm}`
      const { session, emailNorm } = await completeSignIn(
        context,
        dependencies,
        clientData,
        credential,
        { transport, client: clientOf(request) },
        (norm) => devices.find(headers.cookie, accountOf(norm)) !== undefined,
      )
      const answer = await answerTokens(reply, kit, session)
      reply.header('set-cookie', devices.remember(headers.cookie, accountOf(emailNorm)))
      return answer
    },
  )

  app.post(
    '/passkeys/step-up/options',
    {
      schema: {
        operationId: 'beginPasskeyStepUp',
        summary: 'Begin to prove with a passkey who one is',
        tags: ['passkeys'],
        response: { 200: Ref(PasskeyRequestOptions), ...refusals(400, 401, 403, 429, 503) },
      },
      config: { access: 'session', restricted: true, guard: passkeyChallengePolicy, uncompressed: true },
    },
    (request, reply) => {
      reply.header('cache-control', 'no-store')
      return beginStepUp(request.context, dependencies)
    },
  )

  app.post(
    '/passkeys/step-up',
    {
      schema: {
        operationId: 'stepUpWithPasskey',
        summary: 'Prove again with a passkey who one is',
        description:
          'In the place of /auth/step-up. Answers the tokens of a new session of the second level in the place of this one.',
        tags: ['passkeys'],
        body: Ref(PasskeyAssertionInput),
        response: { 200: TokenReply, ...refusals(400, 401, 403, 413, 415, 422, 429, 503) },
      },
      config: { access: 'session', restricted: true, guard: passkeySignInPolicy, uncompressed: true },
    },
    async (request, reply) => {
      const { context, body } = request
      const session = await completeStepUp(context, dependencies, body.credential, clientOf(request))
      return answerTokens(reply, kit, session)
    },
  )
}

const clientOf = ({ client, headers }: FastifyRequest): ClientFacts => ({
  address: client.text,
  userAgent: headers['user-agent'],
})
