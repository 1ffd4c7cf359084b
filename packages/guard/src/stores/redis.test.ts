import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, describe } from 'vitest'
import { noRedis, redisForTests } from '../../../../tests/support/redis-server.ts'
import { createRedisStore } from './redis.ts'
import { describeStore } from './store-contract.ts'

describe('over a real Redis', () => {
  const redis = redisForTests()
  beforeAll(() => redis.start())
  afterAll(() => redis.stop())
  beforeEach((test) => test.skip(!redis.isThere, noRedis))

  describeStore('a Redis store', async () => {
    const client = new Redis(redis.url())
    const store = createRedisStore({ client, secret: 'a secret of the contract test', deadlineMs: 5_000 })
    return {
      store,
      nowMs: () => performance.now(),
      elapse: async (ms) => {
        await sleep(Math.ceil(ms) + 2)
      },
      async close() {
        store.close()
        client.disconnect()
      },
    }
  })
})
