import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Batcher, type BatcherOptions, createBatcher } from './batcher.ts'

interface Row {
  readonly id: number
  readonly lane: string
  readonly marks: readonly string[]
  /** Whether the database refuses it for what it holds. */
  readonly isBad: boolean
}

class RowFault extends Error {}
class DatabaseFault extends Error {}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** A store whose every call is answered by the test, and which records what it was given. */
function answeredByHand() {
  const calls: { readonly rows: readonly Row[]; answer(): void; fail(error: Error): void }[] = []
  const stored: Row[] = []
  const store = (rows: readonly Row[]) =>
    new Promise<readonly string[]>((resolve, reject) => {
      calls.push({
        rows,
        answer() {
          if (rows.some((row) => row.isBad)) return reject(new RowFault())
          stored.push(...rows)
          resolve(rows.map(verdictOf))
        },
        fail: reject,
      })
    })
  return { calls, stored, store }
}

const verdictOf = (row: Row): string => `verdict ${row.id}`
const options = { laneOf: (row: Row) => row.lane, marksOf: (row: Row) => row.marks, isRowFault: isOfRow }

function isOfRow(error: unknown): boolean {
  return error instanceof RowFault
}

let sequence = 0
const row = (lane = 'a', more: Partial<Row> = {}): Row => {
  sequence += 1
  return { id: sequence, lane, marks: [], isBad: false, ...more }
}

type Given = ReturnType<typeof answeredByHand>

/** A batcher over a store that the test answers. */
function setUp(more: Partial<BatcherOptions<Row, string>> = {}): Given & { batcher: Batcher<Row, string> } {
  const given = answeredByHand()
  return { ...given, batcher: createBatcher<Row, string>({ ...options, store: given.store, ...more }) }
}

