import swagger from '@fastify/swagger'
import type { TSchema } from 'typebox'
import type { App } from './fastify.ts'
import { Problem } from './problem.ts'

const descriptions: Readonly<Record<number, string>> = {
  400: 'The request cannot be read, or its form token does not hold.',
  401: 'A credential is needed, or the one sent does not hold.',
  403: 'The credential lacks the scope, the request names two tenants, or the client is not admitted.',
  404: 'Nothing of that name here; also for what belongs to another tenant.',
  409: 'It conflicts with what is there.',
  413: 'The body is larger than 1 MB.',
  415: 'The body is not of a declared content type.',
  422: 'The content does not fit the schema; `errors` says where.',
  429: 'Too many requests; see Retry-After when there is one.',
  503: 'The database is away for a moment; try again.',
}

type Refusals = Record<number, { description: string; content: { 'application/problem+json': { schema: TSchema } } }>

/** The refusals of a route, each documented as problem+json. */
export function refusals(...statuses: readonly number[]): Refusals {
  const entries = statuses.map((status) => [
    status,
    {
      description: descriptions[status] ?? 'Refused.',
      content: { 'application/problem+json': { schema: { $ref: 'Problem#' } } },
    },
  ])
  return Object.fromEntries(entries)
}

/** Collects every route's schema into the OpenAPI 3.1 document. Register before the routes. */
export async function installOpenApi(
  app: App,
  options: { readonly publicUrl: string; readonly version: string },
): Promise<void> {
  app.addSchema(Problem)
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Rempart',
        version: options.version,
        description: 'A self-hosted backend for everything an application shows the public.',
        license: { name: 'MIT', identifier: 'MIT' },
      },
      servers: [{ url: options.publicUrl }],
      components: {
        securitySchemes: {
          apiKey: { type: 'http', scheme: 'bearer', description: 'An API key: rmp_live_…' },
        },
      },
    },
    refResolver: { buildLocalReference: (json, _base, _fragment, index) => String(json['$id'] ?? `schema-${index}`) },
    transform: ({ schema, url, route }) => {
      const access = route.config?.access
      const security = access === undefined || access === 'none' || access === 'public' ? [] : [{ apiKey: [access] }]
      return { schema: { ...schema, security }, url }
    },
  })
}
