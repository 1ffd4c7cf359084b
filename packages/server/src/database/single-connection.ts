import {
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryResult,
} from 'kysely'

/** What runs the statements of a query handle. */
export interface Executor {
  executeQuery<R>(compiled: CompiledQuery): Promise<QueryResult<R>>
}

const adapter = new PostgresAdapter()
const compiler = new PostgresQueryCompiler()

/** The dialect of a query handle whose statements all go to one executor. Transactions are not the handle's to open. */
export function singleConnectionDialect(executor: Executor): Dialect {
  const connection: DatabaseConnection = {
    executeQuery: (compiled) => executor.executeQuery(compiled),
    // biome-ignore lint/correctness/useYield: the interface asks for a generator, and streaming is refused.
    async *streamQuery() {
      throw new Error('streaming is not offered inside a tenant transaction: page instead')
    },
  }
  return {
    createAdapter: () => adapter,
    createDriver: () => ({
      async init() {},
      async acquireConnection() {
        return connection
      },
      async releaseConnection() {},
      async beginTransaction() {
        throw new Error('a tenant transaction does not nest')
      },
      async commitTransaction() {},
      async rollbackTransaction() {},
      async destroy() {},
    }),
    createIntrospector: (db) => new PostgresIntrospector(db),
    createQueryCompiler: () => compiler,
  }
}