describe('a batcher', () => {
  it('stores what one turn of the event loop brings with one call, in order, and gives each row its own verdict', async () => {
    const { batcher, calls } = setUp()
    const rows = Array.from({ length: 16 }, () => row())
    const verdicts = Promise.all(rows.map(batcher.add))
    expect(batcher.waiting).toBe(16)
    await nextTurn()
    expect(calls.map((call) => call.rows)).toEqual([rows])
    expect(batcher.waiting).toBe(0)
    calls[0]?.answer()
    expect(await verdicts).toEqual(rows.map(verdictOf))
  })

  it('sends a crowd in halves, so that senders of one half are answered while the other is stored', async () => {
    const { batcher, calls } = setUp()
    for (let added = 0; added < 50; added += 1) void batcher.add(row())
    await nextTurn()
    expect(calls.map((call) => call.rows.length)).toEqual([25])
    expect(batcher.waiting).toBe(25)
    calls[0]?.answer()
    await nextTurn()
    await nextTurn()
    expect(calls.map((call) => call.rows.length)).toEqual([25, 25])
  })

  it('sends no more than maxRows at once', async () => {
    const { batcher, calls } = setUp({ maxRows: 3 })
    for (let added = 0; added < 7; added += 1) void batcher.add(row(`lane ${added}`))
    await nextTurn()
    expect(calls.map((call) => call.rows.length)).toEqual([3, 3, 1])
  })

  it('keeps no more than maxInFlight calls open, and sends on when one returns', async () => {
    const { batcher, calls } = setUp({ maxRows: 1, maxInFlight: 2 })
    for (let added = 0; added < 5; added += 1) void batcher.add(row(`lane ${added}`))
    await nextTurn()
    expect(calls).toHaveLength(2)
    calls[0]?.answer()
    await nextTurn()
    await nextTurn()
    expect(calls).toHaveLength(3)
  })

  it('holds the rows of a lane back while the lane is under way, and lets the others go', async () => {
    const { batcher, calls } = setUp()
    void batcher.add(row('a'))
    await nextTurn()
    const [second, third] = [row('a'), row('b')]
    void batcher.add(second)
    void batcher.add(third)
    await nextTurn()
    expect(calls.slice(1).map((call) => call.rows)).toEqual([[third]])
    calls[0]?.answer()
    await nextTurn()
    await nextTurn()
    expect(calls.slice(2).map((call) => call.rows)).toEqual([[second]])
  })

  it('stores the neighbours of a bad row, and rejects that row alone', async () => {
    const { batcher, calls, stored } = setUp()
    const rows = [row(), row('a', { isBad: true }), row()]
    const outcomes = Promise.allSettled(rows.map(batcher.add))
    for (let answered = 0; answered < 4; answered += 1) {
      await nextTurn()
      calls[answered]?.answer()
    }
    expect((await outcomes).map((outcome) => outcome.status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(stored).toEqual([rows[0], rows[2]])
    expect(calls.map((call) => call.rows.length)).toEqual([3, 1, 1, 1])
  })

  it('rejects every row of a batch that the database failed, and tries none again: it may have been stored', async () => {
    const { batcher, calls } = setUp()
    const outcomes = Promise.allSettled([batcher.add(row()), batcher.add(row('b'))])
    await nextTurn()
    const failure = new DatabaseFault()
    calls[0]?.fail(failure)
    expect(await outcomes).toEqual([
      { status: 'rejected', reason: failure },
      { status: 'rejected', reason: failure },
    ])
    await nextTurn()
    expect(calls).toHaveLength(1)
  })

  it('rejects the rest at once when the database goes while rows are tried one by one', async () => {
    const { batcher, calls } = setUp()
    const rows = [row('a', { isBad: true }), row(), row(), row()]
    const outcomes = Promise.allSettled(rows.map(batcher.add))
    await nextTurn()
    calls[0]?.answer()
    await nextTurn()
    calls[1]?.answer()
    await nextTurn()
    calls[2]?.fail(new DatabaseFault())
    const reasons = (await outcomes).map((outcome) => outcome.status === 'rejected' && outcome.reason.constructor)
    expect(reasons).toEqual([RowFault, DatabaseFault, DatabaseFault, DatabaseFault])
    expect(calls).toHaveLength(3)
  })

  it('goes on with the next rows after a failure', async () => {
    const { batcher, calls } = setUp()
    const failed = batcher.add(row())
    await nextTurn()
    calls[0]?.fail(new DatabaseFault())
    await expect(failed).rejects.toThrow(DatabaseFault)
    const next = row()
    const stored = batcher.add(next)
    await nextTurn()
    calls[1]?.answer()
    expect(await stored).toBe(verdictOf(next))
  })

  it('fails what has waited too long behind a batch that the database failed, in its lanes only', async () => {
    const { batcher, calls } = setUp({ patienceMs: 0, maxInFlight: 1 })
    const first = batcher.add(row('a'))
    await nextTurn()
    const behind = batcher.add(row('a'))
    const elsewhere = row('b')
    const other = batcher.add(elsewhere)
    await nextTurn()
    calls[0]?.fail(new DatabaseFault())
    await expect(first).rejects.toThrow(DatabaseFault)
    await expect(behind).rejects.toThrow(DatabaseFault)
    await nextTurn()
    calls[1]?.answer()
    expect(await other).toBe(verdictOf(elsewhere))
  })

  it('rejects a row the database says nothing about', async () => {
    const batcher = createBatcher<Row, string>({ ...options, store: async () => ['one'] })
    const outcomes = await Promise.allSettled([batcher.add(row()), batcher.add(row())])
    expect(outcomes.map((outcome) => outcome.status)).toEqual(['fulfilled', 'rejected'])
  })

  it('rejects when the store throws before it asks the database', async () => {
    const batcher = createBatcher<Row, string>({
      ...options,
      store: () => {
        throw new DatabaseFault()
      },
    })
    await expect(batcher.add(row())).rejects.toThrow(DatabaseFault)
  })

  it('tells how many rows each batch has', async () => {
    const sizes: number[] = []
    const { batcher } = setUp({ maxRows: 2, onBatch: (size) => sizes.push(size) })
    for (let added = 0; added < 3; added += 1) void batcher.add(row(`lane ${added}`))
    await nextTurn()
    expect(sizes).toEqual([2, 1])
  })
})

/** What may happen to one call of the store. `lost`: stored, but the answer never came. */
type Fate = 'answered' | 'failed' | 'lost'

const fates = fc.infiniteStream(
  fc.oneof(
    { weight: 8, arbitrary: fc.constant<Fate>('answered') },
    { weight: 1, arbitrary: fc.constant<Fate>('failed') },
    { weight: 1, arbitrary: fc.constant<Fate>('lost') },
  ),
)

const arrivals = fc
  .array(
    fc.record({
      lane: fc.constantFrom('a', 'b', 'c', 'd'),
      marks: fc.uniqueArray(fc.constantFrom('k1', 'k2', 'k3'), { maxLength: 2 }),
      isBad: fc.nat({ max: 9 }).map((drawn) => drawn === 0),
      /** Turns of the event loop to let pass before it arrives. */
      pause: fc.nat({ max: 2 }),
    }),
    { minLength: 1, maxLength: 30 },
  )
  .map((drawn) =>
    drawn.map(({ lane, marks, ...rest }, id) => ({ id, lane, marks: marks.map((mark) => `${lane}/${mark}`), ...rest })),
  )

interface Limits {
  readonly maxRows: number
  readonly maxInFlight: number
}

const limits = fc.record({ maxRows: fc.integer({ min: 1, max: 6 }), maxInFlight: fc.integer({ min: 1, max: 3 }) })

/** A database that answers when the scheduler says so, fails as fate has it, and notes every promise it sees broken. */
function unreliableDatabase(limit: Limits, fate: () => Fate, scheduler: fc.Scheduler) {
  const stored: Row[] = []
  const broken: string[] = []
  const inFlight = new Set<readonly Row[]>()

  function check(batch: readonly Row[]): void {
    const lanesUnderWay = new Set([...inFlight].flat().map((each) => each.lane))
    const marks = batch.flatMap((each) => each.marks)
    const promises: Record<string, boolean> = {
      'no batch is empty or too long': batch.length > 0 && batch.length <= limit.maxRows,
      'no more calls in flight than allowed': inFlight.size < limit.maxInFlight,
      'no lane in two calls': !batch.some((each) => lanesUnderWay.has(each.lane)),
      'no mark twice in a batch': new Set(marks).size === marks.length,
      'the order of arrival within a batch': isAscending(batch),
    }
    broken.push(...Object.keys(promises).filter((name) => promises[name] === false))
  }

  async function store(batch: readonly Row[]): Promise<readonly string[]> {
    check(batch)
    inFlight.add(batch)
    const ending = fate()
    await scheduler.schedule(Promise.resolve())
    inFlight.delete(batch)
    if (ending === 'failed') throw new DatabaseFault()
    if (batch.some((each) => each.isBad)) throw new RowFault()
    stored.push(...batch)
    if (ending === 'lost') throw new DatabaseFault()
    return batch.map(verdictOf)
  }
  return { store, stored, broken }
}

/** Adds the rows, each after its pause, and lets the scheduler answer calls until every row has its outcome. */
async function run(
  batcher: Batcher<Row, string>,
  rows: readonly (Row & { readonly pause: number })[],
  scheduler: fc.Scheduler,
): Promise<readonly PromiseSettledResult<string>[]> {
  const answers: Promise<string>[] = []
  for (const each of rows) {
    for (let turn = 0; turn < each.pause; turn += 1) await nextTurn()
    const answer = batcher.add(each)
    answer.catch(() => {})
    answers.push(answer)
  }
  let outcomes: readonly PromiseSettledResult<string>[] | undefined
  void Promise.allSettled(answers).then((all) => {
    outcomes = all
  })
  while (outcomes === undefined) {
    if (scheduler.count() > 0) await scheduler.waitOne()
    await nextTurn()
  }
  return outcomes
}

/** What a caller was told, and how often its row was stored: the pairs that are true. */
function isTrue(each: Row, outcome: PromiseSettledResult<string>, stored: readonly Row[]): boolean {
  const copies = stored.filter((one) => one === each).length
  if (outcome.status === 'fulfilled') return outcome.value === verdictOf(each) && copies === 1 && !each.isBad
  if (isOfRow(outcome.reason)) return each.isBad && copies === 0
  return outcome.reason instanceof DatabaseFault && copies <= 1
}

const isAscending = (rows: readonly Row[]): boolean =>
  rows.every((each, index) => index === 0 || (rows[index - 1]?.id ?? 0) < each.id)

describe('any rows, in any order of answers', () => {
  it('each get one answer that is true, none is stored twice, and nothing but a mark lets one overtake', async () => {
    await fc.assert(
      fc.asyncProperty(arrivals, fates, limits, fc.scheduler(), async (rows, fate, limit, scheduler) => {
        const database = unreliableDatabase(limit, () => fate.next().value, scheduler)
        const batcher = createBatcher<Row, string>({
          ...options,
          ...limit,
          patienceMs: 60_000,
          store: database.store,
        })
        const outcomes = await run(batcher, rows, scheduler)

        expect(database.broken).toEqual([])
        const untrue = rows.filter((each, index) => {
          const outcome = outcomes[index]
          return outcome === undefined || !isTrue(each, outcome, database.stored)
        })
        expect(untrue).toEqual([])
        expect(batcher.waiting).toBe(0)
        for (const mark of new Set(rows.flatMap((each) => each.marks))) {
          expect(isAscending(database.stored.filter((each) => each.marks.includes(mark)))).toBe(true)
        }
        for (const lane of new Set(rows.map((each) => each.lane))) {
          const unmarked = database.stored.filter((each) => each.lane === lane && each.marks.length === 0)
          expect(isAscending(unmarked)).toBe(true)
        }
      }),
      { numRuns: 300 },
    )
  })
})
