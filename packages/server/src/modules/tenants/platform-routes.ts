import type { PlatformPermission } from '../../core/access/access.ts'
import type { Context } from '../../core/context.ts'
import type { App } from '../../core/fastify.ts'
import { refusals } from '../../core/openapi/openapi.ts'
import { Ref } from '../../core/shapes/fields.ts'
import { grantOperator, listGrants, revokeGrant } from './grants.ts'
import {
  assertPlatform,
  changePlatformTenant,
  listPlatformTenants,
  makeTenant,
  type PlatformDependencies,
  readPlatformTenant,
  setTenantActive,
} from './platform.ts'
import {
  GrantParams,
  NewPlatformTenant,
  OperatorGrant,
  OperatorGrantInput,
  OperatorGrantList,
  PlatformTenant,
  PlatformTenantPage,
  PlatformTenantQuery,
  TenantChange,
  TenantInput,
  TenantParams,
} from './schema.ts'

export const platformSchemas = [
  PlatformTenant,
  PlatformTenantPage,
  TenantInput,
  NewPlatformTenant,
  TenantChange,
  OperatorGrant,
  OperatorGrantList,
  OperatorGrantInput,
]

const reading = refusals(400, 401, 403, 404, 422, 429, 503)
const writing = refusals(400, 401, 403, 404, 409, 413, 415, 422, 429, 503)

/** All tenants, for people of the platform. */
export function platformRoutes(app: App, dependencies: PlatformDependencies): void {
  const onlyPlatform = (permission: PlatformPermission) => ({
    config: { access: permission },
    onRequest: (request: { readonly context: Context }) => assertPlatform(request.context, permission),
  })
  const read = onlyPlatform('tenants:read')
  const write = onlyPlatform('tenants:write')
  const writeAnew = { ...write, config: { ...write.config, stepUp: true } }

  app.get(
    '/tenants',
    {
      schema: {
        operationId: 'listTenants',
        summary: 'List all tenants, by their slug',
        tags: ['tenants'],
        querystring: PlatformTenantQuery,
        response: { 200: Ref(PlatformTenantPage), ...reading },
      },
      ...read,
    },
    (request) => listPlatformTenants(request.context, request.query),
  )

  app.post(
    '/tenants',
    {
      schema: {
        operationId: 'createTenant',
        summary: 'Make a tenant, and the link for its first owner',
        tags: ['tenants'],
        body: Ref(TenantInput),
        response: { 201: Ref(NewPlatformTenant), ...writing },
      },
      ...write,
      config: { ...write.config, uncompressed: true },
    },
    async (request, reply) => {
      const made = await makeTenant(request.context, dependencies, request.body)
      return reply
        .code(201)
        .header('location', `/api/v1/tenants/${made.tenant.id}`)
        .header('cache-control', 'no-store')
        .send(made)
    },
  )

  app.get(
    '/tenants/:id',
    {
      schema: {
        operationId: 'readTenant',
        summary: 'Read one tenant',
        tags: ['tenants'],
        params: TenantParams,
        response: { 200: Ref(PlatformTenant), ...reading },
      },
      ...read,
    },
    (request) => readPlatformTenant(dependencies, request.params.id),
  )

  app.patch(
    '/tenants/:id',
    {
      schema: {
        operationId: 'changeTenant',
        summary: 'Change the name, language or time zone of a tenant',
        tags: ['tenants'],
        params: TenantParams,
        body: Ref(TenantChange),
        response: { 200: Ref(PlatformTenant), ...writing },
      },
      ...write,
    },
    (request) => changePlatformTenant(request.context, dependencies, request.params.id, request.body),
  )

  for (const [action, isActive] of [
    ['suspend', false],
    ['reactivate', true],
  ] as const) {
    app.post(
      `/tenants/:id/${action}`,
      {
        schema: {
          operationId: `${action}Tenant`,
          summary: isActive ? 'Let a suspended tenant answer again' : 'Suspend a tenant, with every session and key',
          tags: ['tenants'],
          params: TenantParams,
          response: { 200: Ref(PlatformTenant), ...writing },
        },
        ...writeAnew,
      },
      (request) => setTenantActive(request.context, dependencies, request.params.id, isActive),
    )
  }

  app.get(
    '/tenants/:id/grants',
    {
      schema: {
        operationId: 'listOperatorGrants',
        summary: 'List who of the platform may, or might, work in a tenant',
        description: 'The last hundred, newest first.',
        tags: ['tenants'],
        params: TenantParams,
        response: { 200: Ref(OperatorGrantList), ...reading },
      },
      ...read,
    },
    (request) => listGrants(dependencies, request.params.id),
  )

  app.post(
    '/tenants/:id/grants',
    {
      schema: {
        operationId: 'grantOperator',
        summary: 'Let a person of the platform work in a tenant, for a time',
        description:
          'With `X-Tenant-ID` naming the tenant, the person’s own session then does there what is granted, and nothing else. Each request is written in the audit log of the tenant and of the platform.',
        tags: ['tenants'],
        params: TenantParams,
        body: Ref(OperatorGrantInput),
        response: { 201: Ref(OperatorGrant), ...writing },
      },
      ...writeAnew,
    },
    async (request, reply) => {
      const grant = await grantOperator(request.context, dependencies, request.params.id, request.body)
      return reply.code(201).send(grant)
    },
  )

  app.delete(
    '/tenants/:id/grants/:grantId',
    {
      schema: {
        operationId: 'revokeOperatorGrant',
        summary: 'Take a grant away, at once',
        tags: ['tenants'],
        params: GrantParams,
        response: { 204: { type: 'null', description: 'Taken away.' }, ...reading },
      },
      ...write,
    },
    async (request, reply) => {
      await revokeGrant(request.context, dependencies, request.params.id, request.params.grantId)
      return reply.code(204).send(null)
    },
  )
}
