import { Ajv } from 'ajv'
import type { TSchema } from 'typebox'

/** Checks values against a schema as the HTTP layer does; returns the JSON pointers and keywords broken. */
export function createSchemaCheck(schema: TSchema): (value: unknown) => string[] {
  const validate = new Ajv({ allErrors: true, strict: true, allowUnionTypes: true }).compile(schema)
  return (value) => {
    validate(value)
    return (validate.errors ?? []).map((error) => `${error.instancePath} ${error.keyword}`)
  }
}
