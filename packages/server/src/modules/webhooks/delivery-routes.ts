import type { App } from '../../core/fastify.ts'
import { refusals } from '../../core/openapi/openapi.ts'
import { Ref } from '../../core/shapes/fields.ts'
import { listDeliveries, replayDelivery, sendTest } from './deliveries.ts'
import { DeliveryParams, DeliveryQuery, QueuedDelivery, WebhookDeliveryPage, WebhookParams } from './schema.ts'

/** What webhooks were told, and telling it again. */
export function webhookDeliveryRoutes(app: App): void {
  app.get(
    '/webhooks/:id/deliveries',
    {
      schema: {
        operationId: 'listWebhookDeliveries',
        summary: 'List what a webhook was told in the last 30 days, newest first',
        description: 'With how each attempt went. Nothing that the receiver said is kept but its status.',
        tags: ['webhooks'],
        params: WebhookParams,
        querystring: DeliveryQuery,
        response: { 200: Ref(WebhookDeliveryPage), ...refusals(400, 401, 403, 404, 422, 429, 503) },
      },
      config: { access: 'webhooks:read' },
    },
    (request) => listDeliveries(request.context, request.params.id, request.query),
  )

  app.post(
    '/webhooks/:id/test',
    {
      schema: {
        operationId: 'testWebhook',
        summary: 'Send a webhook an event that tells of nothing',
        description: 'Of the type `webhook.test`, whatever the webhook wants to be told of.',
        tags: ['webhooks'],
        params: WebhookParams,
        response: { 202: Ref(QueuedDelivery), ...refusals(400, 401, 403, 404, 409, 422, 429, 503) },
      },
      config: { access: 'webhooks:write' },
    },
    async (request, reply) => reply.code(202).send(await sendTest(request.context, request.params.id)),
  )

  app.post(
    '/webhooks/:id/deliveries/:deliveryId/replay',
    {
      schema: {
        operationId: 'replayWebhookDelivery',
        summary: 'Make a delivery again that was taken or given up',
        description: 'Under the same `webhook-id`, so that a receiver that has it already knows.',
        tags: ['webhooks'],
        params: DeliveryParams,
        response: { 202: Ref(QueuedDelivery), ...refusals(400, 401, 403, 404, 409, 422, 429, 503) },
      },
      config: { access: 'webhooks:write' },
    },
    async (request, reply) => {
      const { id, deliveryId } = request.params
      return reply.code(202).send(await replayDelivery(request.context, id, deliveryId))
    },
  )
}
