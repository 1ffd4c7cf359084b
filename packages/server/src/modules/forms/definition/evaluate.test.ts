import { describe, expect, it } from 'vitest'
import { compileForm } from './compile.ts'
import { evaluateAnswers } from './evaluate.ts'
import type { Condition, FormDefinition, FormField } from './schema.ts'

const label = { en: 'Label', fr: 'Libellé' }
const at = { nowMs: Date.parse('2026-03-28T23:30:00Z'), timeZone: 'Europe/Paris', locale: 'en' } as const
const choices = ['a', 'b', 'c'].map((value) => ({ value, label }))

/** What a form makes of one answer: its value, its refusal code, or `undefined` for nothing. */
function answerOne(field: FormField, answer: unknown): unknown {
  const form = compileForm({ title: label, fields: [field] })
  const { errors, values, valid } = evaluateAnswers(form, { [field.name]: answer }, at)
  expect(valid).toBe(errors.length === 0)
  return errors[0]?.code ?? values[field.name]
}

const evaluate = (definition: Omit<FormDefinition, 'title'>, data: Record<string, unknown>) =>
  evaluateAnswers(compileForm({ title: label, ...definition }), data, at)

describe('text', () => {
  const field: FormField = { name: 'x', type: 'text', label, minLength: 2, maxLength: 5 }

  it.each([
    ['abc', 'abc'],
    ['  abc\u00a0', 'abc'],
    ['abc\n', 'abc'],
    ['e\u0301te\u0301', 'été'],
    ['𝒜𝒷', '𝒜𝒷'],
    ['👍👍👍👍👍', '👍👍👍👍👍'],
    ['👍👍👍👍👍👍', 'text-too-long'],
    ['abcdef', 'text-too-long'],
    ['a'.repeat(1_000_000), 'text-too-long'],
    ['a', 'text-too-short'],
    ['👍', 'text-too-short'],
    ['a\nb', 'text-line-break'],
    ['a\rb', 'text-line-break'],
    ['a\tb', 'text-line-break'],
    ['a\u2028b', 'text-line-break'],
    ['a\u0000b', 'text-characters'],
    ['a\u001bb', 'text-characters'],
    ['a\u007fb', 'text-characters'],
    ['a\u0085b', 'text-characters'],
    ['ab\ud800', 'text-characters'],
    ['\udc00ab', 'text-characters'],
    [12, 'text-expected'],
    [true, 'text-expected'],
    [['abc'], 'text-expected'],
    [{ toString: 'abc' }, 'text-expected'],
    ['', undefined],
    ['   ', undefined],
    ['\u200b\u2060\ufeff', undefined],
    [null, undefined],
    [[], undefined],
  ])('%j → %j', (answer, expected) => {
    expect(answerOne(field, answer)).toEqual(expected)
  })

  it.each(['', '  ', '\u200b', '\u3164', '\u2800', null, undefined, []])(
    'takes %j for no answer where one is required',
    (answer) => {
      expect(answerOne({ ...field, required: true }, answer)).toBe('required')
    },
  )

  it('holds 200 characters where no length is stated', () => {
    const usual: FormField = { name: 'x', type: 'text', label }
    expect(answerOne(usual, 'é'.repeat(200))).toBe('é'.repeat(200))
    expect(answerOne(usual, 'é'.repeat(201))).toBe('text-too-long')
  })
})

describe('long text', () => {
  const field: FormField = { name: 'x', type: 'longText', label }

  it.each([
    ['one\ntwo\tthree', 'one\ntwo\tthree'],
    ['one\r\ntwo\rthree', 'one\ntwo\nthree'],
    ['\n one \n', 'one'],
    ['one\u0008', 'text-characters'],
    ['one\u0000', 'text-characters'],
    ['one\udfff', 'text-characters'],
    ['x'.repeat(5001), 'text-too-long'],
    [{}, 'text-expected'],
  ])('%j → %j', (answer, expected) => {
    expect(answerOne(field, answer)).toBe(expected)
  })
})

