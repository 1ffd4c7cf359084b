import type { App } from '../../core/fastify.ts'
import { refusals } from '../../core/openapi/openapi.ts'
import { Ref } from '../../core/shapes/fields.ts'
import { resourceListPolicy, resourceReadPolicy } from './policy.ts'
import { Resource, ResourceChange, ResourceInput, ResourcePage, ResourceParams, ResourceQuery } from './schema.ts'
import {
  changeResource,
  createResource,
  deleteResource,
  listResources,
  readResource,
  restoreResource,
} from './service.ts'

export const resourceSchemas = [Resource, ResourcePage, ResourceInput, ResourceChange]

/** What a website shows its visitors, and how staff keep it. */
export function resourceRoutes(app: App): void {
  app.get(
    '/resources',
    {
      schema: {
        operationId: 'listResources',
        summary: 'List resources, newest first',
        tags: ['resources'],
        querystring: ResourceQuery,
        response: { 200: Ref(ResourcePage), ...refusals(400, 401, 403, 404, 422, 429, 503) },
      },
      config: { access: 'public', keyScope: 'resources:read', guard: resourceListPolicy },
    },
    (request) => listResources(request.context, request.query),
  )

  app.get(
    '/resources/:id',
    {
      schema: {
        operationId: 'readResource',
        summary: 'Read one resource',
        description: 'With an API key also a deleted one.',
        tags: ['resources'],
        params: ResourceParams,
        response: { 200: Ref(Resource), ...refusals(400, 401, 403, 404, 422, 429, 503) },
      },
      config: { access: 'public', keyScope: 'resources:read', guard: resourceReadPolicy },
    },
    (request) => readResource(request.context, request.params.id),
  )

  app.post(
    '/resources',
    {
      schema: {
        operationId: 'createResource',
        summary: 'Make a resource, which visitors see at once',
        tags: ['resources'],
        body: Ref(ResourceInput),
        response: { 201: Ref(Resource), ...refusals(400, 401, 403, 413, 415, 422, 429, 503) },
      },
      config: { access: 'resources:write' },
    },
    async (request, reply) => {
      const resource = await createResource(request.context, request.body)
      return reply.code(201).header('location', `/api/v1/resources/${resource.id}`).send(resource)
    },
  )

  app.put(
    '/resources/:id',
    {
      schema: {
        operationId: 'changeResource',
        summary: 'Change a resource',
        tags: ['resources'],
        params: ResourceParams,
        body: Ref(ResourceChange),
        response: { 200: Ref(Resource), ...refusals(400, 401, 403, 404, 409, 413, 415, 422, 429, 503) },
      },
      config: { access: 'resources:write' },
    },
    (request) => changeResource(request.context, request.params.id, request.body),
  )

  app.delete(
    '/resources/:id',
    {
      schema: {
        operationId: 'deleteResource',
        summary: 'Hide a resource until it is restored',
        tags: ['resources'],
        params: ResourceParams,
        response: { 204: { type: 'null', description: 'Deleted.' }, ...refusals(400, 401, 403, 404, 422, 429, 503) },
      },
      config: { access: 'resources:write' },
    },
    async (request, reply) => {
      await deleteResource(request.context, request.params.id)
      return reply.code(204).send(null)
    },
  )

  app.post(
    '/resources/:id/restore',
    {
      schema: {
        operationId: 'restoreResource',
        summary: 'Show a deleted resource again',
        tags: ['resources'],
        params: ResourceParams,
        response: { 200: Ref(Resource), ...refusals(400, 401, 403, 404, 422, 429, 503) },
      },
      config: { access: 'resources:write' },
    },
    (request) => restoreResource(request.context, request.params.id),
  )
}
