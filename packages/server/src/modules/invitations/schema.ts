import { type Static, Type } from 'typebox'
import { Email, Id, Instant, Line, Nullable, Ref, Strict } from '../../core/shapes/fields.ts'
import { NumberedPageOf, NumberedPageQuery } from '../../core/shapes/pagination.ts'

const Locale = Type.Union([Type.Literal('en'), Type.Literal('fr')], { description: 'Language of mails and pages.' })

const InvitationStatus = Type.Union([
  Type.Literal('pending'),
  Type.Literal('accepted'),
  Type.Literal('revoked'),
  Type.Literal('expired'),
])

/** An invitation as staff read it. Its link is in the mail alone. */
export const Invitation = Strict(
  {
    id: Id,
    email: Type.String(),
    role: Type.Union([Strict({ id: Id, code: Type.String(), name: Type.String() }), Type.Null()], {
      description: 'null: the role has been deleted, and the invitation is worth nothing.',
    }),
    invitedBy: Id,
    status: InvitationStatus,
    createdAt: Instant,
    expiresAt: Instant,
    acceptedAt: Nullable(Instant),
    revokedAt: Nullable(Instant),
  },
  { $id: 'Invitation' },
)
export type Invitation = Static<typeof Invitation>
export type InvitationStatus = Static<typeof InvitationStatus>

export const InvitationPage = NumberedPageOf(Ref(Invitation), 'InvitationPage')

export const InvitationQuery = Type.Object({
  ...NumberedPageQuery.properties,
  status: Type.Optional(InvitationStatus),
})
export type InvitationQuery = Static<typeof InvitationQuery>

export const InvitationParams = Strict({ id: Id })

export const InvitationInput = Strict(
  { email: Email, roleId: Id, locale: Type.Optional(Locale) },
  { $id: 'InvitationInput' },
)
export type InvitationInput = Static<typeof InvitationInput>

export const AcceptInput = Strict(
  {
    token: Type.String({ minLength: 1, maxLength: 256, description: 'From the link in the mail.' }),
    password: Type.String({ minLength: 1, maxLength: 1_024 }),
    name: Type.Optional(Line(200)),
    email: Type.Optional(
      Type.String({
        minLength: 3,
        maxLength: 254,
        format: 'email',
        description: 'For the link of a first owner alone, which names nobody. Every other is bound to its address.',
      }),
    ),
  },
  { $id: 'AcceptInput' },
)
export type AcceptInput = Static<typeof AcceptInput>

export const Accepted = Strict(
  { id: Id, email: Type.String({ description: 'What to sign in with.' }) },
  { $id: 'Accepted' },
)
export type Accepted = Static<typeof Accepted>
