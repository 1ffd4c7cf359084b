import type { App } from '../../core/fastify.ts'
import { refusals } from '../../core/openapi/openapi.ts'
import { Ref } from '../../core/shapes/fields.ts'
import { EffectivePolicies, EffectivePolicy, PolicyOverrideInput, PolicyParams } from './schema.ts'
import {
  deletePolicyOverride,
  listPolicies,
  type PolicyDependencies,
  readPolicy,
  setPolicyOverride,
} from './service.ts'

export const policySchemas = [EffectivePolicy, EffectivePolicies, PolicyOverrideInput]

/** The limits that a tenant is under, and its own within them; also among what else a tenant sets for itself. */
export function policyRoutes(app: App, dependencies: PolicyDependencies): void {
  routesUnder(app, '/policies', {}, dependencies)
  routesUnder(app, '/tenant/policy', { undocumented: 'the same as /policies' }, dependencies)
}

function routesUnder(
  app: App,
  base: string,
  other: { readonly undocumented?: string },
  dependencies: PolicyDependencies,
): void {
  const hide = other.undocumented !== undefined
  app.get(
    base,
    {
      schema: {
        hide,
        operationId: 'listPolicies',
        summary: 'List the policies in force for the tenant, and who said what of them',
        tags: ['security'],
        response: { 200: Ref(EffectivePolicies), ...refusals(400, 401, 403, 429, 503) },
      },
      config: { access: 'policies:read', ...other },
    },
    (request) => listPolicies(request.context, dependencies),
  )

  app.get(
    `${base}/:id`,
    {
      schema: {
        hide,
        operationId: 'readPolicy',
        summary: 'Read one policy as it is in force for the tenant',
        tags: ['security'],
        params: PolicyParams,
        response: { 200: Ref(EffectivePolicy), ...refusals(400, 401, 403, 404, 422, 429, 503) },
      },
      config: { access: 'policies:read', ...other },
    },
    (request) => readPolicy(request.context, dependencies, request.params.id),
  )

  app.put(
    `${base}/:id`,
    {
      schema: {
        hide,
        operationId: 'setPolicyOverride',
        summary: 'Set figures of the tenant’s own for the rules of a policy',
        description:
          'A tenant may tighten, and loosen as far as the operator allows (REMPART_TENANT_LIMIT_FACTOR). Windows and cooldowns stay the installation’s. In force within a second.',
        tags: ['security'],
        params: PolicyParams,
        body: Ref(PolicyOverrideInput),
        response: { 200: Ref(EffectivePolicy), ...refusals(400, 401, 403, 404, 413, 415, 422, 429, 503) },
      },
      config: { access: 'policies:write', ...other },
    },
    (request) => setPolicyOverride(request.context, dependencies, request.params.id, request.body),
  )

  app.delete(
    `${base}/:id`,
    {
      schema: {
        hide,
        operationId: 'deletePolicyOverride',
        summary: 'Give up the tenant’s own figures for a policy',
        tags: ['security'],
        params: PolicyParams,
        response: { 204: { type: 'null', description: 'Deleted.' }, ...refusals(400, 401, 403, 404, 422, 429, 503) },
      },
      config: { access: 'policies:write', ...other },
    },
    async (request, reply) => {
      await deletePolicyOverride(request.context, dependencies, request.params.id)
      return reply.code(204).send(null)
    },
  )
}
