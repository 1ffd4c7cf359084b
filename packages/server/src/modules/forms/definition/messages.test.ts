import { describe, expect, it } from 'vitest'
import { REFUSAL_CODES, type Refusal, refusalMessage } from './messages.ts'

const limitFor = (code: Refusal['code']): Refusal =>
  code.startsWith('date-too') ? { code, limit: '2026-01-01' } : { code, limit: 1234.5 }

describe('refusal messages', () => {
  it.each(REFUSAL_CODES)('%s speaks English and French, as whole sentences', (code) => {
    const en = refusalMessage(limitFor(code), 'en')
    const fr = refusalMessage(limitFor(code), 'fr')
    for (const sentence of [en, fr]) expect(sentence).toMatch(/^\p{Lu}.*\.$/u)
    expect(fr).not.toBe(en)
  })

  it.each(REFUSAL_CODES)('%s keeps the typography of French: no-break spaces and ’', (code) => {
    const fr = refusalMessage(limitFor(code), 'fr')
    expect(fr).not.toMatch(/'|"|\.\.\./)
    expect(fr).not.toMatch(/[^\u202f][;!?]/)
    expect(fr).not.toMatch(/[^\u00a0]:/)
    expect(refusalMessage(limitFor(code), 'en')).not.toMatch(/\s[:;!?]/)
  })

  it.each([
    ['text-too-short', 1, 'Enter at least 1 character.', 'Saisissez au moins 1 caractère.'],
    ['text-too-short', 2, 'Enter at least 2 characters.', 'Saisissez au moins 2 caractères.'],
    ['text-too-long', 12_000, 'Enter at most 12,000 characters.', 'Saisissez au plus 12\u202f000 caractères.'],
    ['choices-too-few', 1, 'Choose at least 1 option.', 'Choisissez au moins 1 option.'],
    ['choices-too-many', 3, 'Choose at most 3 options.', 'Choisissez au plus 3 options.'],
    ['number-too-small', -0.5, 'Enter a number of at least -0.5.', 'Saisissez un nombre supérieur ou égal à -0,5.'],
    ['number-step', 0.25, 'Enter a number in steps of 0.25.', 'Saisissez un nombre par paliers de 0,25.'],
    [
      'date-too-early',
      '2026-05-01',
      'Choose 1\u00a0May 2026 or a later date.',
      'Choisissez le 1er\u00a0mai 2026 ou une date ultérieure.',
    ],
  ] as const)('%s with %s', (code, limit, en, fr) => {
    expect(refusalMessage({ code, limit }, 'en')).toBe(en)
    expect(refusalMessage({ code, limit }, 'fr')).toBe(fr)
  })
})
