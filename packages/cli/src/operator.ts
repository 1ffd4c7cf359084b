import {
  type Config,
  type Context,
  createLogger,
  findTenant,
  type OpenDatabase,
  openDatabase,
  operatorContext,
  readConfig,
} from '@rempart/server'
import { Failure } from './failure.ts'
import { note } from './terminal.ts'
import { language, words } from './words.ts'

/** Opens the database, beside a server that serves from it or alone, and closes it when the work is done. */
export async function withDatabase<T>(
  work: (database: OpenDatabase, config: Config) => Promise<T>,
  options: { readonly isUnchecked?: boolean } = {},
): Promise<T> {
  const config = await readConfig()
  let isClosing = false
  const database = await openDatabase(config, {
    ...options,
    share: true,
    log: ({ level, msg }) => {
      // A PostgreSQL that this command started ends with it, and takes leave of every connection.
      if (level !== 'info' && !isClosing) note(msg)
    },
  })
  try {
    if (database.origin === 'initialised') note(words.databaseMade(config.dataDir))
    return await work(database, config)
  } finally {
    isClosing = true
    await database.close()
  }
}

/** Works for one tenant, or the default one. @throws Failure when there is no such tenant. */
export function withTenantContext<T>(
  named: string | undefined,
  work: (context: Context, database: OpenDatabase, config: Config) => Promise<T>,
): Promise<T> {
  return withDatabase(async (database, config) => {
    const tenant = await requireTenant(database, named ?? config.defaultTenant)
    return work(operatorContext(database.worker, tenant, { locale: language, log: terminalLog() }), database, config)
  })
}

/** A tenant by its slug or id, suspended or not. @throws Failure when there is none. */
export async function requireTenant(database: OpenDatabase, named: string | undefined) {
  if (named === undefined) throw new Failure(words.tenantMissing)
  const tenant = await findTenant(database.worker, named)
  if (tenant === undefined) throw new Failure(words.tenantUnknown(named))
  return tenant
}

/** Warnings of what the command calls, on standard error. */
export const terminalLog = () =>
  createLogger({ level: 'warn', destination: { write: (line) => void process.stderr.write(line) } })
