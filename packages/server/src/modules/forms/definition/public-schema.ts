import { type Static, Type } from 'typebox'
import { Condition } from './schema.ts'

const strict = { additionalProperties: false } as const

/** One sentence when a language was asked for, else the languages there are. */
const PublicText = Type.Union([
  Type.String(),
  Type.Object({ en: Type.Optional(Type.String()), fr: Type.Optional(Type.String()) }, strict),
])
export type PublicText = Static<typeof PublicText>

const PublicField = Type.Object(
  {
    name: Type.String(),
    type: Type.Enum(['text', 'longText', 'email', 'phone', 'number', 'choice', 'date', 'consent']),
    label: PublicText,
    required: Type.Boolean(),
    help: Type.Optional(PublicText),
    placeholder: Type.Optional(PublicText),
    showWhen: Type.Optional(Condition),
    minLength: Type.Optional(Type.Integer()),
    maxLength: Type.Optional(Type.Integer()),
    country: Type.Optional(Type.String()),
    min: Type.Optional(Type.Number()),
    max: Type.Optional(Type.Number()),
    step: Type.Optional(Type.Number()),
    integer: Type.Optional(Type.Boolean()),
    multiple: Type.Optional(Type.Boolean()),
    choices: Type.Optional(Type.Array(Type.Object({ value: Type.String(), label: PublicText }, strict))),
    minChoices: Type.Optional(Type.Integer()),
    maxChoices: Type.Optional(Type.Integer()),
    minDate: Type.Optional(Type.String({ description: 'A day, or one counted from today: today+14d.' })),
    maxDate: Type.Optional(Type.String()),
    consentText: Type.Optional(PublicText),
    version: Type.Optional(Type.String({ description: 'Of the consent text.' })),
  },
  strict,
)
export type PublicField = Static<typeof PublicField>

/** A form as those who fill it in see it: what to show, when, and what will be accepted. No points, no rules. */
export const PublicForm = Type.Object(
  {
    title: PublicText,
    description: Type.Optional(PublicText),
    fields: Type.Array(PublicField),
    outcomes: Type.Optional(
      Type.Array(Type.Object({ id: Type.String(), label: Type.Optional(PublicText) }, strict), {
        description: 'Only where the form exposes its score: the names of the outcomes it may answer with.',
      }),
    ),
  },
  { ...strict, $id: 'PublicForm' },
)
export type PublicForm = Static<typeof PublicForm>
