import { problemBody } from '../problem.ts'
import { type ProblemCode, problemTypes } from '../problem-catalogue.ts'
import { type ExampleSchema, exampleOf, type SchemaTable } from './example.ts'

interface Referable {
  $ref?: string
}

interface MediaType {
  schema?: ExampleSchema
  example?: unknown
  examples?: unknown
}

interface Response extends Referable {
  description?: string
  headers?: Record<string, unknown>
  content?: Record<string, MediaType>
}

interface Parameter extends Referable {
  name?: string
  in?: string
  schema?: ExampleSchema
  example?: unknown
}

/** Marks an operation whose body may be left out, until the document is whole. */
export const BODY_OPTIONAL = 'x-body-optional'

/** One operation of the document, as the collected routes give it. */
export interface Operation {
  operationId?: string
  parameters?: Parameter[]
  requestBody?: { required?: boolean; content?: Record<string, MediaType> }
  responses?: Record<string, Response>
  'x-access'?: string
  'x-guard'?: string
  [BODY_OPTIONAL]?: boolean
}

/** The document before it is whole. */
export interface OpenApiDocument {
  paths?: Record<string, Record<string, Operation>>
  components?: {
    schemas?: Record<string, ExampleSchema>
    responses?: Record<string, unknown>
    headers?: Record<string, unknown>
    parameters?: Record<string, unknown>
  }
}

const field = (description: string, example: number | string) => ({
  description,
  schema: { type: typeof example === 'number' ? 'integer' : 'string' },
  example,
})

const limitHeaders = {
  'X-RateLimit-Limit': field('Requests that one client may send in the window.', 120),
  'X-RateLimit-Remaining': field('Requests that are left of them.', 117),
  'X-RateLimit-Reset': field('Unix time, in seconds, at which the window or the cooldown ends.', 1_768_469_460),
  RateLimit: field('The same as a structured field: `r` left, `t` seconds to wait.', '"burst";r=117;t=42'),
  'RateLimit-Policy': field('The rule as a structured field: `q` requests in `w` seconds.', '"burst";q=120;w=60'),
}

const commonHeaders = {
  'X-Request-ID': field('Names this request in the logs.', '019bd0a4-6c00-7abc-8def-0123456789ab'),
  'API-Version': field('The version that answered.', '1'),
}

const headers = {
  ...commonHeaders,
  ...limitHeaders,
  'Retry-After': field('Seconds after which the client is admitted again; absent where no wait helps.', 42),
  'Idempotency-Replayed': field('`true` when this is the answer of an earlier request with the same key.', 'true'),
  'WWW-Authenticate': field('Which credential is asked for.', 'Bearer'),
}

const header = (name: string, description: string, schema: object, example: string) => ({
  name,
  in: 'header',
  required: false,
  description,
  schema,
  example,
})

const parameters = {
  TenantHeader: header(
    'X-Tenant-ID',
    'Slug or id of the tenant. With a credential it must be the credential’s own.',
    { type: 'string', maxLength: 64 },
    'demo',
  ),
  TenantQuery: {
    ...header('tenant', 'The same for links, which carry no header fields.', { type: 'string', maxLength: 64 }, 'demo'),
    in: 'query',
  },
  ApiVersion: header('API-Version', 'The version this client was made for.', { type: 'string', enum: ['1'] }, '1'),
  AcceptLanguage: header('Accept-Language', 'Language of messages: English or French.', { type: 'string' }, 'fr'),
  RequestId: header(
    'X-Request-ID',
    'A name of your own for this request: 1 to 128 of `A-Za-z0-9.:+/=_-`.',
    { type: 'string', maxLength: 128 },
    'checkout-4711',
  ),
}

/** The refusals that share one description each, by status. */
const refusalNames: Readonly<
  Record<string, { readonly name: string; readonly code: ProblemCode; readonly headers?: readonly string[] }>
> = {
  400: { name: 'BadRequest', code: 'invalid-json' },
  401: { name: 'Unauthorized', code: 'authentication-required', headers: ['WWW-Authenticate'] },
  403: { name: 'Forbidden', code: 'tenant-conflict' },
  404: { name: 'NotFound', code: 'not-found' },
  409: { name: 'Conflict', code: 'version-conflict' },
  413: { name: 'ContentTooLarge', code: 'body-too-large' },
  415: { name: 'UnsupportedMediaType', code: 'unsupported-media-type' },
  422: { name: 'UnprocessableContent', code: 'invalid-content' },
  429: { name: 'TooManyRequests', code: 'rate-limited', headers: [...Object.keys(limitHeaders), 'Retry-After'] },
  503: { name: 'ServiceUnavailable', code: 'service-unavailable', headers: ['Retry-After'] },
}

