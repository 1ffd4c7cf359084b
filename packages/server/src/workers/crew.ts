import cluster, { type Worker } from 'node:cluster'
import { Counter, Gauge } from '@prometheus-io/client'
import type { Logger } from 'pino'
import type { Metrics } from '../core/metrics/metrics.ts'
import { mergeMetrics } from './merge-metrics.ts'
import { type Assignment, type ToPrimary, type ToWorker, WorkersError } from './messages.ts'

export interface CrewOptions {
  readonly count: number
  /** What the worker of this number is told. */
  readonly assign: (number: number) => Assignment
  /** Of the primary. */
  readonly metrics: Metrics
  readonly log: Logger
  /** How long a worker may take to stop before it is killed. */
  readonly stopWithinMs: number
}

/** The workers, as their primary keeps them. */
export interface Crew {
  /**
   * Starts them and waits until each serves or has failed. One that ends later, for whatever reason, is started again.
   *
   * @returns The URL they serve.
   * @throws WorkersError with the cause, when none of them can start.
   */
  start(): Promise<string>
  /** Tells all to read the policy file again. */
  reload(): void
  /** The figures of all of them, and of the primary, as one text. */
  metrics(): Promise<string>
  /** Lets each finish what is in flight, and waits for their end. */
  stop(): Promise<void>
}

/** A place in the crew: workers come and go, the number stays. */
interface Place {
  readonly number: number
  worker: Worker | undefined
  /** Since when it serves, in milliseconds of the process; absent while it does not. */
  readySinceMs: number | undefined
  /** Ends in a row, each soon after the start. */
  failures: number
  reason: string | undefined
  restart: NodeJS.Timeout | undefined
}

/** A worker that has served for this long was sound, and its end is the first of a new row. */
const steadyAfterMs = 10_000
const firstWaitMs = 100
const longestWaitMs = 30_000
/** How long a scrape waits for a worker. */
const metricsWithinMs = 2_000

export function createCrew({ count, assign, metrics, log, stopWithinMs }: CrewOptions): Crew {
  const places: readonly Place[] = Array.from({ length: count }, (_, index) => emptyPlace(index + 1))
  const figures = figuresOf(metrics, places)
  const scrapes = createScrapes(places)
  const state = { isStopping: false, isUp: false }
  const starting = { url: '', settled: new Set<Place>(), end: (): void => {} }

  const settle = (place: Place): void => {
    starting.settled.add(place)
    if (starting.settled.size === count) starting.end()
  }

  const launch = (place: Place): void => {
    const worker = cluster.fork()
    place.worker = worker
    place.reason = undefined
    worker.on('message', (message: ToPrimary) => hear(place, worker, message))
    // What could not be told to a worker that is on its way out: its end is heard of.
    worker.on('error', () => {})
    worker.once('exit', (code, signal) => ended(place, code, signal))
    tell(worker, { type: 'begin', assignment: assign(place.number) })
  }

  const hear = (place: Place, worker: Worker, message: ToPrimary): void => {
    switch (message.type) {
      case 'ready':
        place.readySinceMs = performance.now()
        starting.url = message.url
        log.info({ worker: place.number, pid: worker.process.pid }, 'a worker serves')
        settle(place)
        return
      case 'failed':
        place.reason = message.reason
        return
      case 'metrics':
        scrapes.heard(place, message)
        return
      case 'ask-metrics':
        void all().then((text) => tell(worker, { type: 'all-metrics', id: message.id, text }))
    }
  }

  const ended = (place: Place, code: number | null, signal: string | null): void => {
    const servedMs = place.readySinceMs === undefined ? 0 : performance.now() - place.readySinceMs
    const wasReady = place.readySinceMs !== undefined
    const pid = place.worker?.process.pid
    Object.assign(place, { worker: undefined, readySinceMs: undefined })
    if (state.isStopping) return
    place.failures = servedMs >= steadyAfterMs ? 1 : place.failures + 1
    place.reason ??= `A worker ended ${signal === null ? `with code ${code}` : `by ${signal}`}.`
    const waitMs = restartWaitMs(place.failures)
    const details = { worker: place.number, pid, code, signal, reason: place.reason, restartInMs: waitMs }
    // While the first ones start, all may yet fail: then nothing is started again.
    if (!state.isUp && !wasReady) {
      settle(place)
      return
    }
    log.error(details, 'a worker ended and is started again')
    plan(place, waitMs)
  }

  const plan = (place: Place, waitMs: number): void => {
    place.restart = setTimeout(() => {
      figures.restarts.inc({ worker: String(place.number) })
      launch(place)
    }, waitMs)
  }

  const all = async (): Promise<string> => {
    const texts = await scrapes.take()
    return mergeMetrics([await metrics.render(), ...texts])
  }

  return {
    async start() {
      const settled = new Promise<void>((resolve) => {
        starting.end = resolve
      })
      for (const place of places) launch(place)
      await settled
      state.isUp = true
      if (starting.url === '') throw new WorkersError(places[0]?.reason ?? 'No worker can start.')
      for (const place of places.filter(({ worker, restart }) => worker === undefined && restart === undefined)) {
        log.error({ worker: place.number, reason: place.reason }, 'a worker cannot start and is tried again')
        plan(place, restartWaitMs(place.failures))
      }
      return starting.url
    },
    reload() {
      for (const { worker } of places) tell(worker, { type: 'reload' })
    },
    metrics: all,
    async stop() {
      state.isStopping = true
      for (const { restart } of places) clearTimeout(restart)
      await Promise.all(places.map(({ worker }) => worker && stopped(worker, stopWithinMs)))
    },
  }
}

