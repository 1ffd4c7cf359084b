/**
 * The same store over either client: `node --conditions=rempart-source bench/redis-client.ts [rounds] [--more]`. In
 * turn, round after round: decisions with 64 in flight, which travel in batches, and single commands, as marks are
 * sent. With --more, the runs are added to those kept before: how the batches fall is settled early in a process's
 * life and differs from one process to the next.
 */
import { readFileSync } from 'node:fs'
import { createGuard } from '@rempart/guard'
import { createRedisStore, type RedisClient } from '@rempart/guard/redis'
import { connectIoredis } from '../packages/guard/src/testing/ioredis.ts'
import { findRedis, startRedis } from '../tests/support/redis-server.ts'
import { connectNodeRedis } from './node-redis.ts'
import { median, record } from './support.ts'

const SLICE_MS = 1_200
const FLIGHT = 64
const KEYS = 10_000
/** A neighbour on the machine that takes a processor away for a moment is no answer of the client's. */
const PATIENCE_MS = 1_000

interface Subject {
  readonly name: string
  readonly decide: (turn: number) => unknown
  readonly mark: (turn: number) => unknown
  readonly close: () => void
}

function over(name: string, client: RedisClient, end: () => void): Subject {
  const store = createRedisStore({
    client,
    secret: 'the secret of the measurement',
    prefix: name.replaceAll('-', ''),
    deadlineMs: PATIENCE_MS,
  })
  const guard = createGuard({
    store,
    deadlineMs: PATIENCE_MS,
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
      const { misses } = store.state()
      if (misses > 0) throw new Error(`${name}: ${misses} calls were late, and their decisions were not Redis's`)
      store.close()
      end()
    },
  }
}

interface Run {
  readonly perSecond: number
  /** Processor time of this process, which is the client's and the store's. */
  readonly cpuUs: number
}

async function run(ask: (turn: number) => unknown): Promise<Run> {
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
  return { perSecond: Math.round(turn / seconds), cpuUs: Number(((user + system) / turn).toFixed(2)) }
}

const rounds = Number(process.argv.slice(2).find((word) => word !== '--more') ?? 5)
const binary = findRedis()
if (binary === undefined) throw new Error('redis-server is not on the PATH')
const server = await startRedis(binary)
const ioredis = await connectIoredis(server.url)
const nodeRedis = await connectNodeRedis(server.url)
const subjects = [
  over('ioredis', ioredis, () => ioredis.disconnect()),
  over('node-redis', nodeRedis, () => nodeRedis.destroy()),
]
const runs: Record<string, Run[]> = process.argv.includes('--more') ? readKept() : {}
for (let round = 0; round <= rounds; round += 1) {
  for (const { name, decide, mark } of round % 2 === 0 ? subjects : subjects.toReversed()) {
    for (const [what, ask] of [['decisions', decide] as const, ['commands', mark] as const]) {
      const result = await run(ask)
      const key = `${name}, ${what}`
      // The first round compiles.
      if (round > 0) runs[key] = [...(runs[key] ?? []), result]
    }
  }
}
const figures = Object.fromEntries(Object.entries(runs).map(([name, all]) => [name, summary(all)]))
console.table(figures)
try {
  for (const subject of subjects) subject.close()
  record('redis-client', { inFlight: FLIGHT, keys: KEYS, figures, runs })
} finally {
  await server.remove()
}

function summary(all: readonly Run[]) {
  const speeds = all.map(({ perSecond }) => perSecond)
  return {
    perSecond: Math.round(median(speeds)),
    least: Math.min(...speeds),
    most: Math.max(...speeds),
    cpuUs: Number(median(all.map(({ cpuUs }) => cpuUs)).toFixed(2)),
  }
}

function readKept(): Record<string, Run[]> {
  try {
    return JSON.parse(readFileSync('bench/results/redis-client.json', 'utf8')).runs
  } catch {
    return {}
  }
}
