/**
 * The same store over either client: `node --conditions=rempart-source bench/redis-client.ts [rounds]`. In turn, round
 * after round: decisions with 64 in flight, which travel in batches, and single commands, as marks are sent.
 */
import { createGuard } from '@rempart/guard'
import { createRedisStore, type RedisClient } from '@rempart/guard/redis'
import { connectIoredis } from '../packages/guard/src/testing/ioredis.ts'
import { findRedis, startRedis } from '../tests/support/redis-server.ts'
import { connectNodeRedis } from './node-redis.ts'
import { median, record } from './support.ts'

const SLICE_MS = 1_200
const FLIGHT = 64
const KEYS = 10_000

interface Subject {
  readonly name: string
  readonly decide: (turn: number) => unknown
  readonly mark: (turn: number) => unknown
  readonly close: () => void
}

function over(name: string, client: RedisClient, end: () => void): Subject {
  const store = createRedisStore({ client, secret: 'the secret of the measurement', prefix: name.replaceAll('-', '') })
  const guard = createGuard({
    store,
    policies: [{ id: 'p', rules: [{ id: 'r', kind: 'rate-limit', by: 'ip', limit: 2 ** 31, window: '60s' }] }],
  })
  const clients = Array.from({ length: KEYS }, (_, index) => {
    const text = `10.0.${index >> 8}.${index & 255}`
    return { ip: { text, key: text, family: 4 as const } }
  })
  const [first] = clients
  if (first === undefined) throw new Error('no key')
  return {
    name,
    decide: (turn) => guard.early('p', clients[turn % KEYS] ?? first),
    mark: (turn) => store.mark(String(turn), 10_000, 0),
    close() {
      store.close()
      end()
    },
  }
}

async function run(ask: (turn: number) => unknown): Promise<{ perSecond: number; cores: number }> {
  let turn = 0
  const cpu = process.cpuUsage()
  const startMs = performance.now()
  const untilMs = startMs + SLICE_MS
  const keepAsking = async (): Promise<void> => {
    while (performance.now() < untilMs) {
      turn += 1
      await ask(turn)
    }
  }
  await Promise.all(Array.from({ length: FLIGHT }, keepAsking))
  const seconds = (performance.now() - startMs) / 1_000
  const { user, system } = process.cpuUsage(cpu)
  return { perSecond: turn / seconds, cores: (user + system) / 1e6 / seconds }
}

const rounds = Number(process.argv[2] ?? 5)
const binary = findRedis()
if (binary === undefined) throw new Error('redis-server is not on the PATH')
const server = await startRedis(binary)
const ioredis = await connectIoredis(server.url)
const nodeRedis = await connectNodeRedis(server.url)
const subjects = [
  over('ioredis', ioredis, () => ioredis.disconnect()),
  over('node-redis', nodeRedis, () => nodeRedis.destroy()),
]
const readings = new Map<string, { perSecond: number; cores: number }[]>()
for (let round = 0; round <= rounds; round += 1) {
  for (const { name, decide, mark } of round % 2 === 0 ? subjects : subjects.toReversed()) {
    for (const [what, ask] of [['decisions', decide] as const, ['commands', mark] as const]) {
      const reading = await run(ask)
      const key = `${name}, ${what}`
      // The first round compiles.
      if (round > 0) readings.set(key, [...(readings.get(key) ?? []), reading])
    }
  }
}
const figures = Object.fromEntries(
  [...readings].map(([name, all]) => {
    const perSecond = Math.round(median(all.map((reading) => reading.perSecond)))
    const cores = Number(median(all.map((reading) => reading.cores)).toFixed(2))
    return [name, { perSecond, cores, microsecondsEach: Number(((cores * 1e6) / perSecond).toFixed(2)) }]
  }),
)
console.table(figures)
record('redis-client', figures)
for (const subject of subjects) subject.close()
await server.remove()
