import { type Static, Type } from 'typebox'
import { Id, Instant, Nullable, Ref, Strict } from '../../core/shapes/fields.ts'
import { PageOf, PageQuery } from '../../core/shapes/pagination.ts'

const EventType = Type.Union(
  [Type.Literal('refused'), Type.Literal('challenged'), Type.Literal('shadow-refused'), Type.Literal('alert')],
  {
    description:
      '`shadow-refused`: admitted, and a rule in shadow would have refused it. `alert`: a ladder has reached one.',
  },
)

const Name = Type.String({ minLength: 1, maxLength: 64 })

/** One counter of a decision, before it and after it. */
export const EventCounter = Strict(
  {
    ruleId: Type.String(),
    before: Type.Number({ description: 'Units, attempts or slots in use.' }),
    after: Type.Number(),
    cost: Type.Number({ description: 'What the request asked for.' }),
    capacity: Type.Number({ description: 'What the counter holds at most at once; 0 for a ladder.' }),
    windowMs: Type.Number(),
    fits: Type.Boolean(),
    cooling: Type.Boolean({ description: 'Whether a cooldown refuses.' }),
    waitMs: Nullable(Type.Number({ description: 'Until the request would have fitted; null for never.' })),
  },
  { $id: 'SecurityEventCounter' },
)
export type EventCounter = Static<typeof EventCounter>

const facts = {
  id: Id,
  type: EventType,
  createdAt: Instant,
  lastAt: Instant,
  count: Type.Integer({
    minimum: 1,
    description: 'How often it came within a minute, of one client, by one rule; the other members are of the first.',
  }),
  policyId: Type.String(),
  policyVersion: Type.String({ description: 'Names the policy as it was in force.' }),
  ruleId: Type.String(),
  reason: Nullable(Type.String()),
  fpPrefix: Nullable(Type.String({ description: 'Names the client as log lines do, for a day.' })),
  route: Type.String(),
  requestId: Type.String({ description: 'Of the first; its log line has the same.' }),
}

/** A refusal, a challenge, or what would have been one. */
export const SecurityEvent = Strict(facts, { $id: 'SecurityEvent' })
export type SecurityEvent = Static<typeof SecurityEvent>

/** Why it came to it, from what was stored then. */
const Explanation = Strict({
  sentences: Type.Array(Type.String(), { description: 'In the language of the request.' }),
  agrees: Nullable(
    Type.Boolean({ description: 'Whether the figures, counted again, give the same; null where there are none.' }),
  ),
  admittedAt: Nullable(
    Type.String({
      format: 'date-time',
      description: 'From when on the same request would have been admitted; null when no time can be told.',
    }),
  ),
  isPolicyInForce: Type.Boolean({ description: 'Whether the policy is today what it was then.' }),
})

export const SecurityEventDetail = Strict(
  {
    ...facts,
    cost: Type.Integer(),
    clockMs: Type.Number({ description: 'The monotonic clock of the process that decided.' }),
    retryAfterMs: Nullable(Type.Number()),
    degraded: Type.Boolean({ description: 'Whether the store of the counters did not answer.' }),
    counters: Type.Array(Ref(EventCounter)),
    signals: Nullable(Type.Record(Type.String(), Type.Number(), { description: 'Scores by source, 0 to 100.' })),
    subjects: Type.Record(Type.String(), Type.String(), { description: 'Keyed hashes of what was counted by.' }),
    explanation: Explanation,
  },
  { $id: 'SecurityEventDetail' },
)
export type SecurityEventDetail = Static<typeof SecurityEventDetail>

export const SecurityEventPage = PageOf(Ref(SecurityEvent), 'SecurityEventPage')

export const SecurityEventQuery = Type.Object({
  ...PageQuery.properties,
  type: Type.Optional(EventType),
  policy: Type.Optional(Name),
  rule: Type.Optional(Name),
  fpPrefix: Type.Optional(Type.String({ pattern: '^[0-9a-f]{8}$', examples: ['5f3a09c1'] })),
  since: Type.Optional(Type.String({ format: 'date-time', description: 'First seen from this instant on.' })),
  until: Type.Optional(Type.String({ format: 'date-time', description: 'First seen before this instant.' })),
})
export type SecurityEventQuery = Static<typeof SecurityEventQuery>

export const SecurityEventParams = Strict({ id: Id })
