import { type Static, Type } from 'typebox'
import { scopes } from '../../core/access/access.ts'
import { Id, Instant, Line, Nullable, Ref, Strict } from '../../core/shapes/fields.ts'
import { NumberedPageOf, NumberedPageQuery } from '../../core/shapes/pagination.ts'

/** A key that a person makes ends by itself: after so many days when nothing is said, and after so many at most. */
export const DEFAULT_DAYS = 90
const MOST_DAYS = 365

export const ApiKey = Strict(
  {
    id: Id,
    prefix: Type.String({ description: 'The part of the key that tells it from others, and no secret.' }),
    name: Type.String(),
    scopes: Type.Array(Type.String(), {
      description: 'What it was given. Of these it can do what its maker may do at that moment.',
    }),
    networks: Type.Array(Type.String(), { description: 'Where it may be used from; none: from anywhere.' }),
    createdBy: Nullable(Type.String({ format: 'uuid', description: 'null: the command line.' })),
    createdAt: Instant,
    expiresAt: Nullable(Instant),
    revokedAt: Nullable(Instant),
    lastUsedAt: Nullable(Type.String({ format: 'date-time', description: 'Within a minute.' })),
    rotatedFrom: Nullable(Type.String({ format: 'uuid', description: 'The key that it takes the place of.' })),
    graceUntil: Nullable(
      Type.String({ format: 'date-time', description: 'It was replaced, and is good until then at most.' }),
    ),
  },
  { $id: 'ApiKey' },
)
export type ApiKey = Static<typeof ApiKey>

export const ApiKeyPage = NumberedPageOf(Ref(ApiKey), 'ApiKeyPage')

export const NewApiKey = Strict(
  { apiKey: Ref(ApiKey), key: Type.String({ description: 'The whole key. Shown this once, and stored nowhere.' }) },
  { $id: 'NewApiKey' },
)
export type NewApiKey = Static<typeof NewApiKey>

const ExpiresInDays = Type.Optional(Type.Integer({ minimum: 1, maximum: MOST_DAYS, default: DEFAULT_DAYS }))

export const ApiKeyInput = Strict(
  {
    name: Line(200),
    scopes: Type.Array(Type.Union(scopes.map((scope) => Type.Literal(scope))), {
      minItems: 1,
      maxItems: scopes.length,
      uniqueItems: true,
      description: 'Nothing that one may not do oneself.',
    }),
    expiresInDays: ExpiresInDays,
    networks: Type.Optional(
      Type.Array(Type.String({ minLength: 2, maxLength: 49, examples: ['203.0.113.0/24'] }), {
        maxItems: 20,
        description: 'Addresses and CIDR blocks that it may be used from; none: from anywhere.',
      }),
    ),
  },
  { $id: 'ApiKeyInput' },
)
export type ApiKeyInput = Static<typeof ApiKeyInput>

export const ApiKeyRotation = Strict(
  {
    expiresInDays: ExpiresInDays,
    overlapHours: Type.Optional(
      Type.Integer({ minimum: 0, maximum: 168, default: 24, description: 'How long the old key stays good.' }),
    ),
  },
  { $id: 'ApiKeyRotation' },
)
export type ApiKeyRotation = Static<typeof ApiKeyRotation>

export const ApiKeyParams = Strict({ id: Id })

export const ApiKeyQuery = Type.Object({ ...NumberedPageQuery.properties })
export type ApiKeyQuery = Static<typeof ApiKeyQuery>

export const UsageQuery = Type.Object({
  days: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 90, default: 30, description: 'Today and those before it.' }),
  ),
})

export const ApiKeyUsage = Strict(
  {
    items: Type.Array(
      Strict({
        day: Type.String({ format: 'date', description: 'In UTC.' }),
        endpoint: Type.String({ description: 'The group of operations: contact, forms, leads …' }),
        status: Type.String({ pattern: '^[1-5]xx$', examples: ['2xx'] }),
        count: Type.Integer({ minimum: 1 }),
      }),
    ),
  },
  { $id: 'ApiKeyUsage', description: 'Calls that the key was let in with; within a few seconds.' },
)
export type ApiKeyUsage = Static<typeof ApiKeyUsage>