describe('e-mail', () => {
  const field: FormField = { name: 'x', type: 'email', label }

  it.each([
    ['ada@example.org', 'ada@example.org'],
    ['  Ada.Lovelace+tag@EXAMPLE.Org ', 'Ada.Lovelace+tag@example.org'],
    ["o'brien@example.co.uk", "o'brien@example.co.uk"],
    ['ada@bücher.example', 'ada@xn--bcher-kva.example'],
    ['ada@xn--bcher-kva.example', 'ada@xn--bcher-kva.example'],
    ['ada@例え.テスト', 'ada@xn--r8jz45g.xn--zckzah'],
    [`${'a'.repeat(64)}@example.org`, `${'a'.repeat(64)}@example.org`],
  ])('%j → %j', (answer, expected) => {
    expect(answerOne(field, answer)).toBe(expected)
  })

  it.each([
    'ada',
    'ada@',
    '@example.org',
    'ada@localhost',
    'ada@example',
    'ada@example.123',
    'ada@127.0.0.1',
    'ada@0x7f.1',
    'ada@[127.0.0.1]',
    'ada@-example.org',
    'ada@example-.org',
    'ada@exa_mple.org',
    'ada@example..org',
    'ada@example.org.',
    '.ada@example.org',
    'ada.@example.org',
    'a..da@example.org',
    'ada@@example.org',
    'ada@eve.example@example.org',
    'ada lovelace@example.org',
    '"ada"@example.org',
    'Ada <ada@example.org>',
    'ada(comment)@example.org',
    'ada@example.org,eve@example.org',
    'ada@example.org;eve@example.org',
    'ada@example.org\r\nBcc: eve@example.org',
    'ada@example.org\nBcc:eve@example.org',
    'ada\r\nBcc:eve@example.org',
    'ada@example.org%0d%0aBcc:eve@example.org',
    'ada@ex%61mple.org',
    'ada@ехample.org/x',
    'ada\u0000@example.org',
    'ada＠example.org',
    'аda@example.org',
    'ada@example\u3002org\u0000',
    'ada\u202e@example.org',
    `${'a'.repeat(65)}@example.org`,
    `ada@${'a'.repeat(64)}.org`,
    `ada@${'abcdefgh.'.repeat(28)}org`,
    `ada@${'漢字仮名交文例示漢字仮名交文例示漢字.'.repeat(6)}org`,
    `${'a@'.repeat(500_000)}`,
  ])('refuses %j', (answer) => {
    expect(answerOne(field, answer)).toBe('email-invalid')
  })

  it.each([[42], [['ada@example.org']], [{ email: 'ada@example.org' }]])('refuses %j, which is not text', (answer) => {
    expect(answerOne(field, answer)).toBe('text-expected')
  })
})

describe('phone', () => {
  const french: FormField = { name: 'x', type: 'phone', label, country: 'FR' }
  const anywhere: FormField = { name: 'x', type: 'phone', label }

  it.each([
    [french, '06 12 34 56 78', '+33612345678'],
    [french, '06.12.34.56.78', '+33612345678'],
    [french, '+33 (0)6 12 34 56 78', '+33612345678'],
    [french, '0033 6 12 34 56 78', '+33612345678'],
    [french, '+1 (213) 373-4253', '+12133734253'],
    [french, '\u202a+33\u00a06\u00a012\u00a034\u00a056\u00a078\u202c', '+33612345678'],
    [anywhere, '+49 1511 2345678', '+4915112345678'],
    [anywhere, '06 12 34 56 78', 'phone-invalid'],
    [french, '06 12 34', 'phone-invalid'],
    [french, '99 99 99 99 99', 'phone-invalid'],
    [french, '+999 123 456 789', 'phone-invalid'],
    [french, '0612345678 ext 5', 'phone-invalid'],
    [french, '+33612345678;phone-context=evil.example', 'phone-invalid'],
    [french, 'tel:+33612345678', 'phone-invalid'],
    [french, '1-800-FLOWERS', 'phone-invalid'],
    [french, '+33612345678\u0000', 'phone-invalid'],
    [french, '+'.repeat(30), 'phone-invalid'],
    [french, '0'.repeat(1_000_000), 'phone-invalid'],
    [french, 33_612_345_678, 'text-expected'],
    [french, '   ', undefined],
  ])('%o: %j → %j', (field, answer, expected) => {
    expect(answerOne(field, answer)).toBe(expected)
  })
})

