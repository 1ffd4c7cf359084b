import { MAX_DURATION_MS } from '../duration.ts'
import type { RuleInput } from '../rule-kinds.ts'
import { MAX_UNITS } from '../rules/rate-limit.ts'

/** A JSON Schema, draft 7: what editors know best. */
export type JsonSchema = Readonly<Record<string, unknown>>

type KeysOf<T> = T extends unknown ? keyof T : never
type Kind = RuleInput['kind']

/** How one kind of rule reads. Its fields are those of its type, every one: a field added there is asked for here. */
interface KindSchema<K extends Kind> {
  readonly about: string
  readonly fields: Readonly<Record<Exclude<KeysOf<Extract<RuleInput, { kind: K }>>, 'id' | 'kind'>, JsonSchema>>
  readonly required: readonly Exclude<KeysOf<Extract<RuleInput, { kind: K }>>, 'id' | 'kind'>[]
  /** What its fields owe each other. */
  readonly also?: JsonSchema
}

const units = (about: string): JsonSchema => ({ type: 'integer', minimum: 1, maximum: MAX_UNITS, description: about })

const oneOf = (about: string, ...words: readonly string[]): JsonSchema => ({ enum: words, description: about })

const durationOf = (about: string, minMs: 0 | 1): JsonSchema => ({
  description: `${about} A number with its unit (ms, s, m, h, d, w), or whole milliseconds; 400 days at most.`,
  anyOf: [
    { type: 'string', pattern: minMs === 0 ? '^\\d{1,15}(?:ms|[smhdw])$' : '^(?=0*[1-9])\\d{1,15}(?:ms|[smhdw])$' },
    { type: 'integer', minimum: minMs, maximum: MAX_DURATION_MS },
  ],
  examples: ['60s', '15m', '1d'],
})
const duration = (about: string): JsonSchema => durationOf(about, 1)

/** Words that may be named, and forms of words. */
const wordOrForm = (words: readonly string[], ...patterns: readonly string[]): JsonSchema => ({
  anyOf: [{ enum: words }, ...patterns.map((pattern) => ({ type: 'string', pattern }))],
})

const subject = wordOrForm(
  ['ip', 'fingerprint', 'account', 'tenant', 'api-key', 'route'],
  '^ip/(?:[2-5]\\d|6[0-3])$',
  '^header:[a-z0-9][a-z0-9_-]{0,63}$',
)
const by: JsonSchema = {
  description:
    'What is counted: one subject, or several for their combination. ip (IPv6 by /64), ip/56 (a wider block), fingerprint, account, tenant, api-key, route, header:<name>.',
  anyOf: [subject, { type: 'array', items: subject, minItems: 1, uniqueItems: true }],
}

/** `live` refuses; `shadow` decides and reports, and refuses nobody. */
export const modeSchema: JsonSchema = oneOf('shadow decides and reports, and refuses nobody.', 'live', 'shadow')

/** What becomes of a request whose counters cannot be read. */
export const onStoreFailureSchema: JsonSchema = oneOf(
  'What becomes of a request whose counters cannot be read.',
  'open',
  'closed',
  'local-share',
)

const counting = { by, mode: modeSchema, onStoreFailure: onStoreFailureSchema }
const announced = oneOf('Whether a refusal announces how long to wait.', 'always', 'never')

const announcedJitter = durationOf(
  'The announced wait is lengthened by less than this, by as much for one client every time, so that clients refused together come back spread over it; 0 for none.',
  0,
)

const waitFields = {
  after: units('Attempts after which it is due.'),
  for: duration('How long an attempt waits after the last one counted.'),
  growth: {
    type: 'number',
    minimum: 1,
    maximum: 16,
    description: 'Each further attempt waits this many times longer.',
  },
  cap: duration('The longest wait.'),
}
const step = (act: string, fields: Readonly<Record<string, JsonSchema>>, required: readonly string[]): JsonSchema => ({
  type: 'object',
  properties: { do: { const: act }, ...fields },
  required: ['do', ...required],
  additionalProperties: false,
})
const steps: JsonSchema = {
  description: 'The rungs of the ladder, by "after".',
  type: 'array',
  minItems: 1,
  maxItems: 16,
  items: {
    anyOf: [
      step('challenge', { after: waitFields.after }, ['after']),
      step('delay', waitFields, ['after', 'for']),
      step('lock', waitFields, ['after', 'for']),
      step('alert', { after: waitFields.after }, ['after']),
    ],
  },
}

