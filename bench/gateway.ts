import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { childrenOf } from '../tests/support/processes.ts'
import { type Exchanged, exchanges } from './exchange.ts'
import { freePort, median, record, startProgram } from './support.ts'

/**
 * What passes through a gateway that limits by address, beside what else does so: all in front of the same small upstream
 * with keep-alive on both sides, one process each, in turn.
 *
 * Usage: npm run bench:gateway [rounds] [seconds] [--more]
 * With --more, the runs are added to those kept before, so that a long measurement can be made in short pieces.
 */
const labels = {
  rempart: 'rempart gateway',
  'http-proxy': '@fastify/http-proxy + @fastify/rate-limit',
  'fast-proxy': 'fast-proxy, no limit',
  undici: 'node:http + undici by hand, no limit',
  nginx: 'nginx + limit_req, one worker',
} as const
const targets = { 'http-proxy': 'must 2.3', nginx: 'aim 0.4' }

type Name = keyof typeof labels
interface Run {
  readonly perSecond: number
  /** Processor time of the gateway for one answer; 0 where the system does not tell. */
  readonly cpuUs: number
}
type Runs = Partial<Record<Name, readonly Run[]>>

interface Contender {
  readonly name: Name
  readonly port: number
  readonly pid: () => number
  readonly stop: () => Promise<void>
}

const numbers = process.argv.slice(2).filter((word) => word !== '--more')
const rounds = Number(numbers[0] ?? 5)
const seconds = Number(numbers[1] ?? 2)
const connections = 64
const directory = mkdtempSync(join(tmpdir(), 'rempart-bench-gateway-'))

const upstreamPort = await freePort()
const upstream = await startProgram(['bench/gateway-upstream.ts'], {
  port: upstreamPort,
  path: '/',
  env: { BENCH_PORT: String(upstreamPort) },
})
const nginxVersion = findNginx()
const contenders: readonly Contender[] = [
  ...(await Promise.all((['rempart', 'http-proxy', 'fast-proxy', 'undici'] as const).map(startNode))),
  ...(nginxVersion === undefined ? [] : [await startNginx()]),
]
for (const { port } of contenders) await load(port, 1)

const measured = new Map<Name, Run[]>(contenders.map(({ name }) => [name, []]))
for (let round = 0; round < rounds; round += 1) {
  // Every other round goes backwards: whoever runs second finds warmer caches.
  for (const { name, port, pid } of round % 2 === 0 ? contenders : [...contenders].reverse()) {
    const before = cpuUsOf(pid())
    const { answers, elapsedS } = await load(port, seconds)
    const run = { perSecond: answers / elapsedS, cpuUs: (cpuUsOf(pid()) - before) / answers }
    measured.get(name)?.push(run)
    console.log(
      `  round ${round + 1} ${labels[name].padEnd(44)} ${Math.round(run.perSecond)}/s  ${run.cpuUs.toFixed(1)} µs`,
    )
  }
}
for (const { stop } of contenders) await stop()
await upstream.stop()
rmSync(directory, { recursive: true })

const before = process.argv.includes('--more') ? readKept() : {}
const runs: Runs = Object.fromEntries([...measured].map(([name, list]) => [name, [...(before[name] ?? []), ...list]]))
const perSecond = medians((run) => run.perSecond)
const cpuUs = medians((run) => run.cpuUs)
const ratios = ratiosOf((run, other) => run.perSecond / other.perSecond)
/** The same told by the gateways' processor time, which upstream and client on the same cores do not change. */
const ratiosByCpu = ratiosOf((run, other) => other.cpuUs / run.cpuUs)
console.log({ perSecond, cpuUs, ratios, ratiosByCpu })
record('gateway', {
  connections,
  seconds,
  labels,
  versions: versions(),
  perSecond,
  cpuUs,
  ratios,
  ratiosByCpu,
  targets,
  runs,
})

async function startNode(name: Exclude<Name, 'nginx'>): Promise<Contender> {
  const port = await freePort()
  const env = {
    BENCH_PORT: String(port),
    BENCH_CONTENDER: name,
    BENCH_UPSTREAM: `http://127.0.0.1:${upstreamPort}`,
  }
  const before = new Set(childrenOf(process.pid))
  const starting = startProgram(['bench/gateway-server.ts'], { port, path: '/hello', env })
  const pid = childrenOf(process.pid).find((child) => !before.has(child)) ?? 0
  const program = await starting
  return { name, port, pid: () => pid, stop: program.stop }
}

