import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { calendarDay, isTimeZone, monthPeriod } from './time-zone.ts'

const names = [...Intl.supportedValuesOf('timeZone'), 'UTC', 'Etc/GMT+12', 'Etc/GMT-14']
const instant = fc.integer({ min: Date.UTC(1970, 0, 2), max: Date.UTC(2060, 0, 1) })
const at = (text: string) => Date.parse(text)
const iso = (ms: number) => new Date(ms).toISOString()

const formats = new Map<string, Intl.DateTimeFormat>()

/** The date that a zone's calendar shows, from Intl's own sentence. */
function shownDay(ms: number, timeZone: string): string {
  let format = formats.get(timeZone)
  if (format === undefined) {
    format = new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short' })
    formats.set(timeZone, format)
  }
  return format.format(ms)
}

describe('monthPeriod', () => {
  it.each([
    ['2026-03-15T00:00:00Z', 'UTC', '2026-03', '2026-03-01T00:00:00.000Z', '2026-04-01T00:00:00.000Z'],
    // Summer time starts and ends inside these two.
    ['2026-03-31T21:59:59.999Z', 'Europe/Paris', '2026-03', '2026-02-28T23:00:00.000Z', '2026-03-31T22:00:00.000Z'],
    ['2026-10-31T22:59:59.999Z', 'Europe/Paris', '2026-10', '2026-09-30T22:00:00.000Z', '2026-10-31T23:00:00.000Z'],
    ['2026-12-31T23:00:00Z', 'Europe/Paris', '2027-01', '2026-12-31T23:00:00.000Z', '2027-01-31T23:00:00.000Z'],
    ['2026-06-30T18:30:00Z', 'Asia/Kolkata', '2026-07', '2026-06-30T18:30:00.000Z', '2026-07-31T18:30:00.000Z'],
    ['2024-02-29T12:00:00Z', 'Pacific/Kiritimati', '2024-03', '2024-02-29T10:00:00.000Z', '2024-03-31T10:00:00.000Z'],
    // Samoa had no 30 December 2011.
    ['2011-12-31T00:00:00Z', 'Pacific/Apia', '2011-12', '2011-12-01T10:00:00.000Z', '2011-12-31T10:00:00.000Z'],
    // Paraguay's clocks went from midnight to one on 1 October 2017: the month starts with the jump.
    ['2017-10-01T04:00:00Z', 'America/Asuncion', '2017-10', '2017-10-01T04:00:00.000Z', '2017-11-01T03:00:00.000Z'],
    // Cuba's went back from one to midnight on 1 November 2020: the month starts at the first midnight.
    ['2020-11-01T04:30:00Z', 'America/Havana', '2020-11', '2020-11-01T04:00:00.000Z', '2020-12-01T05:00:00.000Z'],
    // Kwajalein lived most of 30 September 1969 twice: its clocks went back before they showed midnight.
    ['1969-09-30T14:00:00Z', 'Pacific/Kwajalein', '1969-09', '1969-08-31T13:00:00.000Z', '1969-10-01T12:00:00.000Z'],
  ])('of %s in %s is %s, from %s to %s', (now, zone, period, start, end) => {
    const found = monthPeriod(at(now), zone)
    expect({ period: found.period, start: iso(found.startsAtMs), end: iso(found.endsAtMs) }).toEqual({
      period,
      start,
      end,
    })
  })

  it('counts the minutes after the first midnight once, where the clocks went back over it', () => {
    // Newfoundland, 2009: 1 November 00:00, and a minute later 31 October 23:01 again.
    const start = at('2009-11-01T02:30:00Z')
    for (const ms of [start, start + 60_000, start + 30 * 60_000, start + 3_600_000]) {
      expect(monthPeriod(ms, 'America/St_Johns')).toMatchObject({ period: '2009-11', startsAtMs: start })
    }
    expect(monthPeriod(start - 1, 'America/St_Johns')).toMatchObject({ period: '2009-10', endsAtMs: start })
  })

  it('holds its instant, and is what Intl shows at its start, before its end and never at its end', () => {
    fc.assert(
      fc.property(instant, fc.constantFrom(...names), (ms, zone) => {
        const { period, startsAtMs, endsAtMs } = monthPeriod(ms, zone)
        expect(startsAtMs).toBeLessThanOrEqual(ms)
        expect(endsAtMs).toBeGreaterThan(ms)
        expect(shownDay(startsAtMs, zone).slice(0, 7)).toBe(period)
        expect(shownDay(startsAtMs - 1, zone).slice(0, 7)).not.toBe(period)
        expect(shownDay(endsAtMs, zone).slice(0, 7)).not.toBe(period)
      }),
      { numRuns: 1500 },
    )
  })

  it('hands over to the next month without a gap or an overlap, back and forth', () => {
    fc.assert(
      fc.property(instant, fc.constantFrom(...names), (ms, zone) => {
        const month = monthPeriod(ms, zone)
        const next = monthPeriod(month.endsAtMs, zone)
        expect(next.startsAtMs).toBe(month.endsAtMs)
        expect(monthPeriod(month.startsAtMs, zone)).toEqual(month)
        expect(monthPeriod(month.endsAtMs - 1, zone)).toEqual(month)
        expect(monthPeriod(month.startsAtMs - 1, zone).endsAtMs).toBe(month.startsAtMs)
      }),
      { numRuns: 500 },
    )
  })

  it('refuses a zone it does not know and an instant that is no date', () => {
    expect(() => monthPeriod(0, 'Mars/Olympus')).toThrow(RangeError)
    expect(() => monthPeriod(Number.NaN, 'UTC')).toThrow(RangeError)
    expect(() => monthPeriod(9e15, 'UTC')).toThrow(RangeError)
  })

  it('asks Intl once a month, so that a submission costs a look-up', () => {
    const now = at('2026-05-05T05:05:05Z')
    const first = monthPeriod(now, 'Europe/Madrid')
    expect(monthPeriod(now + 86_400_000, 'Europe/Madrid')).toBe(first)
    const startedAt = performance.now()
    for (let n = 0; n < 100_000; n += 1) monthPeriod(now + n, 'Europe/Madrid')
    expect(performance.now() - startedAt).toBeLessThan(500)
  })
})

