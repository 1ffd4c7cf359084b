import { type CompiledQuery, Kysely, type QueryResult } from 'kysely'
import pg from 'pg'
import { isOutdatedPlan, type Pool } from './connect.ts'
import { singleConnectionDialect } from './single-connection.ts'
import { type BatchPart, sendBatch, toText } from './statement-batch.ts'
import { createStatementNames } from './statement-name.ts'
import type { DB } from './tables.generated.ts'

/** A query handle that reads: each statement sees one tenant's rows and is a transaction of its own. */
export type ReadHandle = Pick<Kysely<DB>, 'selectFrom' | 'executeQuery'>

/** Runs reads for one tenant; each statement of `work` is a transaction of its own. */
export type ReadInTenant = <T>(work: (handle: ReadHandle) => Promise<T>) => Promise<T>

/** Reads for tenants, many in one round trip. */
export interface TenantReads {
  /** For one tenant. It can be kept. */
  of(tenantId: string): ReadInTenant
}

interface Read {
  readonly tenantId: string
  readonly statement: BatchPart
  /** Monotonic milliseconds. */
  readonly askedMs: number
  readonly resolve: (rows: readonly unknown[]) => void
  readonly reject: (error: unknown) => void
}

/** Batches under way at a time: a slow read holds up those of its batch and no others. */
const mostBatches = 4
const mostReads = 32
/** Fewer are not worth a connection of their own. */
const leastReads = 8

/** A read that others have held up for longer than it may take itself. To whoever asked, the database is busy. */
class ReadWaitError extends Error {
  override readonly name = 'ReadWaitError'
  /** query_canceled, as PostgreSQL's own timeout says it. */
  readonly code = '57014'
}

const statementName = createStatementNames('read-')

/** No write passes, whatever the statement calls. */
const setTenant =
  "select set_config('rempart.tenant_id', $1, true), set_config('transaction_read_only', 'on', true)" as const

/**
 * Sends the reads of one turn of the event loop in one message each of some connections: each behind the setting of its
 * tenant, which ends with the batch. For statements that find a few rows by their key; what scans or waits belongs into a
 * transaction of its own (`inTenant`), where nobody else waits for it.
 *
 * A read that fails fails alone: those before it have their rows, those behind it are sent again. What has waited as long
 * as a statement and a connection may take is not: where a table is locked, each would wait for all before it.
 */
export function createTenantReads(pool: Pick<Pool, 'connect' | 'options'>): TenantReads {
  const patienceMs = pool.options.query_timeout ?? 20_000
  let waiting: Read[] = []
  let isScheduled = false
  let underWay = 0

  function schedule(): void {
    if (isScheduled) return
    isScheduled = true
    setImmediate(() => {
      isScheduled = false
      waiting = waiting.filter(isPatient)
      while (waiting.length > 0 && underWay < mostBatches) {
        const size = Math.min(mostReads, Math.max(leastReads, Math.ceil(waiting.length / (mostBatches - underWay))))
        const batch = waiting.slice(0, size)
        waiting = waiting.slice(size)
        underWay += 1
        void send(batch)
      }
    })
  }

  function isPatient({ askedMs, reject }: Read): boolean {
    const hasTime = performance.now() - askedMs < patienceMs
    if (!hasTime) reject(new ReadWaitError('the database was busy with other reads for too long'))
    return hasTime
  }

  async function send(reads: readonly Read[]): Promise<void> {
    try {
      const again = await runBatch(pool, reads)
      waiting = [...again, ...waiting]
    } catch (error) {
      for (const read of reads) read.reject(error)
    } finally {
      underWay -= 1
      if (waiting.length > 0) schedule()
    }
  }

  return {
    of(tenantId) {
      const handle = new Kysely<DB>({
        dialect: singleConnectionDialect({
          executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
            const statement = { name: statementName(sql), text: sql, values: parameters.map(toText), rows: [] }
            return new Promise((resolve, reject) => {
              const found = (rows: readonly unknown[]): void => resolve({ rows: rows as R[] })
              waiting.push({ tenantId, statement, askedMs: performance.now(), resolve: found, reject })
              schedule()
            })
          },
        }),
      })
      return (work) => work(handle)
    },
  }
}

/** Runs the reads and settles those that were answered. @returns those that have to be sent again. */
async function runBatch(pool: Pick<Pool, 'connect'>, reads: readonly Read[]): Promise<readonly Read[]> {
  const parts: BatchPart[] = []
  const owners: Read[] = []
  let tenantId: string | undefined
  for (const read of reads) {
    if (read.tenantId !== tenantId) {
      tenantId = read.tenantId
      parts.push({ name: 'read-as', text: setTenant, values: [tenantId], rows: [] })
      owners.push(read)
    }
    parts.push(read.statement)
    owners.push(read)
  }
  const connection = await pool.connect()
  const { answered, error } = await sendBatch(connection, parts)
  if (error === undefined) {
    for (const read of reads) read.resolve(read.statement.rows)
    return []
  }
  // The connection broke: nobody knows what became of any of them.
  if (!(error instanceof pg.DatabaseError)) throw error
  const failed = owners[answered]
  if (failed === undefined) throw error
  const index = reads.indexOf(failed)
  for (const read of reads.slice(0, index)) read.resolve(read.statement.rows)
  if (isOutdatedPlan(error)) return reads.slice(index)
  failed.reject(error)
  return reads.slice(index + 1)
}
