import { createHmac, createSecretKey, randomUUID } from 'node:crypto'
import type { Counter, HeldLease, RemoteStore, Take } from '../store.ts'
import { canonicalKey } from './canonical-key.ts'
import { createPostgresBreaker } from './postgres/breaker.ts'

// biome-ignore lint/performance/noBarrelFile: this file is what a user of the store imports, and its tables come with it.
export { postgresStoreSql } from './postgres/schema.ts'

/** What the store asks of a PostgreSQL client: a pool of node-postgres is one. */
export interface PostgresClient {
  query(query: {
    readonly name: string
    readonly text: string
    readonly values: readonly unknown[]
  }): Promise<{ readonly rows: readonly Readonly<Record<string, unknown>>[] }>
}

/** How a PostgreSQL store works. */
export interface PostgresStoreOptions {
  /** Keys the hashes under which counters lie: 16 bytes at least, the same in every process. */
  readonly secret: Uint8Array | string
  /** How often a process says that it is there, and forgets what has ended. @default 5000 ms */
  readonly beatMs?: number
}

/** A PostgreSQL store, and its end. */
export interface PostgresStore extends RemoteStore {
  /** Whether calls are refused at once because the last ones were not answered. */
  isOpen(): boolean
  /** Stops the heartbeat. The client stays the caller's. */
  close(): void
}

