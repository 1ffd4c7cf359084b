import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { until } from '../support/processes.ts'
import { findRedis, noRedis, startRedis } from '../support/redis-server.ts'
import { startServerProcess } from '../support/server-process.ts'
import { type ImprovedBackend, METRICS_TOKEN, message, PERSONAL, startImprovedBackend } from './improved-backend.ts'
import { lineOf } from './log-line.ts'
import { createPerson, login, signedIn } from './people.ts'
import { statuses, times } from './repeat.ts'
import { type PublicCall, sendBytes } from './visitors.ts'

/*
 * S3, the improvements of a back end, §3 "observability", measure by measure. Where the product's own table settles a measure in
 * another way, the test follows the table and says so.
 */

let backend: ImprovedBackend
beforeAll(async () => {
  backend = await startImprovedBackend()
})
afterAll(() => backend?.close())
afterEach(() => backend.database.thaw())

describe('3.1 structured logs', () => {
  it('each line is an object with level, time and text, and each request has one', async () => {
    const visitor = backend.visitors.next()
    const line = await lineOf(backend.server, await backend.contact(visitor))
    expect(line).toMatchObject({
      level: 'info',
      msg: 'request',
      method: 'POST',
      route: '/api/v1/contact',
      status: 201,
      tenantId: backend.tenantId,
      durationMs: expect.any(Number),
      fpPrefix: expect.stringMatching(/^[0-9a-f]{8}$/),
    })
    // Every line was read as JSON, or the test would have ended.
    for (const each of backend.server.logs) {
      expect(each).toMatchObject({ level: expect.any(String), time: expect.any(String), msg: expect.any(String) })
    }
  })

  // S3 logs user and e-mail; the table has neither in a log. The audit log names the person, under the id of the request.
  it('a sign-in is found by its request id, and no line holds personal data or a secret', async () => {
    const person = await createPerson(backend.database.worker, 'acme')
    const answer = await login(backend.visitors.next(), person)
    expect(await lineOf(backend.server, answer)).toMatchObject({
      route: '/api/v1/auth/login',
      status: 200,
      tenantId: backend.tenantId,
    })
    const session = signedIn(backend.visitors, answer)
    const { items } = (await backend.owner.call(`/api/v1/audit?action=session.opened&actorId=${person.id}`)).json()
    expect(items).toMatchObject([{ requestId: answer.headers['x-request-id'] }])
    const secrets = [person.email, person.password, session.accessToken, session.refreshToken, backend.staffKey]
    expect(backend.told([...secrets, ...PERSONAL])).toEqual([])
  })
})

describe('3.2 correlation ids', () => {
  it('the caller’s own goes through: answer, problem, log', async () => {
    const id = 'order-4711:step.2'
    const answer = await backend.visitors.next()('/api/v1/nothing', { headers: { 'x-request-id': id } })
    expect(answer.headers['x-request-id']).toBe(id)
    expect(answer.json()).toMatchObject({ requestId: id })
    expect(await lineOf(backend.server, answer)).toMatchObject({ requestId: id, status: 404 })
  })

  it('one that could write a log or a header of its own is replaced', async () => {
    for (const id of ['a b', 'x'.repeat(200), '"}{', 'é', '']) {
      const answer = await backend.visitors.next()('/health', {
        headers: { 'x-request-id': Buffer.from(id).toString('latin1') },
      })
      expect(answer.headers['x-request-id']).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/)
    }
  })

  it('all answers have one, refusals of every layer too, and no two the same', async () => {
    const visitor = backend.visitors.next()
    const calls: readonly (readonly [string, PublicCall])[] = [
      ['/health', {}],
      ['/docs', {}],
      ['/api/v1/nothing', {}],
      ['/api/v1/%zz', {}],
      ['/api/v1/users', {}],
      ['/api/v1/contact', { method: 'DELETE' }],
      ['/api/v1/contact', { method: 'OPTIONS' }],
      ['/api/v1/contact', { body: '{' }],
      ['/api/v1/contact', { json: {} }],
      ['/api/v1/contact', { body: Buffer.alloc(1_048_577, 0x20) }],
      ['/api/v1/contact', { body: 'x', headers: { 'content-type': 'text/plain' } }],
      ['/api/v1/contact', { json: message, headers: { host: 'intranet.corp' } }],
    ]
    const answers = await times(calls.length * 2, (index) => {
      const [path, call] = calls[index % calls.length] ?? ['/', {}]
      return visitor(path, call)
    })
    expect(new Set(statuses(answers))).toContain(429)
    const ids = answers.map(({ headers }) => headers['x-request-id'])
    expect(ids.filter((id) => !/^[0-9a-f]{8}-[0-9a-f]{4}-7/.test(String(id)))).toEqual([])
    expect(new Set(ids).size).toBe(ids.length)
    for (const answer of answers) expect((await lineOf(backend.server, answer))['status']).toBe(answer.status)
    const { text: bytes } = await sendBytes(backend.server, 'not http\r\n\r\n')
    expect(bytes).toMatch(/^x-request-id: [0-9a-f-]{36}\r$/im)
  })
})

