import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkDefinition } from './check-definition.ts'
import { compileForm } from './compile.ts'
import { evaluateAnswers } from './evaluate.ts'
import { FormDefinition } from './schema.ts'
import { createSchemaCheck } from './testing/schema-check.ts'

const label = { en: 'Label' }
const name = fc.constantFrom('alpha', 'beta', 'gamma', 'constructor')
const day = fc.constantFrom('2026-03-29', '2026-02-29', '0000-00-00', 'today', 'today+3d', 'today-99999d')
const value = fc.oneof(fc.constantFrom('a', 'b', ' a'), day, fc.integer({ min: -5, max: 15 }), fc.boolean())
const score = fc.integer({ min: -20, max: 20 })
const length = fc.integer({ min: 1, max: 9 })

const comparison = fc.oneof(
  fc.record({ field: name, op: fc.constantFrom('answered', 'notAnswered') }),
  fc.record({
    field: name,
    op: fc.constantFrom('equals', 'notEquals', 'includes', 'excludes', 'lessThan', 'atMost', 'moreThan', 'atLeast'),
    value,
  }),
  fc.record({
    field: name,
    op: fc.constantFrom('oneOf', 'noneOf'),
    values: fc.array(value, { minLength: 1, maxLength: 3 }),
  }),
)
const comparisons = fc.array(comparison, { minLength: 1, maxLength: 2 })
const condition = fc.oneof(
  fc.record({ all: fc.array(fc.oneof(comparison, fc.record({ any: comparisons })), { minLength: 1, maxLength: 2 }) }),
  fc.record({ any: fc.array(fc.oneof(comparison, fc.record({ all: comparisons })), { minLength: 1, maxLength: 2 }) }),
)

/** A record some of whose members are left out. */
const members = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }) => fc.record(model, { requiredKeys: [] })

const kind = fc.oneof<fc.Arbitrary<object>[]>(
  members({ minLength: length, maxLength: length }).map((rest) => ({ type: 'text', ...rest })),
  members({ minLength: length, maxLength: length }).map((rest) => ({ type: 'longText', ...rest })),
  fc.constant({ type: 'email' }),
  members({ country: fc.constantFrom('FR', 'ZZ') }).map((rest) => ({ type: 'phone', ...rest })),
  members({ min: score, max: score, step: fc.constantFrom(0.1, 3), integer: fc.boolean() }).map((rest) => ({
    type: 'number',
    ...rest,
  })),
  fc
    .tuple(
      fc.array(fc.record({ value: fc.constantFrom('a', 'b', ' c'), label: fc.constant(label), score }), {
        minLength: 1,
        maxLength: 4,
      }),
      members({ multiple: fc.boolean(), minChoices: length, maxChoices: length }),
    )
    .map(([choices, rest]) => ({ type: 'choice', choices, ...rest })),
  members({ minDate: day, maxDate: day }).map((rest) => ({ type: 'date', ...rest })),
  fc.constant({ type: 'consent', consentText: label, version: '1' }),
)
const field = fc
  .tuple(fc.record({ name, label: fc.constant(label) }), members({ required: fc.boolean(), showWhen: condition }), kind)
  .map(([named, rest, body]) => ({ ...named, ...rest, ...body }))

const outcome = fc
  .tuple(fc.constantFrom('hot', 'cold'), fc.option(members({ minScore: score, maxScore: score, condition })))
  .map(([id, when]) => (when === null || Object.keys(when).length === 0 ? { id } : { id, when }))

const anyDefinition = fc
  .record({
    fields: fc.array(field, { minLength: 1, maxLength: 4 }),
    scoring: members({
      min: score,
      max: score,
      rules: fc.array(fc.record({ when: condition, points: score }), { maxLength: 2 }),
    }),
    outcomes: fc.array(outcome, { maxLength: 3 }),
  })
  // The first property holds this to the schema itself.
  .map((parts) => ({ title: label, ...parts }) as FormDefinition)

describe('any definition that fits the schema', () => {
  it('is checked without an exception, however senseless', () => {
    const fits = createSchemaCheck(FormDefinition)
    fc.assert(
      fc.property(anyDefinition, (definition) => {
        expect(fits(definition)).toEqual([])
        for (const fault of checkDefinition(definition)) expect(valueAt(definition, fault.pointer)).toBeDefined()
      }),
      { numRuns: 300 },
    )
  })

  it('compiles and evaluates without an exception, faults and all, unless a condition names no field', () => {
    let compiled = 0
    fc.assert(
      fc.property(anyDefinition, fc.dictionary(name, fc.jsonValue()), (definition, data) => {
        const codes = checkDefinition(definition).map(({ code }) => code)
        if (codes.includes('condition-field-unknown')) {
          expect(() => compileForm(definition)).toThrow(RangeError)
        } else {
          compiled += 1
          evaluateAnswers(compileForm(definition), data, { nowMs: 0, timeZone: 'UTC', locale: 'en' })
        }
      }),
      { numRuns: 600 },
    )
    expect(compiled).toBeGreaterThan(20)
  })
})

/** What a JSON pointer of plain names points at. */
function valueAt(root: unknown, pointer: string): unknown {
  let part = root
  for (const step of pointer.split('/').slice(1)) {
    if (typeof part !== 'object' || part === null || !Object.hasOwn(part, step)) return undefined
    part = Object.entries(part).find(([key]) => key === step)?.[1]
  }
  return part
}
