import { describe, expect, it } from 'vitest'
import { checkDefinition } from './check-definition.ts'
import type { Comparison, FormDefinition, FormField } from './schema.ts'
import { FormDefinition as FormDefinitionSchema } from './schema.ts'
import { createSchemaCheck } from './testing/schema-check.ts'

const label = { en: 'Label' }
const choices = ['a', 'b'].map((value) => ({ value, label }))
const text = (name: string): FormField => ({ name, type: 'text', label })
const consent: FormField = { name: 'ok', type: 'consent', label, consentText: label, version: '1' }

const faultsOf = (definition: Omit<FormDefinition, 'title'>) =>
  checkDefinition({ title: label, ...definition }).map(({ pointer, code }) => [pointer, code])
const faultsOfField = (field: FormField) => faultsOf({ fields: [field] })

describe('names', () => {
  it.each([
    'constructor',
    'toString',
    'valueOf',
    'hasOwnProperty',
    'prototype',
    'honeypot',
    'renderToken',
    'formRenderedAt',
  ])('refuses the reserved name %s', (name) => {
    expect(faultsOfField(text(name))).toEqual([['/fields/0/name', 'name-reserved']])
  })

  it('takes the name email', () => {
    expect(faultsOfField({ name: 'email', type: 'email', label })).toEqual([])
  })

  it('refuses a name used twice, at its second use', () => {
    expect(faultsOf({ fields: [text('a'), text('b'), text('a')] })).toEqual([['/fields/2/name', 'name-duplicate']])
  })
})

describe('fields by themselves', () => {
  it.each<[FormField, string, string]>([
    [{ ...text('x'), label: { en: 'a\u0000' } }, '/label/en', 'text-characters'],
    [{ ...text('x'), label: { fr: '\ud800' } }, '/label/fr', 'text-characters'],
    [{ name: 'x', type: 'text', label, minLength: 6, maxLength: 5 }, '/minLength', 'bounds-reversed'],
    [{ name: 'x', type: 'text', label, minLength: 201 }, '/minLength', 'bounds-reversed'],
    [{ name: 'x', type: 'longText', label, minLength: 5001 }, '/minLength', 'bounds-reversed'],
    [{ name: 'x', type: 'phone', label, country: 'ZZ' }, '/country', 'country-unknown'],
    [{ name: 'x', type: 'number', label, min: 2, max: 1 }, '/min', 'bounds-reversed'],
    [{ name: 'x', type: 'number', label, integer: true, step: 0.5 }, '/step', 'step-fractional'],
    [{ name: 'x', type: 'number', label, integer: true, step: 2, min: 0.5 }, '/min', 'step-fractional'],
    [
      { name: 'x', type: 'choice', label, choices: [...choices, ...choices.slice(0, 1)] },
      '/choices/2/value',
      'choice-duplicate',
    ],
    [{ name: 'x', type: 'choice', label, choices: [{ value: ' a', label }] }, '/choices/0/value', 'choice-value'],
    [{ name: 'x', type: 'choice', label, choices: [{ value: 'a\nb', label }] }, '/choices/0/value', 'choice-value'],
    [{ name: 'x', type: 'choice', label, choices, minChoices: 1 }, '/minChoices', 'choice-bounds'],
    [{ name: 'x', type: 'choice', label, choices, multiple: true, maxChoices: 3 }, '/maxChoices', 'choice-bounds'],
    [
      { name: 'x', type: 'choice', label, choices, multiple: true, minChoices: 2, maxChoices: 1 },
      '/minChoices',
      'bounds-reversed',
    ],
    [{ name: 'x', type: 'date', label, minDate: '2026-02-30' }, '/minDate', 'date-invalid'],
    [{ name: 'x', type: 'date', label, minDate: '2026-02-02', maxDate: '2026-02-01' }, '/minDate', 'bounds-reversed'],
    [{ name: 'x', type: 'date', label, minDate: 'today+2d', maxDate: 'today' }, '/minDate', 'bounds-reversed'],
  ])('case %#: %o', (field, pointer, code) => {
    expect(faultsOfField(field)).toEqual([[`/fields/0${pointer}`, code]])
  })

  it.each<[FormField]>([
    [{ name: 'x', type: 'number', label, integer: true, min: 0.5 }],
    [{ name: 'x', type: 'number', label, min: 0.5, step: 0.25 }],
    [{ name: 'x', type: 'date', label, minDate: '2026-02-28', maxDate: 'today' }],
    [{ name: 'x', type: 'phone', label, country: 'FR' }],
    [{ name: 'x', type: 'choice', label, choices, multiple: true, minChoices: 2, maxChoices: 2 }],
    [{ ...text('x'), help: { en: 'Line one\nline two' } }],
  ])('has nothing against case %#: %o', (field) => {
    expect(faultsOfField(field)).toEqual([])
  })
})