describe('3.3 health', () => {
  it('tells alive from ready, names what was checked, and neither asks who calls', async () => {
    const alive = await backend.visitors.next()('/health')
    expect([alive.status, alive.json()]).toEqual([200, { status: 'ok' }])
    const ready = await backend.visitors.next()('/health/ready')
    expect([ready.status, ready.json()]).toMatchObject([200, { status: 'ready', checks: { database: 'ok' } }])
  })

  it('answers 503 within seconds while the database is frozen, without a word of the cause, and 200 afterwards', async () => {
    backend.database.freeze()
    const visitor = backend.visitors.next()
    const startedMs = performance.now()
    const ready = await visitor('/health/ready')
    expect(performance.now() - startedMs).toBeLessThan(5_000)
    expect([ready.status, ready.json()]).toMatchObject([503, { status: 'not-ready', checks: { database: 'failed' } }])
    expect(ready.text).not.toMatch(/postgres|timeout|socket|\/tmp|error/i)
    expect((await visitor('/health')).status).toBe(200)
    backend.database.thaw()
    await until(async () => (await visitor('/health/ready')).status === 200, 20_000)
  })
})

describe('3.3 health with Redis', () => {
  const redis = findRedis()
  beforeEach((test) => test.skip(redis === undefined, noRedis))

  // S3 answers 503 without Redis; the limits go on without it as each rule says, so the server stays ready and tells.
  it('names Redis among what was checked, says when requests do without it, and when it is back', async () => {
    const store = await startRedis(redis ?? '')
    onTestFinished(store.remove)
    const shared = await startServerProcess({ env: { REMPART_REDIS_URL: store.url } })
    onTestFinished(shared.remove)
    const ready = async () => {
      const answer = await fetch(`${shared.url}/health/ready`)
      const { status, checks } = (await answer.json()) as {
        readonly status: string
        readonly checks: { redis: string }
      }
      return `${answer.status} ${status} ${checks.redis}`
    }
    expect(await ready()).toBe('200 ready ok')
    await store.kill()
    await until(async () => {
      expect((await fetch(`${shared.url}/api/v1/resources`)).status).toBe(200)
      return (await ready()) === '200 ready degraded'
    })
    await store.restart()
    await until(async () => (await ready()) === '200 ready ok', 20_000)
  })
})

describe('3.4 metrics', () => {
  it('Prometheus reads requests, latencies, the pool and the process', async () => {
    const answer = await backend.visitors.next()('/metrics', { headers: { authorization: `Bearer ${METRICS_TOKEN}` } })
    expect([answer.status, answer.headers['content-type']]).toEqual([200, expect.stringContaining('version=0.0.4')])
    for (const name of [
      'rempart_http_requests_total',
      'rempart_http_request_duration_seconds_bucket',
      'rempart_database_pool_connections',
      'rempart_process_cpu_seconds_total',
    ]) {
      expect(answer.text).toMatch(new RegExp(`^${name}(\\{| )`, 'm'))
    }
    expect((await backend.visitors.next()('/metrics')).status).toBe(401)
  })
})
