import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { coarsen, limitCurve, readMaxima, refusedBy, suggestLimit } from './maxima.ts'

const counts = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 60 })

describe('a suggested limit', () => {
  it('refuses at most the share asked for, and the next lower one more', () => {
    fc.assert(
      fc.property(counts, fc.double({ min: 0, max: 1, noNaN: true }), (maxima, share) => {
        const read = readMaxima(maxima, new Map())
        const point = suggestLimit(read, share)
        const above = (limit: number): number => maxima.filter((count) => count > limit).length
        expect(point?.clients).toBe(above(point?.limit ?? 0))
        expect(above(point?.limit ?? 0)).toBeLessThanOrEqual(share * maxima.length + 1e-6)
        if ((point?.limit ?? 0) > 1)
          expect(above((point?.limit ?? 0) - 1)).toBeGreaterThan(Math.floor(share * maxima.length + 1e-9))
      }),
    )
  })

  it('is none where nobody came', () => {
    expect(suggestLimit(readMaxima([], new Map()), 0.5)).toBeUndefined()
    expect(limitCurve(readMaxima([], new Map()))).toEqual([])
  })
})

it('the curve falls from the limit of one to the one that refuses nobody, and counts the forgotten', () => {
  fc.assert(
    fc.property(counts, counts, (maxima, departed) => {
      const read = readMaxima(maxima, new Map(departed.map((count) => [count, 1])))
      const curve = limitCurve(read)
      expect(curve[0]?.limit).toBe(1)
      expect(curve.at(-1)?.clients).toBe(0)
      for (const [index, { limit, clients }] of curve.entries()) {
        expect(clients).toBe(refusedBy(read, limit))
        expect(clients).toBeLessThanOrEqual(curve[index - 1]?.clients ?? Infinity)
      }
    }),
  )
})

it('a coarse count is never lower, and higher by less than one per cent', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 27 }), (count) => {
      expect(coarsen(count)).toBeGreaterThanOrEqual(count)
      expect(coarsen(count)).toBeLessThanOrEqual(Math.ceil(count * 1.008))
    }),
  )
})
