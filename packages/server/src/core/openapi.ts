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

const field = (description: string, type: 'integer' | 'string') => ({ description, schema: { type } })

/** What the guard writes: on answers of every counted route, and on its refusals. */
const limitFields = {
  'X-RateLimit-Limit': field('Requests that one client may send in the window.', 'integer'),
  'X-RateLimit-Remaining': field('Requests that are left of them.', 'integer'),
  'X-RateLimit-Reset': field('Unix time, in seconds, at which the window or the cooldown ends.', 'integer'),
  RateLimit: field('The same as a structured field: `r` left, `t` seconds to wait.', 'string'),
  'RateLimit-Policy': field('The rule as a structured field: `q` requests in `w` seconds.', 'string'),
}
const retryAfter = field('Seconds after which the client is admitted again; absent where no wait helps.', 'integer')
const headers = { ...limitFields, 'Retry-After': retryAfter }

const references = (names: readonly string[]) =>
  Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]))

interface Operation {
  readonly responses?: Record<string, { headers?: Readonly<Record<string, { readonly $ref: string }>> } | undefined>
}

/** Adds those header fields to the operations that may answer 429, which are the counted ones. */
function documentLimits(paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>): void {
  const operations = Object.values(paths).flatMap((path) => Object.values(path))
  for (const { responses = {} } of operations.filter((operation) => operation.responses?.['429'] !== undefined)) {
    for (const [status, response] of Object.entries(responses)) {
      if (response === undefined || (status !== '429' && !status.startsWith('2'))) continue
      response.headers = references(Object.keys(status === '429' ? headers : limitFields))
    }
  }
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
        headers,
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
    transformObject: (document) => {
      if (!('openapiObject' in document)) return document.swaggerObject
      // The type says that a path may hold more than operations; these hold nothing else.
      documentLimits((document.openapiObject.paths ?? {}) as Parameters<typeof documentLimits>[0])
      return document.openapiObject
    },
  })
}