interface Request {
  readonly takes: readonly Take[]
  readonly count: number
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

const MAX_TAKES = 256
const MAX_IN_FLIGHT = 2
/** Requests that may wait for a call; the next is refused at once. */
const MAX_WAITING = 4_096
/** A process is there when it was seen within this many beats. */
const BEATS_SEEN = 3

/**
 * Creates a store in the tables of {@link postgresStoreSql}, for several processes without Redis. What
 * one turn of the event loop asks travels in one call, and each request is decided in one step of the
 * database.
 *
 * @param client - with USAGE on the schema `rempart_guard`; best a small pool of its own, as a call may wait for a row.
 * @throws RangeError for a secret of less than 16 bytes.
 */
export function createPostgresStore(client: PostgresClient, options: PostgresStoreOptions): PostgresStore {
  const { secret, beatMs = 5_000 } = options
  if (Buffer.byteLength(secret) < 16) throw new RangeError('secret: 16 bytes at least')
  const id = randomUUID()
  const breaker = createPostgresBreaker()
  let nodes = 1
  let waiting: Request[] = []
  let inFlight = 0
  let isScheduled = false

  // A key object costs a fifth of what a text or a buffer does each time it is used.
  const key = createSecretKey(Buffer.from(secret))
  const hash = (text: string): Buffer => createHmac('sha256', key).update(text).digest().subarray(0, 16)
  const keyOf = (counter: Counter, values: readonly string[]): Buffer =>
    hash(`counter ${canonicalKey(counter, values)}`)
  const call = async (name: string, values: readonly unknown[]): Promise<unknown> => {
    const parameters = values.map((_, index) => `$${index + 1}`).join(',')
    const text = `select rempart_guard.${name}(${parameters}) as answer`
    const answered = await breaker.run(() => client.query({ name: `rempart-guard-${name}`, text, values }))
    return answered.rows[0]?.['answer']
  }

  const schedule = (): void => {
    if (isScheduled) return
    isScheduled = true
    setImmediate(() => {
      isScheduled = false
      while (waiting.length > 0 && inFlight < MAX_IN_FLIGHT) void send(nextBatch())
    })
  }
  const nextBatch = (): readonly Request[] => {
    const length = lengthOfBatch(waiting)
    const batch = waiting.slice(0, length)
    waiting = waiting.slice(length)
    return batch
  }
  const send = async (batch: readonly Request[]): Promise<void> => {
    inFlight += 1
    const takes = batch.map(({ takes, count }) => takes.slice(0, count).filter(({ active }) => active))
    try {
      write(takes.flat(), await call('take', columnsOf(takes, keyOf)))
      batch.forEach(answer)
    } catch (error) {
      // Those who wait would wait as long again.
      const others = breaker.isOpen() ? waiting.splice(0) : []
      refuse([...batch, ...others], error)
    } finally {
      inFlight -= 1
      if (waiting.length > 0) schedule()
    }
  }
  const beat = async (): Promise<void> => {
    try {
      const seen = await call('beat', [id, beatMs * BEATS_SEEN * 1_000])
      nodes = Math.max(1, Number(seen))
    } catch {
      // The last number seen stays in force.
    }
  }
  const timer = setInterval(() => void beat(), beatMs)
  timer.unref()
  void beat()

  return {
    remote: true,
    take: (takes, count) =>
      new Promise((resolve, reject) => {
        if (breaker.isOpen() && !breaker.mayProbe()) return reject(new Error('PostgreSQL has not answered lately'))
        if (waiting.length >= MAX_WAITING) return reject(new Error('too many requests wait for PostgreSQL'))
        waiting.push({ takes, count, resolve, reject })
        schedule()
      }),
    async clear(takes, count) {
      const active = takes.slice(0, count).filter((take) => take.active)
      if (active.length > 0) await call('clear', [active.map(({ counter, values }) => keyOf(counter, values))])
    },
    async release(leases: readonly HeldLease[]) {
      if (leases.length === 0) return
      const keys = leases.map(({ counter, values }) => keyOf(counter, values))
      await call('release', [keys, leases.map(({ leaseId }) => leaseId)])
    },
    async mark(key, ttlMs) {
      return (await call('set_mark', [hash(`mark ${key}`), Math.ceil(ttlMs * 1_000)])) === true
    },
    nodes: () => nodes,
    isOpen: () => breaker.isOpen(),
    close: () => clearInterval(timer),
  }
}

function answer({ resolve }: Request): void {
  resolve()
}

function refuse(requests: readonly Request[], error: unknown): void {
  for (const { reject } of requests) reject(error)
}

/** How many of those who wait travel in one call. */
function lengthOfBatch(waiting: readonly Request[]): number {
  let takes = 0
  for (const [index, { count }] of waiting.entries()) {
    takes += count
    if (index > 0 && takes > MAX_TAKES) return index
  }
  return waiting.length
}

/** The arguments of `rempart_guard.take`, column by column. Times in microseconds. */
function columnsOf(
  requests: readonly (readonly Take[])[],
  keyOf: (counter: Counter, values: readonly string[]) => Buffer,
): readonly unknown[] {
  const takes = requests.flat()
  const counters = takes.map(({ counter }) => counter)
  return [
    requests.flatMap((own, index) => own.map(() => index)),
    takes.map(({ counter, values }) => keyOf(counter, values)),
    counters.map(({ shape }) => shape),
    counters.map(({ limit }) => limit),
    counters.map(({ capacity }) => capacity),
    counters.map(({ windowMs }) => windowMs * 1_000),
    counters.map(({ cooldownMs }) => cooldownMs * 1_000),
    counters.map(cellUs),
    counters.map((counter) => (counter.shape === 'gcra' ? counter.intervalUs : 1)),
    counters.map((counter) => (counter.shape === 'ladder' ? Math.min(counter.challengeAfter, NEVER) : NEVER)),
    counters.map(ladderOf),
    takes.map(({ cost }) => cost),
    takes.map(({ enforced }) => enforced),
    counters.map(({ charge }) => charge === 'attempt'),
    takes.map(({ solved }) => solved),
    takes.map(({ leaseId }) => leaseId),
  ]
}

/** More attempts than anybody makes. */
const NEVER = Number.MAX_SAFE_INTEGER

/** 0 where each arrival keeps its own entry. */
function cellUs(counter: Counter): number {
  if (counter.shape !== 'window' || counter.cellTicks === 1) return 0
  return counter.cellTicks * counter.tickMs * 1_000
}

/** The rows as the text of an array of an array: `{after,wait,…}`. */
function ladderOf(counter: Counter): string {
  if (counter.shape !== 'ladder') return '{}'
  return `{${counter.rows.map(({ after, waitMs }) => `${after},${Math.ceil(waitMs * 1_000)}`).join(',')}}`
}

const FIELDS = 6

function write(takes: readonly Take[], written: unknown): void {
  if (!Array.isArray(written) || written.length !== takes.length * FIELDS) {
    throw new Error('an answer of another shape')
  }
  const figures = written.map(Number)
  for (const [index, take] of takes.entries()) {
    const [fits, charged, used = 0, freesUs = 0, waitUs = 0, cooling] = figures.slice(index * FIELDS)
    take.fits = fits === 1
    take.charged = charged === 1
    take.used = used
    take.freesMs = Math.max(0, Math.ceil(freesUs / 1_000))
    take.waitMs = waitUs < 0 ? Infinity : Math.ceil(waitUs / 1_000)
    take.cooling = cooling === 1
  }
}
