import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import { isRunning, send, until } from '../support/processes.ts'
import { type ServerProcess, startServerProcess } from '../support/server-process.ts'

/** `REMPART_WORKERS=3`, as a person starts it on one machine: an embedded database, and no Redis. */
let server: ServerProcess

beforeAll(async () => {
  server = await startServerProcess({
    env: {
      REMPART_WORKERS: '3',
      REMPART_TRUSTED_PROXIES: '127.0.0.1/32',
      REMPART_METRICS_TOKEN: 'a-token-of-enough-length',
    },
    policies: {
      tried: {
        match: { path: '/tried' },
        rules: { burst: { kind: 'rate-limit', by: 'ip', limit: 20, window: '1h', onStoreFailure: 'closed' } },
      },
    },
  })
  await until(() => pids().size === 3, 60_000)
}, 120_000)
afterAll(() => server?.remove())

/** By number, the one that serves now. */
const pids = (): ReadonlyMap<unknown, number> =>
  new Map(
    server.logs.filter(({ msg }) => msg === 'a worker serves').map((line) => [line['worker'], Number(line['pid'])]),
  )

/** A connection of its own, which any worker may get. */
const ask = async (path: string, headers: Readonly<Record<string, string>> = {}): Promise<Response> => {
  const reply = await fetch(`${server.url}${path}`, { headers: { connection: 'close', ...headers } })
  return new Response(await reply.text(), reply)
}
const scrape = async (): Promise<string> => {
  const authorization = 'Bearer a-token-of-enough-length'
  return await (await ask('/metrics', { authorization, 'x-forwarded-for': '192.0.2.250' })).text()
}
const served = (text: string, worker: number): number =>
  [...text.matchAll(new RegExp(`^rempart_http_requests_total\\{.*worker="${worker}"\\} (\\d+)$`, 'gm'))]
    .map(([, count]) => Number(count))
    .reduce((sum, count) => sum + count, 0)

it('counts in the database, which all workers share, and says so: never each in its memory', () => {
  const chosen = server.logs.filter(({ msg }) => msg === 'the guard counts')
  expect(chosen.map((line) => line['guardStore'])).toEqual(['postgres', 'postgres', 'postgres'])
  expect([...pids().keys()].sort()).toEqual([1, 2, 3])
})

it('admits exactly the limit to one client, whichever workers it meets', async () => {
  const answers: number[] = []
  for (let round = 0; round < 10; round += 1) {
    const replies = Array.from({ length: 6 }, () => ask('/tried', { 'x-forwarded-for': '198.51.100.7' }))
    answers.push(...(await Promise.all(replies)).map(({ status }) => status))
  }
  const [admitted, late] = [404, 503].map((status) => answers.filter((each) => each === status).length)
  // A machine that is busy may count in time and hear of it late.
  expect(admitted).toBeLessThanOrEqual(20)
  expect(Number(admitted) + Number(late)).toBeGreaterThanOrEqual(20)
  expect(answers.filter((status) => status === 429).length).toBeGreaterThan(0)
  const text = await scrape()
  for (const worker of [1, 2, 3]) expect(served(text, worker)).toBeGreaterThan(0)
})

it('tells the figures of every worker at each scrape, whichever worker is asked', async () => {
  for (let asked = 0; asked < 4; asked += 1) {
    const text = await scrape()
    for (const worker of ['primary', '1', '2', '3']) {
      expect(text).toContain(`rempart_process_start_time_seconds{worker="${worker}"}`)
    }
    expect(text.match(/^# TYPE rempart_http_requests_total /gm)).toHaveLength(1)
    expect(text.match(/^rempart_worker_up\{worker="\d"\} 1$/gm)).toHaveLength(3)
  }
})

it('loses nothing but what the killed worker had in hand, and starts another in its place', async () => {
  const killed = pids().get(2) ?? 0
  const state = { isOver: false }
  const statuses: (number | 'cut')[] = []
  const visitor = async (): Promise<void> => {
    while (!state.isOver) {
      const reply = ask('/health').then(({ status }) => status)
      statuses.push(await reply.catch(() => 'cut' as const))
    }
  }
  const visitors = [visitor(), visitor(), visitor()]
  await until(() => statuses.length > 30)
  send(killed, 'SIGKILL')
  await until(() => pids().get(2) !== killed, 60_000)
  state.isOver = true
  await Promise.all(visitors)
  const cut = statuses.filter((status) => status === 'cut')
  // One of each visitor at most, and in no answer a word of it.
  expect(cut.length).toBeLessThanOrEqual(3)
  expect(new Set(statuses.filter((status) => status !== 'cut'))).toEqual(new Set([200]))
  expect(server.logs).toContainEqual(
    expect.objectContaining({ level: 'error', worker: 2, pid: killed, signal: 'SIGKILL', restartInMs: 100 }),
  )
  expect(await scrape()).toMatch(/^rempart_worker_restarts_total\{worker="2"\} 1$/m)
})

it('drains on SIGTERM: the request in flight is answered, and every process ends, with code 0', async () => {
  const everyone = [server.pid, ...pids().values(), ...server.postgresProcesses()]
  const body = JSON.stringify({ name: 'Ada', email: 'ada@example.org', message: 'Just in time' })
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1')
  let answer = ''
  socket.on('data', (chunk) => {
    answer += String(chunk)
  })
  const closed = once(socket, 'close')
  socket.write(
    `POST /api/v1/contact HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nexpect: 100-continue\r\ncontent-length: ${body.length}\r\n\r\n`,
  )
  // The worker has it in hand.
  await until(() => answer.includes('100 Continue'))
  server.signal('SIGTERM')
  await until(async () => (await fetch(`${server.url}/health`).catch(() => 'refused')) === 'refused', 20_000)
  socket.write(body)
  await closed
  expect(answer).toContain('HTTP/1.1 201')
  expect(await server.ended()).toEqual({ code: 0, signal: null })
  expect(everyone.filter(isRunning)).toEqual([])
})

it('does not start, with the cause and a code that is not 0, when no worker can', async () => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  onTestFinished(() => void taken.close())
  const address = taken.address()
  const directory = mkdtempSync(join(tmpdir(), 'rempart-workers-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const main = join(import.meta.dirname, '../../packages/cli/src/main.ts')
  const child = spawn(process.execPath, ['--conditions=rempart-source', main, 'start'], {
    cwd: directory,
    env: {
      PATH: '/usr/bin:/bin',
      LANG: 'C.UTF-8',
      REMPART_WORKERS: '2',
      REMPART_DATA_DIR: server.dataDir,
      REMPART_PORT: String(typeof address === 'object' ? address?.port : 0),
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  child.stderr.on('data', (chunk) => {
    said += String(chunk)
  })
  expect(await once(child, 'exit')).toEqual([1, null])
  expect(said.match(/REMPART_PORT/g)).toHaveLength(1)
})
