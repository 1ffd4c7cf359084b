/**
 * Decisions over one Redis, beside the stores of other limiters: `node --conditions=rempart-source bench/redis.ts
 * <64|256|hot|frozen> [rounds]`. Each contender keeps so many requests in flight over the same keys, in turn, round after
 * round; a decision of ours is whole (`guard.early`), of the others it is their store's call alone. CPU is this
 * process's, in cores. `frozen` stops the server and takes the time of each answer, up to three seconds.
 */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { setTimeout as sleep } from 'node:timers/promises'
import { createGuard } from '@rempart/guard'
import { createRedisStore } from '@rempart/guard/redis'
import type { Options } from 'express-rate-limit'
import { Redis } from 'ioredis'
import { RedisStore as RateLimitRedis } from 'rate-limit-redis'
import { RateLimiterRedis } from 'rate-limiter-flexible'
import { findRedis, type RedisServer, startRedis } from '../tests/support/redis-server.ts'
import { median, record } from './support.ts'

const WINDOW_MS = 60_000
const LIMIT = 1_000_000
const SLICE_MS = 1_200

/** One limiter: asks for the key of a number, and answers once it is decided. */
interface Contender {
  readonly name: string
  ask(key: number): unknown
  isCounting(): boolean
  close(): void
}

/** What Fastify's plug-in counts with, apart from the plug-in. */
type FastifyStore = new (
  continueExceeding: boolean,
  exponentialBackoff: boolean,
  redis: Redis,
  prefix: string,
) => { incr(key: string, done: (error: Error | null) => void, windowMs: number, max: number): void }

function connect(server: RedisServer): Redis {
  const client = new Redis(server.port, '127.0.0.1')
  client.on('error', () => undefined)
  return client
}

function rempart(server: RedisServer, keys: readonly string[], leases: 'none' | 'hot-keys'): Contender {
  const client = connect(server)
  const store = createRedisStore({ client, secret: 'the secret of the measurement', leases })
  const guard = createGuard({
    store,
    policies: [
      { id: 'bench', rules: [{ id: 'burst', kind: 'rate-limit', by: 'ip', limit: 2 ** 31, window: WINDOW_MS }] },
    ],
  })
  const clients = keys.map((key) => ({ ip: { text: key, key, family: 4 as const } }))
  const [first] = clients
  if (first === undefined) throw new Error('no key')
  return {
    name: leases === 'none' ? 'rempart' : 'rempart, leases',
    ask: (key) => guard.early('bench', clients[key] ?? first),
    isCounting: () => store.state().isAvailable,
    close() {
      console.log(`rempart: ${store.state().misses} calls were late`)
      store.close()
      client.disconnect()
    },
  }
}

function fastifyRateLimit(server: RedisServer, keys: readonly string[]): Contender {
  const client = connect(server)
  const Store: FastifyStore = createRequire(import.meta.url)('@fastify/rate-limit/store/RedisStore.js')
  const store = new Store(false, false, client, 'frl-')
  return {
    name: '@fastify/rate-limit',
    ask: (key) =>
      new Promise<void>((resolve, reject) => {
        store.incr(keys[key] ?? '', (error) => (error === null ? resolve() : reject(error)), WINDOW_MS, LIMIT)
      }),
    isCounting: () => true,
    close: () => client.disconnect(),
  }
}

function rateLimiterFlexible(server: RedisServer, keys: readonly string[]): Contender {
  const client = connect(server)
  const limiter = new RateLimiterRedis({ storeClient: client, points: LIMIT, duration: WINDOW_MS / 1_000 })
  return {
    name: 'rate-limiter-flexible',
    ask: (key) => limiter.consume(keys[key] ?? ''),
    isCounting: () => true,
    close: () => client.disconnect(),
  }
}

function rateLimitRedis(server: RedisServer, keys: readonly string[]): Contender {
  const client = connect(server)
  const store = new RateLimitRedis({
    prefix: 'erl-',
    // The store asks for the reply of its own script, whose shape it knows.
    sendCommand: (command: string, ...args: string[]) => client.call(command, ...args) as Promise<never>,
  })
  store.init({ windowMs: WINDOW_MS } as Options)
  return {
    name: 'rate-limit-redis',
    ask: (key) => store.increment(keys[key] ?? ''),
    isCounting: () => true,
    close: () => client.disconnect(),
  }
}

interface Reading {
  readonly perSecond: number
  readonly cores: number
  readonly redisCores: number
}

