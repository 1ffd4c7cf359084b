import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { exchange } from '../../testing/raw-http.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'

const token = 'a-token-of-some-length'
let database: TestDatabase
let server: TestServer
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())
afterEach(() => server.close())

const start = async (environment: Record<string, string> = { REMPART_METRICS_TOKEN: token }): Promise<void> => {
  server = await startTestServer(database, { environment })
}
const scrape = (authorization: string | undefined = `Bearer ${token}`) =>
  server.app.inject({ url: '/metrics', headers: authorization === undefined ? {} : { authorization } })

/** The series of a scrape: name and labels to value. Fails on a line that is neither a series nor a comment. */
function parse(text: string): ReadonlyMap<string, number> {
  const series = new Map<string, number>()
  const described = new Set<string>()
  for (const line of text.split('\n').filter((each) => each !== '')) {
    const [, kind, name = ''] = /^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) .+$/.exec(line) ?? []
    if (kind === 'TYPE') described.add(name)
    if (line.startsWith('#')) {
      expect(kind, line).toBeDefined()
      continue
    }
    const [, key = '', value = ''] =
      /^([a-zA-Z_:][a-zA-Z0-9_:]*(?:\{(?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\["\\n])*",?)*\})?) ([0-9.e+-]+|\+Inf|NaN)$/.exec(
        line,
      ) ?? []
    expect(key, line).not.toBe('')
    const metric = key.replace(/\{.*/, '')
    expect(described.has(metric) || described.has(metric.replace(/_(bucket|sum|count)$/, '')), line).toBe(true)
    expect(series.has(key), line).toBe(false)
    series.set(key, Number(value.replace('+Inf', 'Infinity')))
  }
  return series
}

describe('GET /metrics', () => {
  it('is not there without a configured token', async () => {
    await start({})
    expect((await scrape()).statusCode).toBe(404)
    expect((await scrape('Bearer ')).statusCode).toBe(404)
  })

  it.each([
    undefined,
    '',
    'Bearer',
    'Bearer ',
    `Basic ${token}`,
    'Bearer a-token-of-some-lengt',
    `Bearer ${token}x`,
    `Bearer ${token} ${token}`,
  ])('refuses the credential %j without a figure', async (authorization) => {
    await start()
    const reply = await scrape(authorization ?? '')
    expect(reply.statusCode).toBe(401)
    expect(reply.headers['www-authenticate']).toBe('Bearer')
    expect(reply.body).not.toContain('rempart_')
  })

  it('refuses a guesser after sixty tries a minute', async () => {
    await start()
    for (let tried = 0; tried < 60; tried += 1) expect((await scrape(`Bearer guess-${tried}`)).statusCode).toBe(401)
    expect((await scrape('Bearer guess')).statusCode).toBe(429)
    expect((await server.app.inject({ url: '/api/v1/openapi.json' })).headers['x-ratelimit-remaining']).toBe('119')
  })

  it('counts requests by method, route and status, decisions by policy and rule, and submissions by outcome', async () => {
    await start()
    const message = { name: 'Ada', email: 'ada@example.org', message: 'Hello' }
    const send = (payload: object) => server.app.inject({ method: 'POST', url: '/api/v1/contact', payload })
    await send(message)
    await send({ ...message, honeypot: 'x' })
    await send({ name: 'Ada' })
    await send(message)
    await server.app.inject({ url: '/api/v1/nothing/secret-path' })
    await server.app.inject({ method: 'DELETE', url: '/api/v1/contact' })

    const reply = await scrape()
    expect(reply.headers['content-type']).toMatch(/^text\/plain; version=0\.0\.4/)
    expect(reply.headers['cache-control']).toBe('no-store')
    const series = parse(reply.body)
    const requests = (route: string, method: string, status: number) =>
      series.get(`rempart_http_requests_total{method="${method}",route="${route}",status="${status}"}`)
    expect(requests('/api/v1/contact', 'POST', 201)).toBe(2)
    expect(requests('/api/v1/contact', 'POST', 422)).toBe(1)
    expect(requests('/api/v1/contact', 'POST', 429)).toBe(1)
    expect(requests('unmatched', 'GET', 404)).toBe(1)
    expect(requests('/api/v1/contact', 'DELETE', 405)).toBe(1)
    expect(series.get('rempart_http_request_duration_seconds_count{method="POST",route="/api/v1/contact"}')).toBe(4)

    const decisions = (policy: string, rule: string, outcome: string) =>
      series.get(`rempart_guard_decisions_total{policy="${policy}",rule="${rule}",outcome="${outcome}"}`)
    expect(decisions('contact.submit', 'burst', 'allow')).toBe(3)
    expect(decisions('contact.submit', 'burst', 'deny')).toBe(1)

    const intake = (outcome: string, reason = '') =>
      series.get(`rempart_intake_submissions_total{kind="contact",outcome="${outcome}",reason="${reason}"}`)
    expect([intake('accepted'), intake('dropped')]).toEqual([1, 1])
    expect([intake('refused', 'invalid-content'), intake('refused', 'rate-limited')]).toEqual([1, 1])
    expect(series.get('rempart_intake_batch_size_count{kind="contact"}')).toBeGreaterThan(0)
  })

  it('says how late the event loop runs', async () => {
    await start()
    await scrape()
    const until = performance.now() + 120
    await delay(40)
    while (performance.now() < until);
    await delay(40)
    const series = parse((await scrape()).body)
    expect(series.get('rempart_event_loop_lag_seconds{quantile="1"}')).toBeGreaterThan(0.02)
  })

  it('holds nobody’s address, path, tenant or text', async () => {
    await start()
    const private_ = ['secret-path', 'ada@example.org', '127.0.0.1', server.tenant.id, server.tenant.slug, 'agent-x']
    await server.app.inject({
      method: 'POST',
      url: '/api/v1/contact?tenant=secret-path',
      payload: { email: 'ada@example.org' },
      headers: { 'user-agent': 'agent-x' },
    })
    await server.app.inject({ url: '/secret-path' })
    const { body } = await scrape()
    for (const text of private_) expect(body).not.toContain(text)
  })

  it('counts clients that went away, and bytes that are no request', async () => {
    await start()
    await server.app.listen({ port: 0, host: '127.0.0.1' })
    // A TCP listener has an address with a port.
    const { port } = server.app.server.address() as AddressInfo
    const head =
      'POST /api/v1/contact HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n'
    await exchange(port, [head, '{'], { waitMs: 50, closeMs: 0 })
    await exchange(port, 'no HTTP\r\n\r\n')
    const key = 'rempart_http_requests_total{method="POST",route="/api/v1/contact",status="499"}'
    await expect.poll(async () => parse((await scrape()).body).get(key)).toBe(1)
    const series = parse((await scrape()).body)
    expect(series.get('rempart_http_requests_total{method="unreadable",route="unmatched",status="400"}')).toBe(1)
    expect(series.get('rempart_intake_submissions_total{kind="contact",outcome="refused",reason="aborted"}')).toBe(1)
  })
})
