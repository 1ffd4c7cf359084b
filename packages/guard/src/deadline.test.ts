import { describe, expect, it } from 'vitest'
import { createDeadline, DeadlineError } from './deadline.ts'

const never = <Value>(): Promise<Value> => new Promise(() => undefined)

describe('a deadline', () => {
  it('lets through what ends in time, as it ends', async () => {
    const deadline = createDeadline(1_000)
    expect(await deadline.race(Promise.resolve(7))).toBe(7)
    await expect(deadline.race(Promise.reject(new Error('refused')))).rejects.toThrow('refused')
  })

  it('ends what does not, each in its turn', async () => {
    const deadline = createDeadline(20)
    const first = performance.now()
    const ends: number[] = []
    const wait = () =>
      deadline.race(never()).catch((error: unknown) => {
        expect(error).toBeInstanceOf(DeadlineError)
        ends.push(performance.now() - first)
      })
    const early = wait()
    await new Promise((resolve) => setTimeout(resolve, 10))
    await Promise.all([early, wait()])
    expect(ends[0]).toBeGreaterThanOrEqual(20)
    expect(ends[1]).toBeGreaterThanOrEqual(30)
  })

  it('begins anew after a time with nothing to wait for', async () => {
    const deadline = createDeadline(10)
    await deadline.race(Promise.resolve())
    await new Promise((resolve) => setTimeout(resolve, 25))
    await expect(deadline.race(never())).rejects.toBeInstanceOf(DeadlineError)
  })

  it('does not end what was answered while the process was too busy to look', async () => {
    const deadline = createDeadline(10)
    // From an immediate, timers come due before the next immediate does.
    await new Promise(setImmediate)
    const answered = new Promise((resolve) => setImmediate(() => resolve('in time')))
    const raced = deadline.race(answered)
    const until = performance.now() + 40
    while (performance.now() < until);
    expect(await raced).toBe('in time')
  })
})
