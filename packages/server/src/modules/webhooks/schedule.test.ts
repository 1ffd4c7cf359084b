import { expect, it } from 'vitest'
import { pauseAfter, retryAfterOf } from './schedule.ts'

const hourMs = 3_600_000

it('tries ten times within three days and a bit, each pause longer than the one before', () => {
  const pauses = Array.from({ length: 10 }, (_, index) => pauseAfter(index + 1, null, { random: 0 }))
  expect(pauses.slice(0, 3)).toEqual([5_000, 300_000, 1_800_000])
  expect(pauses[9]).toBeUndefined()
  const known = pauses.slice(0, 9).map(Number)
  expect(known).toEqual(known.toSorted((left, right) => left - right))
  expect(known.reduce((sum, each) => sum + each, 0) / hourMs).toBeCloseTo(75.585, 2)
})

it('spreads what failed together over a fifth of the pause', () => {
  expect(pauseAfter(2, null, { random: 0.999999 })).toBeCloseTo(360_000, -1)
})

it('waits as long as a receiver asks for, never shorter than the schedule and no more than a day', () => {
  expect(pauseAfter(1, 60_000, { random: 0 })).toBe(60_000)
  expect(pauseAfter(2, 1_000, { random: 0 })).toBe(300_000)
  expect(pauseAfter(1, 365 * 24 * hourMs, { random: 0 })).toBe(24 * hourMs)
})

it('reads Retry-After in seconds and as a date, and nothing else', () => {
  const nowMs = Date.parse('2026-11-21T08:00:00Z')
  expect(retryAfterOf('120', nowMs)).toBe(120_000)
  expect(retryAfterOf('Sat, 21 Nov 2026 08:05:00 GMT', nowMs)).toBe(300_000)
  expect(retryAfterOf('Sat, 21 Nov 2026 07:05:00 GMT', nowMs)).toBe(0)
  for (const field of [null, '', '-1', '1.5', '1e3', '2027', 'tomorrow', '2026-11-22', '9999999999', '120, 5']) {
    expect(retryAfterOf(field, nowMs), String(field)).toBe(field === '2027' ? 2_027_000 : null)
  }
})
