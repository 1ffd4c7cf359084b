import type { App } from '../../core/fastify.ts'
import { refusals } from '../../core/openapi/openapi.ts'
import { Ref } from '../../core/shapes/fields.ts'
import {
  EventCounter,
  SecurityEvent,
  SecurityEventDetail,
  SecurityEventPage,
  SecurityEventParams,
  SecurityEventQuery,
} from './schema.ts'
import { listSecurityEvents, readSecurityEvent, type VersionsInForce } from './service.ts'

export const securityEventSchemas = [EventCounter, SecurityEvent, SecurityEventPage, SecurityEventDetail]

/** What the guard refused, challenged or would have, and why. */
export function securityEventRoutes(app: App, versionsInForce: VersionsInForce): void {
  app.get(
    '/security-events',
    {
      schema: {
        operationId: 'listSecurityEvents',
        summary: 'List what the guard refused, challenged or would have, newest first',
        description: 'An event is in the list within two seconds.',
        tags: ['security'],
        querystring: SecurityEventQuery,
        response: { 200: Ref(SecurityEventPage), ...refusals(400, 401, 403, 422, 429, 503) },
      },
      config: { access: 'security:read' },
    },
    (request) => listSecurityEvents(request.context, request.query),
  )

  app.get(
    '/security-events/:id',
    {
      schema: {
        operationId: 'readSecurityEvent',
        summary: 'Read one security event, with why it came to it',
        tags: ['security'],
        params: SecurityEventParams,
        response: { 200: Ref(SecurityEventDetail), ...refusals(400, 401, 403, 404, 422, 429, 503) },
      },
      config: { access: 'security:read' },
    },
    (request) => readSecurityEvent(request.context, request.params.id, versionsInForce),
  )
}
