import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PolicyError } from '../faults.ts'
import { compilePolicy } from '../plan.ts'
import { definePolicy } from '../policy.ts'
import { type QuotaInput, type QuotaPeriod, quotaWindow } from './quota.ts'

const at = (text: string): number => Date.parse(text)
const iso = (unixMs: number): string => new Date(unixMs).toISOString()

const quota = (fields: Partial<QuotaInput> = {}): QuotaInput => ({
  id: 'monthly',
  kind: 'quota',
  by: 'tenant',
  limit: 1_000,
  period: 'month',
  ...fields,
})

describe('a period of a quota', () => {
  it.each<[QuotaPeriod, string, string, string, string, string]>([
    [
      'month',
      '2026-11-30T22:59:59.999Z',
      'Europe/Paris',
      '2026-11-01',
      '2026-10-31T23:00:00.000Z',
      '2026-11-30T23:00:00.000Z',
    ],
    [
      'month',
      '2026-11-30T23:00:00.000Z',
      'Europe/Paris',
      '2026-12-01',
      '2026-11-30T23:00:00.000Z',
      '2026-12-31T23:00:00.000Z',
    ],
    [
      'day',
      '2026-03-29T12:00:00.000Z',
      'Europe/Paris',
      '2026-03-29',
      '2026-03-28T23:00:00.000Z',
      '2026-03-29T22:00:00.000Z',
    ],
    [
      'day',
      '2026-10-25T12:00:00.000Z',
      'Europe/Paris',
      '2026-10-25',
      '2026-10-24T22:00:00.000Z',
      '2026-10-25T23:00:00.000Z',
    ],
    ['week', '2026-11-22T23:59:59.000Z', 'UTC', '2026-11-16', '2026-11-16T00:00:00.000Z', '2026-11-23T00:00:00.000Z'],
    [
      'year',
      '2028-02-29T10:00:00.000Z',
      'Asia/Kolkata',
      '2028-01-01',
      '2027-12-31T18:30:00.000Z',
      '2028-12-31T18:30:00.000Z',
    ],
    // Clocks go forward at midnight: the day begins at one o'clock.
    [
      'day',
      '2024-09-08T12:00:00.000Z',
      'America/Santiago',
      '2024-09-08',
      '2024-09-08T04:00:00.000Z',
      '2024-09-09T03:00:00.000Z',
    ],
    [
      'day',
      '2026-01-01T00:00:00.000Z',
      'Pacific/Kiritimati',
      '2026-01-01',
      '2025-12-31T10:00:00.000Z',
      '2026-01-01T10:00:00.000Z',
    ],
  ])('%s of %s in %s is that of %s', (period, now, timeZone, name, start, end) => {
    const window = quotaWindow(period, at(now), timeZone)
    expect([window.name, iso(window.startMs), iso(window.endMs)]).toEqual([name, start, end])
  })

  it('holds its instant, and meets its neighbours without a gap, in every zone', () => {
    const zones = fc.constantFrom(...Intl.supportedValuesOf('timeZone'))
    const periods = fc.constantFrom<QuotaPeriod[]>('day', 'week', 'month', 'year')
    fc.assert(
      fc.property(periods, zones, fc.integer({ min: at('2000-01-01'), max: at('2060-01-01') }), (period, zone, now) => {
        const window = quotaWindow(period, now, zone)
        expect(window.startMs).toBeLessThanOrEqual(now)
        expect(window.endMs).toBeGreaterThan(now)
        const next = quotaWindow(period, window.endMs, zone)
        expect(next.startMs).toBe(window.endMs)
        expect(next.name > window.name).toBe(true)
        expect(quotaWindow(period, window.startMs, zone)).toEqual(window)
      }),
      { numRuns: 60 },
    )
  })

  it.each([
    // Put back at 00:01: for a minute the new date is shown, and then the old one for an hour.
    ['America/St_Johns', '2006-10-29T02:30:00.000Z', '2006-10-28'],
    ['America/St_Johns', '2006-10-29T02:30:59.999Z', '2006-10-28'],
    ['America/St_Johns', '2006-10-29T03:29:59.999Z', '2006-10-28'],
    ['America/St_Johns', '2006-10-29T03:30:00.000Z', '2006-10-29'],
    ['America/Goose_Bay', '1994-10-30T02:59:59.999Z', '1994-10-29'],
    ['America/Goose_Bay', '1994-10-30T03:00:30.000Z', '1994-10-30'],
    ['America/Goose_Bay', '1994-10-30T03:31:00.000Z', '1994-10-30'],
  ])('holds its instant where clocks are put back over midnight: %s at %s', (zone, now, name) => {
    const window = quotaWindow('day', at(now), zone)
    expect(window.name).toBe(name)
    expect(window.startMs).toBeLessThanOrEqual(at(now))
    expect(window.endMs).toBeGreaterThan(at(now))
  })

  it('is not told for a zone that is none', () => {
    expect(() => quotaWindow('day', 0, 'Europe/Pariss')).toThrow(RangeError)
  })
})

describe('a quota of a policy', () => {
  const faultsOf = (fields: object): readonly string[] => {
    try {
      definePolicy({ id: 'p', rules: [quota(fields)] })
    } catch (error) {
      if (error instanceof PolicyError) return error.faults.map(({ path }) => path)
      throw error
    }
    return []
  }

  it('is told to whoever counts it, and decides nothing itself', () => {
    const compiled = compilePolicy(definePolicy({ id: 'leads', rules: [quota({ timeZone: 'Europe/Paris' })] }))
    expect(compiled).toMatchObject({ early: undefined, late: undefined })
    expect(compiled.quotas).toEqual([
      {
        id: 'monthly',
        kind: 'quota',
        mode: 'live',
        by: ['tenant'],
        limit: 1_000,
        period: 'month',
        timeZone: 'Europe/Paris',
      },
    ])
  })

  it('is refused with a zone or a period that is none', () => {
    expect(faultsOf({ timeZone: 'Europe/Pariss' })).toEqual(['p.rules.monthly.timeZone'])
    expect(faultsOf({ timeZone: 7 })).toHaveLength(1)
    expect(faultsOf({ timeZone: 'x'.repeat(65) })).toHaveLength(1)
    expect(faultsOf({ period: 'months' })).toEqual(['p.rules.monthly.period'])
    expect(faultsOf({ limit: 0 })).toHaveLength(1)
    expect(faultsOf({ onStoreFailure: 'open' })).toEqual(['p.rules.monthly.onStoreFailure'])
  })
})
