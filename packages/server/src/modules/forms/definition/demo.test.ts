import { describe, expect, it } from 'vitest'
import { checkDefinition } from './check-definition.ts'
import { compileForm } from './compile.ts'
import { DEMO_FORM } from './demo.ts'
import { evaluateAnswers } from './evaluate.ts'
import { FormDefinition } from './schema.ts'
import { createSchemaCheck } from './testing/schema-check.ts'

describe('the demo form', () => {
  const at = { nowMs: Date.parse('2026-03-10T12:00:00Z'), timeZone: 'Europe/Paris', locale: 'en' } as const
  const form = compileForm(DEMO_FORM)

  it('fits the schema and has no fault', () => {
    expect(createSchemaCheck(FormDefinition)(DEMO_FORM)).toEqual([])
    expect(checkDefinition(DEMO_FORM)).toEqual([])
  })

  it('ranks a shop with a budget, a near start and a phone number first', () => {
    const evaluation = evaluateAnswers(
      form,
      {
        fullName: '  Ada Lovelace ',
        phone: '06 12 34 56 78',
        projectType: 'shop',
        productCount: 800,
        budget: 25_000,
        startDate: '2026-04-01',
        details: 'A shop for analytical engines.',
        consent: true,
      },
      at,
    )
    expect(evaluation).toEqual({
      valid: true,
      errors: [],
      values: {
        fullName: 'Ada Lovelace',
        phone: '+33612345678',
        projectType: 'shop',
        productCount: 800,
        budget: 25_000,
        startDate: '2026-04-01',
        details: 'A shop for analytical engines.',
        consent: true,
      },
      score: 95,
      outcome: 'call-today',
    })
  })

  it('neither asks nor stores the number of products of a website', () => {
    const answers = {
      fullName: 'Ada',
      projectType: 'website',
      productCount: -3,
      details: 'A site, in short.',
      consent: true,
    }
    expect(evaluateAnswers(form, answers, at)).toMatchObject({ valid: true, score: 10, outcome: 'standard' })
    expect(evaluateAnswers(form, answers, at).values).not.toHaveProperty('productCount')
  })

  it('speaks both languages everywhere', () => {
    const texts = JSON.stringify(DEMO_FORM).match(/"en":/g)?.length
    expect(JSON.stringify(DEMO_FORM).match(/"fr":/g)?.length).toBe(texts)
  })
})
