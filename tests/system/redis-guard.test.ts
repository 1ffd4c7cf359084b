import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { httpClient } from '../support/http-client.ts'
import { until } from '../support/processes.ts'
import { findRedis, noRedis, type RedisServer, startRedis } from '../support/redis-server.ts'
import { type ServerProcess, startServerProcess } from '../support/server-process.ts'

const binary = findRedis()
const password = 'a password of Redis'
const secretKey = 'Zk3vQm8xT1pLr6wYb9cN4hJd7sGf2aKe5uXo0iVtRqM='

describe('two servers that count in one Redis', () => {
  let redis: RedisServer
  let servers: readonly ServerProcess[] = []
  const client = httpClient()

  const start = (url: string): Promise<ServerProcess> =>
    startServerProcess({ env: { REMPART_REDIS_URL: url, REMPART_SECRET_KEY: secretKey } })
  beforeAll(async () => {
    if (binary === undefined) return
    redis = await startRedis(binary, ['--requirepass', password])
    const url = `redis://:${encodeURIComponent(password)}@127.0.0.1:${redis.port}`
    servers = await Promise.all([start(url), start(url)])
  })
  afterAll(async () => {
    client.close()
    for (const server of servers) await server.remove()
    await redis?.remove()
  })
  beforeEach((test) => test.skip(binary === undefined, noRedis))
  afterEach(() => redis?.signal('SIGCONT'))

  const readiness = async (server: ServerProcess | undefined) => {
    const { status, json } = await client.call(`${server?.url}/health/ready`)
    return { status, redis: json()['checks'] }
  }

  it('admit three contact messages of a client in a minute between them', async () => {
    const statuses: number[] = []
    for (let sent = 0; sent < 4; sent += 1) {
      const server = servers[sent % 2]
      statuses.push((await client.call(`${server?.url}/api/v1/contact`, { json: {} })).status)
    }
    expect(statuses).toEqual([422, 422, 422, 429])
  })

  it('serve on and say so when Redis freezes, and count in it again when it thaws', async () => {
    const [server] = servers
    redis.signal('SIGSTOP')
    const tookMs: number[] = []
    for (let sent = 0; sent < 30; sent += 1) {
      const startMs = performance.now()
      expect((await client.call(`${server?.url}/api/v1/resources`)).status).toBe(200)
      tookMs.push(performance.now() - startMs)
    }
    // The first ones wait for the deadline of 25 ms, until the breaker opens.
    expect(tookMs.toSorted((a, b) => a - b)[15]).toBeLessThan(25)
    expect(await readiness(server)).toMatchObject({ status: 200, redis: { redis: 'degraded' } })
    redis.signal('SIGCONT')
    await until(async () => JSON.stringify(await readiness(server)).includes('"redis":"ok"'))
  })

  it.each(['SIGSTOP', 'SIGKILL'] as const)(
    'notice within a second, without a request, that Redis had %s',
    async (signal) => {
      const isSaid = (health: string) => async () =>
        JSON.stringify(await Promise.all(servers.map(readiness))).split(`"redis":"${health}"`).length === 3
      await until(isSaid('ok'))
      if (signal === 'SIGKILL') await redis.kill()
      else redis.signal(signal)
      // What was found last holds for a second; the store itself looks once in five.
      await until(isSaid('degraded'), 2_500)
      if (signal === 'SIGKILL') await redis.restart()
      else redis.signal('SIGCONT')
      await until(isSaid('ok'))
    },
  )

  it('write the password of Redis nowhere', () => {
    for (const server of servers) {
      expect(JSON.stringify(server.logs) + server.stderr()).not.toContain(password)
      expect(JSON.stringify(server.logs)).not.toContain(encodeURIComponent(password))
    }
  })

  it('do not start with a password that Redis refuses', async () => {
    await expect(start(`redis://:wrong@127.0.0.1:${redis.port}`)).rejects.toThrow(/refuses the credentials/)
  })
})
