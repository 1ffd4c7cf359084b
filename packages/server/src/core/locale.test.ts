import { describe, expect, it } from 'vitest'
import { negotiateLocale } from './locale.ts'

describe('negotiateLocale', () => {
  it.each([
    ['fr', 'fr'],
    ['en', 'en'],
    ['fr-FR,fr;q=0.9,en-US;q=0.8,en;q=0.7', 'fr'],
    ['en-GB,en;q=0.9,fr;q=0.8', 'en'],
    ['fr-CA', 'fr'],
    ['FR-fr', 'fr'],
    ['de,fr;q=0.5,en;q=0.4', 'fr'],
    ['en;q=0.2, fr;q=0.8', 'fr'],
    ['fr;q=0, en', 'en'],
  ] as const)('answers %s with %s whatever the fallback', (header, locale) => {
    expect(negotiateLocale(header, 'en')).toBe(locale)
    expect(negotiateLocale(header, 'fr')).toBe(locale)
    expect(negotiateLocale(header, 'fr')).toBe(locale)
  })

  it.each([
    undefined,
    '',
    'de',
    'zh-Hans,ja;q=0.5',
    '*',
    'en;q=0,fr;q=0',
    ';;;,,,',
    'fr;q=NaN',
    '\u0000',
    'x'.repeat(5000),
  ])('falls back for %j', (header) => {
    expect(negotiateLocale(header, 'fr')).toBe('fr')
    expect(negotiateLocale(header, 'en')).toBe('en')
  })

  it('lets a refused language fall back to the other one', () => {
    expect(negotiateLocale('*, fr;q=0', 'fr')).toBe('en')
  })

  it('reads the first 256 characters, cut between two languages', () => {
    const filler = Array.from({ length: 100 }, () => 'de;q=0.1').join(',')
    expect(negotiateLocale(`fr,${filler}`, 'en')).toBe('fr')
    expect(negotiateLocale(`${filler},fr`, 'en')).toBe('en')
    const cut = `${'d'.repeat(252)},fr-CA`
    expect(negotiateLocale(cut, 'en')).toBe('en')
  })

  it('answers a flood of different headers, long ones too, without slowing down', () => {
    const startedAt = performance.now()
    for (let n = 0; n < 2000; n += 1) negotiateLocale(`fr-${n},en;q=0.${n % 10}${',;q='.repeat(20_000)}`, 'en')
    expect(performance.now() - startedAt).toBeLessThan(1000)
    expect(negotiateLocale('fr', 'en')).toBe('fr')
  })
})