describe('conditions', () => {
  const first: FormField[] = [
    text('text'),
    { name: 'number', type: 'number', label, min: 0, max: 10 },
    { name: 'one', type: 'choice', label, choices },
    { name: 'many', type: 'choice', label, choices, multiple: true },
    { name: 'day', type: 'date', label },
    consent,
    { name: 'mail', type: 'email', label },
    { name: 'tel', type: 'phone', label },
  ]
  const withCondition = (comparison: Comparison): FormDefinition => ({
    title: label,
    fields: [...first, { ...text('last'), showWhen: { all: [{ any: [comparison] }] } }],
  })
  const faultsOfComparison = (comparison: Comparison) =>
    checkDefinition(withCondition(comparison)).map(({ pointer, code }) => [
      pointer.replace('/fields/8/showWhen/all/0/any/0', ''),
      code,
    ])

  it.each<[Comparison, string, string]>([
    [{ field: 'nobody', op: 'answered' }, '/field', 'condition-field-unknown'],
    [{ field: 'last', op: 'answered' }, '/field', 'condition-field-later'],
    [{ field: 'text', op: 'atLeast', value: 1 }, '/op', 'comparison-operator'],
    [{ field: 'one', op: 'includes', value: 'a' }, '/op', 'comparison-operator'],
    [{ field: 'many', op: 'equals', value: 'a' }, '/op', 'comparison-operator'],
    [{ field: 'ok', op: 'oneOf', values: [true] }, '/op', 'comparison-operator'],
    [{ field: 'text', op: 'equals', value: 1 }, '/value', 'comparison-value'],
    [{ field: 'text', op: 'equals', value: ' x ' }, '/value', 'comparison-value'],
    [{ field: 'number', op: 'equals', value: 11 }, '/value', 'comparison-value'],
    [{ field: 'number', op: 'atLeast', value: '5' }, '/value', 'comparison-value'],
    [{ field: 'one', op: 'oneOf', values: ['a', 'z'] }, '/values/1', 'comparison-value'],
    [{ field: 'many', op: 'includes', value: 'z' }, '/value', 'comparison-value'],
    [{ field: 'day', op: 'equals', value: '2026-02-30' }, '/value', 'comparison-value'],
    [{ field: 'day', op: 'atLeast', value: 5 }, '/value', 'comparison-value'],
    [{ field: 'ok', op: 'equals', value: 'true' }, '/value', 'comparison-value'],
    [{ field: 'mail', op: 'equals', value: 'Ada@EXAMPLE.org' }, '/value', 'comparison-value'],
    [{ field: 'tel', op: 'equals', value: '06 12 34 56 78' }, '/value', 'comparison-value'],
  ])('%j', (comparison, pointer, code) => {
    expect(faultsOfComparison(comparison)).toEqual([[pointer, code]])
  })

  it.each<[Comparison]>([
    [{ field: 'text', op: 'equals', value: 'x' }],
    [{ field: 'number', op: 'moreThan', value: 99 }],
    [{ field: 'one', op: 'noneOf', values: ['a', 'b'] }],
    [{ field: 'many', op: 'excludes', value: 'b' }],
    [{ field: 'day', op: 'lessThan', value: 'today-18d' }],
    [{ field: 'ok', op: 'equals', value: true }],
    [{ field: 'mail', op: 'notEquals', value: 'Ada@example.org' }],
    [{ field: 'tel', op: 'equals', value: '+33612345678' }],
  ])('has nothing against %j', (comparison) => {
    expect(faultsOfComparison(comparison)).toEqual([])
  })

  it('refuses a field shown by itself or by a later one, and lets rules and outcomes look at all', () => {
    const later: Comparison = { field: 'b', op: 'answered' }
    const definition: Omit<FormDefinition, 'title'> = {
      fields: [{ ...text('a'), showWhen: { any: [later] } }, text('b')],
      scoring: { rules: [{ when: { all: [later] }, points: 1 }] },
      outcomes: [{ id: 'x', when: { condition: { all: [later] } } }, { id: 'y' }],
    }
    expect(faultsOf(definition)).toEqual([['/fields/0/showWhen/any/0/field', 'condition-field-later']])
  })

  it('points into rules and outcomes', () => {
    const unknown: Comparison = { field: 'zz', op: 'answered' }
    const definition: Omit<FormDefinition, 'title'> = {
      fields: [text('a')],
      scoring: { rules: [{ when: { all: [unknown] }, points: 1 }] },
      outcomes: [{ id: 'x', when: { condition: { any: [{ all: [unknown] }] } } }, { id: 'y' }],
    }
    expect(faultsOf(definition)).toEqual([
      ['/scoring/rules/0/when/all/0/field', 'condition-field-unknown'],
      ['/outcomes/0/when/condition/any/0/all/0/field', 'condition-field-unknown'],
    ])
  })
})