describe('number', () => {
  const field: FormField = { name: 'x', type: 'number', label, min: -1, max: 10 }

  it.each([
    [0, 0],
    [-1, -1],
    [10, 10],
    [2.5, 2.5],
    [-1.01, 'number-too-small'],
    [10.01, 'number-too-large'],
    [Number.POSITIVE_INFINITY, 'number-expected'],
    [Number.NEGATIVE_INFINITY, 'number-expected'],
    [Number.NaN, 'number-expected'],
    ['5', 'number-expected'],
    [true, 'number-expected'],
    [[5], 'number-expected'],
    ['', undefined],
  ])('%j → %j', (answer, expected) => {
    expect(answerOne(field, answer)).toBe(expected)
  })

  it('has no negative zero', () => {
    expect(Object.is(answerOne(field, -0), 0)).toBe(true)
  })

  it.each([
    [{ integer: true }, 3, 3],
    [{ integer: true }, 3.5, 'number-integer'],
    [{ integer: true }, 1e300, 1e300],
    [{ step: 0.1 }, 0.3, 0.3],
    [{ step: 0.1 }, 1_000_000.7, 1_000_000.7],
    [{ step: 0.1 }, 0.35, 'number-step'],
    [{ step: 5, min: 2 }, 12, 12],
    [{ step: 5, min: 2 }, 10, 'number-step'],
    [{ step: 1e-300 }, 1e300, 'number-step'],
  ])('%j: %d → %j', (bounds, answer, expected) => {
    expect(answerOne({ name: 'x', type: 'number', label, ...bounds }, answer)).toBe(expected)
  })
})

describe('choice', () => {
  const single: FormField = { name: 'x', type: 'choice', label, choices }
  const multiple: FormField = { ...single, multiple: true, minChoices: 2, maxChoices: 2 }

  it.each([
    [single, 'a', 'a'],
    [single, ' a', 'choice-unknown'],
    [single, 'A', 'choice-unknown'],
    [single, '__proto__', 'choice-unknown'],
    [single, ['a'], 'choice-expected'],
    [single, 0, 'choice-expected'],
    [multiple, ['b', 'a'], ['a', 'b']],
    [multiple, ['b', 'a', 'b'], ['a', 'b']],
    [multiple, ['a'], 'choices-too-few'],
    [multiple, ['a', 'a'], 'choices-too-few'],
    [multiple, ['a', 'b', 'c'], 'choices-too-many'],
    [multiple, ['a', 'z'], 'choice-unknown'],
    [multiple, ['a', null], 'choice-unknown'],
    [multiple, ['a', ['b']], 'choice-unknown'],
    [multiple, new Array(200_000).fill('a'), 'choices-too-many'],
    [multiple, 'a', 'choices-expected'],
    [multiple, { 0: 'a', length: 1 }, 'choices-expected'],
    [multiple, [], undefined],
  ])('case %#', (field, answer, expected) => {
    expect(answerOne(field, answer)).toEqual(expected)
  })
})

describe('date', () => {
  const field: FormField = { name: 'x', type: 'date', label, minDate: 'today', maxDate: 'today+7d' }

  it.each([
    ['2026-03-29', '2026-03-29'],
    [' 2026-04-05 ', '2026-04-05'],
    ['2026-03-28', 'date-too-early'],
    ['2026-04-06', 'date-too-late'],
    ['2026-02-29', 'date-invalid'],
    ['29/03/2026', 'date-invalid'],
    ['2026-03-29T00:00', 'date-invalid'],
    ['+002026-03-29', 'date-invalid'],
    ['2'.repeat(1_000_000), 'date-invalid'],
    [20_260_329, 'date-invalid'],
    ['  ', undefined],
  ])('%j → %j, today being the 29th in Paris and the 28th in UTC', (answer, expected) => {
    expect(answerOne(field, answer)).toBe(expected)
  })

  it('names the bound it was refused by, in the language asked for', () => {
    const form = compileForm({ title: label, fields: [{ ...field, maxDate: '2026-05-01' }] })
    const messages = (['en', 'fr'] as const).map(
      (locale) => evaluateAnswers(form, { x: '2026-06-01' }, { ...at, locale }).errors[0]?.message,
    )
    expect(messages).toEqual([
      'Choose 1\u00a0May 2026 or an earlier date.',
      'Choisissez le 1er\u00a0mai 2026 ou une date antérieure.',
    ])
  })
})