const source = wordOrForm(
  ['userAgent', 'reputation', 'country', 'honeypot', 'renderToken', 'proofOfWork'],
  '^custom:[A-Za-z][\\w-]{0,31}$',
)
const sources: JsonSchema = {
  description: 'Whose scores are added up, each from 0 (surely human) to 100 (surely not).',
  type: 'array',
  minItems: 1,
  maxItems: 16,
  items: {
    anyOf: [
      source,
      {
        type: 'object',
        properties: {
          source,
          weight: { type: 'number', minimum: 0.01, maximum: 10, description: 'What the score is multiplied by.' },
          missing: { type: 'number', minimum: 0, maximum: 100, description: 'The score of a request that has none.' },
        },
        required: ['source'],
        additionalProperties: false,
      },
    ],
  },
}
const threshold = (about: string): JsonSchema => ({ type: 'integer', minimum: 1, maximum: 1_000, description: about })
const listing = (about: string): JsonSchema => ({ type: 'array', items: { type: 'string' }, description: about })
const eitherOf = (...names: readonly string[]): JsonSchema => ({ anyOf: names.map((name) => ({ required: [name] })) })

/** Every kind of rule and its fields. */
export const ruleSchemas: { readonly [K in Kind]: KindSchema<K> } = {
  'rate-limit': {
    about: 'At most so many in any window of that length.',
    fields: {
      ...counting,
      limit: units('Units admitted in any window.'),
      rate: { ...units('Units admitted in any window, when a burst is named.'), minimum: 2 },
      burst: units('Of them, how many at once; the rest is earned back evenly.'),
      window: duration('The window.'),
      cooldown: durationOf('Once the limit is passed, refuse for this long; 0 for none.', 0),
      retryAfter: oneOf('When a refusal announces how long to wait.', 'always', 'cooldown-only', 'never'),
      retryAfterJitter: announcedJitter,
      cost: units('Units that a request spends.'),
    },
    required: ['by', 'window'],
    also: {
      oneOf: [
        { required: ['limit'], not: eitherOf('rate', 'burst') },
        { required: ['rate', 'burst'], not: { required: ['limit'] } },
      ],
    },
  },
  lockout: {
    about: 'So many attempts in any window; the one too many locks.',
    fields: {
      ...counting,
      attempts: units('Attempts let through in any window.'),
      window: duration('The window.'),
      lock: duration('How long the one too many locks.'),
      retryAfter: announced,
      retryAfterJitter: announcedJitter,
    },
    required: ['by', 'attempts', 'window', 'lock'],
  },
  escalation: {
    about: 'A ladder that attempts climb: challenge, delay, lock, alert.',
    fields: {
      ...counting,
      window: duration('How long after its last wait a climb is forgotten.'),
      steps,
      forgive: {
        type: 'object',
        properties: { onSuccess: oneOf('What a reported success does to the climb.', 'clear', 'none') },
        additionalProperties: false,
      },
      retryAfter: announced,
      retryAfterJitter: announcedJitter,
    },
    required: ['by', 'window', 'steps'],
  },
  concurrency: {
    about: 'At most so many requests at once.',
    fields: {
      ...counting,
      slots: { type: 'integer', minimum: 1, maximum: 10_000, description: 'Requests at once.' },
      lease: duration('When a slot comes back whose holder has died: longer than any request may last.'),
    },
    required: ['by', 'slots', 'lease'],
  },
  signal: {
    about: 'Refuses or challenges by what signals say of a request. It counts nothing.',
    fields: {
      mode: modeSchema,
      sources,
      challenge: threshold('From this score on a challenge has to be solved.'),
      deny: threshold('From this score on the request is refused.'),
    },
    required: ['sources'],
    also: eitherOf('challenge', 'deny'),
  },
  quota: {
    about: 'At most so many units in each calendar period, counted where they are stored.',
    fields: {
      mode: modeSchema,
      by,
      limit: units('Units in a period.'),
      period: oneOf('The calendar period; a week begins on Monday.', 'day', 'week', 'month', 'year'),
      timeZone: { type: 'string', maxLength: 64, description: 'IANA time zone; absent, the tenant’s own.' },
    },
    required: ['by', 'limit', 'period'],
  },
  'access-list': {
    about: 'Who is let through or refused whatever they have spent.',
    fields: {
      mode: modeSchema,
      by: oneOf('What is listed.', 'ip', 'country', 'api-key'),
      allow: listing('Addresses and CIDR blocks, country codes, or ids of keys; the exception to "deny".'),
      deny: listing('Addresses and CIDR blocks, country codes, or ids of keys.'),
    },
    required: ['by'],
    also: eitherOf('allow', 'deny'),
  },
}
