import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createMetrics, type Metrics } from './metrics.ts'

let metrics: Metrics
beforeEach(() => {
  metrics = createMetrics({ isProcessIncluded: false })
})
afterEach(() => metrics.close())

/** The value of one series, as it stands in the text that is scraped. */
async function scraped(series: string): Promise<number | undefined> {
  const line = (await metrics.render()).split('\n').find((each) => each.startsWith(`${series} `))
  return line === undefined ? undefined : Number(line.slice(series.length + 1))
}

describe('what is counted', () => {
  it('is every request by method, pattern and status, and how long it took', async () => {
    metrics.request('POST', '/api/v1/contact', 201, 0.004)
    metrics.request('POST', '/api/v1/contact', 201, 0.2)
    metrics.request('POST', '/api/v1/contact', 429, 0.001)

    const labels = 'method="POST",route="/api/v1/contact"'
    expect(await scraped(`rempart_http_requests_total{${labels},status="201"}`)).toBe(2)
    expect(await scraped(`rempart_http_requests_total{${labels},status="429"}`)).toBe(1)
    expect(await scraped(`rempart_http_request_duration_seconds_count{${labels}}`)).toBe(3)
    expect(await scraped(`rempart_http_request_duration_seconds_sum{${labels}}`)).toBeCloseTo(0.205)
    expect(await scraped(`rempart_http_request_duration_seconds_bucket{le="0.005",${labels}}`)).toBe(2)
  })

  it('is every decision of the guard, also one that no rule took', async () => {
    metrics.decision('contact.submit', 'burst', 'deny')
    metrics.decision('contact.submit', '', 'allow')
    metrics.decision('contact.submit', '', 'allow')
    const policy = 'policy="contact.submit"'
    expect(await scraped(`rempart_guard_decisions_total{${policy},rule="burst",outcome="deny"}`)).toBe(1)
    expect(await scraped(`rempart_guard_decisions_total{${policy},rule="",outcome="allow"}`)).toBe(2)
  })

  it('is every submission by what became of it, and the size of each batch', async () => {
    metrics.intake('contact', 'accepted')
    metrics.intake('lead', 'accepted', '', 40)
    metrics.intake('lead', 'refused', 'quota-exceeded')
    metrics.batch('lead', 40)
    const accepted = 'outcome="accepted",reason=""'
    expect(await scraped(`rempart_intake_submissions_total{kind="contact",${accepted}}`)).toBe(1)
    expect(await scraped(`rempart_intake_submissions_total{kind="lead",${accepted}}`)).toBe(40)
    const refused = 'kind="lead",outcome="refused",reason="quota-exceeded"'
    expect(await scraped(`rempart_intake_submissions_total{${refused}}`)).toBe(1)
    expect(await scraped('rempart_intake_batch_size_bucket{le="32",kind="lead"}')).toBe(0)
    expect(await scraped('rempart_intake_batch_size_bucket{le="64",kind="lead"}')).toBe(1)
  })

  it('is exact, however many scrapes come in between', async () => {
    const steps = fc.array(fc.tuple(fc.constantFrom('GET', 'POST'), fc.constantFrom(200, 404), fc.boolean()))
    await fc.assert(
      fc.asyncProperty(steps, async (requests) => {
        metrics.close()
        metrics = createMetrics({ isProcessIncluded: false })
        for (const [method, status, isScraped] of requests) {
          metrics.request(method, '/x', status, 0.01)
          if (isScraped) await metrics.render()
        }
        const expected = requests.filter(([method, status]) => method === 'GET' && status === 404).length
        const series = 'rempart_http_requests_total{method="GET",route="/x",status="404"}'
        expect((await scraped(series)) ?? 0).toBe(expected)
        expect((await scraped(series)) ?? 0).toBe(expected)
      }),
      { numRuns: 50 },
    )
  })
})

