import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { cpus, totalmem } from 'node:os'
import { join } from 'node:path'
import autocannon from 'autocannon'

/** A program of ours that listens on `url` until it is stopped. */
export interface Program {
  readonly url: string
  stop(): Promise<void>
}

/** A port nobody listens on at this moment. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      const port = typeof address === 'object' && address !== null ? address.port : 0
      server.close(() => resolve(port))
    })
  })
}

/** What `npm start` gives Node. Ours and the others get the same. */
const nodeFlags: readonly string[] = JSON.parse(
  readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
).scripts.start.match(/--\S+/g)

/** Starts a TypeScript program from source and waits until `path` answers 200. */
export async function startProgram(
  args: readonly string[],
  options: { readonly port: number; readonly path: string; readonly env?: Readonly<Record<string, string>> },
): Promise<Program> {
  const child = spawn(process.execPath, [...nodeFlags, ...args], {
    // NODE_OPTIONS goes along, so that a run can be profiled with --cpu-prof.
    env: { PATH: process.env['PATH'], NODE_OPTIONS: process.env['NODE_OPTIONS'] ?? '', ...options.env },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const url = `http://127.0.0.1:${options.port}`
  await answers(child, `${url}${options.path}`)
  return {
    url,
    stop: () =>
      new Promise((resolve) => {
        child.once('exit', () => resolve())
        child.kill('SIGTERM')
      }),
  }
}

async function answers(child: ChildProcess, url: string): Promise<void> {
  const deadlineMs = Date.now() + 60_000
  while (Date.now() < deadlineMs) {
    if (child.exitCode !== null) throw new Error(`the program ended with ${child.exitCode}`)
    const isUp = await fetch(url).then(
      (response) => response.ok,
      () => false,
    )
    if (isUp) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`nothing answered at ${url} within a minute`)
}

/** What a load run sends: the same to each contender, but for the path. */
export interface Load {
  readonly url: string
  readonly seconds: number
  /** So many requests, however long they take. */
  readonly amount?: number
  readonly connections: number
  readonly method: 'GET' | 'POST'
  /** Called for each request. */
  readonly next?: () => {
    readonly path: string
    readonly body?: string
    readonly headers?: Readonly<Record<string, string>>
  }
  readonly path?: string
  readonly headers?: Readonly<Record<string, string>>
}

export interface LoadResult {
  readonly perSecond: number
  readonly p50Ms: number
  readonly p95Ms: number
  readonly p99Ms: number
  readonly good: number
  /** Answers that were not 2xx, errors and timeouts. */
  readonly bad: number
}

/** Sends requests as fast as they are answered, over keep-alive connections to this machine. */
export async function load({
  url,
  seconds,
  amount,
  connections,
  method,
  next,
  path = '/',
  headers = {},
}: Load): Promise<LoadResult> {
  const base = { 'content-type': 'application/json', ...headers }
  const answered: number[] = []
  const options: autocannon.Options = {
    url,
    connections,
    ...(amount === undefined ? { duration: seconds } : { amount }),
    requests: [
      {
        method,
        path,
        ...(method === 'POST' && { headers: base }),
        ...(method === 'GET' && { headers }),
        ...(next && {
          setupRequest: (request: autocannon.Request) => {
            const made = next()
            const sent = {
              ...request,
              path: made.path,
              headers: { ...(method === 'POST' ? base : headers), ...made.headers },
            }
            return made.body === undefined ? sent : { ...sent, body: made.body }
          },
        }),
      },
    ],
  }
  const result = await new Promise<autocannon.Result>((resolve, reject) => {
    autocannon(options, (error, done) => (error ? reject(error) : resolve(done))).on(
      'response',
      (_client, _status, _bytes, tookMs) => answered.push(tookMs),
    )
  })
  // Its own figures are whole milliseconds, and the 95th is not among them.
  answered.sort((left, right) => left - right)
  return {
    perSecond: result['2xx'] / result.duration,
    p50Ms: quantile(answered, 0.5),
    p95Ms: quantile(answered, 0.95),
    p99Ms: quantile(answered, 0.99),
    good: result['2xx'],
    bad: result.non2xx + result.errors + result.timeouts,
  }
}

/** In milliseconds, to the hundredth. @param sorted - upwards. */
const quantile = (sorted: readonly number[], part: number): number =>
  Math.round((sorted[Math.floor(sorted.length * part)] ?? Number.NaN) * 100) / 100

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2
}

/** Runs the contenders in turn, round after round, so that a noisy minute hits all of them. */
export async function alternate<Name extends string>(
  rounds: number,
  contenders: Readonly<Record<Name, () => Promise<LoadResult>>>,
): Promise<Record<Name, LoadResult[]>> {
  const names = Object.keys(contenders) as Name[]
  const results = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<Name, LoadResult[]>
  for (let round = 0; round < rounds; round += 1) {
    // Every other round goes backwards: whoever runs second finds warmer caches.
    for (const name of round % 2 === 0 ? names : [...names].reverse()) {
      const result = await contenders[name]()
      results[name].push(result)
      console.log(
        `  round ${round + 1} ${name.padEnd(22)} ${Math.round(result.perSecond)}/s  p50 ${result.p50Ms} ms  p95 ${result.p95Ms} ms  p99 ${result.p99Ms} ms  bad ${result.bad}`,
      )
    }
  }
  return results
}

/** Keeps a result with the machine and versions it came from, and prints where. */
export function record(name: string, figures: object): void {
  mkdirSync('bench/results', { recursive: true })
  const file = join('bench/results', `${name}.json`)
  const machine = {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    commit: execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim(),
    date: new Date().toISOString().slice(0, 10),
  }
  writeFileSync(file, `${JSON.stringify({ machine, ...figures }, null, 2)}\n`)
  console.log(`kept in ${file}`)
}