describe('consent', () => {
  const field: FormField = { name: 'x', type: 'consent', label, consentText: label, version: '1' }

  it.each([
    [field, true, true],
    [field, false, false],
    [field, 'on', 'consent-expected'],
    [field, 1, 'consent-expected'],
    [field, null, undefined],
    [{ ...field, required: true }, true, true],
    [{ ...field, required: true }, false, 'consent-required'],
    [{ ...field, required: true }, undefined, 'consent-required'],
  ])('case %#', (consent, answer, expected) => {
    expect(answerOne(consent, answer)).toBe(expected)
  })
})

describe('conditional fields', () => {
  const fields: FormField[] = [
    { name: 'kind', type: 'choice', label, choices },
    {
      name: 'count',
      type: 'number',
      label,
      required: true,
      showWhen: { all: [{ field: 'kind', op: 'equals', value: 'a' }] },
    },
    {
      name: 'why',
      type: 'text',
      label,
      required: true,
      showWhen: { all: [{ field: 'count', op: 'moreThan', value: 5 }] },
    },
  ]

  it('requires a field once it is shown', () => {
    expect(evaluate({ fields }, { kind: 'a' }).errors).toEqual([
      { pointer: '/data/count', field: 'count', code: 'required', message: 'This field is required.' },
    ])
  })

  it('drops the answer of a hidden field unread, and whatever that answer would have shown', () => {
    const evaluation = evaluate({ fields }, { kind: 'b', count: { not: 'a number' }, why: 7 })
    expect(evaluation).toMatchObject({ valid: true, errors: [], values: { kind: 'b' } })
    expect(Object.keys(evaluation.values)).toEqual(['kind'])
  })

  it('hides what hangs on a hidden field, though that field was answered', () => {
    expect(evaluate({ fields }, { kind: 'b', count: 10 }).valid).toBe(true)
  })

  it('follows a chain', () => {
    expect(evaluate({ fields }, { kind: 'a', count: 6 }).errors.map(({ field }) => field)).toEqual(['why'])
    expect(evaluate({ fields }, { kind: 'a', count: 6, why: 'many' }).values).toEqual({
      kind: 'a',
      count: 6,
      why: 'many',
    })
  })

  it('takes a refused answer for none', () => {
    expect(evaluate({ fields }, { kind: 'z', count: 6 }).errors.map(({ field }) => field)).toEqual(['kind'])
  })
})

describe('scoring and outcomes', () => {
  const definition: Omit<FormDefinition, 'title'> = {
    fields: [
      {
        name: 'size',
        type: 'choice',
        label,
        choices: [
          { value: 'small', label, score: 1 },
          { value: 'large', label, score: 10 },
        ],
      },
      {
        name: 'options',
        type: 'choice',
        label,
        multiple: true,
        choices: [
          { value: 'x', label, score: 2 },
          { value: 'y', label, score: -4 },
          { value: 'z', label },
        ],
        showWhen: { all: [{ field: 'size', op: 'equals', value: 'large' }] },
      },
      { name: 'budget', type: 'number', label },
    ],
    scoring: {
      rules: [{ when: { all: [{ field: 'budget', op: 'atLeast', value: 100 }] }, points: 20 }],
      min: 0,
      max: 25,
    },
    outcomes: [
      { id: 'hot', when: { minScore: 20, maxScore: 25 } },
      { id: 'warm', when: { minScore: 5, condition: { all: [{ field: 'options', op: 'includes', value: 'x' }] } } },
      { id: 'cold' },
    ],
  }

  it.each([
    [{}, 0, 'cold'],
    [{ size: 'small' }, 1, 'cold'],
    [{ size: 'large' }, 10, 'cold'],
    [{ size: 'large', options: ['x', 'z'] }, 12, 'warm'],
    [{ size: 'large', options: ['x', 'x', 'y'] }, 8, 'warm'],
    [{ size: 'small', options: ['x'] }, 1, 'cold'],
    [{ budget: 99.99 }, 0, 'cold'],
    [{ budget: 100 }, 20, 'hot'],
    [{ size: 'large', budget: 100 }, 25, 'hot'],
  ])('%j scores %i: %s', (data, score, outcome) => {
    expect(evaluate(definition, data)).toMatchObject({ valid: true, score, outcome })
  })

  it('keeps the score within its lower bound, and has no outcome where the form has none', () => {
    const evaluation = evaluate(
      {
        fields: definition.fields,
        scoring: { rules: [{ when: { all: [{ field: 'budget', op: 'answered' }] }, points: -50 }], min: -5 },
      },
      { budget: 1 },
    )
    expect(evaluation).toMatchObject({ valid: true, score: -5, outcome: undefined })
  })

  it('scores what was read, but names no outcome, when an answer is refused', () => {
    expect(evaluate(definition, { size: 'large', budget: 'lots' })).toMatchObject({
      valid: false,
      score: 10,
      outcome: undefined,
    })
  })
})