describe('scoring and outcomes', () => {
  const scored: FormField[] = [
    {
      name: 'one',
      type: 'choice',
      label,
      choices: [
        { value: 'a', label, score: 10 },
        { value: 'b', label, score: -5 },
      ],
    },
    {
      name: 'many',
      type: 'choice',
      label,
      multiple: true,
      choices: [
        { value: 'a', label, score: 3 },
        { value: 'b', label, score: 4 },
      ],
    },
  ]
  const outcomeFaults = (outcomes: FormDefinition['outcomes'], scoring: FormDefinition['scoring'] = {}) =>
    faultsOf({ fields: scored, scoring, outcomes: outcomes ?? [] })

  it('asks for a default, last', () => {
    expect(outcomeFaults([{ id: 'x', when: { minScore: 1 } }])).toEqual([
      ['/outcomes/0/when', 'outcome-default-missing'],
    ])
  })

  it('finds what lies behind an outcome that always holds', () => {
    expect(outcomeFaults([{ id: 'x' }, { id: 'y', when: { minScore: 1 } }, { id: 'z' }])).toEqual([
      ['/outcomes/1', 'outcome-unreachable'],
    ])
  })

  it('finds the same name twice and bounds reversed', () => {
    expect(outcomeFaults([{ id: 'x', when: { minScore: 2, maxScore: 1 } }, { id: 'x' }], { min: 5, max: 4 })).toEqual([
      ['/scoring/min', 'bounds-reversed'],
      ['/outcomes/1/id', 'outcome-duplicate'],
      ['/outcomes/0/when/minScore', 'bounds-reversed'],
    ])
  })

  it.each<[number, boolean]>([
    [17, true],
    [18, false],
  ])('knows the highest score there can be: an outcome from %i on is in reach: %s', (minScore, isInReach) => {
    expect(outcomeFaults([{ id: 'x', when: { minScore } }, { id: 'y' }])).toEqual(
      isInReach ? [] : [['/outcomes/0', 'outcome-unreachable']],
    )
  })

  it.each<[number, boolean]>([
    [-5, true],
    [-6, false],
  ])('knows the lowest score there can be: an outcome up to %i is in reach: %s', (maxScore, isInReach) => {
    expect(outcomeFaults([{ id: 'x', when: { maxScore } }, { id: 'y' }])).toEqual(
      isInReach ? [] : [['/outcomes/0', 'outcome-unreachable']],
    )
  })

  it('minds the range scores are kept in', () => {
    expect(outcomeFaults([{ id: 'x', when: { maxScore: -1 } }, { id: 'y' }], { min: 0 })).toEqual([
      ['/outcomes/0', 'outcome-unreachable'],
    ])
  })

  it('finds an outcome whose scores earlier ones take between them', () => {
    const low = { id: 'low', when: { maxScore: 5 } }
    const high = { id: 'high', when: { minScore: 6 } }
    expect(outcomeFaults([high, low, { id: 'between', when: { minScore: 3, maxScore: 8 } }, { id: 'z' }])).toEqual([
      ['/outcomes/2', 'outcome-unreachable'],
    ])
    expect(
      outcomeFaults([
        { id: 'high', when: { minScore: 7 } },
        low,
        { id: 'between', when: { minScore: 3, maxScore: 8 } },
        { id: 'z' },
      ]),
    ).toEqual([])
  })

  it('knows that an outcome with a condition lets answers pass', () => {
    const picky = { id: 'x', when: { minScore: 0, condition: { all: [{ field: 'one', op: 'answered' as const }] } } }
    expect(outcomeFaults([picky, { id: 'y', when: { minScore: 0 } }, { id: 'z' }])).toEqual([])
  })
})

