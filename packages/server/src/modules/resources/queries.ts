import type { PageRequest } from '../../core/shapes/pagination.ts'
import { preparedRead } from '../../database/prepared-read.ts'
import type { Tx } from '../../database/tenant.ts'

const columns = ['id', 'title', 'summary', 'url', 'category', 'created_at', 'updated_at', 'deleted_at'] as const

/** What staff write of a resource. */
export interface ResourceTexts {
  readonly title: string
  readonly summary: string | null
  readonly url: string | null
  readonly category: string | null
}

/** Which resources of a tenant. */
export interface ResourceFilter {
  readonly deleted: boolean
  readonly category: string | undefined
}

function filterResources(tx: Tx, { deleted, category }: ResourceFilter) {
  const query = tx.selectFrom('resource').where('deleted_at', deleted ? 'is not' : 'is', null)
  return category === undefined ? query : query.where('category', '=', category)
}

export function listResources(tx: Tx, { page, pageSize }: PageRequest, filter: ResourceFilter) {
  return filterResources(tx, filter)
    .select(columns)
    .orderBy('id', 'desc')
    .offset((page - 1) * pageSize)
    .limit(pageSize)
    .execute()
}

export async function countResources(tx: Tx, filter: ResourceFilter): Promise<number> {
  const row = await filterResources(tx, filter)
    .select((e) => e.fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow()
  return row.count
}

export const findResource = preparedRead((handle, id: string) =>
  handle.selectFrom('resource').select(columns).where('id', '=', id),
)

export function insertResource(tx: Tx, row: ResourceTexts & { readonly tenant_id: string; readonly id: string }) {
  return tx.insertInto('resource').values(row).returning(columns).executeTakeFirstOrThrow()
}

/** Changes a resource that is not deleted. */
export function updateResource(tx: Tx, id: string, changes: Partial<ResourceTexts>, now: Date) {
  return tx
    .updateTable('resource')
    .set({ ...changes, updated_at: now })
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .returning(columns)
    .executeTakeFirst()
}

/** Deletes a resource, which keeps the date of its first deletion. @returns false when there is none. */
export async function markDeleted(tx: Tx, id: string, now: Date): Promise<boolean> {
  const result = await tx
    .updateTable('resource')
    .set((e) => ({ deleted_at: e.fn.coalesce('deleted_at', e.val(now)) }))
    .where('id', '=', id)
    .executeTakeFirst()
  return result.numUpdatedRows > 0n
}

/** Brings a resource back; does nothing to one that is not deleted. */
export function clearDeleted(tx: Tx, id: string) {
  return tx.updateTable('resource').set({ deleted_at: null }).where('id', '=', id).returning(columns).executeTakeFirst()
}
