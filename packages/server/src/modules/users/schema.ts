import { type Static, Type } from 'typebox'
import { Email, Id, Instant, Line, Nullable, Ref, Strict } from '../../core/shapes/fields.ts'
import { NumberedPageOf, NumberedPageQuery } from '../../core/shapes/pagination.ts'

const Locale = Type.Union([Type.Literal('en'), Type.Literal('fr')], { description: 'Language of mails and pages.' })

const Version = Type.Optional(
  Type.Integer({
    minimum: 1,
    maximum: 2_147_483_647,
    description: 'The `version` that was read: the change is refused when another was saved meanwhile.',
  }),
)

/** A person, as staff and the person read it. */
export const User = Strict(
  {
    id: Id,
    email: Type.String(),
    name: Nullable(Type.String()),
    locale: Locale,
    isActive: Type.Boolean({ description: 'Whether the account is switched on.' }),
    emailVerified: Type.Boolean(),
    mfaRequired: Type.Boolean({ description: 'Whether this person must have a second factor.' }),
    lastLoginAt: Nullable(Instant),
    version: Type.Integer(),
    createdAt: Instant,
    updatedAt: Instant,
    deletedAt: Type.Optional(Type.String({ format: 'date-time', description: 'Present on a deleted account.' })),
  },
  { $id: 'User' },
)
export type User = Static<typeof User>

export const UserPage = NumberedPageOf(Ref(User), 'UserPage')

export const UserStatus = Type.Union(
  [Type.Literal('active'), Type.Literal('unverified'), Type.Literal('inactive'), Type.Literal('deleted')],
  { description: 'Default: all but the deleted ones.' },
)
export type UserStatus = Static<typeof UserStatus>

export const UserQuery = Type.Object({
  ...NumberedPageQuery.properties,
  email: Type.Optional(Email),
  status: Type.Optional(UserStatus),
})
export type UserQuery = Static<typeof UserQuery>

export const UserParams = Strict({ id: Id })

export const UserInput = Strict(
  { email: Email, name: Type.Optional(Nullable(Line(200))), locale: Type.Optional(Locale) },
  { $id: 'UserInput' },
)
export type UserInput = Static<typeof UserInput>

const ownMembers = { name: Type.Optional(Nullable(Line(200))), locale: Type.Optional(Locale), version: Version }
const change = { additionalProperties: false, minProperties: 1, description: 'What is absent stays; null clears.' }

export const MyChange = Type.Object(ownMembers, { $id: 'MyChange', ...change })
export type MyChange = Static<typeof MyChange>

export const UserChange = Type.Object(
  { ...ownMembers, mfaRequired: Type.Optional(Type.Boolean()) },
  { $id: 'UserChange', ...change },
)
export type UserChange = Static<typeof UserChange>
