import { readFileSync } from 'node:fs'
import { findRedis, type RedisServer, startRedis } from '../tests/support/redis-server.ts'
import { exchanges } from './exchange.ts'
import { freePort, median, record, startProgram } from './support.ts'

/**
 * What a limit, security headers and CORS leave of a bare framework, beside the usual plug-ins for the same; `redis`:
 * what a limit that several processes share leaves of it, with a redis-server on the same machine.
 *
 * Usage: node --conditions=rempart-source bench/frameworks.ts fastify|express|redis [rounds] [seconds] [--more]
 * With --more, the runs are added to those kept before, so that a long measurement can be made in short pieces.
 */
const groups = {
  fastify: [
    'fastify bare',
    'fastify + rempart',
    'fastify + @fastify/rate-limit',
    'fastify + rempart, headers, cors',
    'fastify + helmet, cors, rate-limit',
  ],
  express: ['express bare', 'express + rempart, headers', 'express + helmet, express-rate-limit'],
  redis: ['fastify bare', 'fastify + rempart, redis', 'fastify + @fastify/rate-limit, redis'],
} as const
const targets: Readonly<Record<string, string>> = {
  'fastify + rempart': '@fastify/rate-limit + 0.03; aim 0.95',
  'fastify + rempart, headers, cors': 'must 0.60; aim 0.72',
  'express + rempart, headers': 'must 0.65; aim 0.75',
  'fastify + rempart, redis': 'must 0.55; aim 0.65',
}

type Group = keyof typeof groups
interface Run {
  readonly perSecond: number
  /** Processor time that the server took for each answer. */
  readonly cpuUs: number
}
type Runs = Readonly<Record<string, readonly Run[]>>

const [first = 'fastify', ...rest] = process.argv.slice(2).filter((word) => word !== '--more')
if (!(first in groups)) throw new Error(`Usage: frameworks.ts ${Object.keys(groups).join('|')} [rounds] [seconds]`)
const group = first as Group
const rounds = Number(rest[0] ?? 5)
const seconds = Number(rest[1] ?? 3)
const connections = 64

const redis = group === 'redis' ? await startOwnRedis() : undefined
const programs = await Promise.all(
  groups[group].map(async (name) => {
    const port = await freePort()
    const env = { BENCH_PORT: String(port), BENCH_CONTENDER: name, BENCH_REDIS_URL: redis?.url ?? '' }
    return { name, port, program: await startProgram(['bench/framework-server.ts'], { port, path: '/hello', env }) }
  }),
)
for (const { port } of programs) await load(port, 2)
const measured = new Map<string, Run[]>(groups[group].map((name) => [name, []]))
for (let round = 0; round < rounds; round += 1) {
  // Every other round goes backwards: whoever runs second finds warmer caches.
  for (const { name, port } of round % 2 === 0 ? programs : [...programs].reverse()) {
    const run = await load(port, seconds)
    measured.get(name)?.push(run)
    console.log(
      `  round ${round + 1} ${name.padEnd(38)} ${Math.round(run.perSecond)}/s  ${run.cpuUs.toFixed(2)} µs of the server`,
    )
  }
}
const { [group]: before = { runs: {} }, ...others } = readKept()
const runs: Runs = Object.fromEntries(
  [...measured].map(([name, results]) => [
    name,
    [...(process.argv.includes('--more') ? (before.runs[name] ?? []) : []), ...results],
  ]),
)
const perSecond = medians((run) => run.perSecond)
const cpuUs = medians((run) => run.cpuUs)
const shareOfBare = shares((run, bare) => run.perSecond / bare.perSecond)
/** The same told by the servers' processor time, which a client or a neighbour that takes its turn does not change. */
const shareByCpu = shares((run, bare) => bare.cpuUs / run.cpuUs)
console.log({ cpuUs, shareOfBare, shareByCpu })
const asked = Object.fromEntries(Object.entries(targets).filter(([name]) => name in runs))
const figures = { connections, seconds, perSecond, cpuUs, shareOfBare, shareByCpu, targets: asked, runs }
record('frameworks', { ...others, [group]: figures })
for (const { program } of programs) await program.stop()
await redis?.remove()

async function startOwnRedis(): Promise<RedisServer> {
  const binary = findRedis()
  if (binary === undefined) throw new Error('redis-server is not on the PATH')
  return startRedis(binary)
}

function medians(read: (run: Run) => number): Record<string, number> {
  return Object.fromEntries(
    Object.entries(runs).map(([name, list]) => [name, Math.round(median(list.map(read)) * 100) / 100]),
  )
}

/** Each run beside the bare one of its round. */
function shares(of: (run: Run, bare: Run) => number): Record<string, number> {
  return Object.fromEntries(
    Object.entries(runs).map(([name, list]) => {
      const bare = runs[`${name.split(' ')[0]} bare`] ?? []
      const ofRounds = list.flatMap((run, round) => {
        const twin = bare[round]
        return twin === undefined ? [] : [of(run, twin)]
      })
      return [name, Math.round(median(ofRounds) * 1_000) / 1_000]
    }),
  )
}

async function load(port: number, forSeconds: number): Promise<Run> {
  // A page of the allowed origin asks: CORS has something to say on each answer.
  const request = 'GET /hello HTTP/1.1\r\nhost: localhost\r\norigin: https://app.example\r\n\r\n'
  const before = await usageOf(port)
  const { answers, elapsedS } = await exchanges(port, request, { connections, seconds: forSeconds })
  const after = await usageOf(port)
  if (after.misses > before.misses) console.log(`  ${after.misses - before.misses} decisions were not Redis's`)
  return { perSecond: answers / elapsedS, cpuUs: (after.cpuUs - before.cpuUs) / answers }
}

async function usageOf(port: number): Promise<{ readonly cpuUs: number; readonly misses: number }> {
  const answer = await fetch(`http://127.0.0.1:${port}/cpu`)
  const { user, system, misses } = (await answer.json()) as NodeJS.CpuUsage & { misses: number }
  return { cpuUs: user + system, misses }
}

function readKept(): Readonly<Record<string, { readonly runs: Runs }>> {
  try {
    const { machine: _, ...kept } = JSON.parse(readFileSync('bench/results/frameworks.json', 'utf8'))
    return kept
  } catch {
    return {}
  }
}
