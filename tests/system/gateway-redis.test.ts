import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts'
import { until } from '../support/processes.ts'
import { findRedis, noRedis, type RedisServer, startRedis } from '../support/redis-server.ts'

const binary = findRedis()
const password = 'a password of Redis'
const secret = { REMPART_SECRET_KEY: 'Zk3vQm8xT1pLr6wYb9cN4hJd7sGf2aKe5uXo0iVtRqM=' }
const directory = mkdtempSync(join(tmpdir(), 'rempart-gateways-'))
const policy = join(directory, 'rempart.policy.yaml')
writeFileSync(
  policy,
  `version: 1
policies:
  counted: { match: { path: /counted }, rules: { burst: { kind: rate-limit, by: ip, limit: 40, window: 1h, onStoreFailure: closed } } }
  open: { match: { path: /open }, rules: { burst: { kind: rate-limit, by: ip, limit: 5, window: 1h, onStoreFailure: open } } }
  closed: { match: { path: /closed }, rules: { burst: { kind: rate-limit, by: ip, limit: 40, window: 1h, onStoreFailure: closed } } }
`,
)

describe('two gateways that count in one Redis', () => {
  let redis: RedisServer
  let upstream: ChildProcess
  let gateways: readonly GatewayProcess[] = []
  let args: readonly string[] = []

  beforeAll(async () => {
    if (binary === undefined) return
    redis = await startRedis(binary, ['--requirepass', password])
    upstream = spawn(process.execPath, [join(import.meta.dirname, '../support/upstream-process.ts'), '0'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [line] = await once(upstream.stdout ?? upstream, 'data')
    args = ['--upstream', `http://127.0.0.1:${Number(String(line))}`, '--policy', policy]
    const url = `redis://:${encodeURIComponent(password)}@127.0.0.1:${redis.port}`
    // The one is told on the command line, the other keeps the password out of it.
    gateways = await Promise.all([
      startGatewayProcess([...args, '--redis', url], secret),
      startGatewayProcess([...args, '--redis'], { ...secret, REMPART_REDIS_URL: url }),
    ])
  })
  afterAll(async () => {
    upstream?.kill('SIGKILL')
    for (const gateway of gateways) await gateway.remove()
    await redis?.remove()
    rmSync(directory, { recursive: true })
  })
  beforeEach((test) => test.skip(binary === undefined, noRedis))

  const ask = async (gateway: GatewayProcess | undefined, path: string) => {
    const startedMs = performance.now()
    const reply = await fetch(`${gateway?.url}${path}`)
    await reply.arrayBuffer()
    return { status: reply.status, tookMs: performance.now() - startedMs }
  }
  const all = async (path: string, count: number): Promise<number[]> => {
    const statuses: number[] = []
    for (let sent = 0; sent < count; sent += 4) {
      const four = await Promise.all([0, 1, 2, 3].map((index) => ask(gateways[index % 2], path)))
      statuses.push(...four.map(({ status }) => status))
    }
    return statuses
  }

  it('admit exactly the limit of one client between them', async () => {
    const statuses = await all('/counted', 80)
    const [admitted, late] = [200, 503].map((status) => statuses.filter((each) => each === status).length)
    // A machine that is busy may count in time and hear of it late.
    expect(admitted).toBeLessThanOrEqual(40)
    expect(Number(admitted) + Number(late)).toBeGreaterThanOrEqual(40)
    expect(statuses.filter((status) => status === 429).length).toBeGreaterThan(0)
  })

  it('answer by what each rule says when Redis freezes, in time, and count in it again when it thaws', async () => {
    redis.signal('SIGSTOP')
    const [gateway] = gateways
    const open = []
    for (let sent = 0; sent < 12; sent += 1) open.push(await ask(gateway, '/open'))
    expect(new Set(open.map(({ status }) => status))).toEqual(new Set([200]))
    // The first ones wait for the deadline of 25 ms, until the breaker opens.
    expect(open.map(({ tookMs }) => tookMs).toSorted((a, b) => a - b)[5]).toBeLessThan(100)
    expect((await ask(gateway, '/closed')).status).toBe(503)
    redis.signal('SIGCONT')
    await until(async () => (await ask(gateway, '/open')).status === 429)
    await until(async () => (await ask(gateway, '/closed')).status === 200)
  })

  it('say where they count, and write the password nowhere', () => {
    for (const gateway of gateways) {
      expect(gateway.stderr()).toContain('Counted in Redis, with the other gateways.')
      const said = JSON.stringify(gateway.logs) + gateway.stderr()
      expect(said).not.toContain(password)
      expect(said).not.toContain(encodeURIComponent(password))
    }
  })

  it.each([
    ['without a secret', ['--redis', 'redis://127.0.0.1:1'], {}, /REMPART_SECRET_KEY is required/],
    ['with a weak one', ['--redis', 'redis://127.0.0.1:1'], { REMPART_SECRET_KEY: 'short' }, /at least 32 bytes/],
    ['without a Redis', ['--redis'], secret, /REMPART_REDIS_URL is required/],
    ['with what is no URL of one', ['--redis', 'http://127.0.0.1'], secret, /must be a URL such as redis/],
  ])('do not start %s', async (_what, more, env, said) => {
    await expect(startGatewayProcess([...args, ...more], env)).rejects.toThrow(said)
  })

  it('end with code 0 on SIGTERM, connections to Redis and all', async () => {
    const [gateway] = gateways
    gateway?.signal('SIGTERM')
    expect(await gateway?.ended()).toBe(0)
  })
})
