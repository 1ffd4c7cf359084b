import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { startRounds } from './rounds.ts'

const everyMs = 1_000
const silent = pino({ enabled: false })

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

/** Rounds that last until they are ended, and what each was told. */
function heldRounds() {
  const held: PromiseWithResolvers<void>[] = []
  const asked: boolean[] = []
  const rounds = startRounds({
    everyMs,
    log: silent,
    round: (isAsked) => {
      const round = Promise.withResolvers<void>()
      held.push(round)
      asked.push(isAsked)
      return round.promise
    },
  })
  return { ...rounds, asked, round: (index: number) => held[index] }
}

describe('rounds', () => {
  it('are done by the clock, which leaves out a round that is still under way', async () => {
    const { asked, round } = heldRounds()
    await vi.advanceTimersByTimeAsync(3 * everyMs)
    expect(asked).toEqual([false])
    round(0)?.resolve()
    await vi.advanceTimersByTimeAsync(everyMs)
    expect(asked).toEqual([false, false])
  })

  it('are done at once for who asks; during one they wait for the next, which is told that somebody does', async () => {
    const { flush, asked, round } = heldRounds()
    await vi.advanceTimersByTimeAsync(everyMs)
    let isOver = false
    const over = Promise.all([flush(), flush()]).then(() => {
      isOver = true
    })
    round(0)?.resolve()
    await vi.advanceTimersByTimeAsync(0)
    expect(asked).toEqual([false, true])
    expect(isOver).toBe(false)
    round(1)?.resolve()
    await over
  })

  it('go on after one that failed', async () => {
    const { flush, asked, round } = heldRounds()
    const failing = flush()
    round(0)?.reject(new Error('the database is away'))
    await failing
    await vi.advanceTimersByTimeAsync(everyMs)
    expect(asked).toEqual([true, false])
  })

  it('end with a last one, behind the one under way, and the clock begins no more', async () => {
    const { stop, asked, round } = heldRounds()
    await vi.advanceTimersByTimeAsync(everyMs)
    const stopped = stop()
    round(0)?.resolve()
    await vi.advanceTimersByTimeAsync(0)
    round(1)?.resolve()
    await stopped
    await vi.advanceTimersByTimeAsync(10 * everyMs)
    expect(asked).toEqual([false, true])
  })
})
