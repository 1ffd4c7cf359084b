import { Ajv, type AnySchemaObject, type ErrorObject, type ValidateFunction } from 'ajv'
import formats from 'ajv-formats'
import type { FastifySchemaCompiler } from 'fastify'
import type { TSchema } from 'typebox'
import { schemaFaults } from '../../core/body/schema-faults.ts'
import { ProblemError } from '../../core/problem.ts'
import { checkDefinition } from './definition/check-definition.ts'
import { Condition, FormDefinition } from './definition/schema.ts'
import { narrowErrors } from './narrow-errors.ts'

/**
 * Compiles the schemas of a route whose body holds a definition. It is taken as it is, without the defaults of its
 * schema, and a field with a fault is judged as a field of its own type, not as one of every type there is. Each is
 * compiled for its first request.
 *
 * @param shared - the schemas that the route's own refer to.
 */
export function definitionValidator(shared: readonly TSchema[]): FastifySchemaCompiler<AnySchemaObject> {
  let compilers: Compilers | undefined
  return ({ schema }) => {
    let check: Check | undefined
    const validate: { (value: unknown): boolean; errors?: ErrorObject[] } = (value) => {
      compilers ??= createCompilers(shared)
      check ??= createCheck(schema, compilers)
      validate.errors = check(value)
      return validate.errors.length === 0
    }
    return validate
  }
}

/**
 * Takes a definition from outside: a file, say.
 *
 * @throws ProblemError `invalid-content` with everything that is wrong; pointers count from the definition itself.
 */
export function readDefinition(value: unknown, locale: 'en' | 'fr'): FormDefinition {
  const validation = createCheck(FormDefinition, createCompilers([]))(value)
  if (validation.length > 0) {
    const errors = schemaFaults({ validation, validationContext: 'body' }, locale)
    throw new ProblemError('invalid-content', { errors, reason: 'schema' })
  }
  // It has just passed the schema.
  const definition = value as FormDefinition
  assertSensible(definition, '')
  return definition
}

/** @throws ProblemError `invalid-content` when a definition that fits the schema makes no sense. */
export function assertSensible(definition: FormDefinition, pointer: string): void {
  const faults = checkDefinition(definition)
  if (faults.length === 0) return
  throw new ProblemError('invalid-content', {
    errors: faults.map((fault) => ({ ...fault, pointer: `${pointer}${fault.pointer}` })),
    reason: 'definition',
  })
}

type Check = (value: unknown) => ErrorObject[]
type Compilers = Readonly<Record<'first' | 'all', Ajv>>

/** Beyond this many values only the first fault is looked for: a megabyte of nonsense would have a million. */
const mostValues = 20_000

function createCheck(schema: AnySchemaObject, compilers: Compilers): Check {
  const explains = compilers.all.compile(byKind(schema))
  let stops: ValidateFunction | undefined
  return (value) => {
    const isHuge = countValues(value, mostValues) >= mostValues
    if (isHuge) stops ??= compilers.first.compile(byKind(schema))
    const validate = isHuge && stops !== undefined ? stops : explains
    return validate(value) ? [] : narrowErrors(validate.errors ?? [])
  }
}

function createCompilers(shared: readonly AnySchemaObject[]): Compilers {
  const schemas = [...shared.map(byKind), union({ $id: 'Condition' }, Condition.anyOf)]
  const create = (allErrors: boolean): Ajv => {
    const ajv = new Ajv({
      allErrors,
      discriminator: true,
      // A definition's checks are some hundred kilobytes of code: once is enough.
      inlineRefs: false,
      strict: true,
      strictTypes: false,
      allowUnionTypes: true,
      schemas,
    })
    formats.default(ajv, ['uuid'])
    return ajv
  }
  return { first: create(false), all: create(true) }
}

/**
 * The same schema, with each union whose branches bear a `type` or an `op` of their own judged by that alone, and with
 * one copy of what a condition is instead of ten: whoever sends the first definition waits for the compiler.
 */
function byKind(schema: AnySchemaObject): AnySchemaObject {
  const { anyOf, ...rest } = schema
  if (!Array.isArray(anyOf)) return parts(rest)
  return JSON.stringify(anyOf) === conditionBranches ? { $ref: 'Condition#' } : union(rest, anyOf)
}

const conditionBranches = JSON.stringify(Condition.anyOf)

function union(rest: AnySchemaObject, anyOf: readonly AnySchemaObject[]): AnySchemaObject {
  const branches = anyOf.map(byKind)
  const tag = ['type', 'op'].find((name) => branches.every((branch) => isTagged(branch, name)))
  return tag === undefined
    ? { ...parts(rest), anyOf: branches }
    : { ...parts(rest), type: 'object', discriminator: { propertyName: tag }, oneOf: branches }
}

function parts(schema: AnySchemaObject): AnySchemaObject {
  return Object.fromEntries(Object.entries(schema).map(([key, part]) => [key, inParts(part)]))
}

function inParts(part: unknown): unknown {
  if (Array.isArray(part)) return part.map(inParts)
  return typeof part === 'object' && part !== null ? byKind(part) : part
}

function isTagged(branch: AnySchemaObject, name: string): boolean {
  const property: AnySchemaObject | undefined = branch['properties']?.[name]
  return property !== undefined && ('const' in property || 'enum' in property)
}

function countValues(value: unknown, most: number): number {
  if (typeof value !== 'object' || value === null) return 1
  let count = 1
  for (const member of Object.values(value)) {
    if (count >= most) return count
    count += countValues(member, most - count)
  }
  return count
}
