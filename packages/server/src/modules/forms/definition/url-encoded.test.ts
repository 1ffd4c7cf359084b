import { describe, expect, it } from 'vitest'
import { compileForm } from './compile.ts'
import { evaluateAnswers } from './evaluate.ts'
import type { FormDefinition } from './schema.ts'
import { answersFromPairs } from './url-encoded.ts'

const label = { en: 'Label' }
const definition: FormDefinition = {
  title: label,
  fields: [
    { name: 'name', type: 'text', label },
    { name: 'amount', type: 'number', label },
    {
      name: 'topics',
      type: 'choice',
      label,
      multiple: true,
      choices: [
        { value: 'a', label },
        { value: 'b', label },
      ],
    },
    { name: 'agreed', type: 'consent', label, consentText: label, version: '1' },
  ],
}
const form = compileForm(definition)
const read = (query: string) => answersFromPairs(definition, new URLSearchParams(query))

describe('answersFromPairs', () => {
  it('types every answer as its field asks', () => {
    expect({ ...read('name=Ada&amount=12.5&topics=a&topics=b&agreed=on') }).toEqual({
      name: 'Ada',
      amount: 12.5,
      topics: ['a', 'b'],
      agreed: true,
    })
  })

  it.each([
    ['1 234,5', 1234.5],
    ['1\u202f234', 1234],
    ['-7', -7],
    ['+7', 7],
    ['', ''],
    ['  ', ''],
    ['1e9', '1e9'],
    ['0x10', '0x10'],
    ['Infinity', 'Infinity'],
    ['1,234,5', '1,234,5'],
    ['9'.repeat(400), '9'.repeat(400)],
  ])('reads the number %j as %j', (typed, expected) => {
    expect(read(new URLSearchParams({ amount: typed }).toString())['amount']).toBe(expected)
  })

  it.each([
    ['agreed=on', true],
    ['agreed=true', true],
    ['agreed=', false],
    ['agreed=false', false],
    ['agreed=maybe', 'maybe'],
  ])('reads the box %s as %o', (query, expected) => {
    expect(read(query)['agreed']).toBe(expected)
  })

  it('makes a list of one choice, and none of an empty one', () => {
    expect(read('topics=a')['topics']).toEqual(['a'])
    expect(read('topics=')['topics']).toEqual([])
  })

  it('leaves a repeated scalar and an unknown name to be refused by the evaluation', () => {
    const answers = read('name=a&name=b&other=1&__proto__=x&constructor=y')
    const { errors } = evaluateAnswers(form, answers, { nowMs: 0, timeZone: 'UTC', locale: 'en' })
    expect(errors.map(({ field, code }) => [field, code])).toEqual([
      ['name', 'text-expected'],
      ['other', 'unknown-field'],
      ['__proto__', 'unknown-field'],
      ['constructor', 'unknown-field'],
    ])
  })
})
