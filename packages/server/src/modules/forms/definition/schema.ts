import { type Static, Type } from 'typebox'

const strict = { additionalProperties: false } as const

/** Text shown to a visitor: plain text, never markup, of 1 to `maxLength` characters in each language given. */
const text = (maxLength: number) =>
  Type.Object(
    {
      en: Type.Optional(Type.String({ minLength: 1, maxLength })),
      fr: Type.Optional(Type.String({ minLength: 1, maxLength })),
    },
    { ...strict, minProperties: 1 },
  )

const fieldName = Type.String({ pattern: '^[a-z][a-zA-Z0-9_]{0,63}$', maxLength: 64 })
const slug = Type.String({ pattern: '^[a-z0-9]+(-[a-z0-9]+)*$', minLength: 1, maxLength: 64 })
/** Wide enough for any amount or size a form asks for, and exact as an integer in a double. */
const finiteNumber = Type.Number({ minimum: -1e15, maximum: 1e15 })
const points = Type.Integer({ minimum: -10_000, maximum: 10_000 })
const score = Type.Integer({ minimum: -1_000_000, maximum: 1_000_000 })
/** `2026-03-31`, or a day counted from the visitor's "today" in the tenant's time zone: `today`, `today+14d`. */
const day = Type.String({ pattern: '^([0-9]{4}-[0-9]{2}-[0-9]{2}|today([+-][0-9]{1,5}d)?)$', maxLength: 12 })

const comparedValue = Type.Union([
  Type.String({ minLength: 1, maxLength: 200 }),
  finiteNumber,
  Type.Boolean({ description: 'For a consent field.' }),
])

/**
 * One test of one earlier field. A field that is hidden, unanswered or wrongly answered has no value:
 * `notAnswered`, `notEquals`, `noneOf` and `excludes` then hold, the others do not.
 */
const Comparison = Type.Union([
  Type.Object({ field: fieldName, op: Type.Enum(['answered', 'notAnswered']) }, strict),
  Type.Object(
    {
      field: fieldName,
      op: Type.Enum(['equals', 'notEquals', 'includes', 'excludes', 'lessThan', 'atMost', 'moreThan', 'atLeast']),
      value: comparedValue,
    },
    strict,
  ),
  Type.Object(
    {
      field: fieldName,
      op: Type.Enum(['oneOf', 'noneOf']),
      values: Type.Array(comparedValue, { minItems: 1, maxItems: 200 }),
    },
    strict,
  ),
])
export type Comparison = Static<typeof Comparison>

const comparisons = Type.Array(Comparison, { minItems: 1, maxItems: 10 })

/** Either all or any of its members; a member may be one group of the other kind, and no deeper. */
export const Condition = Type.Union([
  Type.Object(
    {
      all: Type.Array(Type.Union([Comparison, Type.Object({ any: comparisons }, strict)]), {
        minItems: 1,
        maxItems: 20,
      }),
    },
    strict,
  ),
  Type.Object(
    {
      any: Type.Array(Type.Union([Comparison, Type.Object({ all: comparisons }, strict)]), {
        minItems: 1,
        maxItems: 20,
      }),
    },
    strict,
  ),
])
export type Condition = Static<typeof Condition>

const common = {
  name: fieldName,
  label: text(300),
  help: Type.Optional(text(2000)),
  required: Type.Optional(Type.Boolean({ default: false })),
  showWhen: Type.Optional(Condition),
}
const placeholder = Type.Optional(text(200))

const lengths = (longest: number, usual: number) => ({
  minLength: Type.Optional(Type.Integer({ minimum: 1, maximum: longest })),
  maxLength: Type.Optional(Type.Integer({ minimum: 1, maximum: longest, default: usual })),
})

/** Longest answers, in code points, of a text field that states no `maxLength`. */
export const DEFAULT_MAX_LENGTH = { text: 200, longText: 5000 } as const

