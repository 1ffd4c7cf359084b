import { expect, it } from 'vitest'
import { ConfigError, loadConfig } from '../config.ts'
import { createMetrics } from '../core/metrics/metrics.ts'
import { restartWaitMs } from './crew.ts'
import { mergeMetrics } from './merge-metrics.ts'
import { poolShare } from './pool-share.ts'

it('shares out what connections the database allows, and no more than was wanted', () => {
  expect(poolShare(4, 10, 95)).toBe(10)
  expect(poolShare(6, 10, 95)).toBe(6)
  for (const workers of [2, 3, 5, 8, 9]) expect(workers * (poolShare(workers, 200, 95) + 8) + 8).toBeLessThanOrEqual(95)
})

it('refuses more workers than the database has connections for, with what to do', () => {
  expect(() => poolShare(10, 10, 95)).toThrow(/REMPART_WORKERS is 10, which takes 98 .* allows 95/)
})

it('waits twice as long after each end in a row, half a minute at most', () => {
  expect([1, 2, 3, 4].map(restartWaitMs)).toEqual([100, 200, 400, 800])
  expect(restartWaitMs(500)).toBe(30_000)
})

it('makes one text of several: each metric once, with the series of every process', async () => {
  const workers = ['1', '2'].map((worker) => createMetrics({ isProcessIncluded: false, labels: { worker } }))
  for (const metrics of workers) metrics.request('GET', '/a', 200, 0.002)
  const text = mergeMetrics(await Promise.all(workers.map((metrics) => metrics.render())))
  for (const metrics of workers) metrics.close()
  expect(text.match(/^# TYPE rempart_http_requests_total counter$/gm)).toHaveLength(1)
  expect(text).toContain('rempart_http_requests_total{method="GET",route="/a",status="200",worker="1"} 1\nremp')
  expect(text).toMatch(/^rempart_http_request_duration_seconds_bucket\{le="0.0025",.*worker="2"\} 1$/m)
  const families = text.split('\n\n').map((family) => family.split(' ')[2])
  expect(new Set(families).size).toBe(families.length)
})

const faultsOf = (environment: Readonly<Record<string, string>>): readonly string[] => {
  try {
    loadConfig(environment)
    return []
  } catch (error) {
    return error instanceof ConfigError ? error.faults : [String(error)]
  }
}

it.each(['0', '65', '-1', 'many', '2.5'])('refuses REMPART_WORKERS=%s', (count) => {
  expect(faultsOf({ REMPART_WORKERS: count })).toEqual(['REMPART_WORKERS must be a whole number from 1 to 64'])
})

it('refuses workers that each admit the whole limit, and workers that would not serve', () => {
  expect(faultsOf({ REMPART_WORKERS: '2', REMPART_GUARD_STORE: 'memory' })).toHaveLength(1)
  expect(faultsOf({ REMPART_WORKERS: '2', REMPART_RUN: 'jobs' })).toHaveLength(1)
  expect(faultsOf({ REMPART_WORKERS: '64' })).toEqual([])
})
