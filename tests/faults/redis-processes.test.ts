import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { connectIoredis } from '../../packages/guard/src/testing/ioredis.ts'
import { noRedis, redisForTests } from '../support/redis-server.ts'

const spender = new URL('../support/redis-spender.ts', import.meta.url).pathname
const limit = 500

describe('processes that share a Redis', () => {
  const redis = redisForTests()
  const children: ChildProcess[] = []
  beforeAll(() => redis.start())
  afterAll(() => redis.stop())
  beforeEach(async (test) => {
    test.skip(!redis.isThere, noRedis)
    const client = await connectIoredis(redis.url())
    await client.flushdb()
    client.disconnect()
  })
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL')
  })

  /** Starts processes, lets them loose together, and answers how many requests of each were admitted. */
  const spend = async (skewsMs: readonly number[], requests: number, leases = 'none'): Promise<number[]> => {
    const started = skewsMs.map((skewMs) => {
      const args = ['--conditions=rempart-source', spender, redis.url(), String(requests), String(skewMs), leases]
      const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] })
      children.push(child)
      const lines = createInterface(child.stdout)
      return { child, lines, line: once(lines, 'line') }
    })
    for (const { line } of started) expect(await line).toEqual(['ready'])
    const results = started.map(({ lines }) => once(lines, 'line'))
    for (const { child } of started) child.stdin.write('go\n')
    return (await Promise.all(results)).map(([admitted]) => Number(admitted))
  }
  const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0)

  it('admit exactly the limit of one key between them: 4 processes of 1,000 requests each', async () => {
    const admitted = await spend([0, 0, 0, 0], 1_000)
    expect(sum(admitted)).toBe(limit)
  })

  it('admit no more when their clocks are ten seconds apart', async () => {
    const admitted = await spend([-5_000, 5_000], 1_000)
    expect(sum(admitted)).toBe(limit)
  })

  it('admit no more, and little less, when each pays hot keys ahead', async () => {
    const admitted = await spend([0, 0, -5_000, 5_000], 4_000, 'hot-keys')
    expect(sum(admitted)).toBeLessThanOrEqual(limit)
    expect(sum(admitted)).toBeGreaterThan(limit * 0.5)
  })
})
