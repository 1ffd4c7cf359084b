import type { App } from '../../core/fastify.ts'
import { refusals } from '../../core/openapi/openapi.ts'
import { Ref } from '../../core/shapes/fields.ts'
import { contactPolicy } from './policy.ts'
import {
  ContactInput,
  ContactMessage,
  ContactMessagePage,
  ContactParams,
  ContactQuery,
  ContactReceipt,
  ContactStatusInput,
} from './schema.ts'
import {
  type ContactIntake,
  deleteMessage,
  listMessages,
  readMessage,
  receiveMessage,
  setMessageStatus,
} from './service.ts'

export const contactSchemas = [ContactInput, ContactReceipt, ContactMessage, ContactMessagePage, ContactStatusInput]

/** The public contact form, and what staff do with its messages. */
export function contactRoutes(app: App, intake: ContactIntake): void {
  app.post(
    '/contact',
    {
      schema: {
        operationId: 'sendContactMessage',
        summary: 'Send a contact message',
        tags: ['contact'],
        body: Ref(ContactInput),
        response: { 201: Ref(ContactReceipt), ...refusals(400, 403, 404, 413, 415, 422, 429, 503) },
      },
      config: { access: 'public', guard: contactPolicy, intake: 'contact' },
    },
    async (request, reply) => {
      const { receipt, dropped } = await receiveMessage(request.context, intake, request.body)
      request.logFields = dropped ? { reasonBlocked: 'honeypot' } : { messageId: receipt.id }
      return reply.code(201).send(receipt)
    },
  )

  app.get(
    '/contact/messages',
    {
      schema: {
        operationId: 'listContactMessages',
        summary: 'List contact messages, newest first',
        tags: ['contact'],
        querystring: ContactQuery,
        response: { 200: Ref(ContactMessagePage), ...refusals(400, 401, 403, 422, 429, 503) },
      },
      config: { access: 'contact:read' },
    },
    (request) => listMessages(request.context, request.query),
  )

  app.get(
    '/contact/messages/:id',
    {
      schema: {
        operationId: 'readContactMessage',
        summary: 'Read one contact message',
        tags: ['contact'],
        params: ContactParams,
        response: { 200: Ref(ContactMessage), ...refusals(400, 401, 403, 404, 422, 429, 503) },
      },
      config: { access: 'contact:read' },
    },
    (request) => readMessage(request.context, request.params.id),
  )

  app.put(
    '/contact/messages/:id/status',
    {
      schema: {
        operationId: 'setContactMessageStatus',
        summary: 'Mark a contact message as read, replied, archived or spam',
        tags: ['contact'],
        params: ContactParams,
        body: Ref(ContactStatusInput),
        response: { 200: Ref(ContactMessage), ...refusals(400, 401, 403, 404, 413, 415, 422, 429, 503) },
      },
      config: { access: 'contact:write' },
    },
    (request) => setMessageStatus(request.context, request.params.id, request.body.status),
  )

  app.delete(
    '/contact/messages/:id',
    {
      schema: {
        operationId: 'deleteContactMessage',
        summary: 'Delete a contact message for good',
        tags: ['contact'],
        params: ContactParams,
        response: { 204: { type: 'null', description: 'Deleted.' }, ...refusals(400, 401, 403, 404, 422, 429, 503) },
      },
      config: { access: 'contact:write' },
    },
    async (request, reply) => {
      await deleteMessage(request.context, request.params.id)
      return reply.code(204).send(null)
    },
  )
}
