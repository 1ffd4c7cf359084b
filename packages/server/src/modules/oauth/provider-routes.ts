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

/** The providers of a tenant, kept by staff; also among what else a tenant sets for itself. */
export function identityProviderRoutes(app: App, dependencies: ProviderDependencies): void {
  routesUnder(app, '/identity-providers', {}, dependencies)
  routesUnder(app, '/tenant/idp', { undocumented: 'the same as /identity-providers' }, dependencies)
}

function routesUnder(
  app: App,
  base: string,
  other: { readonly undocumented?: string },
  dependencies: ProviderDependencies,
): void {
  const hide = other.undocumented !== undefined
  app.get(
    base,
    {
      schema: {
        hide,
        operationId: 'listIdentityProviders',
        summary: 'List the providers that people can sign in with',
        tags: ['oauth'],
        response: { 200: Ref(IdentityProviders), ...refusals(400, 401, 403, 429, 503) },
      },
      config: { access: 'settings:read', ...other },
    },
    (request) => listProviders(request.context, dependencies),
  )

  app.post(
    base,
    {
      schema: {
        hide,
        operationId: 'addIdentityProvider',
        summary: 'Let people sign in with a provider',
        description: 'Google and every other OpenID provider is `oidc` with its issuer.',
        tags: ['oauth'],
        body: Ref(IdentityProviderInput),
        response: { 201: Ref(IdentityProvider), ...refusals(400, 401, 403, 409, 413, 415, 422, 429, 503) },
      },
      config: { access: 'settings:write', stepUp: true, ...other },
    },
    async (request, reply) => reply.code(201).send(await addProvider(request.context, dependencies, request.body)),
  )

  app.put(
    `${base}/:id`,
    {
      schema: {
        hide,
        operationId: 'changeIdentityProvider',
        summary: 'Change a provider, or switch it off',
        description: 'Sign-ins that are under way end. Links stay; switched off, nobody signs in with them.',
        tags: ['oauth'],
        params: IdentityProviderParams,
        body: Ref(IdentityProviderChange),
        response: { 200: Ref(IdentityProvider), ...refusals(400, 401, 403, 404, 413, 415, 422, 429, 503) },
      },
      config: { access: 'settings:write', stepUp: true, ...other },
    },
    (request) => changeProvider(request.context, dependencies, request.params.id, request.body),
  )

  app.delete(
    `${base}/:id`,
    {
      schema: {
        hide,
        operationId: 'removeIdentityProvider',
        summary: 'Take a provider away, with every link to it',
        tags: ['oauth'],
        params: IdentityProviderParams,
        response: { 204: { type: 'null', description: 'Gone.' }, ...refusals(400, 401, 403, 404, 422, 429, 503) },
      },
      config: { access: 'settings:write', stepUp: true, ...other },
    },
    async (request, reply) => {
      await removeProvider(request.context, request.params.id)
      return reply.code(204).send(null)
    },
  )
}
