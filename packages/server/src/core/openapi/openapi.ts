import swagger from '@fastify/swagger'
import type { TSchema } from 'typebox'
import { type Access, isScope, type Scope } from '../access/access.ts'
import { ACCESS_COOKIE } from '../browser/cookies.ts'
import type { App } from '../fastify.ts'
import { generalPolicy } from '../guard/guard.ts'
import { Problem } from '../problem.ts'
import { BODY_OPTIONAL, completeDocument, type OpenApiDocument } from './document.ts'

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

/** What each group of operations is for; a route with a tag that is not here fails a test. */
const tags = [
  { name: 'contact', description: 'The contact form of a website, and what staff do with its messages.' },
  {
    name: 'forms',
    description: 'Forms: made and versioned by staff, shown to visitors and checked as they are filled.',
  },
  { name: 'leads', description: 'What visitors send with a form, and what staff do with it.' },
  { name: 'security', description: 'What the guard refused and why, and the limits of a tenant.' },
  { name: 'resources', description: 'What a website offers its visitors, kept by staff.' },
  {
    name: 'gates',
    description: 'Registration lists with a capacity and a waiting list, and what staff do with them.',
  },
  { name: 'auth', description: 'People: signing up, in and out, and their tokens.' },
  { name: 'sessions', description: 'Where a person is signed in, and ending it.' },
  { name: 'api-keys', description: 'Keys for programs, made by people: bound to what their maker may do.' },
  { name: 'mfa', description: 'Second factors: authenticator apps and recovery codes.' },
  { name: 'passkeys', description: 'Signing in with a key that a device or a password manager keeps.' },
  { name: 'oauth', description: 'Signing in with a provider: Google, GitHub, or any OpenID provider.' },
  { name: 'users', description: 'The people of a tenant: profiles and accounts.' },
  { name: 'roles', description: 'What people may do, and who gave it to them.' },
  { name: 'invitations', description: 'Asking people to join, and joining.' },
  { name: 'tenants', description: 'All tenants, kept by people of the platform, who enter one by a grant that ends.' },
  { name: 'tenant', description: 'What a tenant sets for itself: its settings, quotas and domains.' },
  { name: 'privacy', description: 'Personal data: what there is, a copy of it, erasing it, and requests about it.' },
  { name: 'audit', description: 'Who did what, and proof that nobody has edited it.' },
  { name: 'webhooks', description: 'Telling other services what happens, signed, and how that went.' },
  { name: 'health', description: 'Whether the server is alive, ready, and what it is doing.' },
  { name: 'well-known', description: 'What other services and researchers look for at a known address.' },
  { name: 'metrics', description: 'Figures of one process, for Prometheus.' },
  { name: 'documentation', description: 'This document and its page.' },
]

const description = `A self-hosted backend for everything an application shows the public.

Every refusal is \`application/problem+json\` (RFC 9457) with a stable \`code\`, in English or French by \`Accept-Language\`. Besides what an operation lists, any request may be answered 400 (malformed), 404, 405 with \`Allow\`, 408 (sent too slowly), 414, 417 or 431. Bodies are JSON in UTF-8, of 1 MB at most.

The tenant of a public call is the one its host name belongs to, else \`X-Tenant-ID\`, else \`?tenant=\`, else the default one; two that disagree are refused. Paths answer with and without a trailing slash.`

/** Who is asked about the API: an address of the operator's, else what the server says of itself. */
function contactOf({ contact, publicUrl }: { readonly contact: string | undefined; readonly publicUrl: string }) {
  const name = 'Who runs this server'
  if (contact === undefined) return { name, url: `${publicUrl}/docs` }
  return contact.startsWith('mailto:') ? { name, email: contact.slice('mailto:'.length) } : { name, url: contact }
}

/** Collects every route's schema into the OpenAPI 3.1 document. Register before the routes. */
export async function installOpenApi(
  app: App,
  options: { readonly publicUrl: string; readonly version: string; readonly contact: string | undefined },
): Promise<void> {
  app.addSchema(Problem)
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Rempart',
        version: options.version,
        description,
        contact: contactOf(options),
        license: { name: 'MIT', identifier: 'MIT' },
      },
      servers: [{ url: options.publicUrl, description: 'This server' }],
      tags,
      components: {
        securitySchemes: {
          apiKey: {
            type: 'http',
            scheme: 'bearer',
            description: 'An API key, `rmp_live_…`, with the scope that is named.',
          },
          apiKeyHeader: {
            type: 'apiKey',
            in: 'header',
            name: 'X-API-Key',
            description: 'The same key in a field of its own.',
          },
          accessToken: {
            type: 'http',
            scheme: 'bearer',
            bearerFormat: 'JWT',
            description: 'The access token of a person who is signed in, whose roles grant what is named.',
          },
          sessionCookie: {
            type: 'apiKey',
            in: 'cookie',
            name: ACCESS_COOKIE,
            description:
              'The same in a browser. What changes something also asks for `Origin`, `X-Rempart-CSRF: 1` and a JSON body.',
          },
          metricsToken: { type: 'http', scheme: 'bearer', description: 'The value of REMPART_METRICS_TOKEN.' },
        },
      },
    },
    refResolver: { buildLocalReference: (json, _base, _fragment, index) => String(json['$id'] ?? `schema-${index}`) },
    transform: ({ schema, url, route }) => {
      const access = route.config?.access ?? 'none'
      const guard = route.config?.guard
      const policy = guard === undefined ? generalPolicy.id : guard === 'none' ? guard : guard.id
      return {
        schema: {
          security: securityOf(access, route.config?.keyScope),
          ...schema,
          'x-access': access,
          'x-guard': policy,
          ...(route.config?.bodyOptional === true && { [BODY_OPTIONAL]: true }),
        },
        url,
      }
    },
    transformObject: (document) => {
      if (!('openapiObject' in document)) return document.swaggerObject
      // The same shape, with the members that are filled in named.
      return completeDocument(document.openapiObject as OpenApiDocument & typeof document.openapiObject)
    },
  })
}

function securityOf(access: Access, keyScope: Scope | undefined): readonly Record<string, readonly string[]>[] {
  if (access === 'none') return []
  // The empty requirement says that a key is optional.
  if (access === 'public') return keyScope === undefined ? [] : [{}, ...keyed(keyScope)]
  const session = [{ accessToken: [] }, { sessionCookie: [] }]
  return isScope(access) ? [...keyed(access), ...session] : session
}

const keyed = (scope: Scope) => [{ apiKey: [scope] }, { apiKeyHeader: [scope] }]
