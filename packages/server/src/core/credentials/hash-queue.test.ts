import { describe, expect, it } from 'vitest'
import { createHashQueue, defaultHashConcurrency, HashQueueFullError } from './hash-queue.ts'

/** A job that ends when the test says so. */
function heldJob() {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  return { job: () => promise, resolve, reject }
}

describe('createHashQueue', () => {
  it('starts at most so many jobs at once, and the others in the order they came', async () => {
    const queue = createHashQueue({ concurrency: 2, maxQueue: 10 })
    const started: number[] = []
    const held = Array.from({ length: 5 }, heldJob)
    const runs = held.map(({ job }, index) =>
      queue.run(() => {
        started.push(index)
        return job()
      }),
    )
    await Promise.resolve()
    expect({ started: [...started], load: queue.load() }).toEqual({ started: [0, 1], load: { running: 2, waiting: 3 } })

    for (const [index, { resolve }] of held.entries()) {
      resolve(`answer ${index}`)
      expect(await runs[index]).toBe(`answer ${index}`)
      expect(queue.load().running).toBeLessThanOrEqual(2)
    }
    expect({ started, load: queue.load() }).toEqual({ started: [0, 1, 2, 3, 4], load: { running: 0, waiting: 0 } })
  })

  it('refuses at once what is over the queue, without starting it, and says when to come back', async () => {
    const queue = createHashQueue({ concurrency: 1, maxQueue: 1 })
    const first = heldJob()
    const runs = [queue.run(first.job), queue.run(async () => 'second')]
    let isStarted = false
    const refusal = await queue
      .run(async () => {
        isStarted = true
      })
      .catch((error: unknown) => error)

    expect(refusal).toBeInstanceOf(HashQueueFullError)
    expect(refusal).toMatchObject({ retryAfterSeconds: expect.toSatisfy((s: number) => s >= 1 && s <= 60) })
    expect(isStarted).toBe(false)
    first.resolve('first')
    expect(await Promise.all(runs)).toEqual(['first', 'second'])
  })

  it('gives the place of a failed job to the next', async () => {
    const queue = createHashQueue({ concurrency: 1, maxQueue: 5 })
    const failing = heldJob()
    const failed = queue.run(failing.job)
    const next = queue.run(async () => 'next')
    failing.reject(new Error('broken'))
    await expect(failed).rejects.toThrow('broken')
    expect(await next).toBe('next')
    expect(queue.load()).toEqual({ running: 0, waiting: 0 })
  })

  it('never runs more than its bound, however calls and ends interleave', async () => {
    const queue = createHashQueue({ concurrency: 3, maxQueue: 100 })
    let running = 0
    let most = 0
    await Promise.all(
      Array.from({ length: 60 }, (_, index) =>
        queue.run(async () => {
          running += 1
          most = Math.max(most, running)
          for (let turn = 0; turn < index % 5; turn += 1) await Promise.resolve()
          running -= 1
        }),
      ),
    )
    expect(most).toBe(3)
  })

  it.each([
    { concurrency: 0, maxQueue: 1 },
    { concurrency: 1.5, maxQueue: 1 },
    { concurrency: 1, maxQueue: -1 },
  ])('refuses to be made with $concurrency at once and $maxQueue waiting', (options) => {
    expect(() => createHashQueue(options)).toThrow(RangeError)
  })

  it('leaves a thread of the pool to everything else', () => {
    expect(defaultHashConcurrency(1)).toBe(1)
    expect(defaultHashConcurrency(2)).toBe(1)
    expect(defaultHashConcurrency()).toBeLessThanOrEqual(3)
  })
})
