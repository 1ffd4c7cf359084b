import { type CompiledQuery, Kysely, type QueryResult } from 'kysely'
import type { Pool } from './connect.ts'
import { singleConnectionDialect } from './single-connection.ts'
import { type BatchPart, sendBatch, toText } from './statement-batch.ts'
import { createStatementNames } from './statement-name.ts'
import type { DB } from './tables.generated.ts'

/** Runs statements for one tenant; each is a transaction of its own, and has been committed when it resolves. */
export type CallInTenant = <T>(work: (handle: Kysely<DB>) => Promise<T>) => Promise<T>

const statementName = createStatementNames('call-')
const setTenant = "select set_config('rempart.tenant_id', $1, true)" as const

/**
 * `inTenant` for one statement, in one round trip: it travels behind the setting of its tenant and in front of one Sync,
 * which PostgreSQL commits at. For a function that does all that belongs together.
 */
export function tenantCalls(pool: Pick<Pool, 'connect'>, tenantId: string): CallInTenant {
  const handle = new Kysely<DB>({
    dialect: singleConnectionDialect({
      async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
        const statement: BatchPart = { name: statementName(sql), text: sql, values: parameters.map(toText), rows: [] }
        const scope: BatchPart = { name: 'call-as', text: setTenant, values: [tenantId], rows: [] }
        const { error } = await sendBatch(await pool.connect(), [scope, statement])
        if (error !== undefined) throw error
        return { rows: statement.rows as R[] }
      },
    }),
  })
  return (work) => work(handle)
}
