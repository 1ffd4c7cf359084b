import { Counter, Registry } from '@prometheus-io/client'
import {
  type CacheReading,
  cacheWatcher,
  collectProcess,
  type GuardStoreReading,
  type PoolReading,
  poolWatcher,
  type SharedStoreReading,
  watchEventLoop,
  watchGuardStore,
  watchSharedStore,
} from './readings.ts'
import { distribution, tally } from './sums.ts'

/** What became of one public submission. */
export type IntakeOutcome = 'accepted' | 'dropped' | 'refused' | 'replayed'

/**
 * The figures of one process. No label holds a tenant, a client or a raw path, and each metric has a bounded number of
 * series: what comes after that is counted under `other`.
 */
export interface Metrics {
  readonly registry: Registry
  /** The `Content-Type` of `render`. */
  readonly contentType: string
  /** The text that Prometheus scrapes. */
  render(): Promise<string>
  /** Counts one answered request. `route` is the pattern, never the path. */
  request(method: string, route: string, status: number, seconds: number): void
  /** Counts one decision of the guard. `rule` is empty when no rule decided. */
  decision(policy: string, rule: string, outcome: string): void
  /** Counts submissions of a kind, such as `contact`. `reason` is the problem code of a refusal. */
  intake(kind: string, outcome: IntakeOutcome, reason?: string, count?: number): void
  /** Counts one look at a changed policy file: `applied`, `unchanged` or `refused`. */
  policyReload(result: string): void
  /** Counts one question to the database for a tenant: `found`, `missing` or `failed`. */
  tenantLookUp(result: string): void
  /** Records how many rows one database call stored. */
  batch(kind: string, size: number): void
  /** Reads the guard's store at each scrape. */
  watchGuardStore(read: () => GuardStoreReading): void
  /** Reads what this process knows of the store that it shares at each scrape. */
  watchSharedStore(read: () => SharedStoreReading): void
  /** Reads a pool at each scrape. */
  watchPool(pool: string, read: () => PoolReading): void
  /** Reads what is remembered of one kind at each scrape. */
  watchCache(cache: string, read: () => CacheReading): void
  /** Stops measuring the event loop. */
  close(): void
}

/** From a cached answer, in a millisecond, to a client's patience. */
const DURATION_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** Powers of two up to what one database call takes. */
const BATCH_BUCKETS = [1, 2, 4, 8, 16, 32, 64, 128]

/**
 * The metrics of one process, on a registry of their own.
 *
 * @param options.isProcessIncluded - Also the memory, CPU, descriptors and garbage collection of the process. Default true.
 * @param options.labels - On every series: what tells this process from others that are scraped together.
 */
export function createMetrics(
  options: { readonly isProcessIncluded?: boolean; readonly labels?: Readonly<Record<string, string>> } = {},
): Metrics {
  const registry = new Registry()
  registry.setDefaultLabels({ ...options.labels })
  if (options.isProcessIncluded !== false) collectProcess(registry)
  const stopLoop = watchEventLoop(registry)

  const countRequest = tally(registry, {
    name: 'rempart_http_requests_total',
    help: 'Requests answered.',
    labelNames: ['method', 'route', 'status'],
  })
  const countDecision = tally(registry, {
    name: 'rempart_guard_decisions_total',
    help: 'Decisions of the guard; the rule is empty when none decided.',
    labelNames: ['policy', 'rule', 'outcome'],
  })
  const countIntake = tally(registry, {
    name: 'rempart_intake_submissions_total',
    help: 'Public submissions, by what became of them; the reason is the problem code of a refusal.',
    labelNames: ['kind', 'outcome', 'reason'],
  })
  const policyReloads = new Counter({
    name: 'rempart_policy_reloads_total',
    help: 'Times the policy file was read again, by what it came to; refused: it has a fault and the policies in force stay.',
    labelNames: ['result'],
    registers: [registry],
  })
  // Known from the start, so that an alert on their growth sees the first one.
  for (const result of ['applied', 'unchanged', 'refused']) policyReloads.inc({ result }, 0)
  const tenantLookUps = new Counter({
    name: 'rempart_tenant_lookups_total',
    help: 'Questions to the database for the tenant of a request, by what came of them; missing: somebody tries names.',
    labelNames: ['result'],
    registers: [registry],
  })
  for (const result of ['found', 'missing', 'failed']) tenantLookUps.inc({ result }, 0)
  const timeRequest = distribution(registry, {
    name: 'rempart_http_request_duration_seconds',
    help: 'Time from a request to the end of its answer.',
    labelNames: ['method', 'route'],
    buckets: DURATION_BUCKETS,
  })
  const sizeBatch = distribution(registry, {
    name: 'rempart_intake_batch_size',
    help: 'Submissions stored by one database call.',
    labelNames: ['kind'],
    buckets: BATCH_BUCKETS,
  })

  return {
    registry,
    contentType: registry.contentType,
    render: () => registry.metrics(),
    request(method, route, status, seconds) {
      countRequest(method, route, status, 1)
      timeRequest(method, route, seconds)
    },
    decision: (policy, rule, outcome) => countDecision(policy, rule, outcome, 1),
    intake: (kind, outcome, reason = '', count = 1) => countIntake(kind, outcome, reason, count),
    policyReload: (result) => policyReloads.inc({ result }),
    tenantLookUp: (result) => tenantLookUps.inc({ result }),
    batch: (kind, size) => sizeBatch(kind, '', size),
    watchGuardStore: (read) => watchGuardStore(registry, read),
    watchSharedStore: (read) => watchSharedStore(registry, read),
    watchPool: poolWatcher(registry),
    watchCache: cacheWatcher(registry),
    close: stopLoop,
  }
}