describe('unknown and dangerous names', () => {
  const fields: FormField[] = [{ name: 'name', type: 'text', label }]

  it.each(['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'valueOf', 'other', ''])(
    'reports %j as a field the form does not have',
    (name) => {
      const data: unknown = JSON.parse(`{"name":"Ada",${JSON.stringify(name)}:{"polluted":true}}`)
      const evaluation = evaluate({ fields }, data as Record<string, unknown>)
      expect(evaluation.errors).toEqual([
        { pointer: `/data/${name}`, field: name, code: 'unknown-field', message: 'This form has no such field.' },
      ])
      expect(Object.keys(evaluation.values)).toEqual(['name'])
      expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
    },
  )

  it('reads nothing from a prototype', () => {
    const data: Record<string, unknown> = Object.create({ name: 'inherited' })
    expect(evaluate({ fields }, data).values).toEqual({})
  })

  it('escapes a JSON pointer (RFC 6901 §3)', () => {
    expect(evaluate({ fields }, { 'a/b~c': 1 }).errors[0]?.pointer).toBe('/data/a~1b~0c')
  })

  it('does not send a long or broken name back', () => {
    const { errors } = evaluate({ fields }, { ['x'.repeat(100_000)]: 1, '\ud800': 1 })
    expect(errors.map(({ pointer, field }) => [pointer, field])).toEqual([
      ['/data', 'x'.repeat(64)],
      ['/data', '\ufffd'],
    ])
  })

  it('answers a flood of invented names with twenty errors', () => {
    const data = Object.fromEntries(Array.from({ length: 50_000 }, (_, index) => [`n${index}`, index]))
    expect(evaluate({ fields }, data).errors).toHaveLength(20)
  })

  it('never repeats an answer in an error', () => {
    const { errors } = evaluate({ fields }, { name: 'secret\u0000value', other: 'secret' })
    expect(JSON.stringify(errors)).not.toContain('secret')
  })
})

describe('time zones', () => {
  const fields: FormField[] = [{ name: 'x', type: 'date', label }]

  it.each<[string, Condition]>([
    ['a comparison', { all: [{ field: 'x', op: 'atMost', value: 'today' }] }],
    ['a list', { all: [{ field: 'x', op: 'oneOf', values: ['2020-01-01', 'today'] }] }],
  ])('decides what today is for %s, too', (_, when) => {
    const scored = { fields, scoring: { rules: [{ when, points: 1 }] } }
    expect(evaluate(scored, { x: '2026-03-29' }).score).toBe(1)
    expect(evaluate(scored, { x: '2026-03-30' }).score).toBe(0)
  })

  it('counts from today in an outcome and in what shows a field', () => {
    const soon: Condition = { any: [{ all: [{ field: 'x', op: 'lessThan', value: 'today+7d' }] }] }
    const shown = { fields: [...fields, { name: 'y', type: 'text' as const, label, required: true, showWhen: soon }] }
    const decided = { fields, outcomes: [{ id: 'soon', when: { condition: soon } }, { id: 'late' }] }
    expect(evaluate(shown, { x: '2026-04-04' }).errors.map(({ field }) => field)).toEqual(['y'])
    expect(evaluate(shown, { x: '2026-04-05' }).valid).toBe(true)
    expect(evaluate(decided, { x: '2026-04-04' }).outcome).toBe('soon')
    expect(evaluate(decided, { x: '2026-04-05' }).outcome).toBe('late')
  })

  it('throws for an unknown zone only where the form counts from today', () => {
    const mars = { ...at, timeZone: 'Mars/Olympus' }
    const timeless = compileForm({ title: label, fields: [{ name: 'x', type: 'date', label }] })
    const dated = compileForm({ title: label, fields: [{ name: 'x', type: 'date', label, minDate: 'today' }] })
    expect(evaluateAnswers(timeless, {}, mars).valid).toBe(true)
    expect(() => evaluateAnswers(dated, {}, mars)).toThrow(RangeError)
  })
})
