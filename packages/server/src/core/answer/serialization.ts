import fastJsonStringify from 'fast-json-stringify'
import type { FastifySerializerCompiler } from 'fastify'
import type { TSchema } from 'typebox'

type Schema = Parameters<typeof fastJsonStringify>[0]
type Shared = ReadonlyMap<string, TSchema>

/**
 * Compiles the serialisers of responses: nothing leaves that a schema does not name. Each one is compiled for its first
 * answer: a start compiles none. Problems are built member by member and need no compiled serialiser.
 *
 * @param schemas - every schema with an `$id` that responses refer to.
 */
export function createSerializerCompiler(schemas: readonly TSchema[]): FastifySerializerCompiler<unknown> {
  const shared: Shared = new Map(schemas.map((schema) => [String(Reflect.get(schema, '$id')), schema]))
  return ({ schema, contentType }) => {
    if (contentType === 'application/problem+json') return JSON.stringify
    let compiled: ((value: unknown) => string) | undefined
    return (value: unknown) => {
      compiled ??= compileSerializer(schema, shared)
      return compiled(value)
    }
  }
}

/**
 * Compiles one, with the shared schemas it refers to and no other: given all of them it takes several times as long.
 *
 * @param shared - by `$id`.
 * @throws Error when the schema refers to one that is not there, or is none.
 */
export function compileSerializer(schema: unknown, shared: Shared): (value: unknown) => string {
  // Fastify hands over what the route declared: a JSON Schema.
  return fastJsonStringify(schema as Schema, { schema: referred(schema, shared) as Record<string, Schema> })
}

/** The shared schemas that one refers to, directly or through another. */
function referred(schema: unknown, shared: Shared, found: Record<string, TSchema> = {}): Record<string, TSchema> {
  for (const id of references(schema)) {
    const target = shared.get(id)
    if (target === undefined || id in found) continue
    found[id] = target
    referred(target, shared, found)
  }
  return found
}

function* references(value: unknown): Generator<string> {
  if (typeof value !== 'object' || value === null) return
  for (const [name, member] of Object.entries(value)) {
    if (name === '$ref' && typeof member === 'string') yield member.replace(/#.*$/, '')
    else yield* references(member)
  }
}
