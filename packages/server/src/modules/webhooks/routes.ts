import type { App } from '../../core/fastify.ts'
import { refusals } from '../../core/openapi/openapi.ts'
import { Ref } from '../../core/shapes/fields.ts'
import {
  NewWebhook,
  QueuedDelivery,
  Webhook,
  WebhookChange,
  WebhookDelivery,
  WebhookDeliveryPage,
  WebhookInput,
  WebhookPage,
  WebhookParams,
  WebhookQuery,
} from './schema.ts'
import {
  changeWebhook,
  createWebhook,
  deleteWebhook,
  listWebhooks,
  readWebhook,
  rotateSecret,
  type WebhookDependencies,
} from './service.ts'

export const webhookSchemas = [
  ...[Webhook, WebhookPage, NewWebhook, WebhookInput, WebhookChange],
  ...[WebhookDelivery, WebhookDeliveryPage, QueuedDelivery],
]

/** Where a tenant is told of what happens, kept by people alone: no key reads or changes it. */
export function webhookRoutes(app: App, dependencies: WebhookDependencies): void {
  app.get(
    '/webhooks',
    {
      schema: {
        operationId: 'listWebhooks',
        summary: 'List webhooks, newest first',
        tags: ['webhooks'],
        querystring: WebhookQuery,
        response: { 200: Ref(WebhookPage), ...refusals(400, 401, 403, 422, 429, 503) },
      },
      config: { access: 'webhooks:read' },
    },
    (request) => listWebhooks(request.context, request.query),
  )

  app.post(
    '/webhooks',
    {
      schema: {
        operationId: 'createWebhook',
        summary: 'Have another service told of what happens',
        description:
          'Deliveries are signed as Standard Webhooks says. The secret is answered this once. Takes a fresh proof of who one is.',
        tags: ['webhooks'],
        body: Ref(WebhookInput),
        response: { 201: Ref(NewWebhook), ...refusals(400, 401, 403, 409, 413, 415, 422, 429, 503) },
      },
      config: { access: 'webhooks:write', stepUp: true, uncompressed: true },
    },
    async (request, reply) => {
      const made = await createWebhook(request.context, dependencies, request.body)
      return reply
        .code(201)
        .header('cache-control', 'no-store')
        .header('location', `/api/v1/webhooks/${made.webhook.id}`)
        .send(made)
    },
  )

  app.get(
    '/webhooks/:id',
    {
      schema: {
        operationId: 'readWebhook',
        summary: 'Read one webhook, without its secret',
        tags: ['webhooks'],
        params: WebhookParams,
        response: { 200: Ref(Webhook), ...refusals(400, 401, 403, 404, 422, 429, 503) },
      },
      config: { access: 'webhooks:read' },
    },
    (request) => readWebhook(request.context, request.params.id),
  )

  app.patch(
    '/webhooks/:id',
    {
      schema: {
        operationId: 'changeWebhook',
        summary: 'Change a webhook, or switch it off or on',
        description:
          'Switched off it is told of nothing; what waits already goes on waiting, and is sent when it is switched on. Takes a fresh proof of who one is.',
        tags: ['webhooks'],
        params: WebhookParams,
        body: Ref(WebhookChange),
        response: { 200: Ref(Webhook), ...refusals(400, 401, 403, 404, 413, 415, 422, 429, 503) },
      },
      config: { access: 'webhooks:write', stepUp: true },
    },
    (request) => changeWebhook(request.context, dependencies, request.params.id, request.body),
  )

  app.delete(
    '/webhooks/:id',
    {
      schema: {
        operationId: 'deleteWebhook',
        summary: 'Delete a webhook, with what was and was to be sent to it',
        tags: ['webhooks'],
        params: WebhookParams,
        response: { 204: { type: 'null', description: 'Gone.' }, ...refusals(400, 401, 403, 404, 422, 429, 503) },
      },
      config: { access: 'webhooks:write', stepUp: true },
    },
    async (request, reply) => {
      await deleteWebhook(request.context, request.params.id)
      return reply.code(204).send(null)
    },
  )

  app.post(
    '/webhooks/:id/rotate-secret',
    {
      schema: {
        operationId: 'rotateWebhookSecret',
        summary: 'Make a new secret for a webhook',
        description:
          'For a day deliveries are signed with both, each with a signature of its own; rotated again, only the last two sign. The secret is answered this once. Takes a fresh proof of who one is.',
        tags: ['webhooks'],
        params: WebhookParams,
        response: { 200: Ref(NewWebhook), ...refusals(400, 401, 403, 404, 422, 429, 503) },
      },
      config: { access: 'webhooks:write', stepUp: true, uncompressed: true },
    },
    async (request, reply) =>
      reply
        .header('cache-control', 'no-store')
        .send(await rotateSecret(request.context, dependencies, request.params.id)),
  )
}
