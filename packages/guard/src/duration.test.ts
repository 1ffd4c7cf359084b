import { describe, expect, it } from 'vitest'
import { MAX_DURATION_MS, readDuration } from './duration.ts'

describe('a duration', () => {
  it.each([
    ['1ms', 1],
    ['90s', 90_000],
    ['15m', 900_000],
    ['1h', 3_600_000],
    ['30d', 2_592_000_000],
    ['2w', 1_209_600_000],
    ['400d', MAX_DURATION_MS],
    [1, 1],
    [60_000, 60_000],
  ])('reads %s as %i ms', (written, ms) => {
    expect(readDuration(written)).toEqual({ ok: true, ms })
  })

  it.each(['60', '1.5h', '-1s', '1h30m', '', ' 1s', '1s ', '1e3ms', '0x10s', '9999999999999999s', '401d', '0s'])(
    'refuses %j, which could be taken for another',
    (written) => {
      expect(readDuration(written).ok).toBe(false)
    },
  )

  it.each([0, -1, 0.5, Number.NaN, Infinity, MAX_DURATION_MS + 1, null, undefined, true, {}])(
    'refuses %s',
    (written) => {
      expect(readDuration(written).ok).toBe(false)
    },
  )

  it.each([
    ['15min', '15m'],
    ['15 minutes', '15m'],
    ['2hours', '2h'],
    ['10S', '10s'],
    ['5 m', '5m'],
  ])('says of %s that %s was probably meant', (written, suggestion) => {
    expect(readDuration(written)).toMatchObject({ ok: false, suggestion })
  })
})
