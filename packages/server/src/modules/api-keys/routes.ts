import type { App } from '../../core/fastify.ts'
import type { MailQueue } from '../../core/mail/outbox.ts'
import { refusals } from '../../core/openapi/openapi.ts'
import { Ref } from '../../core/shapes/fields.ts'
import { endApiKey, makeApiKey, pageApiKeys, readApiKey, rotateApiKey } from './personal.ts'
import {
  ApiKey,
  ApiKeyInput,
  ApiKeyPage,
  ApiKeyParams,
  ApiKeyQuery,
  ApiKeyRotation,
  ApiKeyUsage,
  NewApiKey,
  UsageQuery,
} from './schema.ts'
import { readUsage } from './usage.ts'

export const apiKeySchemas = [ApiKey, ApiKeyPage, NewApiKey, ApiKeyInput, ApiKeyRotation, ApiKeyUsage]

/** The API keys of a tenant, kept by people alone: no key makes, reads or ends a key. */
export function apiKeyRoutes(app: App, { mail }: { readonly mail: MailQueue }): void {
  app.get(
    '/api-keys',
    {
      schema: {
        operationId: 'listApiKeys',
        summary: 'List API keys, newest first, the ended ones too',
        tags: ['api-keys'],
        querystring: ApiKeyQuery,
        response: { 200: Ref(ApiKeyPage), ...refusals(400, 401, 403, 422, 429, 503) },
      },
      config: { access: 'api-keys:read' },
    },
    (request) => pageApiKeys(request.context, request.query),
  )

  app.post(
    '/api-keys',
    {
      schema: {
        operationId: 'createApiKey',
        summary: 'Make an API key',
        description:
          'Its scopes are some of what its maker may do, then and whenever it is used. The key is answered this once. Takes a fresh proof of who one is.',
        tags: ['api-keys'],
        body: Ref(ApiKeyInput),
        response: { 201: Ref(NewApiKey), ...refusals(400, 401, 403, 413, 415, 422, 429, 503) },
      },
      config: { access: 'api-keys:write', stepUp: true, uncompressed: true },
    },
    async (request, reply) => {
      const made = await makeApiKey(request.context, mail, request.body)
      return reply
        .code(201)
        .header('cache-control', 'no-store')
        .header('location', `/api/v1/api-keys/${made.apiKey.id}`)
        .send(made)
    },
  )

  app.get(
    '/api-keys/:id',
    {
      schema: {
        operationId: 'readApiKey',
        summary: 'Read one API key, without its secret',
        tags: ['api-keys'],
        params: ApiKeyParams,
        response: { 200: Ref(ApiKey), ...refusals(400, 401, 403, 404, 422, 429, 503) },
      },
      config: { access: 'api-keys:read' },
    },
    (request) => readApiKey(request.context, request.params.id),
  )

  app.delete(
    '/api-keys/:id',
    {
      schema: {
        operationId: 'revokeApiKey',
        summary: 'End an API key at once',
        tags: ['api-keys'],
        params: ApiKeyParams,
        response: { 204: { type: 'null', description: 'Ended.' }, ...refusals(400, 401, 403, 404, 422, 429, 503) },
      },
      config: { access: 'api-keys:write' },
    },
    async (request, reply) => {
      await endApiKey(request.context, request.params.id)
      return reply.code(204).send(null)
    },
  )

  app.post(
    '/api-keys/:id/rotate',
    {
      schema: {
        operationId: 'rotateApiKey',
        summary: 'Make a key in the place of another, which stays good for a while',
        description:
          'The new key has the name, scopes and networks of the old one and belongs to whoever asks, who has to hold every scope. Takes a fresh proof of who one is.',
        tags: ['api-keys'],
        params: ApiKeyParams,
        body: Ref(ApiKeyRotation),
        response: { 201: Ref(NewApiKey), ...refusals(400, 401, 403, 404, 409, 413, 415, 422, 429, 503) },
      },
      config: { access: 'api-keys:write', stepUp: true, uncompressed: true, bodyOptional: true },
    },
    async (request, reply) => {
      const made = await rotateApiKey(request.context, mail, request.params.id, request.body)
      return reply
        .code(201)
        .header('cache-control', 'no-store')
        .header('location', `/api/v1/api-keys/${made.apiKey.id}`)
        .send(made)
    },
  )

  app.get(
    '/api-keys/:id/usage',
    {
      schema: {
        operationId: 'readApiKeyUsage',
        summary: 'Read what an API key was used for, day by day',
        tags: ['api-keys'],
        params: ApiKeyParams,
        querystring: UsageQuery,
        response: { 200: Ref(ApiKeyUsage), ...refusals(400, 401, 403, 404, 422, 429, 503) },
      },
      config: { access: 'api-keys:read' },
    },
    (request) => readUsage(request.context, request.params.id, request.query.days ?? 30),
  )
}
