import type { FastifyReply, FastifyRequest } from 'fastify'
import type { App } from '../../core/fastify.ts'
import { factorAccount } from '../../core/identity/factor-reset.ts'
import { answerTokens, type ClientFacts, type TokenReply as Tokens } from '../../core/identity/session-kit.ts'
import { refusals } from '../../core/openapi/openapi.ts'
import { Ref } from '../../core/shapes/fields.ts'
import { type FactorDependencies, type FactorProof, personOf, proofOf } from './factor.ts'
import { mfaVerifyPolicy } from './policy.ts'
import {
  MfaDisableInput,
  MfaEnabled,
  MfaEnableInput,
  MfaRecoveryCodes,
  MfaRecoveryInput,
  MfaRequirement,
  MfaSetup,
  MfaStatus,
  MfaVerifyInput,
  TokenReply,
} from './schema.ts'
import {
  beginSetup,
  describeFactor,
  disableFactor,
  enableFactor,
  readRequirement,
  regenerateRecoveryCodes,
  setRequirement,
  verifyFactor,
} from './service.ts'

/** What takes a code: the person's own count, over all of these, is asked once the body has been read. */
const takesCode = { access: 'session', guard: mfaVerifyPolicy, accountRules: true } as const

/** A person's second factor: setting it up, showing it again, giving it up; and whether a tenant asks it of everybody. */
export function mfaRoutes(app: App, dependencies: FactorDependencies): void {
  const { kit } = dependencies
  const accountOf = ({ context }: FastifyRequest): string => factorAccount(context.tenant.id, personOf(context).id)
  // An attempt counts before anything is looked at, and is forgiven once it was right.
  const admits = (request: FastifyRequest, reply: FastifyReply): Promise<boolean> =>
    app.accountGuard.admits(request, reply, accountOf(request))
  const forgive = (request: FastifyRequest): Promise<void> => app.accountGuard.forgive(request, accountOf(request))

  app.get(
    '/mfa/status',
    {
      schema: {
        operationId: 'readMfaStatus',
        summary: 'Read whether one has a second factor, and whether one has to',
        tags: ['mfa'],
        response: { 200: Ref(MfaStatus), ...refusals(400, 401, 403, 429, 503) },
      },
      config: { access: 'session', restricted: true },
    },
    (request) => describeFactor(request.context),
  )

  app.post(
    '/mfa/setup',
    {
      schema: {
        operationId: 'setUpMfa',
        summary: 'Get a secret for an authenticator app',
        description:
          'It counts for nothing until /mfa/enable has had a code of it, for which there are thirty minutes. An app in use stays in use until then. Who has a factor must have shown it in this session.',
        tags: ['mfa'],
        response: { 200: Ref(MfaSetup), ...refusals(400, 401, 403, 429, 503) },
      },
      config: { access: 'session', restricted: true, stepUp: true, uncompressed: true },
    },
    (request, reply) => {
      reply.header('cache-control', 'no-store')
      return beginSetup(request.context, dependencies)
    },
  )

  app.post(
    '/mfa/enable',
    {
      schema: {
        operationId: 'enableMfa',
        summary: 'Make the app that was set up the second factor',
        description:
          'With a code that it shows, which is used up by this. Answers the recovery codes, this once, and the tokens of a new session in the place of this one.',
        tags: ['mfa'],
        body: Ref(MfaEnableInput),
        response: { 200: Ref(MfaEnabled), ...refusals(400, 401, 403, 409, 413, 415, 422, 429, 503) },
      },
      config: { ...takesCode, restricted: true, uncompressed: true },
    },
    async (request, reply) => {
      if (!(await admits(request, reply))) return reply
      const { code, endOtherSessions = false } = request.body
      const input = { code, endOtherSessions, client: clientOf(request) }
      const { session, recoveryCodes } = await enableFactor(request.context, dependencies, input)
      await forgive(request)
      return { ...(await answerTokens(reply, kit, session)), recovery_codes: [...recoveryCodes] }
    },
  )

  const verify = async (request: FastifyRequest, reply: FastifyReply, proof: FactorProof): Promise<Tokens> => {
    const session = await verifyFactor(request.context, dependencies, proof, clientOf(request))
    await forgive(request)
    return answerTokens(reply, kit, session)
  }

  app.post(
    '/mfa/verify',
    {
      schema: {
        operationId: 'verifyMfa',
        summary: 'Prove the second factor again',
        description: 'Answers the tokens of a new session, freshly proven, in the place of this one.',
        tags: ['mfa'],
        body: Ref(MfaVerifyInput),
        response: { 200: TokenReply, ...refusals(400, 401, 403, 409, 413, 415, 422, 429, 503) },
      },
      config: { ...takesCode, restricted: true, uncompressed: true },
    },
    async (request, reply) => ((await admits(request, reply)) ? verify(request, reply, request.body) : reply),
  )

  app.post(
    '/mfa/recovery/verify',
    {
      schema: {
        operationId: 'verifyRecoveryCode',
        summary: 'The same with a recovery code, which is used up',
        tags: ['mfa'],
        body: Ref(MfaRecoveryInput),
        response: { 200: TokenReply, ...refusals(400, 401, 403, 409, 413, 415, 422, 429, 503) },
      },
      config: { ...takesCode, restricted: true, uncompressed: true },
    },
    async (request, reply) => ((await admits(request, reply)) ? verify(request, reply, request.body) : reply),
  )

  app.post(
    '/mfa/recovery/regenerate',
    {
      schema: {
        operationId: 'regenerateRecoveryCodes',
        summary: 'Get ten other recovery codes in the place of those there are',
        tags: ['mfa'],
        response: { 200: Ref(MfaRecoveryCodes), ...refusals(400, 401, 403, 409, 429, 503) },
      },
      config: { access: 'session', stepUp: true, uncompressed: true },
    },
    async (request, reply) => {
      reply.header('cache-control', 'no-store')
      return { recoveryCodes: [...(await regenerateRecoveryCodes(request.context, dependencies))] }
    },
  )

  app.post(
    '/mfa/disable',
    {
      schema: {
        operationId: 'disableMfa',
        summary: 'Give the second factor up',
        description: 'With a code of it. Every other session of the person ends.',
        tags: ['mfa'],
        body: Ref(MfaDisableInput),
        response: {
          204: { type: 'null', description: 'Given up.' },
          ...refusals(400, 401, 403, 409, 413, 415, 422, 429, 503),
        },
      },
      config: { ...takesCode, stepUp: true },
    },
    async (request, reply) => {
      if (!(await admits(request, reply))) return reply
      const { code, recoveryCode } = request.body
      await disableFactor(request.context, dependencies, proofOf(request.context, code, recoveryCode))
      await forgive(request)
      return reply.code(204).send(null)
    },
  )

  app.get(
    '/tenant/settings/mfa',
    {
      schema: {
        operationId: 'readMfaRequirement',
        summary: 'Read whether everybody of the tenant has to have a second factor',
        tags: ['mfa'],
        response: { 200: Ref(MfaRequirement), ...refusals(400, 401, 403, 429, 503) },
      },
      config: { access: 'settings:read' },
    },
    (request) => readRequirement(request.context),
  )

  app.put(
    '/tenant/settings/mfa',
    {
      schema: {
        operationId: 'setMfaRequirement',
        summary: 'Ask a second factor of everybody of the tenant, or no longer',
        description: 'Who has none can do nothing but set one up, from the next time they sign in.',
        tags: ['mfa'],
        body: Ref(MfaRequirement),
        response: { 200: Ref(MfaRequirement), ...refusals(400, 401, 403, 413, 415, 422, 429, 503) },
      },
      config: { access: 'settings:write', stepUp: true },
    },
    (request) => setRequirement(request.context, request.body),
  )
}

/** Where a call comes from, for the session that it opens. */
export const clientOf = ({ client, headers }: FastifyRequest): ClientFacts => ({
  address: client.text,
  userAgent: headers['user-agent'],
})
