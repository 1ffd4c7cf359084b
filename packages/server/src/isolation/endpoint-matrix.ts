import { randomUUID } from 'node:crypto'
import { type DescribedOperation, describedOperations, followed, type OpenApi } from './described-operations.ts'
import { namedRows } from './endpoint-ids.ts'

/** A place of an operation where its caller names something. */
export interface NamingPlace {
  readonly described: DescribedOperation
  readonly place: 'path' | 'query' | 'body'
  readonly name: string
  /** Its key in `namedRows`. */
  readonly entry: string
}

/** Makes one call of the API, of a client that has made none before. */
export type Call = (request: {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly payload?: object
}) => Promise<{
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: string
}>

/** A caller, who may call anything within one tenant. */
export interface Holder {
  readonly name: string
  readonly tenantId: string
  readonly headers: Readonly<Record<string, string>>
}

/** An id of another tenant, put where an operation takes one. */
export interface EndpointCell {
  readonly holder: string
  readonly method: string
  readonly path: string
  readonly place: NamingPlace['place']
  readonly name: string
  readonly status: number
  /** The answer is, byte for byte, the one about an id that nobody has. */
  readonly holds: boolean
}

/** Every place of every operation of a document where its caller names something. */
export function namingPlaces(document: OpenApi): readonly NamingPlace[] {
  return describedOperations(document).flatMap((described) => {
    const named = (place: NamingPlace['place'], name: string): NamingPlace => ({
      described,
      place,
      name,
      entry: `${segmentOf(described)} ${name}`,
    })
    const parameters = (described.operation.parameters ?? []).flatMap((parameter) => {
      const isId = parameter.in === 'path' || (parameter.in === 'query' && parameter.schema['format'] === 'uuid')
      return isId ? [named(parameter.in === 'path' ? 'path' : 'query', parameter.name)] : []
    })
    return [...parameters, ...idsOfBody(document, described).map((name) => named('body', name))]
  })
}

/** Asks, as `holder`, about every id of `theirs` that an operation can name, and about one that nobody has. */
export async function attackEndpoints(
  call: Call,
  document: OpenApi,
  holder: Holder,
  theirs: string,
): Promise<readonly EndpointCell[]> {
  const cells: EndpointCell[] = []
  for (const target of namingPlaces(document)) {
    const foreignId = namedRows[target.entry]?.(theirs)
    if (foreignId === undefined) continue
    const random = await ask(call, document, target, neighbourOf(foreignId), holder)
    const foreign = await ask(call, document, target, foreignId, holder)
    const { described, place, name } = target
    cells.push({
      holder: holder.name,
      method: described.method,
      path: described.path,
      place,
      name,
      status: foreign.status,
      holds: isSame(random, foreign) && foreign.status < 500 && !foreign.body.includes(theirs),
    })
  }
  return cells
}

/** What is answered, without what differs between any two answers. */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: string
}

/** Whether two answers cannot be told apart. */
export const isSame = (one: Answer, other: Answer): boolean => JSON.stringify(one) === JSON.stringify(other)

/** Makes the call with one of its ids replaced and every other one the caller's own. */
export async function ask(
  call: Call,
  document: OpenApi,
  { described, place, name }: NamingPlace,
  id: string,
  { tenantId, headers }: Holder,
): Promise<Answer> {
  const { method, path, operation } = described
  const own = (each: string): string => namedRows[`${segmentOf(described)} ${each}`]?.(tenantId) ?? '1'
  const target = path.replaceAll(/\{(\w+)\}/g, (_, each: string) =>
    place === 'path' && each === name ? id : own(each),
  )
  const example = operation.requestBody?.content['application/json']?.example as object | undefined
  const ids = Object.fromEntries(idsOfBody(document, described).map((each) => [each, own(each)]))
  const payload = example && { ...example, ...ids, ...(place === 'body' && { [name]: id }) }
  const answer = await call({
    method,
    url: place === 'query' ? `${target}?${name}=${id}` : target,
    headers,
    ...(payload && { payload }),
  })
  const { date: _d, 'x-request-id': requestId, 'x-response-time': _t, traceparent: _p, ...rest } = answer.headers
  const body = answer.body
    .replaceAll(String(requestId), '<request>')
    .replaceAll(id, '<id>')
    .replace(/"timestamp":"[^"]+"/, '"timestamp":"<now>"')
  return { status: answer.status, headers: rest, body }
}

/** An id beside another, which nobody has: lists that go by order have nothing in between. */
export const neighbourOf = (id: string): string =>
  /[0-9a-f]{12}$/.test(id) ? id.slice(0, -12) + randomUUID().slice(-12) : id.slice(0, -4) + randomUUID().slice(0, 4)

const segmentOf = ({ path }: DescribedOperation): string => /^\/api\/v1\/([a-z0-9-]+)/.exec(path)?.[1] ?? ''

function idsOfBody(document: OpenApi, { operation }: DescribedOperation): readonly string[] {
  const schema = operation.requestBody?.content['application/json']?.schema
  const properties = schema === undefined ? {} : (followed(document, schema)['properties'] ?? {})
  return Object.entries(properties as Record<string, { readonly format?: string }>).flatMap(([name, { format }]) =>
    format === 'uuid' ? [name] : [],
  )
}
