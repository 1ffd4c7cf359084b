import { describe, expect, it } from 'vitest'
import { createWindowCounter } from './rate-limit.ts'

const DAY_MS = 86_400_000

const counter = (limit: number, windowMs: number) =>
  createWindowCounter('p', 'r', { by: ['ip'], limit, windowMs, cooldownMs: 0 }, 'admitted', undefined)

describe('the counter of a window', () => {
  it('keeps an entry for every arrival up to a limit of 32, and 32 for any limit above it', () => {
    const entries = [1, 2, 31, 32, 33, 40, 1_000_000].map((limit) => counter(limit, 60_000).entries)
    expect(entries).toEqual([1, 2, 31, 32, 32, 32, 32])
  })

  it('dates arrivals one by one up to a limit of 32, and by a thirty-first of the window above it', () => {
    expect([32, 33].map((limit) => counter(limit, 31_000).cellTicks)).toEqual([1, 1_000])
    expect(counter(33, 31_001).cellTicks).toBe(1_001)
  })

  it('has room for every cell that a window can touch at once', () => {
    for (const windowMs of [1, 2, 30, 31, 32, 961, 59_999, 2 ** 31 - 1, 2 ** 31, 400 * DAY_MS]) {
      const { windowTicks, cellTicks, entries } = counter(1_000, windowMs)
      expect(Math.ceil(windowTicks / cellTicks) + 1).toBeLessThanOrEqual(entries)
    }
  })

  it('tells ages in 31 bits, in milliseconds as long as they suffice', () => {
    expect(counter(1, 2 ** 31 - 1)).toMatchObject({ tickMs: 1, windowTicks: 2 ** 31 - 1 })
    expect(counter(1, 2 ** 31)).toMatchObject({ tickMs: 32, windowTicks: 2 ** 26 + 1 })
    expect(counter(1, 400 * DAY_MS).windowTicks).toBeLessThan(2 ** 31)
  })

  it('ends no window of coarse ticks early: a tick more than it is long', () => {
    for (const extraMs of [0, 1, 31, 32, 33]) {
      const windowMs = 2 ** 31 + extraMs
      const { tickMs, windowTicks } = counter(1, windowMs)
      expect((windowTicks - 1) * tickMs).toBeGreaterThanOrEqual(windowMs - tickMs + 1)
      expect(windowTicks * tickMs).toBeLessThan(windowMs + 2 * tickMs)
    }
  })
})
