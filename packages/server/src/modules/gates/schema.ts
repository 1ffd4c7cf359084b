import { type Static, Type } from 'typebox'
import { defenceProperties } from '../../core/challenge/form-defence.ts'
import { Email, Id, Instant, Line, Nullable, Ref, Strict } from '../../core/shapes/fields.ts'
import { NumberedPageOf, NumberedPageQuery, PageOf, PageQuery } from '../../core/shapes/pagination.ts'

/** In an address any text of this length may stand; what no gate can be called is an unknown gate. */
export const GateParams = Strict({ slug: Type.String({ minLength: 1, maxLength: 64 }) })

const Position = Type.Integer({ minimum: 1, description: 'Place in the waiting list; 1 is next.' })

/** Bounds of `data`: a flat record, small enough that a list of a thousand is still a page. */
const RegistrationData = Type.Record(
  Type.String(),
  Type.Union([Type.String({ maxLength: 1_000 }), Type.Number(), Type.Boolean(), Type.Null()]),
  {
    maxProperties: 30,
    // A name with a line break would escape the values' schema, which JSON Schema ties to names by `^.*$`.
    propertyNames: Line(100),
    description: 'Whatever else is asked, by name: texts, numbers and booleans.',
  },
)

/** What somebody who wants a place sends. */
export const RegistrationInput = Strict(
  {
    email: Email,
    name: Type.Optional(Line(200)),
    data: Type.Optional(RegistrationData),
    honeypot: defenceProperties.honeypot,
    website: defenceProperties.website,
  },
  { $id: 'RegistrationInput' },
)
export type RegistrationInput = Static<typeof RegistrationInput>

export const RegistrationStatus = Type.Enum(['registered', 'waitlisted'])

export const RegistrationReceipt = Strict(
  {
    id: Type.Optional(Id),
    status: Type.Enum(['registered', 'waitlisted', 'received']),
    position: Type.Optional(Position),
  },
  {
    $id: 'RegistrationReceipt',
    description:
      'With an API key: `registered` or `waitlisted`, and the same again for the same address. Without one always `received`, and nothing else.',
  },
)
export type RegistrationReceipt = Static<typeof RegistrationReceipt>

const GateSlug = Type.String({
  pattern: '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$',
  maxLength: 63,
  description: 'Lower-case letters, digits and hyphens; unique within the tenant.',
})
const Capacity = Type.Integer({
  minimum: 0,
  maximum: 1_000_000,
  examples: [125],
  description: 'How many hold a place; those who come later wait.',
})
const IsPublic = Type.Boolean({ description: 'Whether anybody may register; otherwise only with an API key.' })

/** A gate as staff read it. */
export const Gate = Strict(
  {
    id: Id,
    slug: Type.String(),
    name: Type.String(),
    capacity: Type.Integer({ minimum: 0 }),
    isPublic: Type.Boolean(),
    registered: Type.Integer({ minimum: 0, description: 'How many hold a place.' }),
    waitlisted: Type.Integer({ minimum: 0, description: 'How many wait.' }),
    createdAt: Instant,
    updatedAt: Instant,
  },
  { $id: 'Gate' },
)
export type Gate = Static<typeof Gate>

export const GatePage = NumberedPageOf(Ref(Gate), 'GatePage')

export const GateQuery = NumberedPageQuery
export type GateQuery = Static<typeof GateQuery>

export const GateInput = Strict(
  { slug: GateSlug, name: Line(200), capacity: Capacity, isPublic: Type.Optional(IsPublic) },
  { $id: 'GateInput', description: 'Without `isPublic` the gate asks for an API key.' },
)
export type GateInput = Static<typeof GateInput>

export const GateChange = Type.Object(
  {
    name: Type.Optional(Line(200)),
    capacity: Type.Optional(Capacity),
    isPublic: Type.Optional(IsPublic),
    slug: Type.Optional(GateSlug),
  },
  {
    $id: 'GateChange',
    additionalProperties: false,
    minProperties: 1,
    description:
      'What is absent stays. With more capacity the first that wait get places; with less nobody loses one, and newcomers wait.',
  },
)
export type GateChange = Static<typeof GateChange>

/** A registration as staff read it. */
export const Registration = Strict(
  {
    id: Id,
    email: Type.String(),
    name: Nullable(Type.String()),
    data: Type.Record(Type.String(), Type.Unknown()),
    status: RegistrationStatus,
    position: Nullable(Position),
    createdAt: Instant,
    registeredAt: Nullable(Type.String({ format: 'date-time', description: 'When it got its place.' })),
  },
  { $id: 'Registration' },
)
export type Registration = Static<typeof Registration>

export const RegistrationPage = PageOf(Ref(Registration), 'RegistrationPage')

export const RegistrationQuery = Type.Object({
  ...PageQuery.properties,
  status: Type.Optional(RegistrationStatus),
  email: Type.Optional(Email),
})
export type RegistrationQuery = Static<typeof RegistrationQuery>

export const RegistrationParams = Strict({ ...GateParams.properties, id: Id })
