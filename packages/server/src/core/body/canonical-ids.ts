import type { AnySchema } from 'ajv'

/** Writes the ids in a value as the database does, in the value itself, which fits the schema. */
export type CanonicalIds = (schema: AnySchema, value: unknown) => void

interface Described {
  readonly $ref?: string
  readonly format?: string
  readonly properties?: Readonly<Record<string, Described>>
  readonly items?: Described
  readonly anyOf?: readonly Described[]
  readonly oneOf?: readonly Described[]
  readonly allOf?: readonly Described[]
  readonly [keyword: string]: unknown
}

const uuid = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i

/**
 * Ids in capitals are the same ids (RFC 9562 §4). From here on they are spelt in one way: what is compared with an id
 * as text, counted under it or written down beside it, is the same however it was sent.
 *
 * @param shared - every schema with an `$id` that others may refer to.
 */
export function createCanonicalIds(shared: readonly AnySchema[]): CanonicalIds {
  const named = new Map<string, Described>(
    shared.flatMap((each) => (typeof each === 'object' && each['$id'] ? [[`${String(each['$id'])}#`, each]] : [])),
  )
  const known = new WeakMap<Described, boolean>()
  const places: Places = {
    resolve: (reference) => named.get(reference.$ref ?? '') ?? reference,
    holds(schema) {
      const found = known.get(schema) ?? holdsIds(schema, places.resolve, new Set())
      known.set(schema, found)
      return found
    },
  }
  return (schema, value) => {
    if (typeof schema === 'object') canonical(schema, value, places)
  }
}

interface Places {
  readonly resolve: (reference: Described) => Described
  /** Whether there is a place for an id in what fits it. */
  readonly holds: (schema: Described) => boolean
}

const branchesOf = ({ anyOf = [], oneOf = [], allOf = [] }: Described): readonly Described[] => [
  ...anyOf,
  ...oneOf,
  ...allOf,
]

function holdsIds(reference: Described, resolve: Places['resolve'], seen: Set<Described>): boolean {
  const schema = resolve(reference)
  if (schema.format === 'uuid') return true
  if (seen.has(schema)) return false
  seen.add(schema)
  const { properties = {}, items } = schema
  const parts = [...Object.values(properties), ...(items === undefined ? [] : [items]), ...branchesOf(schema)]
  return parts.some((part) => holdsIds(part, resolve, seen))
}

function canonical(reference: Described, value: unknown, places: Places): unknown {
  const schema = places.resolve(reference)
  if (!places.holds(schema)) return value
  const held = branchesOf(schema).reduce((before, branch) => canonical(branch, before, places), value)
  if (typeof held === 'string') return schema.format === 'uuid' && uuid.test(held) ? held.toLowerCase() : held
  if (Array.isArray(held)) inList(schema, held, places)
  else if (typeof held === 'object' && held !== null) inObject(schema, held, places)
  return held
}

function inList({ items }: Described, list: unknown[], places: Places): void {
  if (items === undefined) return
  for (const [index, each] of list.entries()) list[index] = canonical(items, each, places)
}

function inObject({ properties = {} }: Described, object: object, places: Places): void {
  for (const [name, schema] of Object.entries(properties)) {
    if (!Object.hasOwn(object, name)) continue
    const before: unknown = Reflect.get(object, name)
    const after = canonical(schema, before, places)
    if (after !== before) Reflect.set(object, name, after)
  }
}
