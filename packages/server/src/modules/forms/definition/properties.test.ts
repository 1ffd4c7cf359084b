import fc from 'fast-check'
import { getCountries, getExampleNumber } from 'libphonenumber-js/max'
import examples from 'libphonenumber-js/mobile/examples'
import { describe, expect, it } from 'vitest'
import { checkDefinition } from './check-definition.ts'
import { compileForm } from './compile.ts'
import { describePublic } from './describe-public.ts'
import { type Evaluation, evaluateAnswers } from './evaluate.ts'
import { PublicForm } from './public-schema.ts'
import { readerFor } from './readers/for-field.ts'
import { isRefusal } from './readers/reader.ts'
import { FormDefinition } from './schema.ts'
import { createSchemaCheck } from './testing/schema-check.ts'
import { anyAnswer, type SoundCase, soundCases } from './testing/sound-forms.ts'

const at = { nowMs: Date.parse('2026-03-28T23:30:00Z'), timeZone: 'Europe/Paris', locale: 'fr' } as const
const label = { en: 'Label' }
const runs = { numRuns: 600 }

const namesOf = (definition: FormDefinition) => definition.fields.map((field): string => field.name)

describe('a sound form', () => {
  it('fits the schema, has no fault, and is described as its public schema says', () => {
    const fits = createSchemaCheck(FormDefinition)
    const fitsPublic = createSchemaCheck(PublicForm)
    fc.assert(
      fc.property(soundCases, fc.constantFrom('en' as const, 'fr' as const, undefined), ({ definition }, locale) => {
        expect(fits(definition)).toEqual([])
        expect(checkDefinition(definition)).toEqual([])
        expect(fitsPublic(describePublic(definition, locale))).toEqual([])
      }),
      { numRuns: 200 },
    )
  })
})

describe('any answers to any sound form', () => {
  it('give values of its fields or errors, never both for one field, never an exception', () => {
    const seen = { valid: 0, refused: 0, hidden: 0, decided: 0 }
    fc.assert(
      fc.property(soundCases, (one) => {
        const evaluation = evaluateAnswers(compileForm(one.definition), one.data, at)
        expectConsistent(one, evaluation)
        if (evaluation.valid) seen.valid += 1
        else seen.refused += 1
        if (hiddenNames(one).length > 0) seen.hidden += 1
        if (evaluation.outcome !== undefined && evaluation.outcome !== 'default') seen.decided += 1
      }),
      runs,
    )
    // The cases are worth nothing if they do not reach what is tested.
    for (const count of Object.values(seen)) expect(count).toBeGreaterThan(runs.numRuns / 20)
  })

  it('are stable: their values, sent again as JSON, give the same values, score and outcome', () => {
    fc.assert(
      fc.property(soundCases, ({ definition, data }) => {
        const form = compileForm(definition)
        const first = evaluateAnswers(form, data, at)
        const again = evaluateAnswers(form, JSON.parse(JSON.stringify(first.values)), at)
        expect(again.values).toEqual(first.values)
        expect(again.score).toBe(first.score)
        if (first.valid) expect(again).toEqual(first)
      }),
      runs,
    )
  })

  it('change nothing where the field is hidden', () => {
    fc.assert(
      fc.property(soundCases, anyAnswer, (one, other) => {
        const form = compileForm(one.definition)
        const before = evaluateAnswers(form, one.data, at)
        for (const name of hiddenNames(one)) {
          expect(evaluateAnswers(form, { ...one.data, [name]: other }, at)).toEqual(before)
        }
      }),
      runs,
    )
  })
})

function expectConsistent({ definition, data }: SoundCase, { valid, errors, values, score, outcome }: Evaluation) {
  const names = namesOf(definition)
  const refused = errors.map(({ field }) => field)
  expect(valid).toBe(errors.length === 0)
  for (const name of Object.keys(values)) {
    expect(names).toContain(name)
    expect(refused).not.toContain(name)
    expect(data[name]).toBeDefined()
  }
  for (const { code, field } of errors) expect(code === 'unknown-field').toBe(!names.includes(field))
  expect(Number.isInteger(score)).toBe(true)
  expect(score).toBeGreaterThanOrEqual(-5)
  expect(outcome).toEqual(valid ? expect.stringMatching(/^(hot|warm|default)$/) : undefined)
}

/** Fields that stay without an error although a value no field takes is sent for them. */
function hiddenNames({ definition, data }: SoundCase): string[] {
  const form = compileForm(definition)
  return namesOf(definition).filter((name) => {
    const { errors } = evaluateAnswers(form, { ...data, [name]: { no: 'field takes an object' } }, at)
    return errors.every(({ field }) => field !== name)
  })
}

describe('normalised values', () => {
  it('of phone fields are stable for the example number of every country', () => {
    const read = readerFor({ name: 'x', type: 'phone', label })
    for (const country of getCountries()) {
      const number = getExampleNumber(country, examples)
      if (number === undefined) continue
      expect(readerFor({ name: 'x', type: 'phone', label, country })(number.formatNational(), '')).toBe(number.number)
      expect(read(number.number, '')).toBe(number.number)
    }
  })

  it('of e-mail fields hold one address of visible ASCII, whatever was typed', () => {
    const read = readerFor({ name: 'x', type: 'email', label })
    const odd = ['\r', '\n', ' ', ',', ';', '<', '"', '%0a', 'é', '\u0000', 'İ', 'ß', '。', 'a', '.', '-', '@', '']
    const pieces = fc.array(fc.constantFrom(...odd), { maxLength: 3 }).map((parts) => parts.join(''))
    let accepted = 0
    fc.assert(
      fc.property(pieces, pieces, pieces, (first, second, third) => {
        const value = read(`a${first}@example${second}.org${third}`, '')
        if (typeof value === 'string') {
          accepted += 1
          expect(value).toMatch(/^[!#-'*+\-./0-9=?A-Z^_`a-z{|}~]+@[a-z0-9.-]+$/)
          expect(value.length).toBeLessThanOrEqual(254)
        } else {
          expect(isRefusal(value)).toBe(true)
        }
      }),
      { numRuns: 1500 },
    )
    expect(accepted).toBeGreaterThan(20)
  })

  it('of text fields are trimmed, well formed, free of controls and within their length in code points', () => {
    let accepted = 0
    fc.assert(
      fc.property(fc.boolean(), fc.string({ unit: 'binary', maxLength: 12 }), (isLong, text) => {
        const read = readerFor({ name: 'x', type: isLong ? 'longText' : 'text', label, maxLength: 10 })
        const value = read(text, '')
        if (typeof value === 'string') {
          accepted += 1
          expect(value).toBe(value.trim().normalize('NFC').toWellFormed())
          expect(value).not.toMatch(isLong ? /[\p{Cc}--[\n\t]]/v : /\p{Cc}/u)
          expect([...value].length).toBeLessThanOrEqual(10)
        } else {
          expect(value === undefined || isRefusal(value)).toBe(true)
        }
      }),
      { numRuns: 1500 },
    )
    expect(accepted).toBeGreaterThan(20)
  })
})
