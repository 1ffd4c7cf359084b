import { monitorEventLoopDelay } from 'node:perf_hooks'
import { Counter, collectDefaultMetrics, Gauge, type Histogram, Registry } from '@prometheus-io/client'

/** How many counters the guard holds, the memory they take, and how many it has let go. */
export interface GuardStoreReading {
  readonly entries: number
  readonly bytes: number
  /** Since the store was made; never falls. */
  readonly evictions: number
}

/** A store that several processes share, as this one sees it. */
export interface SharedStoreReading {
  /** Processes seen lately, this one included. */
  readonly nodes: number
  /** Whether calls are refused at once, because the last ones were not answered. */
  readonly isOpen: boolean
  /** Calls that failed or were late, where that is counted; never falls. */
  readonly misses?: number
  /** Requests answered without a call, where that is counted; never falls. */
  readonly localAnswers?: number
}

/** Connections of one pool, and the callers that wait for one. */
export interface PoolReading {
  readonly total: number
  readonly idle: number
  readonly waiting: number
}

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
  /** Stops measuring the event loop. */
  close(): void
}

/** Series one metric may have; a server has some hundred routes and a dozen of statuses. */
const MAX_SERIES = 5000

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
    close: stopLoop,
  }
}

/** What a metric is called, says of itself and is told apart by. */
interface Description {
  readonly name: string
  readonly help: string
  readonly labelNames: readonly string[]
}

/** A counter of three labels. Counting is three look-ups and an addition: the registry gets the sums at a scrape. */
function tally(
  registry: Registry,
  description: Description,
): (first: string, second: string, third: string | number, count: number) => void {
  const sums: { readonly labels: readonly [string, string, string]; pending: number }[] = []
  const counter = new Counter({
    ...description,
    registers: [registry],
    collect() {
      for (const sum of sums) {
        counter.labels(...sum.labels).inc(sum.pending)
        sum.pending = 0
      }
    },
  })
  const series = boundedSeries((...labels) => {
    const sum = { labels, pending: 0 }
    sums.push(sum)
    return sum
  })
  return (first, second, third, count) => {
    series(first, second, third).pending += count
  }
}

/** One series of a histogram between two scrapes. */
interface Spread {
  readonly labels: Readonly<Record<string, string>>
  /** How many values lie in each bucket and not in the one before; the last is beyond every bound. */
  readonly counts: Float64Array
  sum: number
}

/**
 * A histogram of one or two labels. Observing is a walk over the bounds and an addition, a tenth of what the library's own
 * costs on each request; the sums become buckets at a scrape.
 */
function distribution(
  registry: Registry,
  description: Description & { readonly buckets: readonly number[] },
): (first: string, second: string, value: number) => void {
  const { name, help, labelNames, buckets } = description
  const spreads: Spread[] = []
  const get = () => ({
    name,
    help,
    type: 'histogram',
    aggregator: 'sum',
    values: spreads.flatMap((each) => bucketValues(name, buckets, each)),
  })
  // The registry asks a metric for nothing but its name and its values.
  registry.registerMetric({ name, get } as unknown as Histogram)
  const series = boundedSeries((...values) => {
    const labels = Object.fromEntries(labelNames.map((label, index) => [label, values[index] ?? '']))
    const spread = { labels, counts: new Float64Array(buckets.length + 1), sum: 0 }
    spreads.push(spread)
    return spread
  })
  return (first, second, value) => {
    const spread = series(first, second, '')
    let bucket = 0
    while (value > (buckets[bucket] ?? Number.POSITIVE_INFINITY)) bucket += 1
    spread.counts[bucket] = (spread.counts[bucket] ?? 0) + 1
    spread.sum += value
  }
}

function bucketValues(name: string, buckets: readonly number[], { labels, counts, sum }: Spread) {
  let below = 0
  const values = [...buckets, '+Inf'].map((le, index) => {
    below += counts[index] ?? 0
    return { metricName: `${name}_bucket`, labels: { le, ...labels }, value: below }
  })
  return [
    ...values,
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: below },
  ]
}

/** Finds the series of three labels, opening it the first time; past the bound there is one more, called `other`. */
function boundedSeries<Series extends object>(
  open: (first: string, second: string, third: string) => Series,
): (first: string, second: string, third: string | number) => Series {
  const known = new Map<string, Map<string, Map<string | number, Series>>>()
  let opened = 0
  let other: Series | undefined
  return (first, second, third) => {
    const found = known.get(first)?.get(second)?.get(third)
    if (found !== undefined) return found
    if (opened >= MAX_SERIES) {
      other ??= open('other', 'other', 'other')
      return other
    }
    opened += 1
    const made = open(first, second, String(third))
    branch(branch(known, first), second).set(third, made)
    return made
  }
}

