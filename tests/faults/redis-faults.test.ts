import { setTimeout as sleep } from 'node:timers/promises'
import { createGuard, type Decision, type Guard, type PolicyInput } from '@rempart/guard'
import { createRedisStore, type RedisClient, type RedisStore } from '@rempart/guard/redis'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { connectNodeRedis } from '../../bench/node-redis.ts'
import { connectIoredis } from '../../packages/guard/src/testing/ioredis.ts'
import { until } from '../support/processes.ts'
import { findRedis, noRedis, type RedisServer, startRedis } from '../support/redis-server.ts'
import { startWire, type Wire } from '../support/wire.ts'

const deadlineMs = 25
/** What a busy machine of two cores may add to a timer. */
const slackMs = 75

const rule = { kind: 'rate-limit', by: 'ip', window: '1h' } as const
const policies: readonly PolicyInput[] = [
  { id: 'open', rules: [{ ...rule, id: 'r', limit: 100_000, onStoreFailure: 'open' }] },
  { id: 'closed', rules: [{ ...rule, id: 'r', limit: 100_000, onStoreFailure: 'closed' }] },
  { id: 'shared', rules: [{ ...rule, id: 'r', limit: 10, onStoreFailure: 'local-share' }] },
  { id: 'exact', rules: [{ ...rule, id: 'r', limit: 50, onStoreFailure: 'closed' }] },
]
const client = { ip: { text: '192.0.2.7', key: '192.0.2.7', family: 4 as const } }

/** One kind of fault: how it is made, and how it ends. */
interface Fault {
  readonly name: string
  readonly make: (server: RedisServer, wire: Wire) => unknown
  readonly mend: (server: RedisServer, wire: Wire) => unknown
}

const faults: readonly Fault[] = [
  {
    name: 'frozen',
    make: (server) => server.signal('SIGSTOP'),
    mend: (server) => server.signal('SIGCONT'),
  },
  { name: 'killed', make: (server) => server.kill(), mend: (server) => server.restart() },
  {
    name: 'made a replica that refuses writes',
    make: (server) => server.command('REPLICAOF', '127.0.0.1', '1'),
    mend: (server) => server.command('REPLICAOF', 'NO', 'ONE'),
  },
  {
    name: 'out of memory',
    make: (server) => server.command('CONFIG', 'SET', 'maxmemory', '1'),
    mend: (server) => server.command('CONFIG', 'SET', 'maxmemory', '0'),
  },
  {
    name: 'loading its data',
    async make(server) {
      for (let batch = 0; batch < 10; batch += 1) {
        await server.command('EVAL', `for i = 1, 100 do redis.call('SET', '${batch}:' .. i, 'x') end`, '0')
      }
      await server.command('SAVE')
      await server.restart('--key-load-delay', '5000', '--loading-process-events-interval-bytes', '1024')
      expect(await server.command('GET', 'x')).toContain('LOADING')
    },
    mend: (server) => server.restart(),
  },
  {
    name: 'cut off without a word',
    make: (_, wire) => wire.swallow(),
    mend: () => undefined,
  },
]

interface Setting {
  readonly server: RedisServer
  readonly wire: Wire
  readonly store: RedisStore
  readonly guard: Guard
}

/** How long each of some requests took, one every few milliseconds, whatever became of those before. */
async function askSteadily(
  guard: Guard,
  policyId: string,
  times: number,
): Promise<{ decisions: Decision[]; p99Ms: number }> {
  const asked: Promise<{ decision: Decision; tookMs: number }>[] = []
  for (let index = 0; index < times; index += 1) {
    const startMs = performance.now()
    asked.push(
      Promise.resolve(guard.early(policyId, client)).then((decision) => ({
        decision,
        tookMs: performance.now() - startMs,
      })),
    )
    await sleep(4)
  }
  const answers = await Promise.all(asked)
  const times99 = answers.map(({ tookMs }) => tookMs).sort((a, b) => a - b)
  return { decisions: answers.map(({ decision }) => decision), p99Ms: times99[Math.ceil(times * 0.99) - 1] ?? Infinity }
}

const binary = findRedis()
const ends: (() => unknown)[] = []
beforeEach((test) => test.skip(binary === undefined, noRedis))
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

async function start(connect: (url: string) => Promise<RedisClient>): Promise<Setting> {
  const server = await startRedis(binary ?? '')
  ends.push(server.remove)
  const wire = await startWire(server.port)
  ends.push(wire.close)
  const store = createRedisStore({
    client: await connect(`redis://127.0.0.1:${wire.port}`),
    secret: 'a secret of the faults',
  })
  ends.push(store.close)
  const guard = createGuard({ policies, store, deadlineMs })
  await until(async () => !(await guard.early('open', client)).degraded)
  return { server, wire, store, guard }
}

async function ioredis(url: string): Promise<RedisClient> {
  const redis = await connectIoredis(url)
  ends.push(() => redis.disconnect())
  return redis
}

async function nodeRedis(url: string): Promise<RedisClient> {
  const redis = await connectNodeRedis(url)
  ends.push(() => redis.destroy())
  return redis
}

describe.each([
  ['ioredis', ioredis],
  ['node-redis', nodeRedis],
])('over %s, with a Redis that is', (name, connect) => {
  // node-redis waits for a dead line as long as the system does.
  const known = faults.filter((fault) => name === 'ioredis' || fault.name !== 'cut off without a word')

  it.for(known)(
    '$name, answers in time as each rule says, and counts again by itself',
    async ({ make, mend }, { annotate }) => {
      const { server, wire, store, guard } = await start(connect)
      await make(server, wire)

      const open = await askSteadily(guard, 'open', 150)
      await annotate(`p99 of the answers: ${open.p99Ms.toFixed(1)} ms`)
      expect(open.p99Ms).toBeLessThan(deadlineMs + slackMs)
      expect(open.decisions.every(({ outcome }) => outcome === 'allow')).toBe(true)
      expect(open.decisions.filter(({ degraded }) => degraded).length).toBeGreaterThan(140)

      const closed = await askSteadily(guard, 'closed', 50)
      expect(closed.p99Ms).toBeLessThan(slackMs)
      expect(closed.decisions.every(({ reason }) => reason === 'store-failure')).toBe(true)

      const shared = await askSteadily(guard, 'shared', 20)
      expect(shared.decisions.filter(({ outcome }) => outcome === 'allow')).toHaveLength(10)
      expect(store.state()).toMatchObject({ isAvailable: false })

      await mend(server, wire)
      await until(async () => !(await guard.early('open', client)).degraded, 20_000)
      expect(store.state()).toMatchObject({ isAvailable: true })
      await expect.poll(async () => (await guard.early('closed', client)).outcome).toBe('allow')
    },
  )
})
