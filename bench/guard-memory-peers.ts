import { createRequire } from 'node:module'
import { ThrottlerStorageService } from '@nestjs/throttler'
import { MemoryStore as ExpressStore } from 'express-rate-limit'
import { MemoryStore as HonoStore } from 'hono-rate-limiter'
import { RateLimiterMemory } from 'rate-limiter-flexible'

/** One limiter with one limit, and how it counts a list of keys, one after the other. */
export interface Peer {
  readonly name: string
  /** Whether each hit costs as much as the limit is high: left out of long rows. */
  readonly grows: boolean
  /** A fresh limiter; what it answers counts the keys and gives the number it admitted. */
  create(limit: number, windowMs: number, size: number): (keys: readonly string[]) => number | Promise<number>
}

interface FastifyStore {
  incr(key: string, done: (error: unknown, result: { current: number }) => void, windowMs: number, limit: number): void
}

const LocalStore: new (isExceeding: boolean, isBackingOff: boolean, size: number) => FastifyStore = createRequire(
  import.meta.url,
)('@fastify/rate-limit/store/LocalStore.js')

/**
 * The stores of the limiters in wide use, each by the call that its own middleware makes for a request. The one of
 * @fastify/rate-limit is given room for every key, and is compared with the limit as its plug-in does.
 */
export const peers: readonly Peer[] = [
  {
    name: '@fastify/rate-limit',
    grows: false,
    create(limit, windowMs, size) {
      const store = new LocalStore(false, false, size)
      let admitted = 0
      const done = (_: unknown, { current }: { current: number }): void => {
        if (current <= limit) admitted += 1
      }
      return (keys) => {
        admitted = 0
        for (const key of keys) store.incr(key, done, windowMs, limit)
        return admitted
      }
    },
  },
  {
    name: 'hono-rate-limiter',
    grows: false,
    create(limit, windowMs) {
      const store = new HonoStore()
      store.init({ windowMs } as Parameters<typeof store.init>[0])
      return (keys) => {
        let admitted = 0
        for (const key of keys) if (store.increment(key).totalHits <= limit) admitted += 1
        store.shutdown()
        return admitted
      }
    },
  },
  {
    name: 'express-rate-limit',
    grows: false,
    create(limit, windowMs) {
      const store = new ExpressStore()
      store.init({ windowMs } as Parameters<typeof store.init>[0])
      return async (keys) => {
        let admitted = 0
        for (const key of keys) if ((await store.increment(key)).totalHits <= limit) admitted += 1
        store.shutdown()
        return admitted
      }
    },
  },
  {
    name: 'rate-limiter-flexible',
    grows: false,
    create(limit, windowMs) {
      const limiter = new RateLimiterMemory({ points: limit, duration: windowMs / 1_000 })
      return async (keys) => {
        let admitted = 0
        for (const key of keys) {
          try {
            await limiter.consume(key)
            admitted += 1
          } catch {
            // It refuses by rejecting.
          }
        }
        return admitted
      }
    },
  },
  {
    name: '@nestjs/throttler',
    grows: true,
    create(limit, windowMs) {
      const store = new ThrottlerStorageService()
      return async (keys) => {
        let admitted = 0
        for (const key of keys) if (!(await store.increment(key, windowMs, limit, 0, 'bench')).isBlocked) admitted += 1
        store.onApplicationShutdown()
        return admitted
      }
    },
  },
]
