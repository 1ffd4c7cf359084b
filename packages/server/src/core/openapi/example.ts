/** A JSON Schema as OpenAPI 3.1 has it, as far as an example needs it. */
export interface ExampleSchema {
  readonly $ref?: string
  readonly type?: string | readonly string[]
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly examples?: readonly unknown[]
  readonly default?: unknown
  readonly anyOf?: readonly ExampleSchema[]
  readonly oneOf?: readonly ExampleSchema[]
  readonly properties?: Readonly<Record<string, ExampleSchema>>
  readonly required?: readonly string[]
  readonly items?: ExampleSchema
  readonly minItems?: number
  readonly minProperties?: number
  readonly minLength?: number
  readonly maxLength?: number
  readonly minimum?: number
  readonly maximum?: number
  readonly format?: string
  readonly pattern?: string
}

/** What `#/components/schemas/<name>` refers to. */
export type SchemaTable = Readonly<Record<string, ExampleSchema>>

/** `request`: the least that is accepted. `response`: every member there can be. */
type Side = 'request' | 'response'

/** Values that say what a member is for. Those that do not fit their schema are passed over. */
const byName: Readonly<Record<string, unknown>> = {
  name: 'Ada Lovelace',
  email: 'ada@example.org',
  subject: 'A question',
  message: 'Hello, do you deliver to Lyon?',
  body: 'Called back on Tuesday.',
  title: 'Not found',
  detail: 'Nothing is at this address.',
  slug: 'contact-us',
  formSlug: 'contact-us',
  version: '1.4.0',
  node: 'v24.21.0',
  label: 'E-mail address',
  en: 'E-mail address',
  fr: 'Adresse e-mail',
  page: 1,
  pageSize: 20,
  total: 1,
  totalPages: 1,
  score: 70,
  outcome: 'qualified',
  period: '2026-01',
  locale: 'en',
}

const byFormat: Readonly<Record<string, string>> = {
  uuid: '019bd0a4-6c00-7abc-8def-0123456789ab',
  'date-time': '2026-01-15T09:30:00.000Z',
  date: '2026-01-15',
  email: 'ada@example.org',
  uri: 'https://www.example.org/',
}

const words = ['example', 'contact-us', 'a', 'A', '1', 'example-text-of-some-length']

/**
 * A value that fits a schema: its own first example when it has one, else the plainest. It depends on the schema alone,
 * so the document is the same on each start.
 *
 * @returns undefined when none is found for a pattern; the schema should then carry an example of its own.
 */
export function exampleOf(schema: ExampleSchema, table: SchemaTable, side: Side, name = ''): unknown {
  const given = fixedValue(schema)
  if (given !== undefined) return given
  if (schema.$ref !== undefined) return ofReference(schema.$ref, table, side, name)
  const [choice] = schema.anyOf ?? schema.oneOf ?? []
  if (choice !== undefined) return exampleOf(choice, table, side, name)
  const type = typeof schema.type === 'string' ? schema.type : schema.type?.[0]
  switch (type) {
    case 'object':
      return ofObject(schema, table, side)
    case 'array':
      return ofArray(schema, table, side, name)
    case 'string':
      return ofString(schema, name)
    case 'integer':
    case 'number':
      return ofNumber(schema, name)
    case 'boolean':
      return true
    default:
      return type === 'null' ? null : byName[name]
  }
}

function fixedValue({ examples, const: constant, enum: options, default: fallback }: ExampleSchema): unknown {
  return examples?.[0] ?? constant ?? options?.[0] ?? fallback
}

function ofReference($ref: string, table: SchemaTable, side: Side, name: string): unknown {
  const target = table[$ref.slice($ref.lastIndexOf('/') + 1)]
  return target === undefined ? undefined : exampleOf(target, table, side, name)
}

function ofObject(schema: ExampleSchema, table: SchemaTable, side: Side): Record<string, unknown> {
  const properties = Object.entries(schema.properties ?? {})
  const needed = new Set(schema.required)
  for (const [name] of properties) {
    if (side === 'response' || needed.size < (schema.minProperties ?? 0)) needed.add(name)
  }
  const members = properties
    .filter(([name]) => needed.has(name))
    .map(([name, property]) => [name, exampleOf(property, table, side, name)] as const)
  return Object.fromEntries(members.filter(([, value]) => value !== undefined))
}

function ofArray({ items, minItems }: ExampleSchema, table: SchemaTable, side: Side, name: string): unknown[] {
  if (items === undefined || (side === 'request' && (minItems ?? 0) === 0)) return []
  const value = exampleOf(items, table, side, name)
  return value === undefined ? [] : Array.from({ length: Math.max(1, minItems ?? 1) }, () => value)
}

function ofString(schema: ExampleSchema, name: string): string | undefined {
  const { format, pattern, minLength = 0, maxLength = Number.POSITIVE_INFINITY } = schema
  const candidates = [byName[name], format === undefined ? undefined : byFormat[format], ...words]
  const expression = pattern === undefined ? undefined : new RegExp(pattern, 'u')
  return candidates.find(
    (candidate): candidate is string =>
      typeof candidate === 'string' &&
      candidate.length >= minLength &&
      candidate.length <= maxLength &&
      (format === undefined || candidate === byFormat[format] || byFormat[format] === undefined) &&
      (expression === undefined || expression.test(candidate)),
  )
}

function ofNumber({ minimum = 0, maximum = Number.POSITIVE_INFINITY }: ExampleSchema, name: string): number {
  const named = byName[name]
  return typeof named === 'number' && named >= minimum && named <= maximum
    ? named
    : Math.max(minimum, Math.min(1, maximum))
}
