import type { SelectQueryBuilder, StringReference } from 'kysely'
import type { PageRequest } from './pagination.ts'

/**
 * The part of a list that is asked for, newest first, with one row more where there is a next page: what `pageReply`
 * takes.
 *
 * @param id - Names the UUIDv7 that the list is in the order of.
 */
export function partOf<DB, Tables extends keyof DB, Row>(
  list: SelectQueryBuilder<DB, Tables, Row>,
  id: StringReference<DB, Tables>,
  { page, pageSize, cursor }: PageRequest,
): SelectQueryBuilder<DB, Tables, Row> {
  // The cursor was checked to be a UUID, which is what the column holds; what type that is depends on the caller's tables.
  const part = cursor === undefined ? list.offset((page - 1) * pageSize) : list.where(id, '<', cursor as never)
  return part.orderBy(id, 'desc').limit(pageSize + 1)
}
