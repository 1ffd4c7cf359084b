import type { Logger } from 'pino'
import type { Clock, Context } from '../../core/context.ts'
import type { App } from '../../core/fastify.ts'
import { startRounds } from '../../core/work/rounds.ts'
import type { Pool } from '../../database/connect.ts'
import { inTenant } from '../../database/tenant.ts'
import { requireKey } from './personal.ts'
import type { ApiKeyUsage } from './schema.ts'
import { addUsage, findUsage, type UsageRow } from './usage-queries.ts'

/** What was counted of one key since it was last stored. */
interface Cell {
  readonly tenantId: string
  readonly row: Omit<UsageRow, 'count'>
  count: number
}

/** How long a count may wait to be stored. What a crash takes is what came since. */
const everyMs = 3_000
/** Cells in memory, about 2 MiB. Calls that would make another are not counted until the next store. */
const mostCells = 10_000
/** Rows of one statement. */
const mostRows = 500
const dayMs = 86_400_000

export interface KeyUsageDependencies {
  readonly pool: Pool
  readonly clock: Clock
  readonly log: Logger
}

/**
 * Counts every answered call that carried a key which holds, by day, group of operations and class of the answer, and
 * stores the counts beside the requests: every few seconds, and when the server closes.
 */
export function installKeyUsage(app: App, dependencies: KeyUsageDependencies): void {
  let cells = new Map<string, Cell>()
  app.addHook('onResponse', (request, reply, done) => {
    if (request.keyInUse !== null) {
      const endpoint = request.routeOptions.schema?.tags?.[0] ?? 'other'
      const row = {
        keyId: request.keyInUse.keyId,
        day: dayOf(dependencies.clock.now()),
        endpoint,
        statusClass: Math.floor(reply.statusCode / 100),
      }
      add(cells, { tenantId: request.keyInUse.tenantId, row, count: 1 })
    }
    done()
  })
  const round = async (): Promise<void> => {
    const taken = cells
    cells = new Map()
    for (const failed of await storeCells([...taken.values()], dependencies)) add(cells, failed)
  }
  const rounds = startRounds({ everyMs, round, log: dependencies.log })
  app.addHook('onClose', () => rounds.stop())
}

function add(cells: Map<string, Cell>, cell: Cell): void {
  const { keyId, day, endpoint, statusClass } = cell.row
  const name = `${keyId} ${day} ${endpoint} ${statusClass}`
  const known = cells.get(name)
  if (known !== undefined) known.count += cell.count
  else if (cells.size < mostCells) cells.set(name, cell)
}

/** @returns what could not be stored, to be counted again. */
async function storeCells(cells: readonly Cell[], { pool, log }: KeyUsageDependencies): Promise<readonly Cell[]> {
  const failed: Cell[] = []
  for (const [tenantId, own] of Map.groupBy(cells, (cell) => cell.tenantId)) {
    for (let start = 0; start < own.length; start += mostRows) {
      const part = own.slice(start, start + mostRows)
      const rows = part.map(({ row, count }) => ({ ...row, count }))
      try {
        await inTenant(pool, tenantId, (tx) => addUsage(tx, tenantId, rows))
      } catch (error) {
        failed.push(...part)
        log.warn({ err: error, cells: part.length }, 'the use of API keys could not be stored; it is tried again')
      }
    }
  }
  return failed
}

/**
 * What a key was used for.
 *
 * @param days - today, in UTC, and those before it.
 * @throws ProblemError `api-key-not-found`, also for one of another tenant.
 */
export function readUsage(context: Context, id: string, days: number): Promise<ApiKeyUsage> {
  const since = dayOf(context.clock.now() - (days - 1) * dayMs)
  return context.inTenant(async (tx) => {
    await requireKey(tx, context, id)
    const rows = await findUsage(tx, context.tenant.id, id, since)
    return {
      items: rows.map(({ day, endpoint, status_class, count }) => ({
        day,
        endpoint,
        status: `${status_class}xx`,
        count: Number(count),
      })),
    }
  })
}

const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10)
