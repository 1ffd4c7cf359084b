import { sql } from 'kysely'
import { partOf } from '../../core/shapes/page-part.ts'
import type { PageRequest } from '../../core/shapes/pagination.ts'
import type { Pool } from '../../database/connect.ts'
import type { Tx } from '../../database/tenant.ts'

/** Which events; a member that is absent narrows nothing. */
export interface EventFilter {
  readonly type?: string | undefined
  readonly policy?: string | undefined
  readonly rule?: string | undefined
  readonly fpPrefix?: string | undefined
  readonly since?: Date | undefined
  readonly until?: Date | undefined
}

/** An event as it is stored. */
export interface NewEvent {
  readonly id: string
  readonly created_at: Date
  readonly last_at: Date
  readonly count: number
  readonly type: string
  readonly policy_id: string
  readonly policy_version: string
  readonly rule_id: string
  readonly reason: string | null
  readonly cost: number
  readonly clock_ms: number
  readonly retry_after_ms: number | null
  readonly degraded: boolean
  /** JSON. */
  readonly counters: string
  readonly signals: string | null
  readonly subjects: string
  readonly fp_prefix: string | null
  readonly route: string
  readonly request_id: string
}

/** Stores events, or how often those that are stored have come by now. */
export async function saveEvents(tx: Tx, tenantId: string, events: readonly NewEvent[]): Promise<void> {
  await tx
    .insertInto('security_event')
    .values(events.map((event) => ({ tenant_id: tenantId, ...event })))
    .onConflict((conflict) =>
      conflict.columns(['tenant_id', 'id', 'created_at']).doUpdateSet({
        count: sql`greatest(security_event.count, excluded.count)`,
        last_at: sql`greatest(security_event.last_at, excluded.last_at)`,
      }),
    )
    .execute()
}

function filterEvents(tx: Tx, filter: EventFilter) {
  let query = tx.selectFrom('security_event')
  if (filter.type !== undefined) query = query.where('type', '=', filter.type)
  if (filter.policy !== undefined) query = query.where('policy_id', '=', filter.policy)
  if (filter.rule !== undefined) query = query.where('rule_id', '=', filter.rule)
  if (filter.fpPrefix !== undefined) query = query.where('fp_prefix', '=', filter.fpPrefix)
  if (filter.since !== undefined) query = query.where('created_at', '>=', filter.since)
  if (filter.until !== undefined) query = query.where('created_at', '<', filter.until)
  return query
}

const listed = [
  'id',
  'type',
  'created_at',
  'last_at',
  'count',
  'policy_id',
  'policy_version',
  'rule_id',
  'reason',
  'fp_prefix',
  'route',
  'request_id',
] as const

export function listEvents(tx: Tx, request: PageRequest, filter: EventFilter) {
  return partOf(filterEvents(tx, filter).select(listed), 'id', request).execute()
}

export async function countEvents(tx: Tx, filter: EventFilter): Promise<number> {
  const row = await filterEvents(tx, filter)
    .select((e) => e.fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow()
  return row.count
}

/** @param createdAt - The instant that the id holds, which names the one partition to look in. */
export function findEvent(tx: Tx, id: string, createdAt: Date) {
  return tx
    .selectFrom('security_event')
    .selectAll()
    .where('id', '=', id)
    .where('created_at', '=', createdAt)
    .executeTakeFirst()
}

/** Makes the days that events will be stored in. How many were missing. */
export async function makeDays(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ made: number }>('select make_security_event_days() as made')
  return rows[0]?.made ?? 0
}

/** Forgets the days that ended more than so many days ago. How many. @param pool - as rempart_worker. */
export async function dropDays(pool: Pool, keptDays: number): Promise<number> {
  const { rows } = await pool.query<{ dropped: number }>('select drop_security_event_days($1) as dropped', [keptDays])
  return rows[0]?.dropped ?? 0
}
