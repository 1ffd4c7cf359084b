import { type Static, Type } from 'typebox'
import { Email, Id, Instant, Line, Nullable, Paragraphs, Strict } from '../../core/shapes/fields.ts'
import { PageOf, PageQuery } from '../../core/shapes/pagination.ts'

const trap = Type.Optional(
  Type.String({ maxLength: 10_000, description: 'Leave empty: a field that people do not see and bots fill.' }),
)

/** What a website's contact form posts. */
export const ContactInput = Strict(
  {
    name: Line(200),
    email: Email,
    message: Paragraphs(10_000),
    subject: Type.Optional(Line(200)),
    consent: Type.Optional(Type.Boolean()),
    honeypot: trap,
    website: trap,
  },
  { $id: 'ContactInput' },
)
export type ContactInput = Static<typeof ContactInput>

export const ContactReceipt = Strict({ id: Id, status: Type.Literal('received') }, { $id: 'ContactReceipt' })
export type ContactReceipt = Static<typeof ContactReceipt>

export const ContactStatus = Type.Enum(['received', 'read', 'replied', 'archived', 'spam'])

/** A message as staff read it. */
export const ContactMessage = Strict(
  {
    id: Id,
    name: Type.String(),
    email: Type.String(),
    subject: Nullable(Type.String()),
    message: Type.String(),
    consent: Type.Boolean(),
    locale: Type.Enum(['en', 'fr']),
    status: ContactStatus,
    createdAt: Instant,
    updatedAt: Instant,
  },
  { $id: 'ContactMessage' },
)
export type ContactMessage = Static<typeof ContactMessage>

export const ContactMessagePage = PageOf(Type.Unsafe<ContactMessage>({ $ref: 'ContactMessage#' }), 'ContactMessagePage')

export const ContactQuery = Type.Object({ ...PageQuery.properties, status: Type.Optional(ContactStatus) })
export type ContactQuery = Static<typeof ContactQuery>

export const ContactParams = Strict({ id: Id })

export const ContactStatusInput = Strict({ status: ContactStatus }, { $id: 'ContactStatusInput' })
