import { setTimeout as sleep } from 'node:timers/promises'
import { Cluster } from 'ioredis'
import { afterAll, beforeAll, beforeEach, describe } from 'vitest'
import { findRedis, type RedisCluster, startRedisCluster } from '../../../../../tests/support/redis-server.ts'
import { createRedisStore } from '../redis.ts'
import { describeStore } from '../store-contract.ts'

const binary = findRedis()

describe('over a real cluster of three', () => {
  let cluster: RedisCluster | undefined
  beforeAll(async () => {
    cluster = binary === undefined ? undefined : await startRedisCluster(binary)
  }, 30_000)
  afterAll(() => cluster?.remove())
  beforeEach((test) => test.skip(binary === undefined, 'redis-server is not on the PATH'))

  describeStore('a Redis store', async () => {
    const client = new Cluster((cluster?.servers ?? []).map(({ port }) => ({ host: '127.0.0.1', port })))
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
