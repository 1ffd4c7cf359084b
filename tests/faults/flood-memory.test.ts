import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { createLimiter, createMemoryStore } from '@rempart/guard'
import { beforeAll, describe, expect, it } from 'vitest'

const MEBIBYTE = 1_048_576
/** What the process may grow by besides the budget: V8's young generation, compiled code and the flood's own texts. */
const MARGIN_BYTES = 48 * MEBIBYTE

interface Report {
  readonly budgetBytes: number
  readonly growthBytes: number
  readonly honestSent: number
  readonly honestRefused: number
  readonly floodRefused: number
  readonly offendersAdmitted: number
  readonly nanosecondsEach: number
  readonly stats: ReturnType<ReturnType<typeof createMemoryStore>['stats']>
}

describe('ten million random keys against a guard of 64 MiB', () => {
  let report: Report

  beforeAll(async () => {
    const program = fileURLToPath(new URL('flood-memory-process.ts', import.meta.url))
    const flags = ['--no-warnings', '--expose-gc', '--conditions=rempart-source']
    const { stdout } = await promisify(execFile)(process.execPath, [...flags, program], { timeout: 100_000 })
    report = JSON.parse(stdout)
  }, 110_000)

  it('grow the process by no more than the budget and its own working memory', () => {
    expect(report.growthBytes).toBeLessThan(report.budgetBytes + MARGIN_BYTES)
    expect(report.stats.bytes).toBeLessThanOrEqual(report.budgetBytes)
    // It was more than fits: the store has had to forget.
    expect(report.stats.evictions).toBeGreaterThan(1_000_000)
  })

  it('free none of the 1,000 offenders in their cooldown', () => {
    expect(report.offendersAdmitted).toBe(0)
    expect(report.stats.blockedEvictions).toBe(0)
  })

  it('have no honest client refused', () => {
    expect(report.honestSent).toBe(12_000)
    expect(report.honestRefused).toBe(0)
  })

  it('are themselves admitted, as each key is seen once', () => {
    expect(report.floodRefused).toBe(0)
  })
})

describe('more blocked clients than the table of the blocked holds', () => {
  it('are refused by their prefixes, counted, and not one of them is let through', () => {
    const store = createMemoryStore({ budgetBytes: 65_536 })
    const limiter = createLimiter({ limit: 1, window: '1m', cooldown: '1h', store, nowMs: () => 0 })
    const offenders = Array.from({ length: 4_000 }, (_, index) => `203.0.${index >>> 8}.${index & 255}`)
    for (const offender of offenders) for (let sent = 0; sent < 2; sent += 1) limiter.take(offender)
    expect(store.stats().aggregated).toBeGreaterThan(0)
    expect(store.stats().blockedCapacity).toBeLessThan(offenders.length)
    expect(offenders.filter((offender) => limiter.take(offender).admitted)).toEqual([])
    // An address of a prefix that nobody was refused in is none of theirs.
    expect(limiter.take('192.0.2.1').admitted).toBe(true)
  })
})
