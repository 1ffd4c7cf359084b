import type { App } from '../../core/fastify.ts'
import { refusals } from '../../core/openapi/openapi.ts'
import { Ref } from '../../core/shapes/fields.ts'
import { addProvider, changeProvider, listProviders, type ProviderDependencies, removeProvider } from './providers.ts'
import {
  IdentityProvider,
  IdentityProviderChange,
  IdentityProviderInput,
  IdentityProviderParams,
  IdentityProviders,
} from './schema.ts'

/** The providers of a tenant, kept by staff. */
export function identityProviderRoutes(app: App, dependencies: ProviderDependencies): void {
  app.get(
    '/identity-providers',
    {
      schema: {
        operationId: 'listIdentityProviders',
        summary: 'List the providers that people can sign in with',
        tags: ['oauth'],
        response: { 200: Ref(IdentityProviders), ...refusals(400, 401, 403, 429, 503) },
      },
      config: { access: 'settings:read' },
    },
    (request) => listProviders(request.context, dependencies),
  )

  app.post(
    '/identity-providers',
    {
      schema: {
        operationId: 'addIdentityProvider',
        summary: 'Let people sign in with a provider',
        description: 'Google and every other OpenID provider is `oidc` with its issuer.',
        tags: ['oauth'],
        body: Ref(IdentityProviderInput),
        response: { 201: Ref(IdentityProvider), ...refusals(400, 401, 403, 409, 413, 415, 422, 429, 503) },
      },
      config: { access: 'settings:write', stepUp: true },
    },
    async (request, reply) => reply.code(201).send(await addProvider(request.context, dependencies, request.body)),
  )

  app.put(
    '/identity-providers/:id',
    {
      schema: {
        operationId: 'changeIdentityProvider',
        summary: 'Change a provider, or switch it off',
        description: 'Sign-ins that are under way end. Links stay; switched off, nobody signs in with them.',
        tags: ['oauth'],
        params: IdentityProviderParams,
        body: Ref(IdentityProviderChange),
        response: { 200: Ref(IdentityProvider), ...refusals(400, 401, 403, 404, 413, 415, 422, 429, 503) },
      },
      config: { access: 'settings:write', stepUp: true },
    },
    (request) => changeProvider(request.context, dependencies, request.params.id, request.body),
  )

  app.delete(
    '/identity-providers/:id',
    {
      schema: {
        operationId: 'removeIdentityProvider',
        summary: 'Take a provider away, with every link to it',
        tags: ['oauth'],
        params: IdentityProviderParams,
        response: { 204: { type: 'null', description: 'Gone.' }, ...refusals(400, 401, 403, 404, 422, 429, 503) },
      },
      config: { access: 'settings:write', stepUp: true },
    },
    async (request, reply) => {
      await removeProvider(request.context, request.params.id)
      return reply.code(204).send(null)
    },
  )
}