function findNginx(): string | undefined {
  try {
    return /nginx\/(\S+)/.exec(execFileSync('sh', ['-c', 'nginx -v 2>&1'], { encoding: 'utf8' }))?.[1]
  } catch {
    console.log('nginx is not on the PATH: measured without')
    return undefined
  }
}

async function startNginx(): Promise<Contender> {
  const port = await freePort()
  const file = join(directory, 'nginx.conf')
  writeFileSync(
    file,
    `daemon off;
worker_processes 1;
pid ${directory}/pid;
error_log ${directory}/error.log;
events { worker_connections 1024; }
http {
  access_log off;
  client_body_temp_path ${directory}/body; proxy_temp_path ${directory}/proxy;
  fastcgi_temp_path ${directory}/fastcgi; uwsgi_temp_path ${directory}/uwsgi; scgi_temp_path ${directory}/scgi;
  keepalive_requests 100000000;
  limit_req_zone $binary_remote_addr zone=everyone:10m rate=1000000r/s;
  upstream behind { server 127.0.0.1:${upstreamPort}; keepalive 128; keepalive_requests 100000000; }
  server {
    listen 127.0.0.1:${port};
    limit_req zone=everyone burst=1000000 nodelay;
    location / {
      proxy_pass http://behind;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme;
    }
  }
}
`,
  )
  const child = spawn('nginx', ['-p', directory, '-c', file], { stdio: ['ignore', 'ignore', 'inherit'] })
  for (let tries = 0; tries < 100; tries += 1) {
    const isUp = await fetch(`http://127.0.0.1:${port}/hello`).then(
      ({ ok }) => ok,
      () => false,
    )
    if (isUp) break
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  const stop = () => new Promise<void>((resolve) => void child.once('exit', () => resolve()).kill('SIGTERM'))
  // The worker, not the master.
  return { name: 'nginx', port, pid: () => childrenOf(child.pid ?? 0)[0] ?? 0, stop }
}

/** User and system time of a process, in microseconds; clock ticks are hundredths of a second. */
function cpuUsOf(pid: number): number {
  try {
    const [, rest = ''] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')
    const fields = rest.split(' ')
    return (Number(fields[11]) + Number(fields[12])) * 10_000
  } catch {
    return 0
  }
}

function versions(): Record<string, string> {
  const names = ['@fastify/http-proxy', '@fastify/rate-limit', 'fast-proxy', 'undici', 'fastify']
  const wanted: Readonly<Record<string, string>> = JSON.parse(readFileSync('bench/package.json', 'utf8')).dependencies
  const node = Object.fromEntries(names.map((name) => [name, wanted[name] ?? '']))
  return { ...node, ...(nginxVersion !== undefined && { nginx: nginxVersion }) }
}

function medians(read: (run: Run) => number): Record<string, number> {
  return Object.fromEntries(
    Object.entries(runs).map(([name, list]) => [name, Math.round(median(list.map(read)) * 10) / 10]),
  )
}

/** Ours beside each other one, round by round. */
function ratiosOf(of: (ours: Run, other: Run) => number): Record<string, number> {
  return Object.fromEntries(
    Object.entries(runs).flatMap(([name, list]) => {
      if (name === 'rempart') return []
      const each = list.flatMap((other, round) => {
        const ours = runs.rempart?.[round]
        return ours === undefined ? [] : [of(ours, other)]
      })
      return [[name, Math.round(median(each) * 100) / 100]]
    }),
  )
}

function load(port: number, forSeconds: number): Promise<Exchanged> {
  const request =
    'GET /api/resources?page=1 HTTP/1.1\r\nhost: localhost\r\naccept: application/json\r\nuser-agent: bench/1\r\n\r\n'
  return exchanges(port, request, { connections, seconds: forSeconds })
}

function readKept(): Runs {
  try {
    return JSON.parse(readFileSync('bench/results/gateway.json', 'utf8')).runs
  } catch {
    return {}
  }
}
