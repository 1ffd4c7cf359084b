/** The parts of an OpenAPI document that tests read. */
export interface OpenApi {
  readonly openapi: string
  readonly tags: readonly { readonly name: string; readonly description: string }[]
  readonly paths: Readonly<Record<string, Readonly<Record<string, RawOperation>>>>
  readonly components: Readonly<Record<string, Readonly<Record<string, unknown>>>>
}

export interface MediaType {
  readonly schema: JsonSchema
  readonly example?: unknown
}

/** A JSON Schema, read member by member. */
export interface JsonSchema {
  readonly [keyword: string]: unknown
}

export interface Parameter {
  readonly name: string
  readonly in: 'path' | 'query' | 'header'
  readonly required?: boolean
  readonly schema: JsonSchema
  readonly example?: unknown
}

interface Response {
  readonly description: string
  readonly headers?: Readonly<Record<string, unknown>>
  readonly content?: Readonly<Record<string, MediaType>>
}

interface RawOperation {
  readonly operationId: string
  readonly summary?: string
  readonly tags?: readonly string[]
  readonly security?: readonly Readonly<Record<string, readonly string[]>>[]
  readonly parameters?: readonly Parameter[]
  readonly requestBody?: { readonly required?: boolean; readonly content: Readonly<Record<string, MediaType>> }
  readonly responses: Readonly<Record<string, Response>>
  readonly 'x-access': string
  readonly 'x-guard': string
}

/** One operation with its shared parameters and responses in place. Schemas keep their references. */
export interface DescribedOperation {
  readonly method: string
  /** `/api/v1/contact/messages/{id}` */
  readonly path: string
  readonly operation: RawOperation
}

export function describedOperations(document: OpenApi): readonly DescribedOperation[] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, raw]) => ({
      method: method.toUpperCase(),
      path,
      operation: {
        ...raw,
        parameters: (raw.parameters ?? []).map((parameter) => followed(document, parameter)),
        responses: Object.fromEntries(
          Object.entries(raw.responses).map(([status, response]) => [status, followed(document, response)]),
        ),
      },
    })),
  )
}

/** What a schema refers to, or the schema itself. */
export function followed<T extends object>(document: OpenApi, value: T): T {
  const reference = (value as { $ref?: unknown }).$ref
  if (typeof reference !== 'string') return value
  const [, kind = '', name = ''] = /^#\/components\/([^/]+)\/([^/]+)$/.exec(reference) ?? []
  const found = document.components[kind]?.[name]
  if (found === undefined) throw new RangeError(`${reference} refers to nothing`)
  // A component stands for what refers to it.
  return found as T
}
