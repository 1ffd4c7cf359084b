import { createGuard, type Guard } from '@rempart/guard'
import { createRedisStore } from '@rempart/guard/redis'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { connectIoredis } from '../../packages/guard/src/testing/ioredis.ts'
import { findRedis, noRedis, type RedisServer, startRedis } from '../support/redis-server.ts'

const binary = findRedis()
const ends: (() => unknown)[] = []
const client = { ip: { text: '192.0.2.7', key: '192.0.2.7', family: 4 as const } }
let server: RedisServer

beforeEach(async (test) => {
  test.skip(binary === undefined, noRedis)
  server = await startRedis(binary ?? '')
  ends.push(server.remove)
})
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

async function openGuard(options: { username?: string; password?: string } = {}): Promise<Guard> {
  const redis = await connectIoredis(server.url, options)
  ends.push(() => redis.disconnect())
  const store = createRedisStore({ client: redis, secret: 'a secret of the scripts', deadlineMs: 5_000 })
  ends.push(store.close)
  return createGuard({
    store,
    deadlineMs: 5_000,
    policies: [
      {
        id: 'p',
        rules: [{ id: 'r', kind: 'rate-limit', by: 'ip', limit: 60, window: '1h', onStoreFailure: 'closed' }],
      },
    ],
  })
}

/** Sends requests in bursts, and forgets the program between any two of them. */
async function admittedWhile(guard: Guard, disturb: () => Promise<unknown>): Promise<number> {
  let admitted = 0
  for (let burst = 0; burst < 10; burst += 1) {
    await disturb()
    const answers = await Promise.all(Array.from({ length: 10 }, () => guard.early('p', client)))
    admitted += answers.filter(({ outcome, degraded }) => outcome === 'allow' && !degraded).length
  }
  return admitted
}

it('a Redis that forgets its functions and scripts again and again loses no count and refuses nobody', async () => {
  const guard = await openGuard()
  const disturb = async (): Promise<void> => {
    await server.command('FUNCTION', 'FLUSH', 'SYNC')
    await server.command('SCRIPT', 'FLUSH', 'SYNC')
  }
  expect(await admittedWhile(guard, disturb)).toBe(60)
  await guard.early('p', { ip: { text: '192.0.2.8', key: '192.0.2.8', family: 4 } })
  expect(await server.command('FUNCTION', 'LIST')).toContain('rempart_')
})

it('a user who may use no functions counts by script, also after it was forgotten', async () => {
  await server.command('ACL', 'SETUSER', 'modest', 'on', '>secret', '~*', '+@all', '-function', '-fcall')
  const guard = await openGuard({ username: 'modest', password: 'secret' })
  expect(await admittedWhile(guard, () => server.command('SCRIPT', 'FLUSH', 'SYNC'))).toBe(60)
  expect(await server.command('FUNCTION', 'LIST')).not.toContain('rempart_')
})

it('a user who may not call functions, though they are there, counts by script', async () => {
  await (await openGuard()).early('p', client)
  await server.command('ACL', 'SETUSER', 'modest', 'on', '>secret', '~*', '+@all', '-fcall')
  const guard = await openGuard({ username: 'modest', password: 'secret' })
  expect(await admittedWhile(guard, () => server.command('SCRIPT', 'FLUSH', 'SYNC'))).toBe(59)
})
