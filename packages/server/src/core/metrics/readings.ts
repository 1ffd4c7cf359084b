import { monitorEventLoopDelay } from 'node:perf_hooks'
import { Counter, collectDefaultMetrics, Gauge, type Registry } from '@prometheus-io/client'

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

/** What is remembered of one kind, and how often it was the answer. The counts never fall. */
export interface CacheReading {
  readonly entries: number
  /** Answered from memory. */
  readonly hits: number
  /** Looked up, for want of an answer. */
  readonly misses: number
}

/** Reads a store of the guard at each scrape. */
export function watchGuardStore(registry: Registry, read: () => GuardStoreReading): void {
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

/** Reads what this process knows of the store that it shares at each scrape. */
export function watchSharedStore(registry: Registry, read: () => SharedStoreReading): void {
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

/** @returns what has a pool read at each scrape, under its name. */
export function poolWatcher(registry: Registry): (pool: string, read: () => PoolReading) => void {
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

/** Reads what is remembered of each kind at each scrape. */
export function cacheWatcher(registry: Registry): (cache: string, read: () => CacheReading) => void {
  const caches = new Map<string, { readonly read: () => CacheReading; told: CacheReading }>()
  const registers = [registry]
  const entries = new Gauge({
    name: 'rempart_cache_entries',
    help: 'What is remembered, by kind.',
    labelNames: ['cache'],
    registers,
    collect() {
      for (const [cache, each] of caches) {
        const reading = each.read()
        entries.set({ cache }, reading.entries)
        lookUps.inc({ cache, result: 'hit' }, reading.hits - each.told.hits)
        lookUps.inc({ cache, result: 'miss' }, reading.misses - each.told.misses)
        each.told = reading
      }
    },
  })
  const lookUps = new Counter({
    name: 'rempart_cache_lookups_total',
    help: 'Answers from memory (hit), and those that had to be looked up or worked out (miss).',
    labelNames: ['cache', 'result'],
    registers,
  })
  return (cache, read) => {
    caches.set(cache, { read, told: { entries: 0, hits: 0, misses: 0 } })
  }
}

/** How often the loop is looked at, in milliseconds. The monitor counts this wait in, so it is taken off again. */
const LOOP_RESOLUTION_MS = 20

/** The event loop's delay since the last scrape. Returns what stops it. */
export function watchEventLoop(registry: Registry): () => void {
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
export function collectProcess(register: Registry): void {
  // Its monitor cannot be left out, only made to look once in ten seconds.
  collectDefaultMetrics({ register, prefix: 'rempart_', eventLoopMonitoringPrecision: 10_000 })
  for (const { name } of register.getMetricsAsArray()) {
    if (name.includes('nodejs_eventloop_lag')) register.removeSingleMetric(name)
  }
}
