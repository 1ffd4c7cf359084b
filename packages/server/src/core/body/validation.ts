import { Ajv, type AnySchema, type Options } from 'ajv'
import formats from 'ajv-formats'
import type { FastifySchemaCompiler } from 'fastify'
import { canonicalEmail } from '../shapes/email.ts'

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
 * number there is read from its digits.
 */
export function createValidatorCompiler(shared: readonly AnySchema[]): FastifySchemaCompiler<AnySchema> {
  const strict = withFormats(new Ajv({ ...common, coerceTypes: false, schemas: [...shared] }))
  const coercing = withFormats(new Ajv({ ...common, coerceTypes: true, schemas: [...shared] }))
  return ({ schema, httpPart }) => (httpPart === 'body' ? strict : coercing).compile(schema)
}

function withFormats(ajv: Ajv): Ajv {
  formats.default(ajv, ['date-time', 'date', 'uri'])
  // The package's own format also takes `urn:uuid:…`, which PostgreSQL does not read.
  ajv.addFormat('uuid', /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i)
  ajv.addFormat('email', { type: 'string', validate: (text: string) => canonicalEmail(text) !== undefined })
  return ajv
}
