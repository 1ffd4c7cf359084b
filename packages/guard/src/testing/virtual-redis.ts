import { randomUUID } from 'node:crypto'
import type { Redis } from 'ioredis'
import { createRedisProgram } from '../stores/redis/lua.ts'
import { createRedisStoreWith, type RedisStore, type RedisStoreOptions } from '../stores/redis.ts'

/** A Redis store whose server goes by a clock that the test sets. Everything else is what is shipped. */
export interface VirtualRedis {
  readonly store: RedisStore
  /** Sets the server's clock. */
  at(nowMs: number): Promise<void>
  /** A store of another process on the same server. */
  another(): RedisStore
}

/** Creates a store of keys of its own. */
export function createVirtualRedis(client: Redis, options: Partial<RedisStoreOptions> = {}): VirtualRedis {
  const clockKey = `clock-${randomUUID()}`
  const program = createRedisProgram(
    `local function clock() return tonumber(redis.call('GET', '${clockKey}') or '0') * 1000 end`,
  )
  const secret = 'a secret of the virtual server'
  const own = { client, secret, prefix: clockKey, deadlineMs: 5_000, blockedKeys: 0 }
  const another = (): RedisStore => createRedisStoreWith({ ...own, ...options }, program)
  return {
    store: another(),
    another,
    at: async (nowMs) => {
      await client.set(clockKey, String(nowMs))
    },
  }
}
