import type { App } from '../../core/fastify.ts'
import { refusals } from '../../core/openapi/openapi.ts'
import { Ref } from '../../core/shapes/fields.ts'
import type { PasskeyDependencies } from './person.ts'
import { passkeyChallengePolicy } from './policy.ts'
import { beginRegistration, completeRegistration } from './registration.ts'
import {
  Passkey,
  PasskeyChange,
  PasskeyCreationOptions,
  PasskeyParams,
  PasskeyRegistrationInput,
  Passkeys,
} from './schema.ts'
import { listPasskeys, removePasskey, renamePasskey } from './service.ts'

/** A person's passkeys: adding, naming and removing them. */
export function passkeyRoutes(app: App, dependencies: PasskeyDependencies): void {
  app.get(
    '/passkeys',
    {
      schema: {
        operationId: 'listPasskeys',
        summary: 'List one’s own passkeys',
        tags: ['passkeys'],
        response: { 200: Ref(Passkeys), ...refusals(400, 401, 403, 429, 503) },
      },
      config: { access: 'session', restricted: true },
    },
    (request) => listPasskeys(request.context),
  )

  app.post(
    '/passkeys/registration/options',
    {
      schema: {
        operationId: 'beginPasskeyRegistration',
        summary: 'Begin to add a passkey',
        description:
          'Answers what `navigator.credentials.create()` is to be called with, within five minutes and in this session. Who has a second factor must have shown it in this session.',
        tags: ['passkeys'],
        response: { 200: Ref(PasskeyCreationOptions), ...refusals(400, 401, 403, 409, 429, 503) },
      },
      config: { access: 'session', restricted: true, stepUp: true, guard: passkeyChallengePolicy, uncompressed: true },
    },
    (request, reply) => {
      reply.header('cache-control', 'no-store')
      return beginRegistration(request.context, dependencies)
    },
  )

  app.post(
    '/passkeys/registration',
    {
      schema: {
        operationId: 'registerPasskey',
        summary: 'Add the passkey that was made',
        description: 'Its device must have verified the person. No attestation is looked at.',
        tags: ['passkeys'],
        body: Ref(PasskeyRegistrationInput),
        response: { 201: Ref(Passkey), ...refusals(400, 401, 403, 409, 413, 415, 422, 429, 503) },
      },
      config: { access: 'session', restricted: true, stepUp: true },
    },
    async (request, reply) => {
      const { credential, label } = request.body
      const made = await completeRegistration(
        request.context,
        dependencies,
        { credential, label },
        request.headers['user-agent'],
      )
      return reply.code(201).send(made)
    },
  )

  app.patch(
    '/passkeys/:id',
    {
      schema: {
        operationId: 'renamePasskey',
        summary: 'Give a passkey of one’s own another name',
        tags: ['passkeys'],
        params: PasskeyParams,
        body: Ref(PasskeyChange),
        response: { 200: Ref(Passkey), ...refusals(400, 401, 403, 404, 413, 415, 422, 429, 503) },
      },
      config: { access: 'session' },
    },
    (request) => renamePasskey(request.context, request.params.id, request.body.label),
  )

  app.delete(
    '/passkeys/:id',
    {
      schema: {
        operationId: 'removePasskey',
        summary: 'Remove a passkey of one’s own',
        description:
          'Every other session of the person ends. Refused where nothing would be left to sign in with, and where it is the second factor of who has to have one.',
        tags: ['passkeys'],
        params: PasskeyParams,
        response: {
          204: { type: 'null', description: 'Removed.' },
          ...refusals(400, 401, 403, 404, 409, 422, 429, 503),
        },
      },
      config: { access: 'session', stepUp: true },
    },
    async (request, reply) => {
      await removePasskey(request.context, dependencies, request.params.id)
      return reply.code(204).send(null)
    },
  )
}
