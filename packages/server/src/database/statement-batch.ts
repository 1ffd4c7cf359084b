import pg from 'pg'
import { isOutdatedPlan } from './connect.ts'

/** One statement of a batch, and what it came to. */
export interface BatchPart {
  /** One text has one name on every connection; undefined for a text that is not kept prepared. */
  readonly name: string | undefined
  readonly text: string
  readonly values: readonly (string | Buffer | null)[]
  /** Filled as the rows arrive. */
  readonly rows: Record<string, unknown>[]
}

/** How rows of a prepared statement are read: told once per connection, when it is prepared. */
type Shape = readonly { readonly name: string; readonly parse: (text: string) => unknown }[]

/** The part of node-postgres that writes messages of the protocol. */
interface Wire {
  readonly stream: { cork(): void; uncork(): void }
  parse(message: { readonly name: string; readonly text: string }): void
  bind(message: { readonly statement: string; readonly values: readonly (string | Buffer | null)[] }): void
  describe(message: { readonly type: 'P'; readonly name: string }): void
  execute(): void
  sync(): void
}

interface RowDescription {
  readonly fields: readonly { readonly name: string; readonly dataTypeID: number }[]
}

/** What has been prepared on each connection. A statement without a shape yet was not answered. */
const prepared = new WeakMap<object, Map<string, Shape | undefined>>()

/**
 * Several statements in one message to the database, ended by one Sync: they run in order in one transaction that
 * PostgreSQL opens and ends by itself. The first that fails ends it; those behind it are not run.
 *
 * node-postgres sends a Sync behind each statement of its own, and each Sync costs both sides a system call.
 *
 * @see PostgreSQL, "Frontend/Backend Protocol", Extended Query: Pipelining
 */
export class StatementBatch extends pg.Query {
  /** Parts that were answered; when the batch fails, the index of the one that failed. */
  answered = 0
  readonly #parts: readonly BatchPart[]
  #shapes: Map<string, Shape | undefined> = new Map()
  /** Of the parts that are not kept prepared. */
  readonly #ownShapes = new Map<BatchPart, Shape>()
  #fault: Error | undefined

  /** @param done - called once, with the error of the first part that failed, or of the connection. */
  constructor(parts: readonly BatchPart[], done: (error: Error | undefined) => void) {
    // As a text: an object would be copied with all that it inherits.
    super('', (error) => done(error ?? this.#fault))
    this.#parts = parts
  }

  /** Called by the client when the batch's turn has come. */
  override submit = (connection: object): null => {
    const wire = connection as Wire
    this.#shapes = prepared.get(wire) ?? new Map()
    prepared.set(wire, this.#shapes)
    wire.stream.cork()
    for (const part of this.#parts) {
      this.#prepare(wire, part)
      wire.bind({ statement: part.name ?? '', values: part.values })
      if (this.#shapeOf(part) === undefined) wire.describe({ type: 'P', name: '' })
      wire.execute()
    }
    wire.sync()
    wire.stream.uncork()
    return null
  }

  /** Whether a statement was sent to be prepared and nobody knows whether it was: the connection is of no more use. */
  get leavesDoubt(): boolean {
    return this.#parts.some(({ name }) => name !== undefined && this.#shapes.get(name) === undefined)
  }

  handleRowDescription({ fields }: RowDescription): void {
    const part = this.#current()
    const shape = fields.map(({ name, dataTypeID }) => ({ name, parse: pg.types.getTypeParser(dataTypeID, 'text') }))
    if (part.name === undefined) this.#ownShapes.set(part, shape)
    else this.#shapes.set(part.name, shape)
  }

  handleDataRow({ fields }: { readonly fields: readonly (string | null)[] }): void {
    const part = this.#current()
    try {
      part.rows.push(rowOf(this.#shapeOf(part) ?? [], fields))
    } catch (error) {
      // Thrown here it would end the process: it belongs to whoever waits for the batch.
      this.#fault ??= error instanceof Error ? error : new Error('a row could not be read')
    }
  }

  handleCommandComplete(): void {
    this.answered += 1
  }

  #prepare(wire: Wire, { name, text }: BatchPart): void {
    if (name !== undefined && this.#shapes.has(name)) return
    wire.parse({ name: name ?? '', text })
    if (name !== undefined) this.#shapes.set(name, undefined)
  }

  #shapeOf(part: BatchPart): Shape | undefined {
    return part.name === undefined ? this.#ownShapes.get(part) : this.#shapes.get(part.name)
  }

  #current(): BatchPart {
    const part = this.#parts[this.answered]
    if (part === undefined) throw new Error('the database answered more than it was asked')
    return part
  }
}

function rowOf(shape: Shape, fields: readonly (string | null)[]): Record<string, unknown> {
  const row: Record<string, unknown> = {}
  for (let index = 0; index < shape.length; index += 1) {
    const column = shape[index]
    const value = fields[index] ?? null
    if (column !== undefined) row[column.name] = value === null ? null : column.parse(value)
  }
  return row
}

/**
 * Sends a batch over a connection of the pool and gives the connection back: to be closed, when nobody knows what became of
 * it.
 *
 * @returns how many parts were answered, and the error of the one behind them or of the connection.
 */
export function sendBatch(
  connection: pg.PoolClient,
  parts: readonly BatchPart[],
): Promise<{ readonly answered: number; readonly error: Error | undefined }> {
  return new Promise((resolve) => {
    const batch: StatementBatch = new StatementBatch(parts, (error) => {
      connection.release(error !== undefined && (batch.leavesDoubt || isOver(error)))
      resolve({ answered: batch.answered, error })
    })
    connection.query(batch)
  })
}

/**
 * Whether a connection ended with an error, as the database says (SQLSTATE 57P01 to 57P05, 25P03, 25P04) or does not; or is of
 * no more use for the statement.
 */
const isOver = (error: Error): boolean =>
  !(error instanceof pg.DatabaseError) || /^(57P0[1-5]|25P0[34]|08)/.test(error.code ?? '') || isOutdatedPlan(error)

/** A parameter as PostgreSQL reads it in text. @throws TypeError for an array or an object. */
export function toText(value: unknown): string | Buffer | null {
  if (value === null || typeof value === 'string' || Buffer.isBuffer(value)) return value
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint') return String(value)
  if (value instanceof Date) return value.toISOString()
  throw new TypeError(`a batch takes no parameter of this kind: ${typeof value}`)
}