describe('calendarDay', () => {
  it.each([
    ['2026-03-31T21:59:59Z', 'Europe/Paris', '2026-03-31'],
    ['2026-03-31T22:00:00Z', 'Europe/Paris', '2026-04-01'],
    ['2011-12-30T09:59:59Z', 'Pacific/Apia', '2011-12-29'],
    ['2011-12-30T10:00:00Z', 'Pacific/Apia', '2011-12-31'],
    ['2026-01-01T00:00:00Z', 'America/New_York', '2025-12-31'],
  ])('of %s in %s is %s', (now, zone, day) => expect(calendarDay(at(now), zone)).toBe(day))

  it('is the day Intl shows, but where the clocks went back over a midnight', () => {
    fc.assert(
      fc.property(instant, fc.constantFrom(...names), fc.integer({ min: 0, max: 86_400_000 }), (ms, zone, step) => {
        // An instant between two days may be one Intl shows twice: the day never goes back there.
        const [day, later] = [calendarDay(ms, zone), calendarDay(ms + step, zone)]
        expect([shownDay(ms, zone), shownDay(ms + 3_600_000, zone)]).toContain(day)
        expect(day <= later).toBe(true)
      }),
      { numRuns: 1500 },
    )
  })
})

describe('isTimeZone', () => {
  it.each(['UTC', 'Europe/Paris', 'europe/paris', 'America/Argentina/Buenos_Aires', 'Etc/GMT-14', 'Pacific/Apia'])(
    'knows %s',
    (name) => {
      expect(isTimeZone(name)).toBe(true)
      expect(isTimeZone(name)).toBe(true)
    },
  )

  it.each([
    '',
    '+02:00',
    '-05',
    'Europe',
    'Europe/Atlantis',
    ' UTC',
    'UTC\n',
    '../../etc/localtime',
    'x'.repeat(1e6),
    '__proto__',
  ])('does not know %j', (name) => expect(isTimeZone(name)).toBe(false))
})
