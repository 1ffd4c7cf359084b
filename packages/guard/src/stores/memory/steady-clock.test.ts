import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { advanceClock, createSteadyClock, steadyTime } from './steady-clock.ts'

describe('a steady clock', () => {
  it('drops fractions, stands still for a step back of a second, and goes on after a longer one', () => {
    const clock = createSteadyClock()
    expect(steadyTime(clock)).toBe(0)
    const told = [10_000.9, 10_000, 9_000, 9_999.9, 10_001, 9_000.9, 8_999, 9_999].map((nowMs) =>
      advanceClock(clock, nowMs),
    )
    expect(told).toEqual([10_000, 10_000, 10_000, 10_000, 10_001, 10_001, 10_001, 11_000])
    expect(steadyTime(clock)).toBe(11_000)
  })

  it('never runs back, and never loses time that the caller’s clock has told', () => {
    const steps = fc.array(fc.oneof(fc.integer({ min: -1_000, max: 5_000 }), fc.integer({ min: -1e9, max: 1e9 })))
    fc.assert(
      fc.property(steps, (gaps) => {
        const clock = createSteadyClock()
        let callerMs = 2e9
        let before = advanceClock(clock, callerMs)
        for (const gap of gaps) {
          const lastReadMs = clock.readMs
          callerMs = Math.max(0, callerMs + gap)
          const now = advanceClock(clock, callerMs)
          const passed = callerMs < lastReadMs ? 0 : callerMs - lastReadMs
          expect(now - before).toBe(passed)
          before = now
        }
      }),
    )
  })
})
