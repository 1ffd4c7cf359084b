import { type Static, Type } from 'typebox'
import { Id, Instant, Line, Nullable, Paragraphs, Ref, Strict } from '../../core/shapes/fields.ts'
import { NumberedPageOf, NumberedPageQuery } from '../../core/shapes/pagination.ts'

/** Long enough for any address that is meant to be shown; browsers and proxies cut much longer ones. */
export const maxUrlLength = 2_048

const Url = Type.String({
  maxLength: maxUrlLength,
  pattern: '^https?://[^\\s\\u0000-\\u001F\\u007F-\\u009F]+$',
  description: 'http or https, without user name or password. Stored in its canonical form.',
  examples: ['https://www.example.org/guide'],
})

const Category = Line(100, { description: 'Groups resources; as you like.' })

/** A resource, as visitors and staff read it. */
export const Resource = Strict(
  {
    id: Id,
    title: Type.String(),
    summary: Nullable(Type.String()),
    url: Nullable(Type.String()),
    category: Nullable(Type.String()),
    createdAt: Instant,
    updatedAt: Instant,
    deletedAt: Type.Optional(
      Type.String({ format: 'date-time', description: 'Present on a deleted resource, which only staff see.' }),
    ),
  },
  { $id: 'Resource' },
)
export type Resource = Static<typeof Resource>

export const ResourcePage = NumberedPageOf(Ref(Resource), 'ResourcePage')

export const ResourceQuery = Type.Object({
  ...NumberedPageQuery.properties,
  category: Type.Optional(Category),
  deleted: Type.Optional(
    Type.Boolean({ default: false, description: 'true: the deleted resources, with an API key; false: the others.' }),
  ),
})
export type ResourceQuery = Static<typeof ResourceQuery>

export const ResourceParams = Strict({ id: Id })

const details = {
  summary: Type.Optional(Nullable(Paragraphs(2_000))),
  url: Type.Optional(Nullable(Url)),
  category: Type.Optional(Nullable(Category)),
}

export const ResourceInput = Strict({ title: Line(200), ...details }, { $id: 'ResourceInput' })
export type ResourceInput = Static<typeof ResourceInput>

export const ResourceChange = Type.Object(
  { title: Type.Optional(Line(200)), ...details },
  {
    $id: 'ResourceChange',
    additionalProperties: false,
    minProperties: 1,
    description: 'What is absent stays; null clears.',
  },
)
export type ResourceChange = Static<typeof ResourceChange>
