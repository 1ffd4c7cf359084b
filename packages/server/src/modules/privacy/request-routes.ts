import type { App } from '../../core/fastify.ts'
import { refusals } from '../../core/openapi/openapi.ts'
import { Ref } from '../../core/shapes/fields.ts'
import { exportPolicy } from './policy.ts'
import { closeRequest, eraseRequested, exportRequested, listRequests, openRequest, readRequest } from './requests.ts'
import { answerErasure, exportedReply, sendExport } from './routes.ts'
import {
  ErasureReceipt,
  ExportQuery,
  PrivacyAnswer,
  PrivacyRequest,
  PrivacyRequestInput,
  PrivacyRequestPage,
  PrivacyRequestParams,
  PrivacyRequestQuery,
} from './schema.ts'
import type { PrivacyDependencies } from './service.ts'

export const privacyRequestSchemas = [PrivacyRequest, PrivacyRequestPage, PrivacyRequestInput, PrivacyAnswer]

/** The register of requests about personal data: who asked what, until when, and what came of it. */
export function privacyRequestRoutes(app: App, dependencies: PrivacyDependencies): void {
  app.get(
    '/privacy/requests',
    {
      schema: {
        operationId: 'listPrivacyRequests',
        summary: 'List one’s own requests about personal data; with `privacy:read`, everybody’s',
        tags: ['privacy'],
        querystring: PrivacyRequestQuery,
        response: { 200: Ref(PrivacyRequestPage), ...refusals(400, 401, 403, 422, 429, 503) },
      },
      config: { access: 'session' },
    },
    (request) => listRequests(request.context, request.query),
  )

  app.post(
    '/privacy/requests',
    {
      schema: {
        operationId: 'openPrivacyRequest',
        summary: 'Ask for access, rectification or erasure',
        description: 'It is due in a month. Staff with `privacy:write` enter those of people without an account.',
        tags: ['privacy'],
        body: Ref(PrivacyRequestInput),
        response: { 201: Ref(PrivacyRequest), ...refusals(400, 401, 403, 413, 415, 422, 429, 503) },
      },
      config: { access: 'session' },
    },
    async (request, reply) => {
      const opened = await openRequest(request.context, request.body)
      return reply.code(201).header('location', `/api/v1/privacy/requests/${opened.id}`).send(opened)
    },
  )

  app.get(
    '/privacy/requests/:id',
    {
      schema: {
        operationId: 'readPrivacyRequest',
        summary: 'Read a request about personal data',
        tags: ['privacy'],
        params: PrivacyRequestParams,
        response: { 200: Ref(PrivacyRequest), ...refusals(400, 401, 403, 404, 422, 429, 503) },
      },
      config: { access: 'session' },
    },
    (request) => readRequest(request.context, request.params.id),
  )

  app.post(
    '/privacy/requests/:id/answer',
    {
      schema: {
        operationId: 'answerPrivacyRequest',
        summary: 'Close a request as done or refused, with a reason',
        tags: ['privacy'],
        params: PrivacyRequestParams,
        body: Ref(PrivacyAnswer),
        response: { 200: Ref(PrivacyRequest), ...refusals(400, 401, 403, 404, 409, 413, 415, 422, 429, 503) },
      },
      config: { access: 'privacy:write' },
    },
    (request) => closeRequest(request.context, request.params.id, request.body),
  )

  app.post(
    '/privacy/requests/:id/export',
    {
      schema: {
        operationId: 'exportForPrivacyRequest',
        summary: 'Export what a request for access asks for, and close it',
        tags: ['privacy'],
        params: PrivacyRequestParams,
        querystring: ExportQuery,
        response: { 200: exportedReply, ...refusals(400, 401, 403, 404, 409, 422, 429, 503) },
      },
      config: { access: 'privacy:write', stepUp: true, guard: exportPolicy, uncompressed: true },
    },
    async (request, reply) => {
      const data = await exportRequested(request.context, dependencies, request.params.id)
      return sendExport(reply, request.context, data, request.query.format)
    },
  )

  app.post(
    '/privacy/requests/:id/erase',
    {
      schema: {
        operationId: 'eraseForPrivacyRequest',
        summary: 'Erase whom a request for erasure is about, and close it',
        tags: ['privacy'],
        params: PrivacyRequestParams,
        response: { 200: Ref(ErasureReceipt), ...refusals(400, 401, 403, 404, 409, 422, 429, 503) },
      },
      config: { access: 'privacy:write', stepUp: true },
    },
    async (request, reply) => {
      const receipt = await eraseRequested(request.context, dependencies, request.params.id)
      return answerErasure(reply, request.context, receipt)
    },
  )
}
