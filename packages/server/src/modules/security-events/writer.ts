import type { Logger } from 'pino'
import { type Rounds, startRounds } from '../../core/work/rounds.ts'
import type { Pool } from '../../database/connect.ts'
import { inTenant } from '../../database/tenant.ts'
import { type NewEvent, saveEvents } from './queries.ts'
import type { EventRecorder, OpenEvent } from './recorder.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Stores security events beside the requests. */
    eventWriter: Rounds
  }
}

export interface EventWriterDependencies {
  readonly pool: Pool
  readonly recorder: EventRecorder
  /** The tenant that an event belongs to, by its id; null for none. Rejects when the database does not answer. */
  readonly tenantOf: (event: OpenEvent) => Promise<string | null>
  readonly log: Logger
}

/** How long an event may wait to be stored. */
const everyMs = 1_000
/** Rows of one statement. */
const mostRows = 200

/** Stores what the recorder holds once a second, a transaction for each tenant. What fails is tried again. */
export function startEventWriter(dependencies: EventWriterDependencies): Rounds {
  return startRounds({ everyMs, log: dependencies.log, round: () => storeAll(dependencies) })
}

async function storeAll(dependencies: EventWriterDependencies): Promise<void> {
  const { recorder, log } = dependencies
  const events = recorder.unstored()
  try {
    for (const [tenantId, own] of await byTenant(events, dependencies)) {
      for (let start = 0; start < own.length; start += mostRows) {
        await store(tenantId, own.slice(start, start + mostRows), dependencies)
      }
    }
  } catch (error) {
    const left = events.filter(({ count, stored }) => stored < count).length
    recorder.count('failed', left)
    log.warn({ err: error, events: left }, 'security events could not be stored; they are tried again')
  }
  recorder.tidy(Date.now())
}

async function byTenant(
  events: readonly OpenEvent[],
  { recorder, tenantOf }: EventWriterDependencies,
): Promise<ReadonlyMap<string, readonly OpenEvent[]>> {
  const groups = new Map<string, OpenEvent[]>()
  for (const event of events) {
    const tenantId = await tenantOf(event)
    if (tenantId === null) recorder.drop(event)
    else groups.set(tenantId, [...(groups.get(tenantId) ?? []), event])
  }
  return groups
}

async function store(
  tenantId: string,
  events: readonly OpenEvent[],
  { pool, recorder }: EventWriterDependencies,
): Promise<void> {
  // Refusals go on coming while these are stored.
  const counts = events.map(({ count }) => count)
  const rows: readonly NewEvent[] = events.map(({ row, count, lastAtMs }) => ({
    ...row,
    count,
    last_at: new Date(lastAtMs),
  }))
  await inTenant(pool, tenantId, (tx) => saveEvents(tx, tenantId, rows))
  for (const [index, event] of events.entries()) {
    const count = counts[index] ?? 0
    recorder.count('stored', count - event.stored)
    event.stored = count
  }
}
