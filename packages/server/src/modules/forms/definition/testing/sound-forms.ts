import fc from 'fast-check'
import type { Comparison, Condition, FormDefinition, FormField, Outcome } from '../schema.ts'

const label = { en: 'Label' }
const choices = ['a', 'b', 'c'].map((value, index) => ({ value, label, score: 4 * index - 3 }))

/** A field body with the comparisons that make sense of it and answers it accepts most of the time. */
interface Sample {
  readonly body: object
  readonly comparisons: readonly object[]
  readonly answers: fc.Arbitrary<unknown>
}

const SAMPLES: readonly Sample[] = [
  {
    body: { type: 'text', minLength: 1, maxLength: 20 },
    comparisons: [
      { op: 'equals', value: 'yes' },
      { op: 'noneOf', values: ['no', 'never'] },
    ],
    answers: fc.constantFrom('yes', ' yes ', 'no', 'e\u0301te\u0301'),
  },
  {
    body: { type: 'longText' },
    comparisons: [{ op: 'answered' }, { op: 'notAnswered' }],
    answers: fc.constantFrom('one\r\ntwo', ' three\t', '\u200b'),
  },
  {
    body: { type: 'email' },
    comparisons: [{ op: 'answered' }, { op: 'notEquals', value: 'Ada@example.org' }],
    answers: fc.constantFrom('Ada@EXAMPLE.org', 'bob@bücher.example'),
  },
  {
    body: { type: 'phone', country: 'FR' },
    comparisons: [{ op: 'answered' }, { op: 'equals', value: '+33612345678' }],
    answers: fc.constantFrom('06 12 34 56 78', '+12133734253'),
  },
  {
    body: { type: 'number', min: 0, max: 10 },
    comparisons: [
      { op: 'atLeast', value: 5 },
      { op: 'lessThan', value: 3 },
      { op: 'oneOf', values: [0, 7] },
    ],
    answers: fc.oneof(fc.integer({ min: 0, max: 10 }), fc.double({ min: 0, max: 10, noNaN: true })),
  },
  {
    body: { type: 'choice', choices },
    comparisons: [
      { op: 'equals', value: 'a' },
      { op: 'oneOf', values: ['b', 'c'] },
    ],
    answers: fc.constantFrom('a', 'b', 'c'),
  },
  {
    body: { type: 'choice', choices, multiple: true, maxChoices: 2 },
    comparisons: [
      { op: 'includes', value: 'a' },
      { op: 'excludes', value: 'b' },
    ],
    answers: fc.constantFrom(['a'], ['c', 'a'], ['b', 'b']),
  },
  {
    body: { type: 'date', minDate: 'today-30d' },
    comparisons: [
      { op: 'moreThan', value: 'today+7d' },
      { op: 'atMost', value: '2026-04-01' },
    ],
    answers: fc.constantFrom('2026-03-29', ' 2026-05-01'),
  },
  {
    body: { type: 'consent', consentText: label, version: '1' },
    comparisons: [
      { op: 'equals', value: true },
      { op: 'notEquals', value: true },
    ],
    answers: fc.boolean(),
  },
]

const NAMES = ['alpha', 'beta', 'gamma', 'delta', 'email'] as const

/** A condition over some of the fields given. */
function conditionOver(fields: readonly { name: string; sample: Sample }[]): fc.Arbitrary<Condition> {
  const comparison = fc
    .constantFrom(...fields)
    // Each sample's comparisons lack the name of the field alone.
    .chain(({ name, sample }) =>
      fc.constantFrom(...sample.comparisons).map((rest) => ({ field: name, ...rest }) as Comparison),
    )
  const group = fc.array(comparison, { minLength: 1, maxLength: 3 })
  return fc.oneof(
    group.map((all) => ({ all })),
    group.map((any) => ({ any })),
    fc.tuple(comparison, group).map(([one, any]) => ({ all: [one, { any }] })),
    fc.tuple(comparison, group).map(([one, all]) => ({ any: [one, { all }] })),
  )
}

/** A form without a fault, and a set of answers that is right more often than not. */
export interface SoundCase {
  readonly definition: FormDefinition
  readonly data: Record<string, unknown>
}

/** Any JSON value, and answers fields would take. */
export const anyAnswer = fc.oneof(
  fc.jsonValue(),
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.double(),
  ...SAMPLES.map(({ answers }) => answers),
)

const dangerousNames = fc.constantFrom('__proto__', 'constructor', 'toString', 'other', '', 'a/b~c')

/** Sound forms of one to five fields with conditions, scoring and outcomes, each with answers. */
export const soundCases: fc.Arbitrary<SoundCase> = fc
  .array(fc.constantFrom(...SAMPLES), { minLength: 1, maxLength: NAMES.length })
  .chain((samples) => {
    const fields = samples.map((sample, position) => ({ name: NAMES[position] ?? '', sample }))
    return fc.record({ definition: definitions(fields), data: dataFor(fields) })
  })

function definitions(fields: readonly { name: string; sample: Sample }[]): fc.Arbitrary<FormDefinition> {
  const made = fields.map(({ name, sample }, position) =>
    fc
      .record({
        required: fc.boolean(),
        showWhen: position === 0 ? fc.constant(undefined) : fc.option(conditionOver(fields.slice(0, position))),
      })
      .map(({ required, showWhen }) => {
        const field = { name, label, required, ...sample.body, ...(showWhen ? { showWhen } : {}) }
        // A sample's body holds the members of one type of field.
        return field as FormField
      }),
  )
  const outcome = (id: string): fc.Arbitrary<Outcome> =>
    conditionOver(fields).map((condition) => ({ id, when: { condition } }))
  return fc.record({
    title: fc.constant(label),
    fields: fc.tuple(...made),
    scoring: fc.record({
      rules: fc.array(fc.record({ when: conditionOver(fields), points: fc.integer({ min: -9, max: 9 }) }), {
        maxLength: 3,
      }),
      min: fc.constant(-5),
    }),
    outcomes: fc.tuple(outcome('hot'), outcome('warm'), fc.constant({ id: 'default' })),
  })
}

function dataFor(fields: readonly { name: string; sample: Sample }[]): fc.Arbitrary<Record<string, unknown>> {
  const answers = fields.map(({ name, sample }) =>
    fc
      .oneof(
        { weight: 12, arbitrary: sample.answers },
        { weight: 1, arbitrary: fc.constantFrom(undefined, null, '', []) },
        { weight: 1, arbitrary: anyAnswer },
      )
      .map((answer) => [name, answer] as const),
  )
  const unknown = fc.oneof(
    { weight: 8, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: fc.array(fc.tuple(fc.oneof(dangerousNames, fc.string()), anyAnswer), { maxLength: 3 }) },
  )
  // fromEntries defines own members, `__proto__` too, as JSON.parse does.
  return fc.tuple(fc.tuple(...answers), unknown).map(([known, extra]) => Object.fromEntries([...extra, ...known]))
}
