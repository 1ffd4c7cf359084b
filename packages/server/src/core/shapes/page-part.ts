import { type SelectQueryBuilder, type StringReference, sql } from 'kysely'
import { defaultPageSize, type PageRequest } from './pagination.ts'

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
  let part = list
  if (cursor !== undefined) part = list.where(id, '<', cursor as never)
  else if (page > 1) part = list.offset((page - 1) * pageSize)
  // Of a parameter PostgreSQL supposes a tenth of the table, and plans the statement anew each time to do better. The size
  // that nearly everybody asks for is in the text: its plan is kept.
  return part.orderBy(id, 'desc').limit(pageSize === defaultPageSize ? sql.lit(pageSize + 1) : pageSize + 1)
}
