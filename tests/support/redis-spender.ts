import { createGuard } from '@rempart/guard'
import { createRedisStore } from '@rempart/guard/redis'
import { connectIoredis } from '../../packages/guard/src/testing/ioredis.ts'

/**
 * A process that asks for one key many times at once, by a clock of its own: `redis-spender.ts <url>
 * <requests> <skewMs> <leases>`. It waits for a line on its input, and prints how many were admitted.
 */
const [url = '', requests = '0', skewMs = '0', leases = 'none'] = process.argv.slice(2)

const dateNow = Date.now
Date.now = () => dateNow() + Number(skewMs)
const redis = await connectIoredis(url)
const store = createRedisStore({
  client: redis,
  secret: 'a secret of many processes',
  deadlineMs: 20_000,
  leases: leases === 'hot-keys' ? 'hot-keys' : 'none',
})
const guard = createGuard({
  store,
  deadlineMs: 20_000,
  nowMs: () => performance.now() + 10_000 + Number(skewMs),
  policies: [
    { id: 'p', rules: [{ id: 'r', kind: 'rate-limit', by: 'ip', limit: 500, window: '1h', onStoreFailure: 'closed' }] },
  ],
})
const client = { ip: { text: '192.0.2.7', key: '192.0.2.7', family: 4 as const } }

process.stdout.write('ready\n')
process.stdin.once('data', async () => {
  let admitted = 0
  let left = Number(requests)
  const ask = async (): Promise<void> => {
    while (left > 0) {
      left -= 1
      const { outcome } = await guard.early('p', client)
      if (outcome === 'allow') admitted += 1
      // A turn of the event loop between two requests, as there is between two of a client.
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  await Promise.all(Array.from({ length: 50 }, ask))
  process.stdout.write(`${admitted}\n`)
  store.close()
  redis.disconnect()
  process.stdin.destroy()
})
