import type { Pool } from '../../database/connect.ts'
import type { Tx } from '../../database/tenant.ts'

/** Which entries; a member that is absent narrows nothing. */
export interface AuditFilter {
  readonly action?: string | undefined
  readonly actorId?: string | undefined
  readonly resourceType?: string | undefined
  readonly resourceId?: string | undefined
  readonly from?: Date | undefined
  readonly to?: Date | undefined
}

function filterEntries(tx: Tx, tenantId: string, filter: AuditFilter) {
  let query = tx.selectFrom('audit_event').where('tenant_id', '=', tenantId)
  if (filter.action !== undefined) query = query.where('action', '=', filter.action)
  if (filter.actorId !== undefined) query = query.where('actor_id', '=', filter.actorId)
  if (filter.resourceType !== undefined) query = query.where('resource_type', '=', filter.resourceType)
  if (filter.resourceId !== undefined) query = query.where('resource_id', '=', filter.resourceId)
  if (filter.from !== undefined) query = query.where('at', '>=', filter.from)
  if (filter.to !== undefined) query = query.where('at', '<', filter.to)
  return query
}

/** Newest first; one more than asked for when there are more. */
export function listEntries(
  tx: Tx,
  tenantId: string,
  filter: AuditFilter,
  part: { readonly before: number | undefined; readonly offset: number; readonly limit: number },
) {
  const { before, offset, limit } = part
  const query = filterEntries(tx, tenantId, filter).selectAll()
  const placed = before === undefined ? query.offset(offset) : query.where('seq', '<', before)
  return placed
    .orderBy('seq', 'desc')
    .limit(limit + 1)
    .execute()
}

export async function countEntries(tx: Tx, tenantId: string, filter: AuditFilter): Promise<number> {
  const row = await filterEntries(tx, tenantId, filter)
    .select((e) => e.fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow()
  return row.count
}

/** Entries in the order of the chain, of those that were there when the reading began. */
export function readChain(
  tx: Tx,
  tenantId: string,
  range: { readonly after: number; readonly upTo: number; readonly limit: number },
) {
  return tx
    .selectFrom('audit_event')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .where('seq', '>', range.after)
    .where('seq', '<=', range.upTo)
    .orderBy('seq')
    .limit(range.limit)
    .execute()
}

/** The hash of an entry; undefined where there is none. */
export async function findHash(tx: Tx, tenantId: string, seq: number): Promise<Buffer | undefined> {
  const row = await tx
    .selectFrom('audit_event')
    .select('hash')
    .where('tenant_id', '=', tenantId)
    .where('seq', '=', seq)
    .executeTakeFirst()
  return row?.hash
}

/** The tenants whose log does not end where it was last signed. @param worker - as rempart_worker. */
export async function listTenantsToSign(worker: Pool): Promise<readonly string[]> {
  const { rows } = await worker.query<{ tenant_id: string }>('select tenant_id from auth.tenants_to_sign()')
  return rows.map((row) => row.tenant_id)
}

/** The newest entry's number; 0 without any. */
export async function findLastSeq(tx: Tx, tenantId: string): Promise<number> {
  const row = await tx
    .selectFrom('audit_event')
    .select((e) => e.fn.max('seq').as('last'))
    .where('tenant_id', '=', tenantId)
    .executeTakeFirst()
  return Number(row?.last ?? 0)
}

/** Signed heads in the order of the chain. */
export function readHeads(
  tx: Tx,
  tenantId: string,
  range: { readonly after: number; readonly upTo: number; readonly limit: number },
) {
  return tx
    .selectFrom('audit_head')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .where('seq', '>', range.after)
    .where('seq', '<=', range.upTo)
    .orderBy('seq')
    .limit(range.limit)
    .execute()
}

/** Newest first; one more than asked for when there are more. */
export function listHeads(tx: Tx, tenantId: string, before: number | undefined, limit: number) {
  return tx
    .selectFrom('audit_head')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .$if(before !== undefined, (query) => query.where('seq', '<', before ?? 0))
    .orderBy('seq', 'desc')
    .limit(limit + 1)
    .execute()
}

/** The newest head; undefined before the first. */
export function findLastHead(tx: Tx, tenantId: string) {
  return tx
    .selectFrom('audit_head')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .orderBy('seq', 'desc')
    .limit(1)
    .executeTakeFirst()
}

/** Stores a head; nothing when another process has just signed the same. */
export async function insertHead(
  tx: Tx,
  head: {
    readonly tenant_id: string
    readonly seq: number
    readonly hash: Buffer
    readonly signed_at: Date
    readonly kid: string
    readonly signature: Buffer
  },
): Promise<boolean> {
  const result = await tx
    .insertInto('audit_head')
    .values(head)
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst()
  return result.numInsertedOrUpdatedRows === 1n
}