/** How long after the end of a worker the next one is started: doubled with each end in a row, half a minute at most. */
export function restartWaitMs(failures: number): number {
  return Math.min(longestWaitMs, firstWaitMs * 2 ** Math.min(failures - 1, 20))
}

function emptyPlace(number: number): Place {
  return { number, worker: undefined, readySinceMs: undefined, failures: 0, reason: undefined, restart: undefined }
}

function tell(worker: Worker | undefined, message: ToWorker): void {
  if (worker?.isConnected() === true) worker.send(message)
}

async function stopped(worker: Worker, withinMs: number): Promise<void> {
  if (worker.isDead()) return
  const end = new Promise<void>((resolve) => void worker.once('exit', () => resolve()))
  const timer = setTimeout(() => worker.process.kill('SIGKILL'), withinMs)
  tell(worker, { type: 'stop' })
  await end
  clearTimeout(timer)
}

function figuresOf({ registry }: Metrics, places: readonly Place[]) {
  const up = new Gauge({
    name: 'rempart_worker_up',
    help: '1 while this worker serves, 0 while it is being started again.',
    labelNames: ['worker'],
    registers: [registry],
    collect() {
      for (const { number, readySinceMs } of places) {
        up.set({ worker: String(number) }, readySinceMs === undefined ? 0 : 1)
      }
    },
  })
  const restarts = new Counter({
    name: 'rempart_worker_restarts_total',
    help: 'Times a worker was started again after its end.',
    labelNames: ['worker'],
    registers: [registry],
  })
  for (const { number } of places) restarts.inc({ worker: String(number) }, 0)
  return { restarts }
}

/** Asks every worker that serves for its figures; one that does not answer in time is left out. */
function createScrapes(places: readonly Place[]) {
  const waiting = new Map<string, (text: string) => void>()
  let asked = 0
  let pending: Promise<readonly string[]> | undefined

  const ask = async ({ number, worker }: Place): Promise<string> => {
    asked += 1
    const id = asked
    const key = `${number} ${id}`
    const answer = new Promise<string>((resolve) => waiting.set(key, resolve))
    const timer = setTimeout(() => waiting.get(key)?.(''), metricsWithinMs)
    tell(worker, { type: 'tell-metrics', id })
    return await answer.finally(() => {
      clearTimeout(timer)
      waiting.delete(key)
    })
  }
  return {
    /** Callers of the same moment share one round. */
    take(): Promise<readonly string[]> {
      const ready = places.filter(({ readySinceMs }) => readySinceMs !== undefined)
      pending ??= Promise.all(ready.map(ask))
        .then((texts) => texts.filter((text) => text !== ''))
        .finally(() => {
          pending = undefined
        })
      return pending
    },
    heard({ number }: Place, { id, text }: { readonly id: number; readonly text: string }): void {
      waiting.get(`${number} ${id}`)?.(text)
    },
  }
}
