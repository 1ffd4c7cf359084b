import { type Static, Type } from 'typebox'
import { Id, Instant, Line, Nullable, Ref, Strict } from '../../core/shapes/fields.ts'
import { NumberedPageOf, NumberedPageQuery, PageOf, PageQuery } from '../../core/shapes/pagination.ts'
import { type WebhookEvent, webhookEvents } from '../../core/webhooks/events.ts'

const Events = Type.Array(Type.Unsafe<WebhookEvent>({ type: 'string', enum: [...webhookEvents] }), {
  minItems: 1,
  maxItems: webhookEvents.length,
  uniqueItems: true,
})

const Url = Type.String({
  minLength: 8,
  maxLength: 2000,
  pattern: '^https?://[\\x21-\\x7E]+$',
  description:
    'https, at a public address, on port 443 or 8443, without credentials and fragment. Addresses are judged at each connection, and redirects are not followed.',
  examples: ['https://hooks.example.org/rempart'],
})

const IncludeData = Type.Boolean({
  description:
    'Whether names, addresses and answers of people are sent too, as `data.personal`. Default false: ids, which a receiver that needs more asks this API about, so that erasing a person here is enough.',
})

/** Where a tenant wants to be told of what happens. */
export const Webhook = Strict(
  {
    id: Id,
    url: Type.String(),
    description: Nullable(Type.String()),
    events: Type.Array(Type.String()),
    includeData: IncludeData,
    isEnabled: Type.Boolean(),
    disabledReason: Nullable(
      Type.Union([Type.Literal('staff'), Type.Literal('gone'), Type.Literal('failing')], {
        description:
          '`staff`: somebody switched it off. `gone`: the receiver answered 410. `failing`: it took nothing for five days.',
      }),
    ),
    failingSince: Nullable(Instant),
    previousSecretUntil: Nullable(Instant),
    createdAt: Instant,
    updatedAt: Instant,
  },
  { $id: 'Webhook' },
)
export type Webhook = Static<typeof Webhook>

export const WebhookPage = NumberedPageOf(Ref(Webhook), 'WebhookPage')
export const WebhookQuery = NumberedPageQuery
export type WebhookQuery = Static<typeof WebhookQuery>

export const NewWebhook = Strict(
  {
    webhook: Ref(Webhook),
    secret: Type.String({ description: 'What deliveries are signed with, `whsec_…`. It is answered this once.' }),
  },
  { $id: 'NewWebhook' },
)
export type NewWebhook = Static<typeof NewWebhook>

export const WebhookInput = Strict(
  { url: Url, description: Type.Optional(Line(200)), events: Events, includeData: Type.Optional(IncludeData) },
  { $id: 'WebhookInput' },
)
export type WebhookInput = Static<typeof WebhookInput>

export const WebhookChange = Type.Object(
  {
    url: Type.Optional(Url),
    description: Type.Optional(Nullable(Line(200))),
    events: Type.Optional(Events),
    includeData: Type.Optional(IncludeData),
    isEnabled: Type.Optional(Type.Boolean()),
  },
  { $id: 'WebhookChange', additionalProperties: false, minProperties: 1, examples: [{ isEnabled: true }] },
)
export type WebhookChange = Static<typeof WebhookChange>

export const WebhookParams = Type.Object({ id: Id })
export const DeliveryParams = Type.Object({ id: Id, deliveryId: Id })

/** One event for one webhook, and how telling it went. */
export const WebhookDelivery = Strict(
  {
    id: Type.String({ description: 'The `webhook-id` that the receiver sees, at every attempt and replay the same.' }),
    type: Type.String(),
    state: Type.Union([Type.Literal('pending'), Type.Literal('delivered'), Type.Literal('failed')]),
    createdAt: Instant,
    settledAt: Nullable(Instant),
    nextAttemptAt: Nullable(Instant),
    attempts: Type.Array(
      Strict({
        number: Type.Integer({ minimum: 1 }),
        at: Instant,
        durationMs: Type.Integer({ minimum: 0 }),
        status: Nullable(Type.Integer({ minimum: 100, maximum: 999 })),
        error: Nullable(
          Type.String({
            description:
              'Why there was no answer: `address` (the name leads to no public address), `connection`, `tls`, `timeout` or `answer` (it is not HTTP).',
          }),
        ),
      }),
      { description: 'The last 20, newest first.' },
    ),
  },
  { $id: 'WebhookDelivery' },
)
export type WebhookDelivery = Static<typeof WebhookDelivery>

export const WebhookDeliveryPage = PageOf(Ref(WebhookDelivery), 'WebhookDeliveryPage')
export const DeliveryQuery = Type.Object({
  ...PageQuery.properties,
  state: Type.Optional(
    Type.Unsafe<WebhookDelivery['state']>({ type: 'string', enum: ['pending', 'delivered', 'failed'] }),
  ),
})
export type DeliveryQuery = Static<typeof DeliveryQuery>

/** What was queued. */
export const QueuedDelivery = Strict({ deliveryId: Id }, { $id: 'QueuedDelivery' })
export type QueuedDelivery = Static<typeof QueuedDelivery>
