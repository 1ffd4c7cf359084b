import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addDays, dayInWords, daysFromToday, isDay } from './calendar.ts'

describe('isDay', () => {
  it.each([
    ['2026-01-01', true],
    ['2024-02-29', true],
    ['2000-02-29', true],
    ['0001-01-01', true],
    ['9999-12-31', true],
    ['2026-02-29', false],
    ['1900-02-29', false],
    ['2026-04-31', false],
    ['2026-13-01', false],
    ['2026-00-10', false],
    ['2026-01-00', false],
    ['0000-01-01', false],
    ['2026-1-1', false],
    ['26-01-01', false],
    ['2026-01-01T00:00:00Z', false],
    ['2026-01-01\n', false],
    ['٢٠٢٦-٠١-٠١', false],
    ['', false],
  ])('%j: %s', (text, expected) => {
    expect(isDay(text)).toBe(expected)
  })

  it('agrees with the calendar of Date for every day of four centuries', () => {
    const days = fc.record({
      year: fc.integer({ min: 1, max: 9999 }),
      month: fc.integer({ min: 1, max: 12 }),
      day: fc.integer({ min: 1, max: 31 }),
    })
    fc.assert(
      fc.property(days, ({ year, month, day }) => {
        const text = [String(year).padStart(4, '0'), String(month).padStart(2, '0'), String(day).padStart(2, '0')].join(
          '-',
        )
        const date = new Date(`${text}T00:00:00Z`)
        expect(isDay(text)).toBe(!Number.isNaN(date.getTime()) && date.toISOString().startsWith(text))
      }),
    )
  })
})

describe('addDays', () => {
  it.each([
    ['2026-03-28', 0, '2026-03-28'],
    ['2026-03-28', 1, '2026-03-29'],
    ['2026-03-28', 4, '2026-04-01'],
    ['2026-03-01', -1, '2026-02-28'],
    ['2024-02-28', 1, '2024-02-29'],
    ['9999-12-30', 99_999, '9999-12-31'],
    ['0001-01-02', -99_999, '0001-01-01'],
  ])('%s %i', (day, days, expected) => {
    expect(addDays(day, days)).toBe(expected)
  })
})

describe('daysFromToday', () => {
  it.each([
    ['today', 0],
    ['today+14d', 14],
    ['today-365d', -365],
    ['2026-01-01', undefined],
    ['today+', undefined],
    ['tomorrow', undefined],
  ])('%s', (bound, expected) => {
    expect(daysFromToday(bound)).toBe(expected)
  })
})

describe('dayInWords', () => {
  it('writes the first of a month as an ordinal in French only', () => {
    expect(dayInWords('2026-08-01', 'fr')).toBe('1er\u00a0août 2026')
    expect(dayInWords('2026-08-02', 'fr')).toBe('2\u00a0août 2026')
    expect(dayInWords('2026-08-01', 'en')).toBe('1\u00a0August 2026')
  })
})