const TextField = Type.Object(
  { ...common, type: Type.Literal('text'), placeholder, ...lengths(1000, DEFAULT_MAX_LENGTH.text) },
  strict,
)
const LongTextField = Type.Object(
  { ...common, type: Type.Literal('longText'), placeholder, ...lengths(20_000, DEFAULT_MAX_LENGTH.longText) },
  strict,
)
const EmailField = Type.Object({ ...common, type: Type.Literal('email'), placeholder }, strict)
const PhoneField = Type.Object(
  {
    ...common,
    type: Type.Literal('phone'),
    placeholder,
    country: Type.Optional(
      Type.String({
        pattern: '^[A-Z]{2}$',
        maxLength: 2,
        description: 'The country of a number written without +. ISO 3166-1 alpha-2. Without it, + is needed.',
      }),
    ),
  },
  strict,
)
const NumberField = Type.Object(
  {
    ...common,
    type: Type.Literal('number'),
    placeholder,
    min: Type.Optional(finiteNumber),
    max: Type.Optional(finiteNumber),
    integer: Type.Optional(Type.Boolean({ default: false })),
    step: Type.Optional(
      Type.Number({ exclusiveMinimum: 0, maximum: 1e15, description: 'Counted from `min`, or from 0 without one.' }),
    ),
  },
  strict,
)
const ChoiceField = Type.Object(
  {
    ...common,
    type: Type.Literal('choice'),
    multiple: Type.Optional(Type.Boolean({ default: false })),
    choices: Type.Array(
      Type.Object(
        {
          value: Type.String({ minLength: 1, maxLength: 100 }),
          label: text(300),
          score: Type.Optional(points),
        },
        strict,
      ),
      { minItems: 1, maxItems: 200 },
    ),
    minChoices: Type.Optional(Type.Integer({ minimum: 1, maximum: 200 })),
    maxChoices: Type.Optional(Type.Integer({ minimum: 1, maximum: 200 })),
  },
  strict,
)
const DateField = Type.Object(
  { ...common, type: Type.Literal('date'), minDate: Type.Optional(day), maxDate: Type.Optional(day) },
  strict,
)
const ConsentField = Type.Object(
  {
    ...common,
    type: Type.Literal('consent'),
    consentText: text(2000),
    version: Type.String({
      minLength: 1,
      maxLength: 40,
      description: 'Names the wording agreed to, so that a stored consent can be shown with its text.',
    }),
  },
  strict,
)

const FormField = Type.Union([
  TextField,
  LongTextField,
  EmailField,
  PhoneField,
  NumberField,
  ChoiceField,
  DateField,
  ConsentField,
])
export type FormField = Static<typeof FormField>

const Outcome = Type.Object(
  {
    id: slug,
    label: Type.Optional(text(300)),
    when: Type.Optional(
      Type.Object(
        { minScore: Type.Optional(score), maxScore: Type.Optional(score), condition: Type.Optional(Condition) },
        { ...strict, minProperties: 1 },
      ),
    ),
  },
  strict,
)
export type Outcome = Static<typeof Outcome>

const Protection = Type.Object(
  {
    honeypot: Type.Optional(Type.Enum(['silent', 'reject'], { default: 'silent' })),
    renderToken: Type.Optional(Type.Enum(['required', 'optional'], { default: 'required' })),
    minimumFillSeconds: Type.Optional(Type.Integer({ minimum: 0, maximum: 60, default: 2 })),
    maximumAgeSeconds: Type.Optional(Type.Integer({ minimum: 60, maximum: 86_400, default: 3600 })),
  },
  strict,
)

/**
 * A form as its staff edit it: data only, no code, bounded in every dimension.
 *
 * The JSON Schema says what a definition looks like; `checkDefinition` says whether it makes sense.
 */
export const FormDefinition = Type.Object(
  {
    title: text(200),
    description: Type.Optional(text(2000)),
    fields: Type.Array(FormField, { minItems: 1, maxItems: 100 }),
    scoring: Type.Optional(
      Type.Object(
        {
          rules: Type.Optional(Type.Array(Type.Object({ when: Condition, points }, strict), { maxItems: 200 })),
          min: Type.Optional(score),
          max: Type.Optional(score),
        },
        { ...strict, description: 'The score: choice scores plus rule points, kept within min and max.' },
      ),
    ),
    outcomes: Type.Optional(
      Type.Array(Outcome, {
        maxItems: 50,
        description: 'The first outcome whose `when` holds is the result; the last one has no `when`.',
      }),
    ),
    exposeScore: Type.Optional(
      Type.Boolean({ default: false, description: 'Whether public replies carry the score and the outcome.' }),
    ),
    protection: Type.Optional(Protection),
  },
  { ...strict, $id: 'FormDefinition' },
)
export type FormDefinition = Static<typeof FormDefinition>

/** Languages a form speaks. */
export type FormLocale = 'en' | 'fr'

/** Text in one language at least. */
export type LocalisedText = FormDefinition['title']

/** The text in the language asked for, else in the other one. */
export function textIn(localised: LocalisedText, locale: FormLocale): string {
  return (locale === 'fr' ? (localised.fr ?? localised.en) : (localised.en ?? localised.fr)) ?? ''
}