function branch<Key, Value>(tree: Map<string, Map<Key, Value>>, key: string): Map<Key, Value> {
  let inner = tree.get(key)
  if (inner === undefined) {
    inner = new Map()
    tree.set(key, inner)
  }
  return inner
}

function watchGuardStore(registry: Registry, read: () => GuardStoreReading): void {
  const registers = [registry]
  const entries = new Gauge({
    name: 'rempart_guard_store_entries',
    help: 'Counters held by the store of the guard.',
    registers,
    collect() {
      const reading = read()
      entries.set(reading.entries)
      bytes.set(reading.bytes)
      evictions.inc(reading.evictions - evicted)
      evicted = reading.evictions
    },
  })
  const bytes = new Gauge({
    name: 'rempart_guard_store_bytes',
    help: 'Memory the store of the guard takes.',
    registers,
  })
  const evictions = new Counter({
    name: 'rempart_guard_store_evictions_total',
    help: 'Counters the store of the guard let go to make room.',
    registers,
  })
  let evicted = 0
}

function watchSharedStore(registry: Registry, read: () => SharedStoreReading): void {
  const registers = [registry]
  const nodes = new Gauge({
    name: 'rempart_guard_store_processes',
    help: 'Processes that count in the same store, as last seen.',
    registers,
    collect() {
      const reading = read()
      nodes.set(reading.nodes)
      away.set(reading.isOpen ? 1 : 0)
      misses.inc((reading.misses ?? 0) - told.misses)
      localAnswers.inc((reading.localAnswers ?? 0) - told.localAnswers)
      told = { misses: reading.misses ?? 0, localAnswers: reading.localAnswers ?? 0 }
    },
  })
  const away = new Gauge({
    name: 'rempart_guard_store_away',
    help: '1 while the store that processes share does not answer, and each rule decides as its onStoreFailure says.',
    registers,
  })
  const misses = new Counter({
    name: 'rempart_guard_store_misses_total',
    help: 'Calls to the shared store that failed or were late.',
    registers,
  })
  const localAnswers = new Counter({
    name: 'rempart_guard_store_local_answers_total',
    help: 'Requests of clients known to be refused, answered without a call to the shared store.',
    registers,
  })
  let told = { misses: 0, localAnswers: 0 }
}

function poolWatcher(registry: Registry): (pool: string, read: () => PoolReading) => void {
  const pools = new Map<string, () => PoolReading>()
  const connections = new Gauge({
    name: 'rempart_database_pool_connections',
    help: 'Open connections of a pool, and the callers waiting for one.',
    labelNames: ['pool', 'state'],
    registers: [registry],
    collect() {
      for (const [pool, read] of pools) {
        const { total, idle, waiting } = read()
        for (const [state, value] of Object.entries({ total, idle, waiting })) connections.set({ pool, state }, value)
      }
    },
  })
  return (pool, read) => {
    pools.set(pool, read)
  }
}

/** How often the loop is looked at, in milliseconds. The monitor counts this wait in, so it is taken off again. */
const LOOP_RESOLUTION_MS = 20

/** The event loop's delay since the last scrape. Returns what stops it. */
function watchEventLoop(registry: Registry): () => void {
  const monitor = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS })
  monitor.enable()
  const lagSeconds = (nanoseconds: number) =>
    monitor.count === 0 ? 0 : Math.max(0, nanoseconds / 1e9 - LOOP_RESOLUTION_MS / 1000)

  const lag = new Gauge({
    name: 'rempart_event_loop_lag_seconds',
    help: 'How late the event loop ran since the last scrape, by quantile; 1 is the worst.',
    labelNames: ['quantile'],
    aggregator: 'max',
    registers: [registry],
    collect() {
      lag.set({ quantile: '0.5' }, lagSeconds(monitor.percentile(50)))
      lag.set({ quantile: '0.99' }, lagSeconds(monitor.percentile(99)))
      lag.set({ quantile: '1' }, lagSeconds(monitor.max))
      monitor.reset()
    },
  })
  return () => {
    monitor.disable()
  }
}

/** The client's own set of figures, without its event loop ones, which count the wait between two looks as lag. */
function collectProcess(register: Registry): void {
  // Its monitor cannot be left out, only made to look once in ten seconds.
  collectDefaultMetrics({ register, prefix: 'rempart_', eventLoopMonitoringPrecision: 10_000 })
  for (const { name } of register.getMetricsAsArray()) {
    if (name.includes('nodejs_eventloop_lag')) register.removeSingleMetric(name)
  }
}
