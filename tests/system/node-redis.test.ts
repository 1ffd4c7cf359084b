import { setTimeout as sleep } from 'node:timers/promises'
import { createRedisStore, type RedisClient } from '@rempart/guard/redis'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { connectNodeRedis, connectNodeRedisCluster } from '../../bench/node-redis.ts'
import { describeStore, type StoreFixture } from '../../packages/guard/src/stores/store-contract.ts'
import { until } from '../support/processes.ts'
import {
  findRedis,
  noRedis,
  type RedisCluster,
  type RedisServer,
  redisForTests,
  startRedis,
  startRedisCluster,
} from '../support/redis-server.ts'

/** The store's own tests go over ioredis; what it promises holds over the other client too. */
describe('the Redis store over node-redis', () => {
  describe('and one server', () => {
    const redis = redisForTests()
    beforeAll(() => redis.start())
    afterAll(() => redis.stop())
    beforeEach((test) => test.skip(!redis.isThere, noRedis))

    describeStore('a Redis store', async () => {
      const client = await connectNodeRedis(redis.url())
      return fixtureOver(client, () => client.destroy())
    })
  })

  const binary = findRedis()

  describe('and a cluster of three', () => {
    let cluster: RedisCluster | undefined
    beforeAll(async () => {
      cluster = binary === undefined ? undefined : await startRedisCluster(binary)
    })
    afterAll(() => cluster?.remove())
    beforeEach((test) => test.skip(binary === undefined, 'redis-server is not on the PATH'))

    describeStore('a Redis store', async () => {
      const client = await connectNodeRedisCluster((cluster?.servers ?? []).map(({ url }) => url))
      return fixtureOver(client, () => client.destroy())
    })
  })

  describe('and a server that freezes', () => {
    let server: RedisServer | undefined
    beforeAll(async () => {
      server = binary === undefined ? undefined : await startRedis(binary)
    })
    afterAll(() => server?.remove())
    beforeEach((test) => test.skip(binary === undefined, 'redis-server is not on the PATH'))

    it('answers within the deadline, and counts again once the server wakes', async () => {
      const client = await connectNodeRedis(server?.url ?? '')
      const store = createRedisStore({ client, secret: 'a secret of the contract test', deadlineMs: 50 })
      expect(await store.mark('before', 60_000, 0)).toBe(true)
      server?.signal('SIGSTOP')
      try {
        const startMs = performance.now()
        await expect(store.mark('meanwhile', 60_000, 0)).rejects.toThrow()
        // Far from the seconds that TCP would wait, and far enough from 50 ms for a busy machine.
        expect(performance.now() - startMs).toBeLessThan(1_000)
      } finally {
        server?.signal('SIGCONT')
      }
      await until(() => store.mark(`after ${performance.now()}`, 60_000, 0).catch(() => false), 20_000)
      store.close()
      client.destroy()
    })
  })
})

function fixtureOver(client: RedisClient, end: () => void): StoreFixture {
  const store = createRedisStore({ client, secret: 'a secret of the contract test', deadlineMs: 5_000 })
  return {
    store,
    nowMs: () => performance.now(),
    elapse: async (ms) => {
      await sleep(Math.ceil(ms) + 2)
    },
    async close() {
      store.close()
      end()
    },
  }
}