/** Keeps `flight` requests going for a while. */
async function run(
  contender: Contender,
  server: RedisServer,
  keys: number,
  flight: number,
  ms: number,
): Promise<Reading> {
  let decided = 0
  let next = 0
  const untilMs = performance.now() + ms
  const cpu = process.cpuUsage()
  const redisCpu = cpuSeconds(server.pid)
  const startMs = performance.now()
  const ask = async (): Promise<void> => {
    // Looking at the clock each time would cost the fastest most.
    for (let turn = 1; (turn & 15) !== 0 || performance.now() < untilMs; turn += 1) {
      next = next + 1 === keys ? 0 : next + 1
      const answer = contender.ask(next)
      if (answer instanceof Promise) await answer
      else if ((decided & 1023) === 0) await sleep(0)
      decided += 1
    }
  }
  await Promise.all(Array.from({ length: flight }, ask))
  const seconds = (performance.now() - startMs) / 1_000
  const { user, system } = process.cpuUsage(cpu)
  return {
    perSecond: decided / seconds,
    cores: (user + system) / 1e6 / seconds,
    redisCores: (cpuSeconds(server.pid) - redisCpu) / seconds,
  }
}

/** Of a process of this machine, since it began. */
function cpuSeconds(pid: number): number {
  const [, text = ''] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')
  const fields = text.split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

function keysOf(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`)
}

/** A store that has given its server up decides fast, and decides nothing. */
function assertCounted(contender: Contender): void {
  if (!contender.isCounting()) throw new Error(`${contender.name} has stopped counting`)
}

async function measureSpeed(server: RedisServer, piece: string, rounds: number) {
  const keys = keysOf(piece === 'hot' ? 100 : 10_000)
  const flight = piece === '256' ? 256 : 64
  const contenders = [
    rempart(server, keys, piece === 'hot' ? 'hot-keys' : 'none'),
    fastifyRateLimit(server, keys),
    rateLimiterFlexible(server, keys),
    rateLimitRedis(server, keys),
  ]
  const readings = new Map(contenders.map(({ name }) => [name, [] as Reading[]]))
  for (const contender of contenders) await run(contender, server, keys.length, flight, SLICE_MS)
  contenders.forEach(assertCounted)
  for (let round = 0; round < rounds; round += 1) {
    for (const contender of round % 2 === 0 ? contenders : contenders.toReversed()) {
      readings.get(contender.name)?.push(await run(contender, server, keys.length, flight, SLICE_MS))
      assertCounted(contender)
    }
  }
  for (const contender of contenders) contender.close()
  return Object.fromEntries([...readings].map(([name, all]) => [name, summary(all)]))
}

function summary(readings: readonly Reading[]) {
  const perSecond = Math.round(median(readings.map((reading) => reading.perSecond)))
  const cores = Number(median(readings.map((reading) => reading.cores)).toFixed(2))
  const redisCores = Number(median(readings.map((reading) => reading.redisCores)).toFixed(2))
  return { perSecond, cores, microsecondsEach: Number(((cores * 1e6) / perSecond).toFixed(2)), redisCores }
}

const GIVEN_UP_MS = 3_000

async function measureFrozen(server: RedisServer) {
  const keys = keysOf(1_000)
  const contenders = [
    rempart(server, keys, 'none'),
    fastifyRateLimit(server, keys),
    rateLimiterFlexible(server, keys),
    rateLimitRedis(server, keys),
  ]
  for (const contender of contenders) await run(contender, server, keys.length, 16, 300)
  server.signal('SIGSTOP')
  const figures: Record<string, object> = {}
  for (const contender of contenders) {
    const asked: Promise<number>[] = []
    for (let index = 0; index < 300; index += 1) {
      const startMs = performance.now()
      const answer = Promise.race([Promise.resolve(contender.ask(index)).catch(() => undefined), sleep(GIVEN_UP_MS)])
      asked.push(answer.then(() => performance.now() - startMs))
      await sleep(4)
    }
    const times = (await Promise.all(asked)).sort((a, b) => a - b)
    // The breaker opens within the first of them.
    const at = (share: number) => Number((times[Math.ceil(times.length * share) - 1] ?? Number.NaN).toFixed(2))
    figures[contender.name] = { p50Ms: at(0.5), p90Ms: at(0.9), p99Ms: at(0.99), mostMs: at(1) }
  }
  server.signal('SIGCONT')
  for (const contender of contenders) contender.close()
  return figures
}

const [piece = '64', rounds = '5'] = process.argv.slice(2)
const binary = findRedis()
if (binary === undefined) throw new Error('redis-server is not on the PATH')
const server = await startRedis(binary)
try {
  const figures = piece === 'frozen' ? await measureFrozen(server) : await measureSpeed(server, piece, Number(rounds))
  console.table(figures)
  record('redis', { ...earlier(), [piece]: figures })
} finally {
  await server.remove()
}

/** What the other pieces have found. */
function earlier(): object {
  try {
    const { machine: _, ...figures } = JSON.parse(readFileSync('bench/results/redis.json', 'utf8'))
    return figures
  } catch {
    return {}
  }
}
process.exit()
