import { sql } from 'kysely'
import type { Tx } from '../../database/tenant.ts'

/** Calls of one key on one day, of one group of operations, with one class of answers. */
export interface UsageRow {
  readonly keyId: string
  /** `2026-11-21`, in UTC. */
  readonly day: string
  readonly endpoint: string
  readonly statusClass: number
  readonly count: number
}

/** Adds counts of one tenant to what is stored, in one statement. Counts of a key that is gone go with it. */
export async function addUsage(tx: Tx, tenantId: string, rows: readonly UsageRow[]): Promise<void> {
  const of = <K extends keyof UsageRow>(name: K) => rows.map((row) => row[name])
  await sql`
    insert into api_key_usage (tenant_id, key_id, day, endpoint, status_class, count)
    select ${tenantId}::uuid, u.key_id, u.day, u.endpoint, u.status_class, u.count
    from unnest(${of('keyId')}::uuid[], ${of('day')}::date[], ${of('endpoint')}::text[], ${of('statusClass')}::smallint[],
                ${of('count')}::bigint[]) as u (key_id, day, endpoint, status_class, count)
    where exists (select from api_key k where k.tenant_id = ${tenantId}::uuid and k.id = u.key_id)
    order by u.key_id, u.day, u.endpoint, u.status_class
    on conflict (tenant_id, key_id, day, endpoint, status_class)
    do update set count = api_key_usage.count + excluded.count`.execute(tx)
}

/** What a key was used for since a day, newest first. */
export function findUsage(tx: Tx, tenantId: string, keyId: string, since: string) {
  return tx
    .selectFrom('api_key_usage')
    .select([sql<string>`to_char(day, 'YYYY-MM-DD')`.as('day'), 'endpoint', 'status_class', 'count'])
    .where('tenant_id', '=', tenantId)
    .where('key_id', '=', keyId)
    .where('day', '>=', sql<string>`${since}::date`)
    .orderBy('api_key_usage.day', 'desc')
    .orderBy('endpoint')
    .orderBy('status_class')
    .execute()
}
