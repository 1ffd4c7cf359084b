import { describe, expect, it } from 'vitest'
import { DEMO_FORM } from './demo.ts'
import { describePublic } from './describe-public.ts'
import { PublicForm } from './public-schema.ts'
import type { FormDefinition } from './schema.ts'
import { createSchemaCheck } from './testing/schema-check.ts'

const label = { en: 'Label', fr: 'Libellé' }

describe('describePublic', () => {
  it.each(['en', 'fr', undefined] as const)('fits its schema (%s)', (locale) => {
    expect(createSchemaCheck(PublicForm)(describePublic(DEMO_FORM, locale))).toEqual([])
  })

  it('says what to show, when, and what is accepted', () => {
    const { fields } = describePublic(DEMO_FORM, 'fr')
    expect(fields[3]).toEqual({
      name: 'productCount',
      type: 'number',
      label: 'Combien de produits vendrez-vous\u202f?',
      required: true,
      integer: true,
      min: 1,
      max: 1_000_000,
      showWhen: { all: [{ field: 'projectType', op: 'equals', value: 'shop' }] },
    })
  })

  it('gives every language where none is asked for, and the other one where a text lacks it', () => {
    const form: FormDefinition = { title: { fr: 'Titre' }, fields: [{ name: 'x', type: 'text', label }] }
    expect(describePublic(form)).toEqual({
      title: { fr: 'Titre' },
      fields: [{ name: 'x', type: 'text', label, required: false, maxLength: 200 }],
    })
    expect(describePublic(form, 'en').title).toBe('Titre')
    const english: FormDefinition = { title: { en: 'Title' }, fields: [{ name: 'x', type: 'text', label }] }
    expect(describePublic(english, 'fr').title).toBe('Title')
  })

  it.each([true, false])('never tells points, rules or what leads to an outcome (exposeScore: %s)', (exposeScore) => {
    const secretive: FormDefinition = { ...DEMO_FORM, exposeScore }
    const told = JSON.stringify(describePublic(secretive))
    for (const secret of ['score', 'Score', 'points', 'rules', '"when"', 'protection'])
      expect(told).not.toContain(secret)
    expect(told.includes('call-today')).toBe(exposeScore)
  })

  it('describes every type of field', () => {
    const common = { label, help: label, required: true } as const
    const form: FormDefinition = {
      title: label,
      description: label,
      fields: [
        { ...common, name: 'a', type: 'longText', placeholder: label, minLength: 3 },
        { ...common, name: 'b', type: 'email', placeholder: label },
        { ...common, name: 'c', type: 'phone', country: 'FR' },
        {
          ...common,
          name: 'd',
          type: 'choice',
          multiple: true,
          minChoices: 1,
          choices: [{ value: 'x', label, score: 9 }],
        },
        { ...common, name: 'e', type: 'date', minDate: 'today', maxDate: '2030-01-01' },
        { ...common, name: 'f', type: 'consent', consentText: label, version: '2' },
      ],
    }
    const shared = { label: 'Label', help: 'Label', required: true }
    expect(describePublic(form, 'en')).toEqual({
      title: 'Label',
      description: 'Label',
      fields: [
        { ...shared, name: 'a', type: 'longText', placeholder: 'Label', minLength: 3, maxLength: 5000 },
        { ...shared, name: 'b', type: 'email', placeholder: 'Label' },
        { ...shared, name: 'c', type: 'phone', country: 'FR' },
        {
          ...shared,
          name: 'd',
          type: 'choice',
          multiple: true,
          minChoices: 1,
          choices: [{ value: 'x', label: 'Label' }],
        },
        { ...shared, name: 'e', type: 'date', minDate: 'today', maxDate: '2030-01-01' },
        { ...shared, name: 'f', type: 'consent', consentText: 'Label', version: '2' },
      ],
    })
  })
})
