import type { App } from '../../core/fastify.ts'
import { refusals } from '../../core/openapi/openapi.ts'
import { Ref } from '../../core/shapes/fields.ts'
import {
  Gate,
  GateChange,
  GateInput,
  GatePage,
  GateParams,
  GateQuery,
  Registration,
  RegistrationPage,
  RegistrationParams,
  RegistrationQuery,
} from './schema.ts'
import {
  changeGate,
  createGate,
  deleteGate,
  deleteRegistration,
  listGates,
  listRegistrations,
  readGate,
} from './service.ts'

export const gateSchemas = [Gate, GatePage, GateInput, GateChange, Registration, RegistrationPage]

/** What staff do with gates. */
export function gateRoutes(app: App): void {
  app.get(
    '/gates',
    {
      schema: {
        operationId: 'listGates',
        summary: 'List gates, newest first',
        tags: ['gates'],
        querystring: GateQuery,
        response: { 200: Ref(GatePage), ...refusals(400, 401, 403, 422, 429, 503) },
      },
      config: { access: 'gates:read' },
    },
    (request) => listGates(request.context, request.query),
  )

  app.post(
    '/gates',
    {
      schema: {
        operationId: 'createGate',
        summary: 'Open a gate',
        tags: ['gates'],
        body: Ref(GateInput),
        response: { 201: Ref(Gate), ...refusals(400, 401, 403, 409, 413, 415, 422, 429, 503) },
      },
      config: { access: 'gates:write' },
    },
    async (request, reply) => {
      const gate = await createGate(request.context, request.body)
      return reply.code(201).header('location', `/api/v1/gates/${gate.slug}`).send(gate)
    },
  )

  app.get(
    '/gates/:slug',
    {
      schema: {
        operationId: 'readGate',
        summary: 'Read one gate',
        tags: ['gates'],
        params: GateParams,
        response: { 200: Ref(Gate), ...refusals(400, 401, 403, 404, 422, 429, 503) },
      },
      config: { access: 'gates:read' },
    },
    (request) => readGate(request.context, request.params.slug),
  )

  app.put(
    '/gates/:slug',
    {
      schema: {
        operationId: 'changeGate',
        summary: 'Rename a gate, change its capacity, open it to the public',
        tags: ['gates'],
        params: GateParams,
        body: Ref(GateChange),
        response: { 200: Ref(Gate), ...refusals(400, 401, 403, 404, 409, 413, 415, 422, 429, 503) },
      },
      config: { access: 'gates:write' },
    },
    (request) => changeGate(request.context, request.params.slug, request.body),
  )

  app.delete(
    '/gates/:slug',
    {
      schema: {
        operationId: 'deleteGate',
        summary: 'Delete a gate and its registrations for good',
        tags: ['gates'],
        params: GateParams,
        response: { 204: { type: 'null', description: 'Deleted.' }, ...refusals(400, 401, 403, 404, 422, 429, 503) },
      },
      config: { access: 'gates:write' },
    },
    async (request, reply) => {
      await deleteGate(request.context, request.params.slug)
      return reply.code(204).send(null)
    },
  )

  app.get(
    '/gates/:slug/registrations',
    {
      schema: {
        operationId: 'listRegistrations',
        summary: 'List the registrations of a gate, newest first',
        tags: ['gates'],
        params: GateParams,
        querystring: RegistrationQuery,
        response: { 200: Ref(RegistrationPage), ...refusals(400, 401, 403, 404, 422, 429, 503) },
      },
      config: { access: 'gates:read' },
    },
    (request) => listRegistrations(request.context, request.params.slug, request.query),
  )

  app.delete(
    '/gates/:slug/registrations/:id',
    {
      schema: {
        operationId: 'deleteRegistration',
        summary: 'Delete a registration for good; its place goes to the first that waits',
        tags: ['gates'],
        params: RegistrationParams,
        response: { 204: { type: 'null', description: 'Deleted.' }, ...refusals(400, 401, 403, 404, 422, 429, 503) },
      },
      config: { access: 'gates:write' },
    },
    async (request, reply) => {
      await deleteRegistration(request.context, request.params.slug, request.params.id)
      return reply.code(204).send(null)
    },
  )
}
