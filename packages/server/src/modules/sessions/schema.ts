import { type Static, Type } from 'typebox'
import { Id, Instant, Nullable, Ref, Strict } from '../../core/shapes/fields.ts'
import { NumberedPageOf, NumberedPageQuery } from '../../core/shapes/pagination.ts'

/** What anybody who may see a session is shown of it. */
const facts = {
  device: Nullable(Type.String({ description: 'What the device called itself: "Firefox, Linux".' })),
  transport: Type.Union([Type.Literal('bearer'), Type.Literal('cookie')]),
  aal: Type.Union([Type.Literal(1), Type.Literal(2)], { description: '2 once a second factor was shown.' }),
  amr: Type.Array(Type.String(), { description: 'How the person proved who they are (RFC 8176).' }),
  authTime: Instant,
  createdAt: Instant,
  lastSeenAt: Type.String({ format: 'date-time', description: 'Within a minute of the last use.' }),
  expiresAt: Type.String({ format: 'date-time', description: 'When it ends if it is not used before.' }),
}

export const Session = Strict(
  {
    id: Id,
    current: Type.Boolean({ description: 'Whether it is the session of this very call.' }),
    address: Nullable(Type.String({ description: 'Where the person signed in from.' })),
    userAgent: Nullable(Type.String()),
    ...facts,
  },
  { $id: 'Session' },
)
export type Session = Static<typeof Session>

export const UserSession = Strict({ id: Id, ...facts }, { $id: 'UserSession' })
export type UserSession = Static<typeof UserSession>

export const UserSessionPage = NumberedPageOf(Ref(UserSession), 'UserSessionPage')

export const SessionPage = NumberedPageOf(Ref(Session), 'SessionPage')

export const SessionQuery = Type.Object({ ...NumberedPageQuery.properties })
export type SessionQuery = Static<typeof SessionQuery>

export const SessionParams = Strict({ id: Id })

export const EndSessionsQuery = Type.Object({
  all: Type.Optional(
    Type.Boolean({ default: false, description: 'true: the session of this call too; false: every other.' }),
  ),
})

export const SessionLinkInput = Strict(
  { token: Type.String({ minLength: 1, maxLength: 256, description: 'From the link in the mail.' }) },
  { $id: 'SessionLinkInput' },
)

export const EndedSessions = Strict(
  { ended: Type.Integer({ minimum: 0, description: 'How many ended by this call.' }) },
  { $id: 'EndedSessions' },
)
export type EndedSessions = Static<typeof EndedSessions>

export const EverybodyInput = Strict(
  {
    ownToo: Type.Optional(
      Type.Boolean({ default: false, description: 'true: the session of this call ends as well; false: it stays.' }),
    ),
  },
  { $id: 'EverybodyInput' },
)

export const EndedSessionsOfAll = Strict(
  {
    ended: Type.Integer({ minimum: 0, description: 'How many sessions ended by this call.' }),
    people: Type.Integer({ minimum: 0, description: 'Of how many people.' }),
  },
  { $id: 'EndedSessionsOfAll' },
)
export type EndedSessionsOfAll = Static<typeof EndedSessionsOfAll>