const successTitles: Readonly<Record<string, string>> = {
  200: 'Done.',
  201: 'Made.',
  204: 'Done; there is nothing to say.',
}

/**
 * Makes the collected document whole: what every operation shares (header fields, the tenant, the refusals) is written
 * once and referred to, and each body, answer and parameter gets an example.
 */
export function completeDocument<T extends OpenApiDocument>(document: T): T {
  const table: SchemaTable = document.components?.schemas ?? {}
  const operations = Object.values(document.paths ?? {}).flatMap((path) => Object.values(path))
  const responses: Record<string, unknown> = {}
  for (const operation of operations) {
    addParameters(operation, table)
    unmarkBody(operation)
    for (const media of Object.values(operation.requestBody?.content ?? {})) addExample(media, table, 'request')
    for (const [status, response] of Object.entries(operation.responses ?? {})) {
      if (operation.responses)
        operation.responses[status] = completeResponse(status, response, operation, table, responses)
    }
  }
  document.components = { ...document.components, headers, parameters, responses }
  return document
}

const reference = (kind: string, name: string) => ({ $ref: `#/components/${kind}/${name}` })
const references = (names: readonly string[]) =>
  Object.fromEntries(names.map((name) => [name, reference('headers', name)]))

function addParameters(operation: Operation, table: SchemaTable): void {
  const own = (operation.parameters ?? []).map((parameter) => {
    if (parameter.schema === undefined) return parameter
    const name = parameter.name === 'idempotency-key' ? 'Idempotency-Key' : (parameter.name ?? '')
    const example =
      name === 'Idempotency-Key'
        ? '8e03978e-40d5-43dd-bc93-6894a57f9324'
        : exampleOf(parameter.schema, table, 'response', name)
    return { ...parameter, name, ...(example !== undefined && { example }) }
  })
  const tenant = operation['x-access'] === 'none' ? [] : ['TenantHeader', 'TenantQuery']
  const shared = [...tenant, 'ApiVersion', 'AcceptLanguage', 'RequestId']
  operation.parameters = [...own, ...shared.map((name) => reference('parameters', name))]
}

function unmarkBody(operation: Operation): void {
  const { requestBody, [BODY_OPTIONAL]: isOptional } = operation
  if (requestBody !== undefined && isOptional === true) requestBody.required = false
  delete operation[BODY_OPTIONAL]
}

function addExample(media: MediaType, table: SchemaTable, side: 'request' | 'response'): void {
  if (media.schema === undefined || media.examples !== undefined) return
  const example = exampleOf(media.schema, table, side)
  if (example !== undefined) media.example ??= example
}

function completeResponse(
  status: string,
  response: Response,
  operation: Operation,
  table: SchemaTable,
  shared: Record<string, unknown>,
): Response {
  const refusal = refusalNames[status]
  const types = Object.keys(response.content ?? {})
  if (refusal !== undefined && types.length === 1 && types[0] === 'application/problem+json') {
    shared[refusal.name] ??= sharedRefusal(response, refusal)
    return reference('responses', refusal.name)
  }
  for (const media of Object.values(response.content ?? {})) addExample(media, table, 'response')
  const isCounted = operation['x-guard'] !== 'none'
  const isReplayed = operation.parameters?.some((parameter) => parameter.name === 'Idempotency-Key') === true
  const names = [
    ...Object.keys(commonHeaders),
    ...(isCounted ? Object.keys(limitHeaders) : []),
    ...(isReplayed && status.startsWith('2') ? ['Idempotency-Replayed'] : []),
  ]
  const isNamed = response.description !== undefined && response.description !== 'Default Response'
  return {
    ...response,
    description: isNamed ? response.description : (successTitles[status] ?? 'The answer.'),
    headers: { ...references(names), ...response.headers },
  } as Response
}

function sharedRefusal(response: Response, refusal: (typeof refusalNames)[string]): Response {
  const request = { id: '019bd0a4-6c00-7abc-8def-0123456789ab', locale: 'en', nowMs: 1_768_469_400_000 } as const
  const parameters = { reason: 'its syntax is wrong' }
  const faults = [{ pointer: '/email', code: 'format', message: 'must be a valid email' }]
  const isContent = problemTypes[refusal.code].status === 422
  const example = problemBody(refusal.code, { parameters, ...(isContent && { errors: faults }) }, request)
  const content = { 'application/problem+json': { ...response.content?.['application/problem+json'], example } }
  return {
    description: response.description ?? 'Refused.',
    headers: references([...Object.keys(commonHeaders), ...(refusal.headers ?? [])]),
    content,
  }
}