describe('the schema', () => {
  const check = createSchemaCheck(FormDefinitionSchema)
  const valid: FormDefinition = { title: label, fields: [text('x')] }

  it('takes the smallest form', () => {
    expect(check(valid)).toEqual([])
  })

  it.each<[string, unknown]>([
    ['an unknown member', { ...valid, script: 'alert(1)' }],
    ['an unknown member of a field', { ...valid, fields: [{ ...text('x'), pattern: '(a+)+$' }] }],
    ['no field', { ...valid, fields: [] }],
    ['101 fields', { ...valid, fields: Array.from({ length: 101 }, (_, index) => text(`x${index}`)) }],
    [
      '201 choices',
      {
        ...valid,
        fields: [
          { name: 'x', type: 'choice', label, choices: Array.from({ length: 201 }, () => ({ value: 'a', label })) },
        ],
      },
    ],
    ['a name that begins with an underscore', { ...valid, fields: [text('__proto__')] }],
    ['a name of 65 characters', { ...valid, fields: [text('x'.repeat(65))] }],
    ['a name with a trailing line end', { ...valid, fields: [text('x\n')] }],
    ['a label in no language', { ...valid, fields: [{ ...text('x'), label: {} }] }],
    ['a label in another language', { ...valid, fields: [{ ...text('x'), label: { de: 'Name' } }] }],
    ['help of 2001 characters', { ...valid, fields: [{ ...text('x'), help: { en: 'x'.repeat(2001) } }] }],
    ['an unknown type', { ...valid, fields: [{ ...text('x'), type: 'password' }] }],
    ['a bound of another type', { ...valid, fields: [{ ...text('x'), min: 1 }] }],
    [
      'points that are not whole',
      { ...valid, scoring: { rules: [{ when: { all: [{ field: 'x', op: 'answered' }] }, points: 0.5 }] } },
    ],
    ['an empty condition', { ...valid, fields: [{ ...text('x'), showWhen: { all: [] } }] }],
    [
      'a condition of both kinds',
      {
        ...valid,
        fields: [
          { ...text('x'), showWhen: { all: [{ field: 'x', op: 'answered' }], any: [{ field: 'x', op: 'answered' }] } },
        ],
      },
    ],
    [
      'a condition two levels deep',
      {
        ...valid,
        fields: [{ ...text('x'), showWhen: { all: [{ any: [{ all: [{ field: 'x', op: 'answered' }] }] }] } }],
      },
    ],
    [
      'a comparison without its value',
      { ...valid, fields: [{ ...text('x'), showWhen: { all: [{ field: 'x', op: 'equals' }] } }] },
    ],
    ['a render token neither required nor optional', { ...valid, protection: { renderToken: 'off' } }],
    ['a fill time of two minutes', { ...valid, protection: { minimumFillSeconds: 120 } }],
  ])('refuses %s', (_, definition) => {
    expect(check(definition)).not.toEqual([])
  })
})