describe('what is read at a scrape', () => {
  it('is the store of the guard, whose evictions only grow', async () => {
    const reading = { entries: 3, bytes: 4096, evictions: 2 }
    metrics.watchGuardStore(() => reading)
    expect(await scraped('rempart_guard_store_entries')).toBe(3)
    reading.entries = 1
    reading.evictions = 7
    expect(await scraped('rempart_guard_store_entries')).toBe(1)
    expect(await scraped('rempart_guard_store_bytes')).toBe(4096)
    expect(await scraped('rempart_guard_store_evictions_total')).toBe(7)
  })

  it('is each pool of connections', async () => {
    metrics.watchPool('app', () => ({ total: 8, idle: 2, waiting: 5 }))
    metrics.watchPool('worker', () => ({ total: 1, idle: 1, waiting: 0 }))
    expect(await scraped('rempart_database_pool_connections{pool="app",state="waiting"}')).toBe(5)
    expect(await scraped('rempart_database_pool_connections{pool="worker",state="idle"}')).toBe(1)
  })

  it('is what is remembered, and how often it was the answer', async () => {
    const reading = { entries: 3, hits: 7, misses: 2 }
    metrics.watchCache('tenants', () => ({ ...reading }))
    metrics.watchCache('forms', () => ({ entries: 0, hits: 0, misses: 0 }))
    const lookUps = async (cache: string) =>
      Promise.all(
        ['hit', 'miss'].map((result) => scraped(`rempart_cache_lookups_total{cache="${cache}",result="${result}"}`)),
      )
    expect(await lookUps('tenants')).toEqual([7, 2])
    Object.assign(reading, { entries: 1, hits: 9 })
    expect(await lookUps('tenants')).toEqual([9, 2])
    expect(await lookUps('forms')).toEqual([0, 0])
    expect(await scraped('rempart_cache_entries{cache="tenants"}')).toBe(1)
  })

  it('is the delay of the event loop since the last scrape, which an idle loop hardly has', async () => {
    const worst = 'rempart_event_loop_lag_seconds{quantile="1"}'
    const turns = async (ms: number) => {
      const until = performance.now() + ms
      while (performance.now() < until) await new Promise((resolve) => setTimeout(resolve, 5))
    }
    await turns(60)
    const blockedUntil = performance.now() + 150
    while (performance.now() < blockedUntil) Math.sqrt(2)
    await turns(60)
    expect(await scraped(worst)).toBeGreaterThan(0.1)
    await turns(200)
    expect(await scraped('rempart_event_loop_lag_seconds{quantile="0.5"}')).toBeLessThan(0.05)
    expect(await scraped(worst)).toBeLessThan(0.1)
  })
})

describe('a flood of labels', () => {
  it('ends under `other`, and the series known before it go on', async () => {
    metrics.request('GET', '/known', 200, 0.01)
    for (let n = 0; n < 20_000; n += 1) metrics.request('GET', `/${n}`, 200, 0.01)
    metrics.request('GET', '/known', 200, 0.01)
    const text = await metrics.render()
    expect(text.split('\n').filter((line) => line.startsWith('rempart_http_requests_total{'))).toHaveLength(5001)
    const rest = await scraped('rempart_http_requests_total{method="other",route="other",status="other"}')
    expect(rest).toBe(20_001 - 5000)
    expect(await scraped('rempart_http_requests_total{method="GET",route="/known",status="200"}')).toBe(2)
  })

  it('cannot write a line of its own', async () => {
    metrics.request('GET', '/a"} 1\nforged_total 99\n#', 200, 0.01)
    const text = await metrics.render()
    expect(text.split('\n').filter((line) => line.startsWith('forged_total'))).toEqual([])
  })
})

describe('createMetrics', () => {
  it('prefixes every metric, and has the process among them unless told otherwise', async () => {
    const whole = createMetrics()
    const names = whole.registry.getMetricsAsArray().map(({ name }) => name)
    whole.close()
    expect(names.every((name) => name.startsWith('rempart_'))).toBe(true)
    expect(names).toEqual(
      expect.arrayContaining(['rempart_process_cpu_seconds_total', 'rempart_nodejs_heap_size_used_bytes']),
    )
    expect(names.filter((name) => name.includes('nodejs_eventloop_lag'))).toEqual([])
    expect(metrics.registry.getSingleMetric('rempart_process_cpu_seconds_total')).toBeUndefined()
    expect(metrics.contentType).toMatch(/^text\/plain; version=0\.0\.4/)
  })

  it('makes registries that share nothing', async () => {
    const second = createMetrics({ isProcessIncluded: false })
    second.request('GET', '/x', 200, 0.01)
    expect(await scraped('rempart_http_requests_total{method="GET",route="/x",status="200"}')).toBeUndefined()
    second.close()
  })

  it('does not keep a process alive', async () => {
    const module = new URL('./metrics.ts', import.meta.url).href
    const script = `const { createMetrics } = await import(${JSON.stringify(module)}); await createMetrics().render()`
    await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script], { timeout: 10_000 })
  })
})
