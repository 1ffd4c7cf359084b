import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
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

  describe('gather', () => {
    beforeEach(() => {
      vi.useFakeTimers()
    })
    afterEach(() => {
      vi.useRealTimers()
    })

    /** A queue in which that many wait, each job of it supposed to take 100 ms. */
    const queueWith = (waiting: number) => {
      const queue = createHashQueue({ concurrency: 1, maxQueue: 100 })
      const { job } = heldJob()
      for (let index = 0; index <= waiting; index += 1) void queue.run(job)
      return queue
    }

    it('lets those who come while others wait go on in one turn, in the order they came', async () => {
      const queue = queueWith(1)
      const gone: number[] = []
      const come = (index: number) => queue.gather().then(() => gone.push(index))
      void come(0)
      await vi.advanceTimersByTimeAsync(40)
      void come(1)
      await vi.advanceTimersByTimeAsync(9)
      expect(gone).toEqual([])
      await vi.advanceTimersByTimeAsync(1)
      expect(gone).toEqual([0, 1])
      void come(2)
      await vi.advanceTimersByTimeAsync(49)
      expect(gone).toEqual([0, 1])
      await vi.advanceTimersByTimeAsync(1)
      expect(gone).toEqual([0, 1, 2])
    })

    it('takes nothing where nobody waits', async () => {
      await queueWith(0).gather()
      expect(vi.getTimerCount()).toBe(0)
    })

    it('takes 50 ms at most, however many wait', async () => {
      let isGone = false
      void queueWith(90)
        .gather()
        .then(() => {
          isGone = true
        })
      await vi.advanceTimersByTimeAsync(49)
      expect(isGone).toBe(false)
      await vi.advanceTimersByTimeAsync(1)
      expect(isGone).toBe(true)
    })
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
