import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createTimeline } from './timeline.ts'

it('keeps every count in its place, however long the time is', () => {
  const spans = fc.constantFrom(600, 86_400, 40 * 86_400, 3_000 * 86_400)
  const base = 1_779_012_345
  fc.assert(
    fc.property(
      spans,
      fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 100 }),
      (span, parts) => {
        const seconds = parts.map((part) => base + Math.floor(part * span)).sort((one, other) => one - other)
        const timeline = createTimeline(2)
        for (const [index, second] of seconds.entries()) timeline.add(second, index % 2)
        const { startSecond, widthSeconds, columns } = timeline.read()
        const expected = [0, 1].map((column) => columns[column]?.map(() => 0) ?? [])
        for (const [index, second] of seconds.entries()) {
          const row = expected[index % 2] ?? []
          const bucket = Math.floor((second - startSecond) / widthSeconds)
          row[bucket] = (row[bucket] ?? 0) + 1
        }
        expect(columns).toEqual(expected)
        expect(startSecond % widthSeconds).toBe(0)
        expect(columns[0]?.length).toBeLessThanOrEqual(240)
      },
    ),
  )
})

it('of nothing is empty', () => {
  expect(createTimeline(1).read()).toEqual({ startSecond: 0, widthSeconds: 60, columns: [[]] })
})
