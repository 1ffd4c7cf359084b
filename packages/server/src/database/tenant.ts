import { type CompiledQuery, Kysely, type QueryResult } from 'kysely'
import { type Connection, isOutdatedPlan, type Pool, writeTogether } from './connect.ts'
import { singleConnectionDialect } from './single-connection.ts'
import { createStatementNames } from './statement-name.ts'
import type { DB } from './tables.generated.ts'

/** The query handle of one open transaction. It refuses work once the transaction has ended. */
export type Tx = Kysely<DB>

/** Runs work in one transaction that sees one tenant's rows and no other. */
export type InTenant = <T>(work: (tx: Tx) => Promise<T>) => Promise<T>

/**
 * Opens a transaction for one tenant and runs `work` in it: commits when it resolves, rolls back when it rejects.
 *
 * BEGIN, the tenant setting and the first statement of `work` leave in one round trip. The tenant is a parameter of
 * `set_config(…, true)`, so it ends with the transaction. Keep network calls out of `work`.
 *
 * @param tenantId - a UUID; row-level security compares it with each row.
 * @throws what `work` throws, or the database's error when the commit fails.
 */
export async function inTenant<T>(pool: Pool, tenantId: string, work: (tx: Tx) => Promise<T>): Promise<T> {
  const connection = await pool.connect()
  const scope: Scope = { isOpen: true, failure: undefined }
  let broken: Error | undefined
  try {
    const opened = openTransaction(connection, tenantId)
    const result = await work(transactionHandle(connection, scope))
    await opened
    scope.isOpen = false
    const commit = await connection.query('commit')
    // A transaction that a swallowed error aborted answers COMMIT with ROLLBACK and no error.
    if (commit.command !== 'COMMIT') throw new Error('the transaction was rolled back at commit')
    return result
  } catch (error) {
    scope.isOpen = false
    broken = (await rollback(connection)) ?? outdatedBy(scope)
    throw error
  } finally {
    connection.release(broken)
  }
}

/** `inTenant` with pool and tenant bound, as services receive it. */
export function tenantScope(pool: Pool, tenantId: string): InTenant {
  return (work) => inTenant(pool, tenantId, work)
}

const statementName = createStatementNames('s')

/** One transaction: whether statements may still be sent, and the first failure of one. */
interface Scope {
  isOpen: boolean
  failure: unknown
}

const isAborted = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === IN_FAILED_TRANSACTION
const IN_FAILED_TRANSACTION = '25P02'

function openTransaction(connection: Connection, tenantId: string): Promise<unknown> {
  writeTogether(connection)
  const opened = Promise.all([
    connection.query('begin'),
    connection.query({
      name: 'set-tenant',
      text: "select set_config('rempart.tenant_id', $1, true)",
      values: [tenantId],
    }),
  ])
  // When the first statement of the work fails too, its error is the one to report.
  opened.catch(() => {})
  return opened
}

async function rollback(connection: Connection): Promise<Error | undefined> {
  try {
    await connection.query('rollback')
    return undefined
  } catch (error) {
    return error instanceof Error ? error : new Error('rollback failed')
  }
}

/** The failure of a statement that the connection would refuse again, whoever sends it. */
function outdatedBy({ failure }: Scope): Error | undefined {
  return failure instanceof Error && isOutdatedPlan(failure) ? failure : undefined
}

function transactionHandle(connection: Connection, scope: Scope): Tx {
  return new Kysely<DB>({
    dialect: singleConnectionDialect({
      async executeQuery<R>(compiled: CompiledQuery): Promise<QueryResult<R>> {
        // A statement that outlives its transaction would run in the next one of this connection: another tenant's.
        if (!scope.isOpen) throw new Error('this transaction has ended; await every query inside inTenant')
        writeTogether(connection)
        const name = statementName(compiled.sql)
        const statement = { text: compiled.sql, values: [...compiled.parameters] }
        try {
          const result = await connection.query(name === undefined ? statement : { name, ...statement })
          return { rows: result.rows, numAffectedRows: BigInt(result.rowCount ?? 0) }
        } catch (error) {
          // Statements that travel behind one that failed are told no more than that: the failure is what they all met.
          if (scope.failure !== undefined && isAborted(error)) throw scope.failure
          scope.failure = error
          throw error
        }
      },
    }),
  })
}
