import { Ajv, type AnySchema, type ErrorObject, type Options, type ValidateFunction } from 'ajv'
import formats from 'ajv-formats'
import type { FastifySchemaCompiler } from 'fastify'
import { canonicalEmail } from '../shapes/email.ts'
import { createCanonicalIds } from './canonical-ids.ts'

const common: Options = {
  removeAdditional: false,
  useDefaults: true,
  allErrors: true,
  strict: true,
  strictTypes: false,
  allowUnionTypes: true,
  // Values of the request never end up in an error.
  verbose: false,
}

/**
 * Compiles the schemas of a route. Bodies are taken as they are; query strings, parameters and headers are text, so a
 * number there is read from its digits. Ids are handed on in lower case. Each is compiled for its first request: a start compiles none, and what nobody
 * calls costs nothing.
 *
 * @param shared - every schema with an `$id` that routes refer to.
 */
export function createValidatorCompiler(shared: readonly AnySchema[]): FastifySchemaCompiler<AnySchema> {
  const strict = createCompiler({ ...common, coerceTypes: false }, shared)
  const coercing = createCompiler({ ...common, coerceTypes: true }, shared)
  const writeIds = createCanonicalIds(shared)
  return ({ schema, httpPart }) => {
    const compile = httpPart === 'body' ? strict : coercing
    let compiled: ValidateFunction | undefined
    const validate: Validator = (value) => {
      compiled ??= compile(schema)
      const isValid = compiled(value)
      validate.errors = compiled.errors ?? null
      if (!isValid) return false
      const unstorable = httpPart === 'body' ? [] : unstorableFaults(schema, value)
      if (unstorable.length > 0) {
        validate.errors = unstorable
        return false
      }
      writeIds(schema, value)
      return true
    }
    return validate
  }
}

/** As Fastify calls it: what is wrong stands on the function itself until the next call. */
interface Validator {
  (value: unknown): boolean
  errors?: ErrorObject[] | null
}

/**
 * What the schema lets pass and PostgreSQL does not read. Texts with U+0000: in a body the parser refuses it, in a path the
 * router. Numbers that are none, such as `Infinity` and `1e309`: coerced, they are held to no bound.
 */
function unstorableFaults(schema: AnySchema, query: unknown): ErrorObject[] {
  const values = Object(query) as Readonly<Record<string, unknown>>
  const declared = typeof schema === 'object' ? Object.keys(Object(schema['properties'])) : []
  return declared.flatMap((name) =>
    [values[name]].flat().flatMap((value) => {
      const fault = { instancePath: `/${name}`, schemaPath: '#' }
      if (typeof value === 'string' && value.includes('\0')) return { ...fault, keyword: 'pattern', params: {} }
      const isEndless = typeof value === 'number' && !Number.isFinite(value)
      return isEndless ? { ...fault, keyword: 'type', params: { type: 'integer' } } : []
    }),
  )
}

function createCompiler(options: Options, shared: readonly AnySchema[]): (schema: AnySchema) => ValidateFunction {
  let ajv: Ajv | undefined
  return (schema) => {
    ajv ??= withFormats(new Ajv({ ...options, schemas: [...shared] }))
    return ajv.compile(schema)
  }
}

function withFormats(ajv: Ajv): Ajv {
  formats.default(ajv, ['date', 'uri'])
  ajv.addFormat('date-time', { type: 'string', validate: isInstant })
  // The package's own format also takes `urn:uuid:…`, which PostgreSQL does not read.
  ajv.addFormat('uuid', /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i)
  ajv.addFormat('email', { type: 'string', validate: (text: string) => canonicalEmail(text) !== undefined })
  return ajv
}

const rfc3339 =
  /^(\d{4}-\d{2}-\d{2})[T ](?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/i

/**
 * RFC 3339, of what `Date` and PostgreSQL hold and an answer can say again: no leap second, and no year beyond 9999 in
 * UTC, whatever the offset says.
 */
function isInstant(text: string): boolean {
  const [, day] = rfc3339.exec(text) ?? []
  if (day === undefined || !isDay(day)) return false
  const year = new Date(text).getUTCFullYear()
  return year >= 1 && year <= 9_999
}

/** `Date` takes the 30th of February for the 2nd of March. */
function isDay(day: string): boolean {
  const midnight = new Date(`${day}T00:00:00Z`)
  return !Number.isNaN(midnight.getTime()) && midnight.toISOString().startsWith(day)
}
