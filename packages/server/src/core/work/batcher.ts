/** Takes rows one by one and gives them to the database by the batch. */
export interface Batcher<Row, Verdict> {
  /** Resolves when the transaction that holds the row has been committed. Rejects when it may not have been. */
  add(row: Row): Promise<Verdict>
  /** Rows that wait for a batch. */
  readonly waiting: number
}

export interface BatcherOptions<Row, Verdict> {
  /** Rows with the same lane never travel in two batches at once: they would wait for each other in the database. */
  readonly laneOf: (row: Row) => string
  /** Two rows of one batch never share a mark (an idempotency key, a token): the second waits for the next batch. */
  readonly marksOf?: (row: Row) => readonly string[]
  /** Stores a batch in one transaction. Verdicts in the order of the rows. */
  readonly store: (rows: readonly Row[]) => Promise<readonly Verdict[]>
  /** Whether a failed batch may be tried again row by row: true when the failure is of one row, not of the database. */
  readonly isRowFault: (error: unknown) => boolean
  readonly maxRows?: number
  readonly maxInFlight?: number
  /** How long a row has to have waited behind a batch that the database failed, to fail with it. Default 1 s. */
  readonly patienceMs?: number
  readonly onBatch?: (rows: number) => void
}

/** Batches up to this size are not worth halving. */
const LEAST_ROWS = 16
/** How fast a peak is forgotten, from one batch to the next. */
const PEAK_DECAY = 0.98

interface Waiting<Row, Verdict> {
  readonly row: Row
  readonly lane: string
  readonly sinceMs: number
  readonly resolve: (verdict: Verdict) => void
  readonly reject: (error: unknown) => void
}

/**
 * Group commit: what arrives in one turn of the event loop is stored by one call, so that many submissions share one
 * round trip and one flush to disk. Nothing waits for a timer: an idle batcher sends at the end of the turn, a busy one
 * as soon as a call returns.
 */
export function createBatcher<Row, Verdict>(options: BatcherOptions<Row, Verdict>): Batcher<Row, Verdict> {
  const { laneOf, marksOf, store, isRowFault, maxRows = 128, maxInFlight = 4, patienceMs = 1_000, onBatch } = options
  let queue: Waiting<Row, Verdict>[] = []
  const busyLanes = new Set<string>()
  let inFlight = 0
  let rowsInFlight = 0
  let isScheduled = false
  let peakRows = 0

  function schedule(): void {
    if (isScheduled) return
    isScheduled = true
    setImmediate(() => {
      isScheduled = false
      while (inFlight < maxInFlight) {
        const batch = takeBatch()
        if (batch.length === 0) return
        void send(batch)
      }
    })
  }

  /**
   * Half of the rows that are lately here at once. Were they all to travel together, their senders would all wait
   * together, and the database would be idle while this process answers and reads, and the other way round.
   */
  function rowsOfBatch(): number {
    peakRows = Math.max(queue.length + rowsInFlight, peakRows * PEAK_DECAY)
    return Math.min(maxRows, Math.max(LEAST_ROWS, Math.ceil(peakRows / 2)))
  }

  function takeBatch(): readonly Waiting<Row, Verdict>[] {
    const most = rowsOfBatch()
    const batch: Waiting<Row, Verdict>[] = []
    const left: Waiting<Row, Verdict>[] = []
    const marks = new Set<string>()
    for (const each of queue) {
      const own = marksOf?.(each.row) ?? []
      const list = batch.length < most && isFree(each.lane, own, marks) ? batch : left
      list.push(each)
      // A row that waits holds its marks too, so that the order of arrival is kept.
      for (const mark of own) marks.add(mark)
    }
    queue = left
    return batch
  }

  function isFree(lane: string, own: readonly string[], taken: ReadonlySet<string>): boolean {
    return !busyLanes.has(lane) && !own.some((mark) => taken.has(mark))
  }

  async function send(batch: readonly Waiting<Row, Verdict>[]): Promise<void> {
    const lanes = new Set(batch.map((each) => each.lane))
    for (const lane of lanes) busyLanes.add(lane)
    inFlight += 1
    rowsInFlight += batch.length
    onBatch?.(batch.length)
    try {
      await deliver(batch)
    } finally {
      inFlight -= 1
      rowsInFlight -= batch.length
      for (const lane of lanes) busyLanes.delete(lane)
      if (queue.length > 0) schedule()
    }
  }

  async function deliver(batch: readonly Waiting<Row, Verdict>[]): Promise<void> {
    try {
      settle(batch, await store(batch.map((each) => each.row)))
    } catch (error) {
      if (!isRowFault(error)) fail(batch, error)
      else await deliverOneByOne(batch, error)
    }
  }

  // One bad row must not fail its neighbours. When the database goes meanwhile, the rows behind do not wait for it too.
  async function deliverOneByOne(batch: readonly Waiting<Row, Verdict>[], fault: unknown): Promise<void> {
    if (batch.length === 1) return batch[0]?.reject(fault)
    for (const [index, each] of batch.entries()) {
      try {
        settle([each], await store([each.row]))
      } catch (error) {
        if (!isRowFault(error)) return fail(batch.slice(index), error)
        each.reject(error)
      }
    }
  }

  function fail(batch: readonly Waiting<Row, Verdict>[], error: unknown): void {
    failWaiters(batch, error)
    for (const each of batch) each.reject(error)
  }

  // The next batch of the lane would wait as long again, and the one after it: nobody is kept waiting twice.
  function failWaiters(batch: readonly Waiting<Row, Verdict>[], error: unknown): void {
    const lanes = new Set(batch.map((each) => each.lane))
    const latestMs = performance.now() - patienceMs
    const isOverdue = (each: Waiting<Row, Verdict>): boolean => lanes.has(each.lane) && each.sinceMs < latestMs
    const overdue = queue.filter(isOverdue)
    queue = queue.filter((each) => !isOverdue(each))
    for (const each of overdue) each.reject(error)
  }

  return {
    add: (row) =>
      new Promise((resolve, reject) => {
        queue.push({ row, lane: laneOf(row), sinceMs: performance.now(), resolve, reject })
        schedule()
      }),
    get waiting() {
      return queue.length
    },
  }
}

function settle<Row, Verdict>(batch: readonly Waiting<Row, Verdict>[], verdicts: readonly Verdict[]): void {
  for (const [index, each] of batch.entries()) {
    const verdict = verdicts[index]
    if (verdict === undefined) each.reject(new Error('the database gave no verdict on a row'))
    else each.resolve(verdict)
  }
}
